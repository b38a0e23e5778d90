"""Every message comes back as it was sent, and any other bytes raise `ProtocolError`."""

import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaios import errors, log
from gaios.api import Event
from gaios.errors import Error, NotMaster, Overloaded, ProtocolError
from gaios.transport import messages
from gaios.transport.frame import Decoder
from gaios.transport.messages import (
    ADDRESS_BYTES_MAX,
    Answer,
    Events,
    Hello,
    Kind,
    Pong,
    Status,
    Watch,
    Welcome,
    decode_answer,
    decode_events,
    decode_goodbye,
    decode_hello,
    decode_pong,
    decode_read,
    decode_request,
    decode_submit,
    decode_watch,
    decode_watch_end,
    decode_welcome,
    encode_answer,
    encode_events,
    encode_goodbye,
    encode_hello,
    encode_peer,
    encode_pong,
    encode_read,
    encode_request,
    encode_submit,
    encode_watch,
    encode_watch_end,
    encode_welcome,
)

U64 = st.integers(0, 2**64 - 1)
U63 = st.integers(0, 2**63 - 1)
U32 = st.integers(0, 2**32 - 1)
EVENTS = (Event(b"k", b"v", 1, 5, 5), Event(b"gone", None, 0, 0, 6))


def body(frame: bytes, kind: int) -> bytes:
    """The body of the one frame that these bytes are."""
    ((found, rest),) = Decoder(1 << 30, magic=False).feed(frame)
    assert found == kind
    return rest


@given(U64, st.binary(max_size=100))
def test_submit_and_read_round_trip(request: int, data: bytes) -> None:
    assert decode_submit(body(encode_submit(request, data), Kind.SUBMIT)) == (request, data)
    assert decode_read(body(encode_read(request, data), Kind.READ)) == (request, data)


@given(U64, st.integers(0, 255), U64, U32, st.binary(max_size=100))
def test_answer_round_trips(request: int, status: int, slot: int, index: int, data: bytes) -> None:
    answer = Answer(request, status, slot, index, data)
    assert decode_answer(body(encode_answer(*answer), Kind.ANSWER)) == answer


def test_the_hot_paths_bytes_are_written_down() -> None:
    """The format outlives this code."""
    assert body(encode_submit(1, b"e"), 16) == bytes.fromhex("0100000000000000") + b"e"
    assert body(encode_read(2, b"q"), 17) == bytes.fromhex("0200000000000000") + b"q"
    assert body(encode_answer(3, 4, 5, 6, b"a"), 32) == bytes.fromhex("0300000000000000 04 0500000000000000 06000000") + b"a"


@given(U64, st.binary(max_size=1025), st.none() | st.binary(max_size=1025), U63)
def test_watch_round_trips(request: int, key: bytes, end: bytes | None, revision: int) -> None:
    watch = Watch(key, end, revision)
    assert decode_watch(body(encode_watch(request, watch), Kind.WATCH)) == (request, watch)


@given(U64, st.sampled_from([Kind.CANCEL, Kind.STATUS, Kind.PING]))
def test_bare_requests_round_trip(request: int, kind: Kind) -> None:
    assert decode_request(body(encode_request(kind, request), kind)) == request


@given(U64, U63)
def test_events_round_trip(request: int, revision: int) -> None:
    assert decode_events(body(encode_events(request, revision, EVENTS), Kind.EVENTS)) == Events(request, revision, EVENTS)
    assert decode_events(body(encode_events(request, revision, []), Kind.EVENTS)).events == ()


@given(U64, st.booleans(), st.text(max_size=60))
def test_pong_round_trips(request: int, serving: bool, master: str) -> None:
    assert decode_pong(body(encode_pong(request, serving, master), Kind.PONG)) == Pong(request, serving, master)


@given(st.sampled_from(["client", "peer"]), st.binary(max_size=16), U64, U64, U64, U64)
def test_hello_and_welcome_round_trip(role: Any, cell: bytes, member: int, boot: int, nonce: int, config: int) -> None:
    hello = Hello(role, (1, 3), cell, member, boot, nonce, config, "gaios 0.1.0")
    assert decode_hello(body(encode_hello(hello), Kind.HELLO)) == hello
    welcome = Welcome(2, cell, 4, member, boot, nonce, config, 1 << 20, True, "127.0.0.1:7420", "x")
    assert decode_welcome(body(encode_welcome(welcome), Kind.WELCOME)) == welcome


def test_a_hello_of_a_later_version_with_more_fields_is_understood() -> None:
    """Versions are negotiated in this message: an old listener must be able to read a new one's."""
    extended = messages._encoder.encode({"role": "client", "versions": [1, 9], "invented": {"later": [1, 2]}})
    assert decode_hello(extended) == Hello("client", (1, 9))


def test_a_hello_with_a_senseless_range_is_refused() -> None:
    with pytest.raises(ProtocolError, match="offers versions 3 to 2"):
        decode_hello(body(encode_hello(Hello("client", (3, 2))), Kind.HELLO))


def test_errors_travel_by_class_and_arguments() -> None:
    error = decode_goodbye(body(encode_goodbye(NotMaster(replica=2, master="h:1")), Kind.GOODBYE))
    assert isinstance(error, NotMaster)
    assert error.master == "h:1"
    request, error = decode_watch_end(body(encode_watch_end(7, Overloaded(what="the watch", limit=9, unit="events")), Kind.WATCH_END))
    assert request == 7
    assert isinstance(error, Overloaded)
    assert error.limit == 9


def test_peers_bytes_pass_as_they_are() -> None:
    assert body(encode_peer(b"anything"), Kind.PEER) == b"anything"


def test_statuses_are_those_of_the_log() -> None:
    """The log's answers go out as they are; the two lists may not drift apart."""
    assert {status.name: int(status) for status in Status} == {status.name: int(status) for status in log.Status}


SAMPLES: list[tuple[str, Callable[[bytes], Any], bytes]] = [
    ("hello", decode_hello, body(encode_hello(Hello("peer", (1, 2), b"c" * 16, 3, 4, 2**63, 1, "s")), 1)),
    ("welcome", decode_welcome, body(encode_welcome(Welcome(1, b"c" * 16, 3, 4, 5, 6, 7, 8, True, "h:1", "s")), 2)),
    ("goodbye", decode_goodbye, body(encode_goodbye(NotMaster(replica=2, master="h:1")), 3)),
    ("submit", decode_submit, body(encode_submit(1, b"abc"), 16)),
    ("watch", decode_watch, body(encode_watch(1, Watch(b"key", b"kez", 17)), 18)),
    ("request", decode_request, body(encode_request(Kind.PING, 1), 21)),
    ("answer", decode_answer, body(encode_answer(1, 2, 3, 4, b"abc"), 32)),
    ("events", decode_events, body(encode_events(1, 7, EVENTS), 33)),
    ("watch_end", decode_watch_end, body(encode_watch_end(1, ProtocolError(reason="r")), 34)),
    ("pong", decode_pong, body(encode_pong(1, True, "127.0.0.1:7420"), 35)),
]


@pytest.mark.parametrize(("decode", "sample"), [(decode, sample) for _, decode, sample in SAMPLES], ids=[name for name, _, _ in SAMPLES])
def test_fuzz_decoders_raise_protocol_errors_only(decode: Callable[[bytes], Any], sample: bytes) -> None:
    """100,000 bodies for each: random bytes, and a good one with bytes changed, cut out, put in, cut off."""
    dice = random.Random(1)
    accepted = 0
    for _ in range(100_000):
        choice = dice.random()
        at = int(dice.random() * len(sample))
        if choice < 0.2:
            data = dice.randbytes(int(dice.random() * 40))
        elif choice < 0.6:
            data = sample[:at] + dice.randbytes(1) + sample[at + 1 :]
        elif choice < 0.7:
            data = sample[:at] + sample[at + 2 :]
        elif choice < 0.8:
            data = sample[:at] + dice.randbytes(2) + sample[at:]
        else:
            data = sample[:at]
        try:
            decode(data)
            accepted += 1
        except ProtocolError:
            pass
    assert accepted > 0


def test_deep_nesting_is_refused_not_crashed_on() -> None:
    for decode in (decode_hello, decode_welcome, lambda data: decode_watch(bytes(8) + data), lambda data: decode_events(bytes(16) + data)):
        with pytest.raises(ProtocolError):
            decode(b"\x91" * 100_000)


def test_events_go_on_at_a_revision_that_can_be_asked_for() -> None:
    """A client resumes there; the request would be one that no replica takes."""
    decode_events(body(encode_events(1, 2**63 - 1, ()), 33))
    with pytest.raises(ProtocolError, match="which is none"):
        decode_events(body(encode_events(1, 2**63, ()), 33))


def test_a_pong_names_no_endless_master() -> None:
    decode_pong(body(encode_pong(0, False, "h" * ADDRESS_BYTES_MAX), 35))
    with pytest.raises(ProtocolError, match="names a master in 262 bytes"):
        decode_pong(body(encode_pong(0, False, "h" * (ADDRESS_BYTES_MAX + 1)), 35))


def test_every_error_of_the_tree_crosses() -> None:
    """A refusal that cannot be told is a connection that hangs."""
    sample: Error = errors.Compacted(revision=3, compacted=9)
    request, error = decode_watch_end(body(encode_watch_end(3, sample), 34))
    assert (request, type(error), str(error)) == (3, errors.Compacted, str(sample))
