"""Claims about what a replica remembers.  [SAFETY 5, 7, 15]"""

import pytest

from gaios.errors import ProtocolError, TooOld
from gaios.log.records import Copies, RecordKind, State, encode, encode_copies, recover

COPIES = encode(Copies(promised=7, longest_ns=600, boot=3, nonce=11))


def test_the_newest_record_of_a_slot_stands() -> None:
    """And a promise is at least the ballot that was accepted."""
    found = recover(COPIES, [(RecordKind.ACCEPT, 1, 7, b"a"), (RecordKind.ACCEPT, 1, 9, b"b"), (RecordKind.CHOSEN, 1, 0, b"h")])
    assert found.accepted == {1: (9, b"b")}
    assert (found.promised, found.longest_ns, found.chosen, found.copies.boot) == (9, 600, 1, 3)
    assert found.chains == {1: b"h"}


def test_a_state_record_says_everything() -> None:
    """A segment can be read without those before it."""
    state = State(promised=8, longest_ns=700, chosen=5, truncated=2, accepted=[(6, 8, b"x")])
    found = recover(COPIES, [(RecordKind.STATE, 5, 8, encode(state)), (RecordKind.TRUNCATE, 3, 0, b"")])
    assert (found.promised, found.longest_ns, found.chosen, found.truncated) == (8, 700, 5, 3)
    assert found.accepted == {6: (8, b"x")}


def test_what_is_seldom_so_takes_no_room_in_the_copies() -> None:
    """And an older version reads them either way: it looks at no more fields than it knows."""
    plain, doubted = Copies(7, 600, 3, 11), Copies(7, 600, 3, 11, is_doubted=True, silent_through=9)
    assert len(encode_copies(plain)) < len(encode_copies(doubted))
    assert recover(encode_copies(plain), []).copies == plain
    assert recover(encode_copies(doubted), []).copies == doubted


def test_folding_twice_changes_nothing() -> None:
    """Rule 1: a crash while recovering is harmless."""
    records = [(RecordKind.ACCEPT, 1, 7, b"a"), (RecordKind.CHOSEN, 1, 0, b""), (RecordKind.ACCEPT, 2, 7, b"c")]
    assert recover(COPIES, [*records, *records]) == recover(COPIES, records)


def test_what_a_newer_version_wrote_is_refused() -> None:
    """Never skipped."""
    with pytest.raises(TooOld, match=r"kind 99.*install the newer"):
        recover(COPIES, [(99, 1, 1, b"")])
    with pytest.raises(ProtocolError):
        recover(b"\xff\xff", [])
    with pytest.raises(ProtocolError):
        recover(COPIES, [(RecordKind.STATE, 1, 1, b"junk")])
