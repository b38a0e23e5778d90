"""What a QUARANTINE record says is read back, or known to be unreadable."""

from gaios.log.quarantine import VERSION, Quarantine, read
from gaios.log.records import encode
from gaios.log.sums import Sum


def test_a_quarantine_is_read_as_it_was_written() -> None:
    told = Quarantine(VERSION, 7, 5, Sum(7, b"c" * 16, 1, 2), None, "it differs")
    assert read(encode(told)) == told


def test_a_later_version_still_says_that_the_database_is_in_doubt() -> None:
    """[SAFETY 25] Never taken for none."""
    for payload in (encode([VERSION + 1, 7, 5, None, None, "?"]), b"?", encode([1, 2])):
        assert "this version cannot read" in read(payload).reason
