"""What a replica does with chosen values: apply, keep, drop, read them again; go on behind a snapshot.  [PML §5.5; SAFETY 16, 26]

Rule 1. Values are applied in slot order. Those that are on the disk may leave the memory, and are asked for when they are needed again.
Rule 2. What is dropped for good is covered by a snapshot whose record is durable.
"""

from typing import Final

from gaios import errors
from gaios.configuration import as_value, decode, of_value
from gaios.log.applier import extend
from gaios.log.belonging import Belonging
from gaios.log.codec import OFFER, Message
from gaios.log.records import encode
from gaios.log.snapshots import Capture, Handle, Unpacked, encode_handle
from gaios.paxos import core

DROPPED_SLOTS: Final = 10_000
"""Dropped in one go: a millisecond."""


class Applying(Belonging):
    """The part of a `Replica` that deals with what is chosen."""

    _chains: dict[int, bytes]
    _evicted: int
    _cached_bytes: int
    _read: dict[int, bytes]
    _asked: int
    _is_blocked: bool
    _has_begun: bool
    _seen: int
    offer: bytes

    def snapshot_is_durable(self, now: int, handle: Handle, *, proved: bool) -> int:
        """Record that a snapshot is durable under its name, or proved; the number of the Output that does.  [PML §5.5; SAFETY 26]"""
        del now  # every event has one
        self.applier.size = handle.size
        return self._steps.snapshot(handle.slot, encode_handle(handle), proved=proved)

    def truncate(self, now: int, through: int) -> int:
        """Drop values through a slot; the number of the Output that records it.  [SAFETY 26]

        A snapshot whose record is durable covers them. A few are dropped at a time: the rest is for the next call. Before this replica
        takes part nothing is dropped, and 0 returned: the first step that its core takes is its start.
        """
        participant = self.core
        if not self._has_begun:
            return 0
        through = min(through, participant.truncated + DROPPED_SLOTS)
        for slot in range(self._evicted + 1, through + 1):
            self._cached_bytes -= self._held_bytes(slot)
        self._evicted = max(self._evicted, through)
        self._steps.take((core.TRUNCATE, through), self.me, now)
        return self._steps.output.number

    def awaits(self, slot: int) -> None:
        """The shell tells, at each of its turns, behind which slot the snapshot is that a peer is sending; 0: none is on its way."""
        self._catchup.coming = slot

    def lacks(self, slot: int) -> bool:
        """Whether a peer's snapshot behind that slot would help."""
        if self.core.chosen < slot:
            return not self.core.leads()
        return slot > self.applied and slot >= self.core.truncated and (self.lacks_base or self.applied + 1 in self.core.faulty)

    def leads_on(self, slot: int, chain: bytes) -> bool:
        """Whether `chain` may be this log's hash through `slot`: carried on over the values behind it, it comes to the next recorded hash.

        True as well where this replica cannot tell: it has recorded none behind the slot, or lacks a value in between.  [SAFETY 16]
        """
        written = min((at for at, known in self._chains.items() if known and at >= slot), default=0)
        for at in range(slot + 1, written + 1):
            held = self.core.acc.get(at)
            if held is None:
                return True
            chain = extend(chain, at, held[1])
        return not written or chain == self._chains[written]

    def install(self, now: int, base: Unpacked) -> int:
        """Go on behind a snapshot instead of through the log; the number of the Output that records it.  [PML §5.5; SAFETY 6, 26]

        The machine was restored from it, and its record is durable. Promises, and votes above it, stay.
        """
        slot, value = base.part.slot, as_value(base.part.members) if base.part.config else b""
        # Where the slot is known to be chosen here, the snapshot stands for values, or for a database, that were lost, and changes nothing
        # else; unless it names newer members, whose records were lost as well.
        if self._steps.take((core.INSTALL, slot, value, base.part.epoch), self.me, now) and base.part.config > self.roster.newest.number:
            self.roster.adopt(of_value(value), slot)
        self.applier.restore(base.part, base.sessions)
        self._chains = {at: chain for at, chain in self._chains.items() if at > slot}
        self._evicted, self._seen, self._is_blocked = max(self._evicted, self.core.truncated), slot, False
        self._cached_bytes = sum([len(value) for at, (_, value) in self.core.acc.items() if at <= slot])
        self._read.clear()
        self._steps.applied(slot, self.applier.chain)
        self._steps.raised(self.applier.feature)
        self.doubt.has_base()
        self._follow(now)
        return self._steps.output.number

    def rebuild(self, base: Unpacked) -> None:
        """The machine, whose state was wrong, was restored from a proved snapshot: the log above that is applied anew."""
        self.applier.restore(base.part, base.sessions)
        self._read.clear()
        self._asked, self._is_blocked = 0, False
        self.doubt.has_base()

    @property
    def _can_apply(self) -> bool:
        """Whether there is something to apply, and something to apply it to."""
        applied = self.applier.applied
        return applied < self.core.chosen and not (self._is_blocked or self.wants_base or applied + 1 in self.core.faulty)

    def _apply(self, now: int) -> None:
        """Apply chosen values, a bounded number in one go; the rest at the next event, which is due at once."""
        applier, accepted, budget = self.applier, self.core.acc, self.options.apply_entries
        effects = self._steps.output.effects
        while applier.applied < self.core.chosen and budget > 0:
            slot = applier.applied + 1
            if slot in self.core.faulty:
                break
            held = accepted.get(slot)
            value = held[1] if held is not None else self._read.pop(slot, None)
            if value is None:
                self._read_back(slot)
                break
            answers, caused = applier.apply(slot, value)
            if self.doubt.may_serve:
                effects.extend(caused)
            budget -= 1 + len(answers)
            self._reign.applied(now, slot, answers)
            expected = self._chains.pop(slot, b"") if self._chains else b""
            if expected and expected != applier.chain:
                raise errors.InvariantViolated(invariant="the log's chain", detail=f"replay of slot {slot} differs from what was recorded")
            if slot > self._seen:
                self._seen = slot
                self._cached_bytes += len(value)
            elif slot <= self._evicted:
                accepted.pop(slot, None)  # it was fetched again, and is on the disk
            if applier.asked and self.doubt.may_serve:
                self._steps.output.captures.append(self._capture())
        self._steps.applied(applier.applied, applier.chain)
        self._steps.raised(applier.feature)
        self.doubt.applied(now)
        self._evict()

    def _capture(self) -> Capture:
        """A snapshot behind the newest applied slot, with the configuration that governs there."""
        members = self.applier.configuration
        number = decode(members).number if members else 0
        return self.applier.capture(number, members or encode(sorted(self.roster.founders.items())))

    def _evict(self) -> None:
        """Applied values leave memory, the oldest first; the disk has them. A few at a time: a start may find many."""
        through = min(self.applier.applied, self._steps.durable_mark, self._evicted + DROPPED_SLOTS)
        while self._cached_bytes > self.options.cache_bytes and self._evicted < through:
            self._evicted += 1
            self._cached_bytes -= self._held_bytes(self._evicted)
            self.core.acc.pop(self._evicted, None)

    def _held_bytes(self, slot: int) -> int:
        """Of a slot that was applied; 0 where its record is damaged."""
        held = self.core.acc.get(slot)
        return len(held[1]) if held is not None else 0

    def _refilled(self, slot: int) -> None:
        """A chosen value was learned, perhaps again. One that was applied and evicted before does not stay in memory."""
        if slot <= self._evicted and slot <= self.applied:
            self.core.acc.pop(slot, None)
        elif slot <= self._seen:
            self._cached_bytes += self._held_bytes(slot)

    def _read_back(self, slot: int) -> None:
        """Have the shell read values back that are on the disk alone and are to be applied again: it hands them to `supply`."""
        reads = self._steps.output.reads
        if any(member == self.me for member, _ in reads):
            return
        if slot == self._asked:
            self._is_blocked = True
            self.doubt.give_up(f"slot {slot} is not on its disk")
            return
        self._asked = slot
        last = min(self._evicted, self.core.chosen, slot + self.options.seek_slots - 1)
        reads.extend((self.me, at) for at in range(slot, last + 1))

    def supply(self, now: int, member: int, slot: int, ballot: int, value: bytes) -> None:
        """The shell read a chosen value from the disk, as `Output.reads` asked it to: for this replica itself, or for a peer."""
        del now  # every event has one
        if member == self.me:
            self._read[slot], self._asked = value, 0
        else:
            self._steps.output.at_once.append((member, (core.CHOSEN, slot, ballot, value)))

    def _fetch(self, now: int, member: int, message: Message) -> int:
        """A peer asks for a chosen value: supply it, from memory or by way of the disk; about how many bytes go out.

        Values are taken in order alone. So what is asked for behind one that comes from the disk comes from there, too: it would be there
        first and be lost, and a busy cell's values leave memory as fast as the asker would come nearer.
        """
        slot, reads = message[1], self._steps.output.reads
        if slot <= self.core.truncated:
            if self.offer:
                self._steps.output.at_once.append((member, (OFFER, self.offer)))
            return self.options.supply_bytes
        is_behind = bool(reads) and reads[-1][0] == member and slot <= self.core.chosen
        if (slot <= self._evicted or is_behind) and slot not in self.core.faulty:
            reads.append((member, slot))
            return 0  # the shell, which finds out how much it is, bounds that
        self._steps.take(message, member, now)
        held = self.core.acc.get(slot)
        return len(held[1]) + 64 if held else 64
