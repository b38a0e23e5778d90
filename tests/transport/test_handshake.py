"""Two sides that meet end up knowing each other, or with a reason why not."""

import random

import pytest

from gaios.errors import AnotherCell, Error, ProtocolError
from gaios.transport import CLIENT_BYTES_MAX, MAGIC, PEER_BYTES_MAX, Dialler, Hello, Kind, Listener, Welcome, choose, encode, refuse
from gaios.transport.messages import encode_hello, encode_request, encode_welcome

CELL = b"0123456789abcdef"
OTHER = b"fedcba9876543210"


def test_both_sides_learn_who_the_other_is() -> None:
    hello = Hello(role="peer", cell=CELL, member=3, boot=7, nonce=2**64 - 1, config=1)
    dialler, listener = Dialler(hello), Listener(CELL)
    assert listener.feed(dialler.opening) == []
    assert listener.hello == hello
    assert dialler.feed(listener.accept(replica=2, member=2, boot=9, nonce=5, serving=True, master="h:1")) == []
    welcome = dialler.welcome
    assert welcome is not None
    assert (welcome.cell, welcome.replica, welcome.boot, welcome.serving, welcome.master) == (CELL, 2, 9, True, "h:1")
    assert welcome.frame_bytes_max == PEER_BYTES_MAX


def test_frames_flow_after_the_handshake_even_in_one_piece_with_it() -> None:
    dialler, listener = Dialler(Hello(role="client")), Listener(CELL)
    listener.feed(dialler.opening)
    assert dialler.feed(listener.accept() + encode(35, b"a") + encode(33, b"b")) == [(35, b"a"), (33, b"b")]
    assert listener.feed(encode(16, b"x" * 100_000)) == [(16, b"x" * 100_000)]


def test_a_stranger_gets_four_kibibytes_and_a_client_two_mebibytes() -> None:
    """What costs memory comes after we know who speaks.  [SAFETY 28]"""
    with pytest.raises(ProtocolError, match="4096"):
        Listener(CELL).feed(MAGIC + encode(1, b"x" * 5000))
    listener = Listener(CELL)
    listener.feed(Dialler(Hello(role="client")).opening)
    listener.accept()
    with pytest.raises(ProtocolError, match=str(CLIENT_BYTES_MAX)):
        listener.feed(encode(16, b"x" * CLIENT_BYTES_MAX))


def test_the_highest_common_version_is_spoken() -> None:
    assert choose((1, 5), (3, 9)) == 5
    assert choose((4, 4), (1, 4)) == 4


def test_no_common_version_names_both_ranges() -> None:
    with pytest.raises(ProtocolError, match="speaks 7 to 9, this one 1 to 1"):
        Listener(CELL).feed(Dialler(Hello(role="client", versions=(7, 9))).opening)


def test_a_listeners_reason_reaches_the_dialler() -> None:
    listener = Listener(CELL)
    with pytest.raises(AnotherCell) as caught:
        listener.feed(Dialler(Hello(role="client", cell=OTHER)).opening)
    with pytest.raises(AnotherCell, match=CELL.hex()):
        Dialler(Hello(role="client", cell=OTHER)).feed(refuse(caught.value))


def test_a_dialler_refuses_another_cells_welcome() -> None:
    """A listener that does not look is no excuse."""
    listener = Listener(CELL)
    listener.feed(Dialler(Hello(role="client")).opening)
    with pytest.raises(AnotherCell):
        Dialler(Hello(role="client", cell=OTHER)).feed(listener.accept())


def test_a_peer_must_name_its_cell() -> None:
    """Every protocol message carries its cell, once a connection.  [SAFETY 4]"""
    with pytest.raises(ProtocolError, match="must name its cell"):
        Listener(CELL).feed(Dialler(Hello(role="peer")).opening)


def test_nothing_may_come_before_the_welcome() -> None:
    with pytest.raises(ProtocolError, match="before the WELCOME"):
        Listener(CELL).feed(Dialler(Hello(role="client")).opening + encode_request(Kind.PING, 1))
    listener = Listener(CELL)
    listener.feed(Dialler(Hello(role="client")).opening)
    with pytest.raises(ProtocolError, match="before the WELCOME"):
        listener.feed(encode_request(Kind.PING, 1))


def test_the_first_frame_is_a_greeting() -> None:
    with pytest.raises(ProtocolError, match="kind 21, not HELLO"):
        Listener(CELL).feed(MAGIC + encode_request(Kind.PING, 1))
    with pytest.raises(ProtocolError, match="kind 1, not WELCOME"):
        Dialler(Hello(role="client")).feed(MAGIC + encode_hello(Hello(role="client")))


def test_a_listener_may_not_choose_a_version_that_was_not_offered() -> None:
    listener = Listener(CELL)
    listener.feed(Dialler(Hello(role="client", versions=(1, 4))).opening)
    with pytest.raises(ProtocolError, match="chose version 1; 2 to 4 were offered"):
        Dialler(Hello(role="client", versions=(2, 4))).feed(listener.accept())


def test_fuzz_listener_and_dialler_raise_our_errors_only() -> None:
    """100,000 openings each: a good one with a byte or two changed behind a right checksum."""
    dice = random.Random(2)
    hello = encode_hello(Hello(role="peer", cell=CELL, member=1, boot=2, nonce=3, config=1))[9:]
    listener = Listener(CELL)
    listener.feed(Dialler(Hello(role="client")).opening)
    welcome = encode_welcome(_welcome(listener))[9:]
    for _ in range(100_000):
        for body, kind, side in ((hello, 1, Listener(CELL)), (welcome, 2 + dice.randrange(2), Dialler(Hello(role="client", cell=CELL)))):
            at = dice.randrange(len(body))
            data = MAGIC + encode(kind, body[:at] + dice.randbytes(dice.randrange(3)) + body[at + dice.randrange(3) :])
            try:
                side.feed(data)
            except Error:
                continue
            assert isinstance(side, Dialler) or side.hello is not None


def _welcome(listener: Listener) -> Welcome:
    dialler = Dialler(Hello(role="client"))
    dialler.feed(listener.accept(replica=1, member=2, boot=3, nonce=4, serving=True, master="127.0.0.1:7420"))
    assert dialler.welcome is not None
    return dialler.welcome
