"""Whose voice is whose: each start is made known before it says anything that binds.  [SAFETY 3, 8]

    a start ── BOOT {the boots of this directory since the last that was registered, this one last} ──► every other member
            ◄── BOOTED {the boot that was told; the newest boot recorded, and the newest acknowledgement, of that member} ──

Rule 1. A boot is a number that grows with each start, and a nonce that nobody draws twice. A member that hears of one records it durably
before it says so, whether its own boot is registered or not.
Rule 2. A replica takes part in nothing until its boot is registered: recorded by all others, or a beat after its start by a majority of the
others, or a lease term after its start by so many that they are a majority together with itself. So the only voter waits that long, but for
the first boot of its directory: it may be an older copy, from when it was alone, and then others dial it. Until then those who recorded the
boot hear it again now and then: with their answers comes who the members are.
Rule 3. A peer hears a member only in the boot that it recorded, and with its nonce. It records a boot that is higher than the last one and
comes from it: a directory whose boots do not hold the last one recorded is a copy of an older state, however often it was started since.
Rule 4. Peers remember the newest ballot and slot that a member acknowledged. One that remembers less than a peer does was rolled back.
Rule 5. Where records of others' boots may have rotted, and at a member that does not vote yet, every other member is asked for what it has
recorded of all, once each start; a boot that is higher than the one that is left is recorded anew, as its own member told it to somebody.
Nobody is made a voter before a majority of the voters answered: who joins recognises whatever copies those recognised whom it replaces.
Rule 6. Whoever is refused, or hears of another boot in its place, has lost its state: it stops, and never votes again. But for one whose
boot a majority of the others has recorded: nobody else can register, so the other is the one that stops. A higher boot ends it all the
same: that comes from it. Nor does a first boot stop anybody who is recorded: its directory was made anew.
That another boot is known is believed of everybody, also of members whose own boots are not recorded here: a copy may know nobody left.
Rule 7. News, and numbers of configurations, are taken from a member in the boot that is recorded, or of which none is: not from a copy.

Two copies that each know half of the cell cannot be told apart; that takes two other members that are dead, and others a moment later.

Left out on purpose: which connection has which nonce (server/, sim/), and how a member comes back (its successor is a new member).
"""

from typing import Final, NamedTuple

from gaios.errors import StateLost
from gaios.log.codec import BOOT, BOOTED, LINEAGE_MAX, Message
from gaios.log.options import FAR, MS, Options
from gaios.log.output import OTHERS
from gaios.log.records import Boot, Record, RecordKind, Recovered, encode
from gaios.log.roster import Roster
from gaios.log.steps import Steps
from gaios.paxos import core

_BALLOTS: Final = frozenset({core.PREPARE, core.ACCEPT, core.LEARN, core.HEARTBEAT, core.RELEASE, core.PROMISE, core.ACCEPTED, core.GRANT})
"""Whoever says one of these has promised its ballot durably."""
_TELL: Final[Message] = (BOOTED, 0, 0, [])
"""Tell your boot again, and what you know of the others'."""
_AGAIN_MS: Final = 1_000
"""Between two tellings of a boot that is not registered to those who recorded it: what they said of the members may have been lost."""
_KEPT: Final = LINEAGE_MAX - 2
"""Boots that are told though one since was registered: that may have been with members who are gone, by an older copy of this directory.
All that there is room for: a peer that missed more of them knows an older boot than all that are told, and believes those."""


class Remembered(NamedTuple):
    """What a start found of its own promises and votes."""

    promised: int
    chosen: int
    slots: frozenset[int]
    """Slots above `chosen` in which a value was accepted."""

    def lacks(self, ballot: int, slot: int) -> str:
        """What is missing of an acknowledgement of this ballot, and of this slot; empty when nothing is."""
        if self.promised < ballot:
            return f"this replica promised ballot {ballot}, and its directory knows of none above {self.promised}"
        if self.chosen < slot and slot not in self.slots:
            return f"this replica acknowledged slot {slot}, and its directory ends at slot {max(self.slots, default=self.chosen)}"
        return ""


def remembered(found: Recovered) -> Remembered:
    """What a start found."""
    chosen = max(found.chosen, found.truncated)
    voted = frozenset(slot for slot in (*found.accepted, *found.faulty) if slot > chosen)
    return Remembered(found.promised, max(chosen, found.silent_through), voted)


def lineage(me: int, found: Recovered, boot: int, nonce: int) -> list[tuple[int, int]]:
    """The boots of this directory from the last that was registered on, or more, and this one.

    Of many starts in a row that reached no majority the oldest are forgotten: a peer that heard of such a one alone takes it for a copy.
    """
    copies, registered = found.copies, found.boots.get(me)
    known = copies.lineage or ([(copies.boot, copies.nonce)] if copies.boot else [])
    since = registered.boot if registered is not None else 0
    known = [each for each, left in zip(known, range(len(known), 0, -1), strict=True) if each[0] >= since or left <= _KEPT]
    return [*known[:1], *known[1:][-(LINEAGE_MAX - 2) :], (boot, nonce)]


class Boots:
    """One replica's part in that. `roster` is looked up, never changed, here: who the members are may change with time."""

    def __init__(self, steps: Steps, options: Options, me: int, roster: Roster, found: Recovered, now: int) -> None:
        self.began_ns = now
        self.is_registered = steps.lineage[-1][0] == 1 and not self._others(roster, me)
        """Whether this replica may take part."""
        self._steps, self._options, self._me, self._roster, self._directory = steps, options, me, roster, found.directory
        self._boot, self._nonce = steps.lineage[-1]
        self._told: Message = (BOOT, steps.lineage)
        self._remembered = remembered(found)
        self._was_registered = me in found.boots or bool(found.accepted)
        """Whether a boot of this directory was, as far as it remembers: also an only voter's, for nothing is accepted before."""
        self._is_shared = False
        """Whether it is registered, and somebody else recorded it. For a boot that nobody else knows none before it is forgotten: an only
        voter may be an older copy, whose peers know others."""
        self._known = {member: boot for member, boot in found.boots.items() if member != me}
        """Of those who left, too: a copy of one is known by nothing else, and may call itself a member of a newer configuration (rule 7).

        Only numbers that were given are recorded. So there are fewer than `MEMBER_END` in the whole life of a cell, one for each member
        that it ever had: some 40 bytes each of a state record, and of what a master tells the others.  [SAFETY 1, 28]
        """
        self._mine = Boot(
            self._boot,
            self._nonce,
            self._boot,
            self._remembered.promised,
            max(found.chosen, found.truncated, *found.accepted, *found.faulty),
        )
        self._recorded_by: set[int] = set()
        self._strangers: dict[int, tuple[int, int]] = {}
        """The newest boot of a member that is higher than the one recorded and does not come from it."""
        self._forgot, self._heard_of_all = found.forgot_boots or not roster.votes(me), set[int]()
        """Whether records of others' boots may be missing, and members that told what they have recorded."""
        self._changed: set[int] = set()
        self._change_due = self._tell_due = FAR
        self._again_due = now + _AGAIN_MS * MS
        if not self.is_registered:
            self._tell_due = now + options.retransmit_ms * MS
            steps.output.after.append((OTHERS, self._told))
            steps.output.after += self._questions()

    @property
    def is_certain(self) -> bool:
        """Whether a clone, or an older copy, of this replica would be noticed for certain: a majority of the others recorded its boot."""
        recorded, others = self._count()
        return 2 * recorded > others or not others

    @property
    def is_enough(self) -> bool:
        """Whether so many have recorded this boot that they are a majority together with this replica, if it votes."""
        (recorded, others), mine = self._count(), int(self._roster.votes(self._me))
        return 2 * (recorded + mine) > others + mine

    @property
    def is_informed(self) -> bool:
        """Whether no record of others' boots is missing that a majority of the other voters has, as far as this start can tell."""
        others = self._others(self._roster, self._me)
        return not self._forgot or 2 * len(others & self._heard_of_all) > len(others)

    def entries(self) -> list[tuple[int, Boot]]:
        """All that is known, for a state record; this replica's own boot once it is registered with others."""
        return [*sorted(self._known.items()), *([(self._me, self._mine)] if self._is_shared else [])]

    def boot_of(self, member: int) -> int:
        """The boot in which a peer is known; 0: in none."""
        return self._known[member].boot if member in self._known else 0

    def records(self) -> list[Record]:
        """All that is known, as records of their own."""
        return [(RecordKind.BOOT, member, 0, encode(boot)) for member, boot in self.entries()]

    def why(self) -> str:
        """What is unusual about this boot; empty when nothing is."""
        recorded, others = self._count()
        if not (self.is_registered or others):
            return "takes no part yet: it is the only voter, and waits a lease term for others that may know it as an older copy"
        if not self.is_registered:
            return f"takes no part yet: {recorded} of {others} others have recorded its boot"
        if not self.is_certain:
            return f"only {recorded} of {others} others have recorded its boot: a clone of its directory might not be noticed"
        return ""

    # -- what others are -------------------------------------------------------------------------------------------------

    def hears(self, member: int, boot: int, nonce: int, messages: list[Message]) -> bool:
        """A frame came from a member, in a boot: is this the member as it was recorded, or as it is to be recorded now?"""
        known = self._known.get(member)
        if known is not None and known.boot == boot and known.nonce == nonce:
            return True
        for message in messages:
            if message[0] == BOOT and message[1][-1] == (boot, nonce):
                if known is None or (boot > known.boot and (known.boot < message[1][0][0] or (known.boot, known.nonce) in message[1])):
                    self._record(member, Boot(boot, nonce, *(known[2:] if known is not None else ())))
                    return True
                if boot > known.boot:
                    self._strangers[member] = (boot, nonce)
                break
        else:
            if known is None or boot > known.boot:  # it will tell its boot again, and is asked to: a record of it may have rotted
                if any(message[0] != BOOTED for message in messages):
                    self._steps.output.after.append((member, _TELL))
                return False
        if any(message[0] != BOOTED or message == _TELL for message in messages):
            self.refuse(member, boot, nonce)
        return False

    def believes(self, member: int, boot: int, nonce: int) -> bool:
        """Whether what a member says in this boot is no copy's, or a stranger's that this replica may have missed all of."""
        known = self._known.get(member)
        return known is None or known[:2] == (boot, nonce)

    def refusal(self, member: int, boot: int, nonce: int) -> str:
        """Why this boot of a member is not heard for certain, for its connection; empty when it may be."""
        known = self._known.get(member)
        if self._strangers.get(member) == (boot, nonce):
            return f"boot {boot} of member {member} does not come from boot {self._known[member].boot}, which was seen"
        if known is None or boot > known.boot or (boot, nonce) == known[:2]:
            return ""
        if boot < known.boot:
            return f"boot {known.boot} of member {member} was seen, and this is boot {boot}"
        return f"boot {boot} of member {member} was seen with another nonce"

    def refuse(self, member: int, boot: int, nonce: int) -> None:
        """Say what is known of a member: it concerns whoever speaks in its name, and whoever is it."""
        self._steps.output.after.append((member, (BOOTED, boot, nonce, [(member, *self._known[member])])))

    def is_refused_for_good(self, member: int) -> bool:
        """A peer turned this boot away at its door. Whether that ends it: not where a majority of the others hears it yet."""
        self._recorded_by.discard(member)
        return not self._stands

    @property
    def _stands(self) -> bool:
        """Whether no other boot of this member but its successor can be registered: each majority has somebody who recorded this one."""
        recorded, others = self._count()
        return self.is_registered and 2 * recorded > others and not self._roster.is_outdated

    def take(self, now: int, member: int, message: Message) -> None:
        """BOOT or BOOTED, of a member that is heard; a BOOTED was judged before."""
        if message[0] == BOOT:
            known = self._known[member]
            self._steps.output.after.append((member, (BOOTED, known.boot, known.nonce, [(member, *known)])))
            if member not in self._recorded_by and not self.is_registered:
                self._steps.output.after.append((member, self._told))
            return
        _, boot, nonce, entries = message
        if not boot and not entries:
            self._recorded_by.discard(member)
            if self._roster.lists(member):
                self._tell_due = min(self._tell_due, now)
            else:  # it left, and believes that of nobody whose boot it does not know
                self._steps.output.after.append((member, self._told))
            self._steps.output.after.append((member, self._all()))
        learns = not boot and bool(entries) and member in self._asks()
        for about, *fields in entries:
            other = Boot(*fields)
            if learns and about != self._me and self._roster.lists(about) and other.boot > self.boot_of(about):
                known = self._known.get(about, other)
                self._record(about, Boot(other.boot, other.nonce, *map(max, other[2:], known[2:])))
            elif about == self._me:
                if (boot, nonce) == other[:2] == (self._boot, self._nonce):
                    self._recorded_by.add(member)
            elif about in self._known:
                self._see(about, other.seen, other.ballot, other.slot)
        if learns:
            self._heard_of_all.add(member)
        self._consider(now)

    def judge(self, member: int, message: Message) -> None:
        """BOOTED, of whomever: is this replica the one that was recorded there?

        Raises:
            StateLost: it is a copy of an older state, or has one that runs.
        """
        _, boot, nonce, entries = message
        for about, *fields in entries:
            if about == self._me:
                self._judge(member, boot, nonce, Boot(*fields))

    def heard(self, member: int, message: Message) -> None:
        """A message of a member's present boot, this replica included: what must it remember from now on?"""
        tag = message[0]
        if tag in _BALLOTS:
            slot = message[3] if tag == core.ACCEPTED else max([message[3], *message[4]]) if tag == core.PROMISE else 0
            _, _, _, newest, acknowledged = known = self._mine if member == self._me else self._known[member]
            if message[1] > newest or slot > acknowledged:
                self._see(member, known.boot, message[1], slot)

    # -- time ------------------------------------------------------------------------------------------------------------

    def tick(self, now: int, *, leads: bool) -> None:
        """Do what is due: tell the boot again, write down what was seen, and, as a master, let the others know it."""
        if now >= self._tell_due:
            self._tell_due = now + (self._options.term_ms if self.is_registered else self._options.retransmit_ms) * MS
            again = not self.is_registered and now >= self._again_due
            self._steps.output.after += [(member, self._told) for member in self._roster.suppliers if again or self._is_missing(member)]
            self._again_due = now + _AGAIN_MS * MS if again else self._again_due
            self._steps.output.after += self._questions()
        if now >= self._change_due:
            self._change_due = FAR
            told = self._changed if self._is_shared else self._changed - {self._me}
            self._steps.output.records += [self._as_record(member) for member in sorted(told)]
            self._changed.clear()
            if leads:
                self._steps.output.after.append((OTHERS, self._all()))
        self._consider(now)

    def follow(self, now: int) -> None:
        """There are other members: they are to hear this boot, too."""
        if any(map(self._is_missing, self._roster.suppliers)):
            self._tell_due = now

    def rest(self, now: int) -> None:
        """An event is dealt with: what was seen will be written in time."""
        if self._changed and self._change_due == FAR:
            self._change_due = now + self._options.mark_ms * MS

    def due_ns(self) -> int:
        """When `tick` is due."""
        due = self._tell_due if self._tell_due < self._change_due else self._change_due
        if not self.is_registered:
            due = min(due, *(at for at, enough in self._stages() if enough), FAR)
        return due

    # -- inside ----------------------------------------------------------------------------------------------------------

    @staticmethod
    def _others(roster: Roster, me: int) -> set[int]:
        """The other voters, as far as this replica knows or was told."""
        return {member for member in roster.best.places if member != me and roster.votes(member)}

    def _count(self) -> tuple[int, int]:
        """How many of them have recorded this boot, and how many there are."""
        others = self._others(self._roster, self._me)
        return len(others & self._recorded_by), len(others)

    def _all(self) -> Message:
        mine = [(self._me, *self._mine)] if self.is_registered else []
        return (BOOTED, 0, 0, [*((member, *boot) for member, boot in sorted(self._known.items())), *mine])

    def _asks(self) -> list[int]:
        """Members that have yet to tell what they have recorded."""
        return [member for member in self._roster.peers if member not in self._heard_of_all] if self._forgot else []

    def _questions(self) -> list[tuple[int, Message]]:
        return [(member, _TELL) for member in self._asks()]

    def _is_missing(self, member: int) -> bool:
        return member != self._me and member not in self._recorded_by

    def _stages(self) -> list[tuple[int, bool]]:
        """From when on a number of records is enough, and whether there are so many."""
        (recorded, others), options = self._count(), self._options
        return [
            (self.began_ns, recorded >= others > 0),
            (self.began_ns + options.beat_ms * MS, 2 * recorded > others),
            (self.began_ns + options.term_ms * MS, self.is_enough),
        ]

    def _consider(self, now: int) -> None:
        """Is the boot registered?"""
        if not self.is_registered and any(now >= at and enough for at, enough in self._stages()):
            self.is_registered = True
        if self.is_registered and self._recorded_by and not self._is_shared:
            self._is_shared = True
            self._steps.output.records.append(self._as_record(self._me))
        if self._tell_due != FAR and not self._asks() and not any(map(self._is_missing, self._roster.suppliers)):
            self._tell_due = FAR

    def _record(self, member: int, boot: Boot) -> None:
        self._known[member] = boot
        self._steps.output.records.append(self._as_record(member))

    def _as_record(self, member: int) -> Record:
        return (RecordKind.BOOT, member, 0, encode(self._mine if member == self._me else self._known[member]))

    def _see(self, member: int, seen: int, ballot: int, slot: int) -> None:
        known = self._mine if member == self._me else self._known[member]
        newer = Boot(known.boot, known.nonce, max(known.seen, seen), max(known.ballot, ballot), max(known.slot, slot))
        if newer == known:
            return
        if member == self._me:
            self._mine = newer
        else:
            self._known[member] = newer
        self._changed.add(member)

    def _judge(self, member: int, boot: int, nonce: int, other: Boot) -> None:
        """A peer says which boot of this replica it recorded last, and what it remembers of it; it was told that boot by somebody."""
        mine = (self._boot, self._nonce)
        if other[:2] != mine and ((boot, nonce) == mine or other.boot >= self._boot):
            self._recorded_by.discard(member)
            if other.boot > self._boot or not self._stands:
                self._lose(self._what_is(member, other))
            return
        if other[:2] == mine and boot == self._boot > 1 and nonce != self._nonce and not self._stands:
            self._lose(f"another process runs on a copy of it: member {member} was told boot {boot} with another nonce")
        if other.seen < self._boot and (lacks := self._remembered.lacks(other.ballot, other.slot)):
            self._lose(f"it was rolled back: member {member} remembers that {lacks}")

    def _what_is(self, member: int, other: Boot) -> str:
        """What tells, by the boot that a peer recorded, that this directory is not the one that may take part."""
        if not self._was_registered and not self.is_registered and other.boot <= self._boot:
            return f"another directory was made for this member, and member {member} has recorded that one: delete this one"
        if other.boot == self._boot:
            return f"another process runs on a copy of it: member {member} has seen boot {other.boot} with another nonce"
        return f"it is a copy of an older state: member {member} has seen boot {other.boot}, and this is boot {self._boot}" + (
            ", which does not come from it" if other.boot < self._boot else ""
        )

    def _lose(self, what: str) -> None:
        raise StateLost(directory=self._directory, what=what)
