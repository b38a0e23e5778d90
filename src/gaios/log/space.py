"""Whose disk is full, and what that means for this replica.  [PML §5.1; SAFETY 14, 28]

    the shell says what room its disk has ──► tell ──► ROOM to the others, at every change, and every second while it is not PLENTY
    ROOM of another ──► heard                          who says nothing has room, for whoever is cut off or dead is no matter of room

Rule 1. SHORT: no room for a new segment, so the log goes on in its reserve, which is for what must go on: leases, epochs, charges of
sessions, deletes, compactions. As master: what grows is refused with `DiskFull` while this disk is short, or while no majority of those
that follow has room.
Rule 2. NONE: the reserve is used up as well. Values are not taken any more, as if their messages were lost, and none is proposed; promises
and grants, which need no room, go on.
Rule 3. A master that is worse off than a majority of its followers hands over, at once; longer and longer after each time that it became
master again all the same, so that it never flaps. Where all are short nobody does.
Rule 4. Whoever has less room lets the others poll first.

Safety rests on none of this: a value that is not taken is a message that was lost.
"""

from collections.abc import Collection, Iterable
from enum import IntEnum
from typing import Final

from gaios.log.options import FAR, MS
from gaios.log.roster import Roster


class Room(IntEnum):
    """What a disk has left for the log."""

    PLENTY = 0
    SHORT = 1
    """There is no room for a new file: the reserve is being used."""
    NONE = 2
    """The reserve is used up, too."""


SAY_MS: Final = 1_000
"""Between two tellings that a disk is not well."""
FORGET_MS: Final = 3_500
"""What was told is believed for so long: three tellings may be lost."""
AGAIN_MS: Final = 10_000
"""The least between two handovers of one replica; each doubles it."""
AGAIN_MS_MAX: Final = 600_000


class Space:
    """What one replica knows of the room on its own disk and on the others', and whether to hand over for it."""

    def __init__(self, me: int, roster: Roster, now: int) -> None:
        self.room = Room.PLENTY
        """This disk's."""
        self._me, self._roster = me, roster
        self.is_uneven = False
        """Whether any disk is known not to have room: a glance, before anything is counted."""
        self._told: dict[int, tuple[int, int]] = {}
        """What others said, and until when it is believed."""
        self._say_due = FAR
        self._again_ns = now
        self._wait_ms = AGAIN_MS

    def tell(self, now: int, room: Room) -> bool:
        """What this disk has now; whether that is news."""
        if room == self.room:
            return False
        if room == Room.PLENTY:
            self._wait_ms, self._again_ns = AGAIN_MS, now
        self.room, self._say_due = room, now
        self.is_uneven = bool(self._told) or room != Room.PLENTY
        return True

    def heard(self, now: int, member: int, room: int) -> None:
        """A member told what its disk has."""
        if room == Room.PLENTY:
            self._told.pop(member, None)
        else:
            self._told[member] = (room, now + FORGET_MS * MS)
        self.is_uneven = bool(self._told) or self.room != Room.PLENTY

    def of(self, now: int, member: int) -> int:
        """What a member's disk has, as far as is known."""
        if member == self._me:
            return self.room
        room, until = self._told.get(member, (Room.PLENTY, 0))
        return room if now < until else Room.PLENTY

    def is_due(self, now: int) -> bool:
        """Whether it is time to tell the others; then it is told."""
        if now < self._say_due:
            return False
        self._say_due = now + SAY_MS * MS if self.room else FAR
        return True

    def due_ns(self) -> int:
        """When to tell them next."""
        return self._say_due

    def wait_ms(self, term_ms: int) -> int:
        """How much longer than others this replica waits before it polls."""
        return term_ms * self.room

    def refuses_growth(self, now: int, followers: Collection[int]) -> bool:
        """Whether a master takes nothing that grows. `followers` are those that are not dead, as far as is known, itself included."""
        return self.room != Room.PLENTY or self._lacks(now, followers, Room.PLENTY)

    def refuses_all(self, now: int, followers: Collection[int]) -> bool:
        """Whether a master can have nothing written down at all."""
        return self.room == Room.NONE or self._lacks(now, followers, Room.SHORT)

    def may_hand_over(self, now: int, followers: Collection[int]) -> bool:
        """Whether a majority of them would do better than this master, and it is time again."""
        if self.room == Room.PLENTY or now < self._again_ns:
            return False
        return sum(self.of(now, member) < self.room for member in followers) >= self._roster.majority

    def hands_over(self, now: int, followers: Collection[int]) -> bool:
        """Whether a master should let another reign, `followers` being those whose leases it has; a yes counts as done."""
        if not self.may_hand_over(now, followers):
            return False
        self._again_ns = now + self._wait_ms * MS
        self._wait_ms = min(2 * self._wait_ms, AGAIN_MS_MAX)
        return True

    def full(self, now: int) -> list[int]:
        """The members whose disks are known not to have room."""
        return [member for member in sorted(self._roster.places) if self.of(now, member) != Room.PLENTY]

    def why(self, replica: int) -> Iterable[str]:
        """Sentences for whoever asks how this replica is."""
        if self.room == Room.SHORT:
            yield f"the disk of replica {replica} is full: its log goes on in the reserve; free space, it goes on by itself"
        elif self.room == Room.NONE:
            yield f"the disk of replica {replica} is full, and so is the log's reserve: it accepts nothing; free space, and it goes on"

    def _lacks(self, now: int, followers: Collection[int], worst: Room) -> bool:
        """Whether no majority is this well, though it could be if disks were not full."""
        well = sum(self.of(now, member) <= worst for member in followers)
        return well < self._roster.majority <= len(followers)
