"""The most that one replica said that binds it, read off the frames that leave it.  [SAFETY 5, 26]"""

from typing import Any

import msgspec

from gaios.log.codec import TAKEN
from gaios.paxos import core
from gaios.sim.checkers.persist_then_say import Said

_BINDING = core.AFTER
"""What is remembered once it was said, as the sound text has it: a bug of the museum may say otherwise."""
_decode = msgspec.msgpack.Decoder(tuple[int, int, int, int, list[Any]]).decode
"""A frame that the replica made itself: it is read as it is, unchecked."""


class Speech:
    """Of one replica, over all its lives."""

    __slots__ = ("_accepted", "_ballot", "_last", "_term_ns", "binds", "taken")

    def __init__(self) -> None:
        self._ballot = self._term_ns = 0
        self._accepted: dict[int, int] = {}
        self._last = b""
        self.taken: set[int] = set()
        """Behind which slots are the snapshots that the newest frame calls durable."""
        self.binds = False
        """Whether anything was said, since this was last reset, that waits for records."""

    def hear(self, body: bytes) -> bool:
        """A frame leaves; whether it holds a promise, or the end of one, which are rare and worth a closer look."""
        if self.taken:
            self.taken = set()
        if body is self._last:
            return False
        self._last = body
        promises = False
        for message in _decode(body)[4]:
            tag = message[0]
            if tag in _BINDING:
                self.binds = True
                if message[1] > self._ballot:
                    self._ballot = message[1]
            if tag == core.ACCEPTED:
                self._accept(message[3], message[1])
            elif tag == core.PROMISE:
                promises = True
                for slot, (ballot, _) in message[4].items():
                    self._accept(slot, ballot)
            elif tag == core.RELEASE:
                promises = True
            elif tag == TAKEN:
                self.taken.add(message[1])
            elif tag == core.GRANT:
                self._term_ns = max(self._term_ns, message[4])
        return promises

    def _accept(self, slot: int, ballot: int) -> None:
        if ballot > self._accepted.get(slot, 0):
            self._accepted[slot] = ballot

    def said(self) -> Said:
        """All of it so far."""
        return Said(self._ballot, self._term_ns, dict(self._accepted))
