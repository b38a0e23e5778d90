"""How many more replicas the cell can lose now, and who does not count: the live gauge of a master.  [PML §6.3]

    every member ── STAND {chosen, ailments}, with a grant, every `SAY_MS`, and at once what is new to it ──► the master
    its grants, ROOM, STAND ──► unfit ──► `tolerates`, and a reason with a time for each that is missing

Rule 1. A member counts when it follows this master, has room on its disk, is not making a part of its state anew, and lacks few values.
Rule 2. Who has granted nothing for `SILENT_TERMS` leases does not follow: dead, cut off, or known here under a wrong address or number,
so that it never takes part. Whether it is heard all the same is told, for that is another fault. A new master counts on nobody before it
granted: the one before may have died with others.
Rule 3. What is told is told by the member itself; a member that never told is judged by its grants alone.
Rule 4. While a change of the members is not settled, whoever does not know of it elects among the voters before it: no more may fail then
than these bear, too.

Nothing rests on it but what people are told, and who may vote alone (changes.py). [PML §6.3] has a cell of five that ran for long as four,
because one name was misspelt.
"""

from collections.abc import Collection, Mapping
from enum import IntFlag, StrEnum
from typing import Final, NamedTuple

from gaios.log.options import MS


class Ailment(IntFlag):
    """What a member says is wrong with it; bits that are not known here count, too."""

    REPAIRING = 1
    """A part of its state is being made anew."""


AILMENTS_MAX: Final = (1 << 16) - 1


class Reason(StrEnum):
    """Why a member does not count."""

    UNREACHABLE = "unreachable"
    """Nothing is heard of it."""
    SILENT = "silent"
    """It is heard, and grants this master nothing: it may not hear it, or takes no part."""
    FULL = "full"
    """Its disk has no room."""
    REPAIRING = "repairing"
    BEHIND = "behind"
    """It lacks more than `BEHIND_SLOTS` values."""


class Unfit(NamedTuple):
    """A member that does not count."""

    member: int
    reason: Reason
    since_ns: int
    """Since when, on this replica's clock, as far as it knows."""


SAY_MS: Final = 1_000
"""Between two tellings of one member."""
SILENT_TERMS: Final = 2
"""A lease that was not renewed has run out after one; a pause of that length happens."""
BEHIND_SLOTS: Final = 1_000
"""A fraction of a second of a busy cell's; what lies between two tellings does not count."""


class Gauge:
    """What one replica has heard of the others: their frames, their grants, and what they said of themselves."""

    def __init__(self, me: int, term_ms: int, now: int) -> None:
        self._me, self._silent_ns = me, SILENT_TERMS * term_ms * MS
        self._say_due = self._reign_ns = now
        self._said = (0, Ailment(0))
        """What this replica told of itself last, and to which ballot's master."""
        self._heard: dict[int, int] = {}
        self._granted: dict[int, int] = {}
        """When each member was heard last, and when it gave this master a lease last."""
        self._told: dict[int, tuple[int, Ailment]] = {}
        """How many values each lacked, and its ailments, as it said last."""
        self._since: dict[int, tuple[Reason, int]] = {}
        """Why each member does not count that did not when that was asked last, and since when."""

    # -- what comes ------------------------------------------------------------------------------------------------------

    def heard(self, now: int, member: int) -> None:
        """A frame came from a member, whether it may be listened to or not."""
        self._heard[member] = now

    def granted(self, now: int, member: int) -> None:
        """A member, this one included, gave this master a lease."""
        self._granted[member] = now

    def told(self, member: int, lacks: int, ailments: int) -> None:
        """A member said how it is, and this replica knows `lacks` more values to be chosen."""
        self._told[member] = (lacks, Ailment(ailments))

    def begin(self, now: int) -> None:
        """A reign begins: nobody is missing for longer than that. One that goes on under a newer ballot is the same, for this."""
        if now - self._granted.get(self._me, now - self._silent_ns - 1) > self._silent_ns:
            self._reign_ns = now
            self._since.clear()

    def is_due(self, now: int, ballot: int, ailments: Ailment) -> bool:
        """Whether it is time to tell the master of that ballot how this replica is; then it is told. What is new to it is told at once."""
        if now < self._say_due and self._said == (ballot, ailments):
            return False
        self._say_due, self._said = now + SAY_MS * MS, (ballot, ailments)
        return True

    # -- what is asked ---------------------------------------------------------------------------------------------------

    def ails(self, member: int) -> bool:
        """Whether a member said last that something is wrong with it."""
        return bool(self._told.get(member, (0, Ailment(0)))[1])

    def unfit(self, now: int, voters: Collection[int], full: Collection[int], *, ailing: bool) -> list[Unfit]:
        """Who does not count; `full` are the members without room, and `ailing` is this replica if it makes its state anew."""
        found: list[Unfit] = []
        for member in sorted(voters):
            reason, since_ns = self._judge(now, member, member in full, ailing=ailing)
            if reason is None:
                self._since.pop(member, None)
                continue
            before = self._since.get(member)
            if before is not None and before[0] is reason:
                since_ns = before[1]
            self._since[member] = (reason, since_ns)
            found.append(Unfit(member, reason, since_ns))
        return found

    def _judge(self, now: int, member: int, full: bool, *, ailing: bool) -> tuple[Reason | None, int]:
        lacks, ailments = self._told.get(member, (0, Ailment(0)))
        if member != self._me:
            granted = self._granted.get(member)
            if granted is None or now - granted > self._silent_ns:
                is_heard = now - self._heard.get(member, -self._silent_ns - 1) <= self._silent_ns
                return (Reason.SILENT if is_heard else Reason.UNREACHABLE), max(granted or 0, self._reign_ns)
            ailing = bool(ailments)
        if full:
            return Reason.FULL, now
        if ailing:
            return Reason.REPAIRING, now
        if lacks > BEHIND_SLOTS:
            return Reason.BEHIND, now
        return None, now


def tolerates(voters: Collection[int], unfit: Collection[Unfit], grants: Mapping[int, int], now: int) -> int | None:
    """How many more of the voters may fail; None while this master has no majority's lease, for then too many have."""
    if sum(now < until for member, until in grants.items() if member in voters) < len(voters) // 2 + 1:
        return None
    return spare(voters, unfit)


def spare(voters: Collection[int], unfit: Collection[Unfit]) -> int:
    """How many of the voters there are beyond a majority, without those that do not count; of no voters there are none."""
    return max(0, len(voters) - len(unfit) - len(voters) // 2 - 1)
