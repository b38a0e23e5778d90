"""What stands under the keys."""

import pytest

from gaios.errors import ProtocolError
from gaios.explanation import LOST
from gaios.lock_api import Sequencer
from gaios.locks import keys, records
from tests.hostile import damaged

GOOD: list[tuple[bytes, records.Record]] = [
    (keys.node("/a"), records.Node(False, True, ("r", "w", "c"), 1, 2, 3, (1 << 64) - 1, 9)),
    (keys.session(2), records.Session(b"d" * 16, 12_000, True, "client", "who", 3, LOST)),
    (keys.handle("/a", 2, 3), records.Handle(1, True, 5, 60_000, Sequencer("/b", True, 0, 7))),
    (keys.holder("/a", 3), records.Holder(2, False)),
    (keys.waiter("/a", 4), records.Waiter(2, 3, True)),
    (keys.delay("/a"), records.Delay(9)),
    (keys.charge(1), records.Charge(9, b"\x02", (3, 4))),
    (keys.CLOCK, records.Clock(9, 1)),
    (keys.GENERATION, records.Generation(2)),
]


def test_every_record_comes_back_as_it_went() -> None:
    for key, record in GOOD:
        assert records.decode(key, records.encode(record)) == record


def test_other_bytes_are_a_protocol_error() -> None:
    refused = 0
    for key, record in GOOD:
        for value in damaged([records.encode(record)], seed=3, inputs=2_000):
            try:
                assert isinstance(records.decode(key, value), records.Record)
            except ProtocolError:
                refused += 1
    assert refused > 5_000


def test_a_key_of_no_kind_has_no_record() -> None:
    for key in (b"\x00gaios/x/", b"\x00gaios/"):
        with pytest.raises(ProtocolError):
            records.decode(key, b"\x90")


def test_a_token_cannot_be_read_from_the_state() -> None:
    """Handles are unforgeable only while nobody else sees the token: a snapshot or backup has its digest.  [CHUBBY §2.3]"""
    assert records.digest(b"t" * 16) != b"t" * 16
    assert len(records.digest(b"t" * 16)) == records.DIGEST_BYTES
