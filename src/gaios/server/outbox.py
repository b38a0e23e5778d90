"""What one turn wants said to peers: each broadcast encoded once, each peer's messages joined, two lanes.  [SAFETY 4, 28]

Rule 1. Elections and leases are urgent, values are not: a peer that is slow to take values still hears heartbeats.
Rule 2. A Learn goes behind the values that it is about. One that says again what the last one said goes with a heartbeat: an idle master
sends each peer one frame a beat.
Rule 3. Messages of a lane keep their order towards a peer, but for what is said to all and what to one: the protocol needs no order.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final

from gaios.log import OTHERS, Replica, codec
from gaios.log.codec import TRANSFERS
from gaios.paxos import core

FRAME_MESSAGES: Final = 1_024
"""Messages in a frame: a quarter of what its reader allows."""
FRAME_BYTES: Final = 1 << 20
"""Bytes of values after which a frame is full: a frame is read whole before anything behind it is."""
_BULK: Final = frozenset({core.ACCEPT, core.ACCEPTED, core.LEARN, core.FETCH, core.CHOSEN, *TRANSFERS})

Message = tuple[Any, ...]
ToPeer = tuple[int, bytes, bool]
"""Member, the frame's body, whether it is urgent."""


class Outbox:
    """Messages to peers of one turn. `encode` makes a frame's body of a list of messages."""

    __slots__ = ("_all", "_encode", "_learn", "_peers", "_single")

    def __init__(self, peers: Callable[[], Sequence[int]], encode: Callable[[list[Message]], bytes]) -> None:
        """`peers` says who is told what all are told."""
        self._peers, self._encode = peers, encode
        self._all: list[Message] = []
        self._single: dict[int, list[Message]] = {}
        self._learn: Message = ()
        """The last one sent."""

    def add(self, messages: Sequence[tuple[int, Message]]) -> None:
        """Take messages, each with its destination; 0 is every peer."""
        for to, message in messages:
            if to == OTHERS:
                self._all.append(message)
            elif to in self._single:
                self._single[to].append(message)
            else:
                self._single[to] = [message]

    def take(self) -> list[ToPeer]:
        """The frames' bodies; the same object for every peer where all are told the same."""
        frames: list[ToPeer] = []
        if self._all:
            for body, urgent in self._bodies(self._all, self._learn):
                frames += [(peer, body, urgent) for peer in self._peers()]
            for message in self._all:
                if message[0] == core.LEARN:
                    self._learn = message
            self._all = []
        if self._single:
            for peer, messages in self._single.items():
                frames += [(peer, body, urgent) for body, urgent in self._bodies(messages)]
            self._single = {}
        return frames

    def _bodies(self, messages: list[Message], learn: Message = ()) -> list[tuple[bytes, bool]]:
        """Frames' bodies, and whether each is urgent; `learn` may go with what is."""
        if len(messages) == 1:
            return [(self._encode(messages), messages[0][0] not in _BULK)]
        urgent = [message for message in messages if message[0] not in _BULK]
        if urgent and learn in messages:
            urgent.append(learn)
        bodies = [(self._encode(part), True) for part in _parts(urgent)]
        if len(urgent) < len(messages):
            bulk = [message for message in messages if message[0] in _BULK and message != learn] if urgent else messages
            bodies += [(self._encode(part), False) for part in _parts(bulk)]
        return bodies


def framed(replica: Replica, messages: list[Message]) -> bytes:
    """A frame's body: what a replica says."""
    return codec.encode(replica.me, replica.boot, replica.config, messages, replica.applier.feature)


def greeting(replica: Replica) -> bytes:
    """The first frame's body on a connection to a peer, which may not know the members yet; empty where they are the founders."""
    news = replica.news()
    return framed(replica, news) if news else b""


def _parts(messages: list[Message]) -> list[list[Message]]:
    """Cut a list so that each part makes a frame of bounded size; a larger message stands alone."""
    parts: list[list[Message]] = []
    size = FRAME_BYTES
    for message in messages:
        if size >= FRAME_BYTES or len(parts[-1]) >= FRAME_MESSAGES:
            parts.append([])
            size = 0
        parts[-1].append(message)
        last = message[-1]
        if isinstance(last, bytes):
            size += len(last)
    return parts
