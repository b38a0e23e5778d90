"""A replica's log, applied again to a machine of its own.  [SAFETY 16, 17]

Rule 1. A slot is applied when a mark says that it is chosen, with the value that was recorded last before that mark: what every replica
applied there. So what is told is true whether its replica runs, was killed, or lags.
Where that rotted, and was repaired, it is the one that was written again (backup/history.py).
Rule 2. Where a mark has the chain's hash the replay must come to the same: these records were not put together by somebody else.
Rule 3. What is kept is what the machine keeps, and eight bytes a slot.
Rule 4. Where the log was truncated it begins with the state behind a snapshot (`begin`): what came before is not known, and not guessed.
"""

from array import array
from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Any, Final

from gaios.backup.history import chosen, decode_state
from gaios.entry import Kind, entries
from gaios.errors import ConfigurationError, StateDamaged
from gaios.explain.operation import ATTEMPTS_TOLD, Failed, Operation, Story, attempt, failed_test
from gaios.explanation import Moment
from gaios.locks import LockService
from gaios.locks.annals import Kept
from gaios.log import Bounds, RecordKind
from gaios.log.applier import Applier
from gaios.log.sessions import Sessions
from gaios.log.snapshots import Unpacked
from gaios.machine import Context
from gaios.storage import Record
from gaios.storage.prefix import Hole

KEPT: Final = Kept(sessions=1 << 17, grants=1 << 18, nodes=1 << 17, charges=1 << 17, reigns=1 << 16)
"""Of a log that is read for one answer: some 300 MB at most."""


class Watched(LockService):
    """The machine, with an eye on some of a slot's commands, just before they are carried out."""

    def __init__(self, changed_in: Callable[[int], int]) -> None:
        super().__init__(KEPT)
        self._changed_in = changed_in
        self.wanted: Collection[int] = ()
        """Their places in the slot that is applied."""
        self.seen: dict[int, Failed | None] = {}
        """Those that came here, which others than the first of an operation do not; with the test of a guard that did not hold."""

    def apply(self, command: bytes, context: Context) -> tuple[bytes, Sequence[Any]]:
        """As any machine."""
        if context.index in self.wanted:
            self.seen[context.index] = failed_test(self, command, context, self._changed_in)
        return super().apply(command, context)


class Replay:
    """See the module. `operation`: what is to be followed."""

    def __init__(self, operation: Operation | None = None, *, directory: str = "the directory", through: int | None = None) -> None:
        """`directory` is what errors call it; `through`: the last slot to be applied, however far the log goes."""
        self._directory, self.until = directory, through
        self._operation = operation
        self.story = Story(operation) if operation is not None else None
        self.machine = Watched(self.slot_of)
        self.since = 0
        """Behind this slot the state is a snapshot's, and nothing is known of the slots before; 0: all are known."""
        self._applier = Applier(self.machine, Sessions(Bounds()))
        self._revisions = array("Q", [0])
        """The database's revision behind each slot, from `since` on."""

    @property
    def through(self) -> int:
        """The slot through which the log is applied."""
        return self._applier.applied

    def begin(self, base: Unpacked) -> None:
        """Take over the state behind a snapshot, before anything is fed.

        Raises:
            ProtocolError: it cannot be restored; nothing is changed.
            StateDamaged: a chunk is not what was written; nothing is changed.
            TooOld: it has a feature level that this version does not support.
        """
        self.machine.restore(base.machine)
        self._applier.restore(base.part, base.sessions)
        self.since = base.part.slot
        self._revisions = array("Q", [self.machine.revision])
        if self.story is not None:
            identity, sequence = self.story.operation.identity, self.story.operation.sequence
            self.story.since = self.story.through = self.since
            self.story.is_client_known = identity in self._applier.sessions
            self.story.before = self._applier.sessions.peek(identity, sequence)

    def feed(self, records: Iterable[Record | Hole], late: dict[int, bytes] | None = None) -> None:
        """Apply a log, from its first record on; `late` are the values that repair wrote again.

        Raises:
            ConfigurationError: its beginning is gone.
            StateDamaged: it contradicts itself.
            UnknownKind: a newer version wrote it.
        """
        if self.through == self.until:
            return
        for slot, value, chain in chosen(self._from_the_first(records), self.through, self._directory, late):
            self._apply(slot, value)
            if chain and self._applier.chain != chain:
                detail = f"applying the log through slot {slot} does not come to the hash that was recorded there"
                raise StateDamaged(file=self._directory, offset=0, kind="chain", detail=detail)
            if slot == self.until:
                break

    def slot_of(self, revision: int) -> int:
        """Which slot made a revision; the next one, where none has yet; `since`: that one, or one before it."""
        return bisect_left(self._revisions, revision) + self.since

    # -- inside ----------------------------------------------------------------------------------------------------------

    def _from_the_first(self, records: Iterable[Record | Hole]) -> Iterator[Record | Hole]:
        for each in records:
            if isinstance(each, Record) and each.kind in (RecordKind.TRUNCATE, RecordKind.STATE):
                truncated = each.slot if each.kind == RecordKind.TRUNCATE else decode_state(each.payload, self._directory).truncated
                if truncated > self.through:
                    raise ConfigurationError(
                        reason=f"the log of {self._directory} begins behind slot {truncated}: what came before it is not there any more",
                    )
            yield each

    def _apply(self, slot: int, value: bytes) -> None:
        story = self.story
        if story is None:
            self._applier.apply(slot, value)
        else:
            self._follow(story, slot, value)
        self._revisions.append(self.machine.revision)

    def _follow(self, story: Story, slot: int, value: bytes) -> None:
        operation, machine = story.operation, self.machine
        wanted = (Kind.COMMAND, operation.identity, operation.sequence)
        found = entries(value)
        mine = {index: entry for index, entry in enumerate(found) if entry[:3] == wanted}
        machine.wanted, machine.seen = mine.keys(), {}
        answers, _ = self._applier.apply(slot, value)
        at = Moment(slot, self._applier.epoch, self._applier.time_ms)
        story.through = slot
        if operation.identity.slot == slot and operation.identity.index < len(found):
            story.registered = at if found[operation.identity.index].kind == Kind.REGISTER else None
        for index, entry in mine.items():
            if len(story.attempts) < ATTEMPTS_TOLD:
                first, failed = index in machine.seen, machine.seen.get(index)
                story.attempts.append(attempt(at, index, entry, answers[index], first=first, failed=failed))
        if story.registered is not None and story.evicted is None and operation.identity not in self._applier.sessions:
            story.evicted = at
