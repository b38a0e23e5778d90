"""Group commit: what gathers while the disk is busy becomes its next batch.  [PML §4.2; SAFETY 5, 7]

    Output ──add──► gathering ──batch──► in flight ──done──► durable: its messages may leave

Rule 1. One batch is in flight; the next begins when its last operation has returned.
Rule 2. A message that waits for records leaves when the batch that holds the records of its Output and of all earlier ones is durable.
Rule 3. Nothing to write, and nothing on its way: what would wait may leave at once.
Rule 4. A batch that needs a file which does not stand ready waits until it does. So a full disk fails no batch: it makes this replica
silent, and what it did not write it has not said.  [SAFETY 5, 28]
"""

from collections.abc import Callable, Collection
from typing import Any, Final

from gaios import errors
from gaios.log import Output, Room
from gaios.log.options import FAR
from gaios.storage import Journal, Operation, Record

MARK_NS: Final = 50_000_000
"""An idle disk is told so late how far it was synced; the next batch would prove the same."""
RESERVE_NS: Final = 3_000_000_000
"""The reserve is made so long after a start, when there is less to do."""
RETRY_NS: Final = 1_000_000_000
"""What there was no room for is tried again so often."""
Waiting = list[tuple[int, tuple[Any, ...]]]
"""Messages, each with its destination."""


class GroupCommit:
    """What one replica has yet to make durable.

    Invariants, checked by `check()`:
      1. Nothing waits when no batch is in flight and none gathers.
    """

    def __init__(self, journal: Journal, state: Callable[[], tuple[int, int, int, bytes]], first: list[Operation]) -> None:
        """`first` are operations of the start, without which nothing may be said; `state` gives the full state record."""
        self.journal, self._state = journal, state
        self._first = first
        self._starts = False
        """Whether the batch in flight is the start's."""
        self._copies: bytes | None = None
        self._records: list[tuple[int, int, int, bytes]] = []
        self._after: Waiting = []
        self._number = 0
        """What gathers: copies, records, messages that wait for them, and the number of the last Output among them."""
        self._gathers = bool(first)
        self._flies = False
        """Whether operations of the journal are under way: a batch, a mark, or old segments that go."""
        self._flying_after: Waiting = []
        self._flying_records: list[tuple[int, int, int, bytes]] = []
        self._flying_number = 0
        """The messages and the records of the batch in flight, and its last Output; 0: it holds none."""
        self._mark_due = FAR
        self._given_up = 0
        """A snapshot covers every slot through this one."""
        self._lacking = 0
        """The size of the file without which the next batch cannot begin; 0: it can."""
        self._make_due = self._reserve_due = -1
        """When to look for a file to make although no batch begins; when the reserve is due. -1: not known before the first look."""
        self.makes_ahead = True
        """Whether files are made before a batch lacks them; the simulator tries the other way, too."""
        self.batches = 0
        """Batches begun: each is a sync of the log."""
        self.records = 0
        """Records written."""
        self.newest = 0
        """Records of the newest batch."""

    @property
    def is_busy(self) -> bool:
        """Whether something is being made durable, or is to be."""
        return self._flies or self._gathers

    @property
    def is_waiting(self) -> bool:
        """Whether something is to be written as soon as no batch is in flight."""
        return self._gathers or self._given_up > 0

    def add(self, output: Output) -> Waiting:
        """Take what an Output wants kept; the messages of it that need not wait."""
        if output.records or output.copies is not None:
            self._records += output.records
            if output.copies is not None:
                self._copies = output.copies
            self._after += output.after
            self._gathers = True
            self._number = output.number
        elif self._gathers:
            self._after += output.after
        elif self._flies:
            self._flying_after += output.after
        else:
            return output.after
        return []

    def batch(self, now: int) -> list[Operation] | None:
        """The next batch, if it is its time; an idle disk is given the mark of the last one."""
        if self._flies:
            return None
        if self._given_up:
            through, self._given_up = self._given_up, 0
            operations = self.journal.give_up(through)
            if operations:
                self._flies, self._flying_number = True, 0
                return operations
        if not self._gathers:
            if now < self._mark_due:
                return None
            self._mark_due = FAR
            self._flies, self._flying_number = True, 0
            return self.journal.mark()
        self._lacking = self.journal.lacks(self._records, self._full_state)
        if self._lacking and not self._first:
            return None
        operations, self._first = self._first, []
        self._starts = bool(operations)
        if self._lacking:
            self._flies, self._flying_number = True, 0
            return operations
        if self._records or self._copies is not None:
            made = self.journal.batch(self._copies, self._records, self._full_state)
            operations = [*operations, *made] if operations else made
            self.batches += 1
            self.newest = len(self._records)
            self.records += self.newest
        self._mark_due = FAR
        self._flies, self._flying_number, self._flying_after = True, self._number, self._after
        self._flying_records = self._records
        self._copies, self._records, self._after, self._gathers = None, [], [], False
        return operations

    def write_copies(self, gone: Collection[str]) -> None:
        """One of the promise copies is damaged, or somebody deleted it: both are written anew; those that are gone are made first."""
        self.journal.gone.update(gone)
        if self._copies is None:
            self._copies = self.journal.copies
            self._gathers = True

    def kept_bytes(self, through: int) -> int:
        """How many bytes the log would keep without what a snapshot behind that slot covers."""
        return self.journal.kept_bytes(through)

    def give_up(self, through: int) -> None:
        """Drop whole segments that a durable snapshot behind that slot covers, when no batch is in flight."""
        self._given_up = through

    def spare(self, now: int, *, began: bool) -> list[Operation] | None:
        """Operations that make a file ahead, to be carried out beside batches, if it is time for one.

        Never beside the start's batch: that removes the files that a crash left, which may have the very names.

        Args:
            now: ns.
            began: whether a batch began in this turn.
        """
        if not (began or self._lacking) and 0 <= now < self._make_due:
            return None
        if self._make_due < 0:
            self._make_due = self._reserve_due = now + RESERVE_NS
        if not (self.makes_ahead or self._lacking or self.journal.spares.full):
            self._make_due = FAR
            return None
        if self._starts or not (began or self._lacking or now >= self._make_due) or (self.journal.spares.full and now < self._make_due):
            return None
        self._make_due = FAR if now >= self._reserve_due else self._reserve_due
        return self.journal.prepare(wants_reserve=now >= self._reserve_due, lacking=self._lacking) or None

    def made(self, now: int) -> None:
        """The file is made, and durable; there may be more to make."""
        self.journal.spares.made()
        self._make_due = now

    def no_room(self, now: int) -> None:
        """There is no room for the file."""
        self.journal.spares.no_room()
        self._make_due = now + RETRY_NS

    @property
    def room(self) -> Room:
        """What the disk has left for the log."""
        journal = self.journal
        if not journal.spares.full:
            return Room.PLENTY
        waiting = sum([len(payload) for _, _, _, payload in self._records])
        return Room.SHORT if not self._lacking and journal.free_bytes() - waiting >= journal.segment_bytes // 4 else Room.NONE

    def done(self, now: int) -> tuple[Waiting, int]:
        """The batch in flight is durable: the messages that waited for it, and the number of the last Output in it (0: none)."""
        self._flies = self._starts = False
        self._flying_records = []
        after, self._flying_after = self._flying_after, []
        if self._flying_number:
            self._mark_due = now + MARK_NS
        return after, self._flying_number

    def unwritten(self, kind: int, slot: int) -> tuple[int, int, int, bytes] | None:
        """The slot's newest record, where the disk may not hold it yet: it must not be read back then."""
        pending = (*reversed(self._records), *reversed(self._flying_records))
        return next((record for record in pending if record[0] == kind and record[1] == slot), None)

    def due_ns(self) -> int:
        """When `batch` is worth asking although nothing came."""
        make_due = FAR if self._starts or self._make_due < 0 else self._make_due
        return min(make_due, FAR if self._flies or self._lacking else self._mark_due)

    def _full_state(self) -> Record:
        return Record(*self._state())

    def check(self) -> None:
        """Raise `InvariantViolated` when an invariant of the class does not hold."""
        if not self._flies and self._flying_after:
            raise errors.InvariantViolated(invariant="nothing waits without a batch", detail=f"{len(self._flying_after)} messages")
        if not self._gathers and (self._after or self._records or self._copies is not None):
            raise errors.InvariantViolated(invariant="nothing waits without a batch", detail=f"{len(self._after)} messages gather")
