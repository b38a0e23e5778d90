"""Chosen values meet the machine, in slot order, once.  [PML §3; SAFETY 14, 16, 17, 19, 27]

Rule 1. Everything here is a function of the chosen values: epoch, chain, table and machine are equal at equal slots.
Rule 2. A deterministic error is an answer. An unknown kind, a level that is not supported, or any other exception stops the replica.
Rule 3. The epoch only grows: an old master's epoch entry that a later reign recovered changes nothing, nor does a command of its own, nor
a client's that it had bound to its reign.
Rule 4. At a check that is its master's the state is summed up behind the whole slot, so that equal slots have equal sums.  [SAFETY 25]
"""

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, Final

from xxhash import xxh3_64_intdigest, xxh3_128_digest

from gaios import errors
from gaios.entry import Entry, Identity, Kind, Plain, as_entry, opened
from gaios.log import feature
from gaios.log.answers import Answer, Status
from gaios.log.options import Options
from gaios.log.records import CHAIN_START
from gaios.log.sessions import Sessions
from gaios.log.snapshots import VERSION, Capture, Part
from gaios.log.sums import Sum
from gaios.machine import Context, Machine

_COMMAND: Final = int(Kind.COMMAND)
_DONE: Final = int(Status.DONE)
_tuple = tuple.__new__


def extend(chain: bytes, slot: int, value: bytes) -> bytes:
    """The log's chain: h(s) = H(h(s-1), s, value), against damage and divergence; it proves nothing to who would forge.  [SAFETY 16]"""
    return xxh3_128_digest(chain + slot.to_bytes(8, "little") + value)


class Applier:
    """A replica's state as far as it has applied the log."""

    highest: ClassVar[int] = feature.LEVEL
    """The feature level through which this can apply everything."""

    def __init__(self, machine: Machine, sessions: Sessions, empty: Sequence[bytes] | None = None) -> None:
        """`empty` is the machine's snapshot before the first slot; by default it is what `machine` is now."""
        self._empty = tuple(chunk for chunk in machine.snapshot() if chunk) if empty is None else tuple(empty)
        self.machine, self.sessions = machine, sessions
        self.applied = 0
        self.entries = 0
        """Entries that were applied since the start."""
        self._failed = False
        """Whether applying a slot broke off in its middle: nothing may be applied behind that."""
        self.epoch = 0
        self.feature = feature.FIRST
        """The cell's feature level."""
        self.chain = CHAIN_START
        self.configuration = b""
        """The newest configuration's bytes; empty: the founders'."""
        self.time_ms = 0
        self.asked = False
        """Whether the newest slot asks for a snapshot behind it."""
        self.since = 0
        """The newest slot that asked for a snapshot, or that one stands behind which was taken over."""
        self.bytes_since = 0
        """Bytes of the values behind `since`."""
        self.size = 0
        """Bytes of the newest snapshot here."""
        self.base = 0
        """The state came from a snapshot behind this slot; only what is above was applied here."""
        self.sums: list[Sum] = []
        """What the state came to at each check, until somebody takes these."""
        self.checked = 0
        """The slot of the newest check."""

    def sum(self) -> Sum:
        """What this replica's state comes to, behind the last slot that it applied."""
        return Sum(self.applied, self.chain, self.machine.checksum(), self.sessions.trail)

    def begin_anew(self) -> None:
        """Forget everything, so that the log can be applied again from its first slot."""
        self.machine.restore(self._empty)
        self.sessions.clear()
        self._failed = False
        self.applied = self.epoch = self.time_ms = self.checked = self.since = self.base = 0
        self.chain, self.feature, self.configuration = CHAIN_START, feature.FIRST, b""
        self.asked, self.bytes_since = False, 0
        self.sums.clear()

    def capture(self, config: int, members: bytes) -> Capture:
        """A snapshot of this moment, to be made by and by; the configuration is the one there.  [SAFETY 26]"""
        sessions, machine = self.sessions.snapshot(), self.machine.snapshot()
        part = Part(
            VERSION,
            self.applied,
            self.chain,
            self.time_ms,
            self.epoch,
            config,
            members,
            self.feature,
            len(self.sessions),
            self.sessions.trail,
            self.checked,
        )
        return Capture(part, sessions, machine)

    def wants_snapshot(self, options: Options) -> bool:
        """Whether enough was applied since the newest snapshot was asked for to ask for another."""
        slots = self.applied - self.since
        return self.bytes_since >= max(options.snapshot_bytes, self.size) or slots >= options.snapshot_slots

    def restore(self, part: Part, sessions: Iterable[bytes]) -> None:
        """Take over a snapshot's state but for the machine's, which is restored already.

        Raises:
            ProtocolError: the pieces are not an exactly-once table.
            TooOld: it has a feature level that this version does not support.
        """
        feature.check(part.feature, self.highest, f"the snapshot behind slot {part.slot}")
        self.sessions.restore(sessions)
        self.sessions.trail = part.trail
        self.applied = self.since = self.base = part.slot
        self.epoch, self.chain, self.time_ms = part.epoch, part.chain, part.time_ms
        self.checked, self.feature = part.checked, part.feature
        self.configuration = part.members if part.config else b""
        self.asked, self.bytes_since = False, 0
        self._failed = False
        self.sums.clear()

    def apply(self, slot: int, value: bytes) -> tuple[list[Answer], list[Any]]:
        """Carry out the next slot's value: an answer for each entry, and the machine's effects.

        Raises:
            TooOld: an entry that this version cannot apply.
            InvariantViolated: a slot out of order, or behind one that failed.
        """
        if self._failed:
            raise errors.InvariantViolated(invariant="nothing is applied behind a failure", detail=f"slot {self.applied} failed")
        if slot != self.applied + 1:
            raise errors.InvariantViolated(invariant="slots are applied in order", detail=f"slot {slot} after {self.applied}")
        try:
            time_ms, found = opened(value)
        except errors.NewerFormat as error:
            raise errors.TooOld(what=f"slot {slot} of the log", reason=error.reason) from None
        except errors.ProtocolError as error:
            # It was chosen, so it is not the sender's fault: something is broken.
            raise errors.InvariantViolated(invariant="chosen values can be read", detail=f"slot {slot}: {error.reason}") from None
        self.chain = extend(self.chain, slot, value)
        self.applied = slot
        self.bytes_since += len(value)
        self.asked = False
        self.entries += len(found)
        self._failed = True
        self.time_ms = max(self.time_ms, time_ms)
        answers: list[Answer] = []
        effects: list[Any] = []
        for index, plain in enumerate(found):
            if plain[0] == _COMMAND:
                answer, caused = self._command(slot, index, plain)
            else:
                answer, caused = self._own(slot, index, as_entry(plain))
            answers.append(answer)
            effects.extend(caused)
        said = b"".join([answer[3] for answer in answers])
        self.sessions.trail = xxh3_64_intdigest(said + bytes([answer[0] for answer in answers]), self.sessions.trail)
        if self.checked == slot:
            self.sums.append(self.sum())
        self._failed = False
        return answers, effects

    def _own(self, slot: int, index: int, entry: Entry) -> tuple[Answer, Sequence[Any]]:
        """An entry that is no client's command: the master's, or the log's own."""
        if entry.kind == Kind.MASTER:
            return self._of_the_master(slot, index, entry)
        if entry.kind == Kind.REGISTER:
            self.sessions.register(Identity(slot, index))
        elif entry.kind == Kind.EPOCH:
            if entry.identity.slot > self.epoch:
                self.epoch = entry.identity.slot
                self.machine.begin_epoch(Context(slot, index, self.time_ms, self.epoch))
        elif entry.kind == Kind.SNAPSHOT:
            if entry.identity.slot != self.epoch:
                return Answer(Status.NOT_MASTER, slot, index), ()
            self.asked = True
            self.since, self.bytes_since = slot, 0
        elif entry.kind == Kind.CHECK:
            if entry.identity.slot != self.epoch:
                return Answer(Status.NOT_MASTER, slot, index), ()
            self.checked = slot
        elif entry.kind == Kind.FEATURE:
            if entry.identity.slot != self.epoch:
                return Answer(Status.NOT_MASTER, slot, index), ()
            feature.check(entry.sequence, self.highest, f"slot {slot} of the log")
            self.feature = max(self.feature, entry.sequence)
        elif entry.kind == Kind.CONFIG and index == 0:
            self.configuration = entry.command
        else:
            raise errors.UnknownKind(slot=slot, index=index, kind=entry.kind)
        return Answer(Status.DONE, slot, index), ()

    def _of_the_master(self, slot: int, index: int, entry: Entry) -> tuple[Answer, Sequence[Any]]:
        """A master's own command, guarded by the epoch: an old master's, recovered behind a newer epoch, does nothing.  [SAFETY 14]"""
        if entry.identity.slot != self.epoch:
            return Answer(Status.NOT_MASTER, slot, index), ()
        try:
            body, effects = self.machine.apply_own(entry.command, Context(slot, index, self.time_ms, self.epoch))
        except errors.Error as error:
            if not error.deterministic:
                raise
            return Answer(Status.REFUSED, slot, index, errors.pack(error)), ()
        return Answer(Status.DONE, slot, index, body), effects

    def _command(self, slot: int, index: int, entry: Plain) -> tuple[Answer, Sequence[Any]]:
        _, identity, sequence, acknowledged, command, reign = entry
        if reign and reign != self.epoch:
            return Answer(Status.NOT_MASTER, slot, index), ()
        sessions = self.sessions
        session = sessions.find(identity)
        if session is None:
            error = errors.UnknownSession(slot=identity[0], index=identity[1])
            return Answer(Status.UNKNOWN_SESSION, slot, index, errors.pack(error)), ()
        try:
            before = sessions.recall(session, sequence, acknowledged)
        except errors.Overloaded as refusal:
            return Answer(Status.OVERLOADED, slot, index, errors.pack(refusal)), ()
        if before is not None:
            return before, ()
        effects: Sequence[Any] = ()
        try:
            # Past the named tuples' own constructors, here and below: every replica comes here for every command.
            body, effects = self.machine.apply(command, _tuple(Context, (slot, index, self.time_ms, self.epoch)))
            answer = _tuple(Answer, (_DONE, slot, index, body))
        except errors.Error as error:
            if not error.deterministic:
                raise
            answer = Answer(Status.REFUSED, slot, index, errors.pack(error))
        sessions.remember(session, sequence, answer)
        return answer, effects
