"""Which snapshots are proved: those that a majority of all members came to, byte for byte.  [PML §5.5; SAFETY 25, 26]

    own ones, durable ──note──►  Proofs  ◄──hear── TAKEN of the other members
                                    │
                                 judge(slot) ──► AGREED: it is proved, for good

Rule 1. A snapshot is what a replica read in its memory, so it may be wrong although all running sums agree: it is compared as the bytes
that it is, by its digest. Who is right is decided as for sums (sums.py).
Rule 2. A proof is about a digest, and outlives restarts: it is written down, and needs nobody's word again.
Rule 3. Who lacks others' words asks for them, until it has enough or nothing is left that needs a proof.

Left out on purpose: what becomes of those that are proved, and of those that are not (server/snapshots.py).
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

from gaios.log.codec import TAKEN, Message
from gaios.log.options import FAR, MS, Options
from gaios.log.output import OTHERS
from gaios.log.roster import Roster
from gaios.log.sums import Judgement, Sums

ASKED: Final = 4
"""Snapshots about which others are asked at a time: the newest."""


class Taken(NamedTuple):
    """A snapshot that is durable somewhere."""

    slot: int
    digest: bytes


class Proofs:
    """Which of one replica's snapshots are proved, and whose word about the others is still missing."""

    def __init__(self, me: int, roster: Roster, options: Options, proved: Iterable[int]) -> None:
        """`proved`: slots of its own snapshots that were proved before its start."""
        self._sums = Sums[Taken](me, roster)
        self._options = options
        self._proved = set(proved)
        self._ask_due = FAR

    def is_proved(self, slot: int) -> bool:
        """Whether a majority is known to have the snapshot that this replica has behind a slot."""
        return slot in self._proved

    def prove(self, slot: int) -> None:
        """That is written down."""
        self._proved.add(slot)

    def disown(self, slots: Iterable[int]) -> None:
        """This replica has these no more, or others behind their slots."""
        self._proved.difference_update(slots)
        for slot in slots:
            self._sums.forget(slot)

    def note(self, slot: int, digest: bytes) -> None:
        """One of this replica's own is durable."""
        self._sums.note(Taken(slot, digest))

    def tell(self, slot: int) -> list[tuple[int, Message]]:
        """What the others are to be told of it; they say theirs."""
        own = self._sums.own(slot)
        return [] if own is None else [(OTHERS, (TAKEN, *own, 1))]

    def hear(self, member: int, slot: int, digest: bytes, asks: int) -> list[tuple[int, Message]]:
        """A member has one; what it is answered."""
        self._sums.hear(member, Taken(slot, digest))
        own = self._sums.own(slot)
        return [(member, (TAKEN, *own, 0))] if asks and own is not None else []

    def judge(self, slot: int) -> Judgement[Taken]:
        """How this replica's compares with the others'."""
        return self._sums.judge(slot)

    def ask(self, now: int, slots: Iterable[int]) -> list[tuple[int, Message]]:
        """Ask for what others have behind those of these slots that are not proved, if it is time to."""
        wanted = [slot for slot in slots if slot not in self._proved][-ASKED:]
        if not wanted:
            self._ask_due = FAR
        elif self._ask_due == FAR:
            self._ask_due = now + self._options.check_ms * MS  # mostly the others' words are on their way
        elif now >= self._ask_due:
            self._ask_due = now + self._options.check_ms * MS
            return [message for slot in wanted for message in self.tell(slot)]
        return []

    def due_ns(self) -> int:
        """When `ask` is worth a turn."""
        return self._ask_due
