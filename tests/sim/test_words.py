"""Whatever travels has words, and what is searched for is always spelt the same."""

import pytest

from gaios import api, entry, lock_api
from gaios.errors import NotMaster
from gaios.log import codec
from gaios.paxos import core
from gaios.sim import words
from gaios.transport import (
    MAGIC,
    Hello,
    Kind,
    encode_answer,
    encode_events,
    encode_goodbye,
    encode_hello,
    encode_peer,
    encode_pong,
    encode_read,
    encode_request,
)
from tests.hostile import damaged
from tests.log.test_codec import MESSAGES

BALLOT = 3 * 65_536 + 1


def frame(*messages: codec.Message) -> bytes:
    return encode_peer(codec.encode(1, 1, 0, list(messages)))


@pytest.mark.parametrize(
    ("messages", "told"),
    [
        ([(codec.POLL, 7, BALLOT, 4)], (words.ELECTIONS, "poll: would you promise? I have promised ballot 3.1, know slot 4")),
        ([(codec.POLLED, 7, 1, BALLOT, 4)], (words.ELECTIONS, "polled: yes, promised ballot 3.1, know slot 4")),
        ([(core.PREPARE, BALLOT, 0)], (words.ELECTIONS, "prepare ballot 3.1")),
        (
            [(core.PROMISE, BALLOT, 0, 2, {3: (BALLOT, b"")}, {})],
            (words.ELECTIONS, "promise ballot 3.1, know slot 2, hold slot 3 of ballot 3.1"),
        ),
        ([(core.ACCEPT, BALLOT, 0, 12, b"")], (words.VALUES, "accept ballot 3.1, slot 12: no-op")),
        ([(core.ACCEPTED, BALLOT, 0, 12)], (words.VALUES, "accepted ballot 3.1, slot 12")),
        ([(core.FETCH, 12)], (words.CATCH_UP, "fetch slot 12")),
        ([(core.CHOSEN, 12, BALLOT, b"")], (words.CATCH_UP, "chosen slot 12, ballot 3.1: no-op")),
        ([(codec.SUM, 12, bytes(16), 255, 3, 1)], (words.LEASES, "slot 12 came to 00000000000000ff/0000000000000003, and yours?")),
        ([(codec.FEATURE, 9, 0)], (words.LEASES, "which feature level is supported?")),
        ([(codec.FEATURE, 9, 2)], (words.LEASES, "feature levels through 2 are supported")),
        ([(core.HEARTBEAT, BALLOT, 0, 5, 600_000_000)], (words.LEASES, "heartbeat ballot 3.1, for 600 ms")),
        ([(core.RELEASE, BALLOT, 0)], (words.LEASES, "release ballot 3.1")),
        (
            [(core.HEARTBEAT, BALLOT, 0, 5, 10**6), (core.LEARN, BALLOT, 0, 2), (core.LEARN, BALLOT, 0, 2)],
            (words.VALUES, "heartbeat ballot 3.1, for 1 ms; 2 × learn ballot 3.1, slot 2"),
        ),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_frame_between_replicas_is_told(messages: list[codec.Message], told: words.Told) -> None:
    assert words.peer_frame(frame(*messages)) == told


TRANSFERS = [(codec.OFFER, b"h"), (codec.ASK, 7, b"d", 2), (codec.PART, 7, b"d", 2, b"bytes"), (codec.GONE, 7, b"d")]


@pytest.mark.parametrize("message", [*MESSAGES, *TRANSFERS], ids=lambda message: str(message[0]))
def test_every_message_among_replicas_has_words(message: codec.Message) -> None:
    """A run that cannot be drawn because of one is of no use to anybody. We had it, with a disk's room and with snapshots."""
    assert len(words.peer_frame(frame(message))[1]) > 5


def test_a_long_frame_is_cut_and_what_is_left_out_is_counted() -> None:
    text = words.peer_frame(frame(*((core.FETCH, slot) for slot in range(1, 21))))[1]
    assert text.startswith("fetch slot 1; fetch slot 2; ")
    assert text.endswith("; fetch slot 8; and 12 more")


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (MAGIC + encode_hello(Hello("client")), (words.REQUESTS, "hello")),
        (encode_read(7, b"?"), (words.REQUESTS, "read 7")),
        (encode_request(Kind.PING, 3) + encode_request(Kind.PING, 4), (words.REQUESTS, "2 × ping")),
        (encode_answer(7, 0, 12, 1, b""), (words.ANSWERS, "answer 7: done, slot 12.1")),
        (encode_answer(7, 2, 0, 0, b""), (words.ANSWERS, "answer 7: not master")),
        (encode_pong(0, True, ""), (words.ANSWERS, "pong")),
        (encode_events(1, 9, []), (words.ANSWERS, "0 events below revision 9")),
        (encode_goodbye(NotMaster(replica=1, master="")), (words.ANSWERS, "goodbye")),
    ],
    ids=lambda value: str(value)[:20],
)
def test_what_a_client_says_and_hears_is_told(data: bytes, told: words.Told) -> None:
    assert words.client_bytes(data) == told


@pytest.mark.parametrize(
    ("request_", "told"),
    [
        (api.MultiOp(then=(api.Put(b"k", b"v"),)), "put k=v"),
        (api.MultiOp((api.Test(b"k", "absent"),), (api.Put(b"k", b"v"), api.Get(b"k"))), "if k is absent: put k=v; get k"),
        (api.MultiOp((api.Test(b"k", "value", "==", b"v"),), (api.Delete(b"k"),)), "if k.value == v: delete k"),
        (api.MultiOp((api.Test(b"k", "version", "<", 3),), (api.Increment(b"k", 2),)), "if k.version < 3: increment k by 2"),
        (api.Range(b"k"), "get k"),
        (api.Range(b"k", b"l"), "get k to l"),
        (api.Range(b"", b""), "get all"),
        (api.Compact(7), "compact revision 7"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_a_request_is_told(request_: object, told: str) -> None:
    assert words.request(request_) == told


def test_a_long_value_is_cut() -> None:
    assert words.text(b"x" * 100) == "x" * 24 + "… (100 bytes)"
    assert words.text(b"\xff") == "\\xff"


def test_a_value_is_told_entry_by_entry() -> None:
    command = api.encode(api.MultiOp(then=(api.Put(b"k", b"v"),)))
    entries_ = [entry.epoch(BALLOT), entry.encode(entry.Kind.COMMAND, entry.Identity(2, 0), 1, 0, command)]
    assert words.value(entry.batch(entries_, 0)) == "epoch ballot 3.1; put k=v"
    newer = entry.encode(200, entry.NOBODY, 0, 0, b"")
    assert words.value(entry.batch([entry.feature(BALLOT, 2), newer], 0)) == "feature level 2, by 3.1; an entry of kind 200"
    assert words.value(b"\x01") == words.command(b"\x01") == "1 bytes"


def test_any_bytes_have_words() -> None:
    good = [frame((core.PREPARE, BALLOT, 0), (core.ACCEPT, BALLOT, 0, 1, b"")), encode_read(7, b"?"), encode_answer(7, 0, 12, 1, b"")]
    for data in damaged(good, seed=1, inputs=5_000):
        assert all(isinstance(part, str) for part in (*words.peer_frame(data), *words.client_bytes(data), words.value(data)))


def test_the_lock_services_commands_have_words() -> None:
    token = b"t" * 16
    said = {
        lock_api.Open(2, token, "/l/0"): "Open session 2 path /l/0",
        lock_api.Acquire(2, token, 3): "Acquire session 2 handle 3",
        lock_api.OpenSession(token): "OpenSession",
        lock_api.Charge(250, b""): "charge 250 ms",
    }
    assert {asked: words.command(lock_api.encode(asked)) for asked in said} == said
    value = entry.batch([entry.master(BALLOT, lock_api.encode(lock_api.Charge(250, b"")))], 1)
    assert words.value(value) == "charge 250 ms, ballot 3.1"
