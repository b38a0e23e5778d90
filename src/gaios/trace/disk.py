"""What one member's disk holds, as the recordings tell: what was handed to it, what came back as durable, what a start may find.

Rule 1. Folding is done here anew and not by `log.records`: two that agree are better than one.
Rule 2. A batch takes effect in order: the copies, then its records one after the other. A crash leaves a beginning of that.  [SAFETY 7, 15]
"""

from collections.abc import Callable, Iterator

import msgspec

from gaios.configuration import numbered
from gaios.log.recording import Handed, Start
from gaios.log.records import UNKNOWN, Boot, RecordKind
from gaios.paxos import core
from gaios.trace.words import Illegal

COPIES = ("promise-1", "promise-2")
Accepted = tuple[int, bytes]
_boot = msgspec.msgpack.Decoder(Boot).decode


class Disk:
    """The durable state of one member, over all its boots."""

    def __init__(self) -> None:
        self.copied = self.longest = self.boot = 0
        """Of the copies: the promise, the longest term, the boot."""
        self.promised = self.chosen = self.truncated = 0
        """Of copies and records together."""
        self.snapshot = 0
        """Behind this slot a snapshot is durable."""
        self.governs: tuple[int, bytes] = (0, b"")
        """The configuration that records say governs, as a value, and behind which slot."""
        self.accepted: dict[int, Accepted] = {}
        self.faulty: dict[int, int] = {}
        """Slots that were written down as lost, with the ballot that they were of at the most."""
        self.boots: dict[int, tuple[int, int]] | None = {}
        """The newest boot of each member, with its nonce, that was written down here; None: nobody recorded what was."""
        self.flying: Handed | None = None
        """The batch that was handed over and is not known to be durable."""

    def hand(self, batch: Handed) -> None:
        """A batch goes to the disk.

        Raises:
            Illegal: there is one on its way, or this one would not be durable when it is done.
        """
        if self.flying is not None:
            raise Illegal("V3 one batch in flight", "the end of the batch before", "another batch")
        if batch.copies is not None or batch.records:
            _check_syncs(batch)
        self.flying = batch

    def done(self) -> Handed:
        """The batch in flight is durable.

        Raises:
            Illegal: there is none.
        """
        batch, self.flying = self.flying, None
        if batch is None:
            raise Illegal("V3 one batch in flight", "no end of a batch: none was handed over", "the end of a batch")
        for effect in self._effects(batch):
            effect()
        return batch

    def restarted(self, start: Start) -> None:
        """A process found this on the disk: is it what had been written, all that was durable included?

        Raises:
            Illegal: it is not.
        """
        batch, self.flying = self.flying, None
        rest = self._effects(batch) if batch is not None else iter(())
        problem = self._differs(start)
        while problem is not None and (effect := next(rest, None)) is not None:
            effect()
            newer = self._differs(start)
            # What the durable part alone says is the clearest: what was in flight need not be there at all.
            problem = None if newer is None else problem
        if problem is not None:
            raise Illegal("V3 restart", *problem)
        if start.is_damaged:
            self.chosen, self.truncated, self.governs = start.chosen, start.truncated, start.governs
        if start.is_damaged or self.faulty:
            self.accepted = {slot: (ballot, value) for slot, ballot, value in start.accepted}
            self.faulty = dict(start.faulty)
        for kind, member, _, payload in batch.records if batch is not None else ():
            if kind == RecordKind.BOOT:  # it may have been durable
                self._record(kind, member, 0, payload)

    def resume(self, start: Start) -> None:
        """Take up what a start found when nobody recorded what was written before.

        Raises:
            Illegal: something is gone that is known to have been durable.
        """
        told = {slot: (ballot, value) for slot, ballot, value in start.accepted}
        if start.boot <= self.boot or start.promised < self.promised or start.longest < self.longest or start.chosen < self.chosen:
            raise Illegal("V3 restart", f"at least {self._summary()}", _found(start))
        for slot, (ballot, _) in self.accepted.items():
            if slot > start.truncated and told.get(slot, (0, b""))[0] < ballot:
                raise Illegal("V3 restart", f"slot {slot} accepted in ballot {ballot}", f"{told.get(slot)}")
        self.flying = None
        self.copied = self.promised = start.promised
        self.longest, self.boot = start.longest, start.boot - 1
        self.chosen, self.truncated, self.accepted = start.chosen, start.truncated, told
        self.faulty = dict(start.faulty)
        self.snapshot = start.chosen  # there may be one
        self.governs = start.governs
        self.boots = None

    # -- inside ----------------------------------------------------------------------------------------------------------

    def _effects(self, batch: Handed) -> Iterator[Callable[[], None]]:
        """What a batch changes, one after the other."""
        if batch.copies is not None:
            yield lambda: self._copy(*batch.copies)  # type: ignore[misc]  # it is not None
        if batch.state is not None:
            yield lambda: self._state(*batch.state)  # type: ignore[misc]  # as above
        for kind, slot, ballot, value in batch.records:
            yield lambda kind=kind, slot=slot, ballot=ballot, value=value: self._record(kind, slot, ballot, value)  # type: ignore[misc]

    def _copy(self, promised: int, longest: int, boot: int, _nonce: int) -> None:
        self.copied, self.longest, self.boot = promised, longest, boot
        self.promised = max(self.promised, promised)

    def _state(
        self,
        promised: int,
        longest: int,
        chosen: int,
        truncated: int,
        accepted: list[tuple[int, int, bytes]],
        governs: tuple[int, bytes] = (0, b""),
    ) -> None:
        self._govern(governs)
        self.promised, self.longest = max(self.promised, promised), max(self.longest, longest)
        self.chosen, self.truncated = max(self.chosen, chosen), max(self.truncated, truncated)
        for slot, ballot, value in accepted:
            self._record(RecordKind.ACCEPT, slot, ballot, value)

    def _record(self, kind: int, slot: int, ballot: int, value: bytes) -> None:
        if kind == RecordKind.ACCEPT:
            if ballot >= self.accepted.get(slot, (0,))[0]:  # an older one stands behind the state record of its own batch
                self.accepted[slot] = (ballot, value)
            self.faulty.pop(slot, None)
            self.promised = max(self.promised, ballot)
        elif kind == RecordKind.CHOSEN:
            self.chosen = max(self.chosen, slot)
        elif kind == RecordKind.TRUNCATE:
            self.truncated = max(self.truncated, slot)
            self._govern((ballot, value))
        elif kind == RecordKind.SNAPSHOT:
            self.snapshot = max(self.snapshot, slot)
        elif kind == RecordKind.BOOT:
            if self.boots is not None:
                self.boots[slot] = _boot(value)[:2]
        elif kind == RecordKind.FAULT:
            self.accepted.pop(slot, None)
            self.faulty[slot] = max(ballot, self.faulty.get(slot, 0))
        elif kind not in {RecordKind.QUARANTINE, RecordKind.REPAIR}:  # the database's affair, and the disk's own
            raise Illegal("V3 what is written", "a record of a known kind", f"kind {kind}")

    def _govern(self, governs: tuple[int, bytes]) -> None:
        if governs[1] != UNKNOWN:
            self.governs = max(self.governs, governs)

    def _differs(self, start: Start) -> tuple[str, str] | None:
        """Where a start differs from this state: expected, found."""
        if start.is_damaged or start.faulty or self.faulty:
            return self._hides(start)
        mine = (self.boot + 1, self.promised, self.longest, max(self.chosen, self.truncated), self.truncated)
        if mine != (start.boot, start.promised, start.longest, start.chosen, start.truncated):
            return self._summary(), _found(start)
        if start.governs != self.governs:
            return f"a configuration behind slot {self.governs[0]}", f"one behind slot {start.governs[0]}"
        told = {slot: (ballot, value) for slot, ballot, value in start.accepted}
        kept = {slot: held for slot, held in self.accepted.items() if slot > self.truncated} if self.truncated else self.accepted
        if told == kept:
            return None
        slot = min(slot for slot in {*told, *kept} if told.get(slot) != kept.get(slot))
        return f"slot {slot} {_entry(kept.get(slot))}", _entry(told.get(slot))

    def _hides(self, start: Start) -> tuple[str, str] | None:
        """As `_differs`, where records are damaged: each vote is there, or said to be lost; nothing is invented.  [SAFETY 6]"""
        if (self.boot + 1, self.promised, self.longest) != (start.boot, start.promised, start.longest) or (
            not start.is_damaged and (max(self.chosen, self.truncated), self.truncated) != (start.chosen, start.truncated)
        ):
            return self._summary(), _found(start)
        if not start.is_unsure and start.config < (number := numbered(self.governs[1])):
            return f"configuration {number}, or that it is not sure of it", f"configuration {start.config}"
        known = max(self.chosen, self.truncated, max(self.accepted, default=0) - core.WINDOW)
        if start.chosen > known or start.truncated > self.truncated:
            return f"nothing called chosen above slot {known}, or truncated above slot {self.truncated}", _found(start)
        told = {slot: (ballot, value) for slot, ballot, value in start.accepted}
        lost = dict(start.faulty)
        for slot, held in self.accepted.items():
            silent = start.chosen < slot <= start.silent_through
            if slot > start.truncated and told.get(slot) != held and not silent and lost.get(slot, 0) < held[0]:
                return f"slot {slot} {_entry(held)}, or lost with that ballot or a newer one", _entry(told.get(slot))
        for slot, ballot in self.faulty.items():
            if slot > max(start.truncated, start.chosen) and lost.get(slot, 0) < ballot and slot > start.silent_through:
                return f"slot {slot} lost, in ballot {ballot} at the most", _entry(told.get(slot))
        for slot, held in told.items():
            if self.accepted.get(slot) != held:
                return f"slot {slot} {_entry(self.accepted.get(slot))}", _entry(held)
        return None

    def _summary(self) -> str:
        return _state_text(self.boot + 1, self.promised, self.longest, max(self.chosen, self.truncated), self.truncated)


def _check_syncs(batch: Handed) -> None:
    """Whatever is written is synced by the end, names included; the copies are never both unsynced, nor is one while the log is written.

    [SAFETY 15]
    """
    unsynced: set[str] = set()
    changed: set[str] = set()
    written: list[str] = []
    sound = True
    for word, name in batch.operations:
        if word in {"create", "rename", "remove"}:
            changed.add(name.rpartition("/")[0])
        elif word == "sync directory":
            changed.discard(name)
        elif word == "write":
            sound = sound and not unsynced & {*COPIES} - {name}
            unsynced.add(name)
            written.append(name)
        elif word == "sync":
            unsynced.discard(name)
    sound = sound and not unsynced and not changed
    if batch.copies is not None:
        sound = sound and {*COPIES} <= {*written}
    if batch.records:
        sound = sound and bool(written) and written[-1] not in COPIES
    if not sound:
        raise Illegal("V3 persist, then say", "whatever is written synced, one copy after the other, then the log", _operations(batch))


def _operations(batch: Handed) -> str:
    return ", ".join(f"{word} {name}".rstrip() for word, name in batch.operations)


def _found(start: Start) -> str:
    return _state_text(start.boot, start.promised, start.longest, start.chosen, start.truncated)


def _state_text(boot: int, promised: int, longest: int, chosen: int, truncated: int) -> str:
    return f"boot {boot}, promised {promised}, longest term {longest} ns, chosen through {chosen}, truncated through {truncated}"


def _entry(held: Accepted | None) -> str:
    return "not accepted" if held is None else f"accepted in ballot {held[0]}: {held[1].hex()[:8] or 'NOOP'}"
