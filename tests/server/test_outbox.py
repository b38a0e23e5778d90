"""The outbox: encoded once, joined, two lanes, bounded frames."""

from typing import Any

from gaios.log import Status, codec
from gaios.paxos import core
from gaios.server.outbox import FRAME_BYTES, FRAME_MESSAGES, Outbox, greeting
from tests.log.test_changes import changed, running

ACCEPT = (core.ACCEPT, 65_537, 0, 1, b"value")
BEAT = (core.HEARTBEAT, 65_537, 0, 5, 6)


def outbox() -> tuple[Outbox, list[list[Any]]]:
    encoded: list[list[Any]] = []

    def encode(messages: list[Any]) -> bytes:
        encoded.append(list(messages))
        return b"%d" % len(encoded)

    return Outbox(lambda: [2, 3, 4], encode), encoded


def test_a_broadcast_is_encoded_once_for_all() -> None:
    box, encoded = outbox()
    box.add([(0, ACCEPT)])
    frames = box.take()
    assert [(member, urgent) for member, _, urgent in frames] == [(2, False), (3, False), (4, False)]
    assert len({id(body) for _, body, _ in frames}) == 1
    assert encoded == [[ACCEPT]]
    assert box.take() == []


def test_messages_for_one_peer_share_a_frame() -> None:
    box, encoded = outbox()
    box.add([(2, (core.ACCEPTED, 65_537, 0, 1)), (2, (core.ACCEPTED, 65_537, 0, 2))])
    assert [(member, urgent) for member, _, urgent in box.take()] == [(2, False)]
    assert encoded == [[(core.ACCEPTED, 65_537, 0, 1), (core.ACCEPTED, 65_537, 0, 2)]]


def test_leases_and_elections_go_in_a_lane_of_their_own() -> None:
    """A peer that is slow to take values must still hear heartbeats."""
    box, encoded = outbox()
    box.add([(0, ACCEPT), (0, BEAT)])
    frames = box.take()
    assert [(member, urgent) for member, _, urgent in frames[:3]] == [(2, True), (3, True), (4, True)]
    assert all(not urgent for _, _, urgent in frames[3:])
    assert encoded == [[BEAT], [ACCEPT]]


def test_a_learn_that_says_nothing_new_goes_with_the_heartbeat() -> None:
    """An idle master sends one frame a beat; what is news stays behind the values that it is about."""
    box, encoded = outbox()
    for chosen in (7, 7, 8):
        box.add([(0, BEAT), (0, (core.LEARN, 65_537, 0, chosen))])
        box.take()
    news, more = (core.LEARN, 65_537, 0, 7), (core.LEARN, 65_537, 0, 8)
    assert encoded == [[BEAT], [news], [BEAT, news], [BEAT], [more]]
    encoded.clear()
    box.add([(0, ACCEPT), (0, more)])
    assert [urgent for _, _, urgent in box.take()] == [False] * 3
    box.add([(0, ACCEPT), (0, BEAT), (0, more)])
    assert [urgent for _, _, urgent in box.take()] == [True] * 3 + [False] * 3
    assert encoded == [[ACCEPT, more], [BEAT, more], [ACCEPT]]


def test_what_is_for_one_who_is_no_peer_any_more_leaves_too() -> None:
    """It asked, and is told that it left; whether there is a way to it is the shell's to know."""
    box, _ = outbox()
    box.add([(9, BEAT)])
    assert [member for member, _, _ in box.take()] == [9]


def test_a_frame_is_bounded_in_messages_and_bytes() -> None:
    box, encoded = outbox()
    box.add([(2, (core.CHOSEN, slot, 1, b"v")) for slot in range(FRAME_MESSAGES + 1)])
    assert len(box.take()) == 2
    encoded.clear()
    big = bytes(FRAME_BYTES // 2 + 1)
    box.add([(2, (core.CHOSEN, slot, 1, big)) for slot in range(5)])
    assert len(box.take()) == 3
    assert [len(part) for part in encoded] == [2, 2, 1]


def test_a_peer_is_greeted_with_the_members_once_they_are_others_than_the_founders() -> None:
    cell, master, _ = running(3)
    assert greeting(master.replica) == b""
    assert changed(cell, master, master.replica.configuration.added(4)) == Status.DONE
    member, boot, config, messages = codec.decode(greeting(master.replica))
    assert (member, boot, config) == (master.me, master.boot, 1)
    assert messages == master.replica.news()
    assert messages[0][:2] == (codec.NEWS, master.replica.configuration.encode())
