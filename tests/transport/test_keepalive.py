"""A KeepAlive and its answer come back as they were sent, and any other bytes raise `ProtocolError`."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaios.errors import ProtocolError
from gaios.lock_api import Notice
from gaios.transport.frame import Decoder
from gaios.transport.keepalive import (
    EXPIRED,
    NOTICES_MAX,
    KeepAlive,
    KeptAlive,
    decode_keepalive,
    decode_kept_alive,
    encode_keepalive,
    encode_kept_alive,
)
from gaios.transport.messages import Kind
from tests.hostile import INPUTS, damaged

U64 = st.integers(0, 2**64 - 1)
U63 = st.integers(0, 2**63 - 1)
NOTICES = st.lists(st.builds(Notice, U63, st.integers(1, 127), st.text(max_size=10), U63), max_size=5).map(tuple)


def body(frame: bytes) -> bytes:
    ((kind, rest),) = Decoder(1 << 20, magic=False).feed(frame)
    assert kind == Kind.KEEPALIVE
    return rest


@given(U64, U64, U64, U64, U64, st.binary(min_size=16, max_size=16))
def test_a_keepalive_round_trips(request: int, session: int, number: int, epoch: int, told: int, token: bytes) -> None:
    keepalive = KeepAlive(request, session, number, epoch, told, token)
    assert decode_keepalive(body(encode_keepalive(keepalive))) == keepalive


@given(U63, U63, U63, U63, st.booleans(), NOTICES)
def test_a_keepalives_answer_round_trips(
    lease_ms: int, listed: int, epoch: int, told: int, lost: bool, notices: tuple[Notice, ...]
) -> None:
    kept = KeptAlive(lease_ms, listed, epoch, told, lost, notices)
    assert decode_kept_alive(encode_kept_alive(kept)) == kept


def test_the_bytes_of_both_are_written_down() -> None:
    """The format outlives this code."""
    request = body(encode_keepalive(KeepAlive(1, 2, 3, 4, 5, bytes(range(16)))))
    assert request == bytes.fromhex("0100000000000000 0200000000000000 0300000000000000 0400000000000000 0500000000000000") + bytes(
        range(16)
    )
    assert encode_kept_alive(KeptAlive(12_000, 3, 4, 5, True, (Notice(7, 32, "", 9),))) == bytes.fromhex(
        "96 cd2ee0 03 04 05 c3 91 94 07 20 a0 09"
    )
    assert encode_kept_alive(EXPIRED) == bytes.fromhex("96 00 00 00 00 c2 90")


def test_an_answer_with_more_notices_than_are_allowed_is_refused() -> None:
    kept = KeptAlive(1, notices=(Notice(1, 1),) * NOTICES_MAX)
    assert decode_kept_alive(encode_kept_alive(kept)) == kept
    with pytest.raises(ProtocolError, match="KEEPALIVE's answer"):
        decode_kept_alive(encode_kept_alive(KeptAlive(1, notices=(Notice(1, 1),) * (NOTICES_MAX + 1))))


def test_hostile_bytes_are_understood_or_refused() -> None:
    """A hundred thousand: nothing but `ProtocolError` comes out, and what is understood is bounded."""
    asked = [body(encode_keepalive(KeepAlive(1, 2, 3, 4, 5, b"t" * 16)))]
    kept = [encode_kept_alive(KeptAlive(12_000, 3, 4, 5, False, (Notice(7, 2, "child", 9), Notice(8, 16, "", 10))))]
    understood = refused = 0
    for data in damaged(asked, 1, INPUTS // 2):
        try:
            understood += len(decode_keepalive(data).token) == 16
        except ProtocolError:
            refused += 1
    for data in damaged(kept, 2, INPUTS // 2):
        try:
            understood += len(decode_kept_alive(data).notices) <= NOTICES_MAX
        except ProtocolError:
            refused += 1
    assert understood + refused == INPUTS
    assert min(understood, refused) > 1_000
