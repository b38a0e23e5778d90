"""The snapshots that one replica takes, keeps and gives.  [PML §5.5; SAFETY 16, 25, 26, 28]

    the log asks ──► its turn comes ──► slices, written beside the log ──► synced, named ──► recorded in the log
      (capture)        (stagger)           (`work`, `done`)                                     (`synced`)
                                                        a majority has the same ──► recorded as proved ──► what is old goes
                                                                (proofs.py)

Rule 1. One at a time: what the log asks for while one is written, or waits for the others', is not taken. What is left of one that a crash
cut short is removed.
Rule 2. Nothing is truncated, given up or removed before the record of a newer snapshot is durable that says that it is proved, and never
what the oldest of `keep_snapshots` proved ones needs: should the newest be damaged, a start takes the one before, and more of the log.
Rule 3. What was fetched (seeking.py) is adopted whole, when its record is durable: a crash before that leaves what was there, and the
fetching begins anew.
Rule 4. A replica in quarantine keeps none but those that are proved. One whose log begins later is rebuilt from the newest of them.

Left out on purpose: which there are (keeping.py), which one is fetched, and from whom (seeking.py), which one a start takes (loading.py),
which of them stay (retention.py).
"""

from typing import Final

from gaios.errors import StateDamaged
from gaios.log import Replica
from gaios.log.options import FAR, MS
from gaios.log.snapshots import Capture, Closing, Unpacked
from gaios.server.fetching import coming
from gaios.server.loading import Found, Kept, restore
from gaios.server.retention import Log, settle
from gaios.server.seeking import Seeking
from gaios.storage import Create, Operation, Reader, Remove, SyncDirectory
from gaios.storage.snapshot import DIRECTORY, NEW, Writer, name

FLIGHT_OPERATIONS: Final = 6
"""Gathered before the disk is troubled with them: about a MiB."""


class Snapshots(Seeking):
    """See the module."""

    def __init__(self, found: Found, replica: Replica, log: Log, reader: Reader) -> None:
        super().__init__(found, replica, reader)
        self.taken = self.skipped = self.installed = self.rebuilt = self.repaired = 0
        """Since the start."""
        self._log, self._reader = log, reader
        self._outdated: list[int] = []
        """Slots of snapshots that one which was taken over has made useless."""
        self._capture: Capture | None = None
        self._is_fetched = False
        """Whether `_closing` is of a fetched one, which is proved."""
        self._due = FAR
        """When the capture's next slice is due."""
        self._operations += [Remove(file) for file in found.leftovers]
        if found.leftovers:
            self._operations.append(SyncDirectory(DIRECTORY))
        self._flies = self._ends = self._begins = False
        """Whether operations are under way; whether they are a snapshot's last, and its first."""
        self._recorded = 0
        self._cut = 0
        """The Outputs with the records of the newest snapshot, and of a truncation, that are waited for; 0: none."""
        self._stirred = False
        """Whether `work` did something to the replica, which is to have another turn for it."""
        if found.base is not None and (kept := self._at(found.base.part.slot)) is not None:
            self._tried.add(kept.handle.digest)
        self._is_new = True
        """Whether `work` has yet to compare those that the start found."""

    def take(self, now: int, captures: list[Capture]) -> None:
        """The log asks for these; replicas begin one after the other, the master last."""
        self._came = True
        for capture in captures:
            slot = capture.part.slot
            if self._is_busy or (self.newest is not None and self.newest.handle.slot >= slot) or self._waits(capture):
                self.skipped += 1
                continue
            replica = self._replica
            order = sorted({*replica.members, replica.me}, key=lambda member: (member == replica.master, member))
            self._due = now + order.index(replica.me) * replica.options.snapshot_stagger_ms * MS
            self._capture, self._writer = capture, None

    def is_due(self, now: int) -> bool:
        """Whether `work` may have anything to do: in most turns it has not."""
        replica, busy = self._replica, self._is_busy or bool(self._tried)
        return self._came or busy or self._seeks or replica.doubt.record is not None or now >= self.due_ns()

    def work(self, now: int) -> list[Operation] | None:
        """What is to be carried out beside the log's batches; `done` is to be called then, and only then this again gives anything."""
        self._came, self._stirred, self._is_new, is_new = False, self._is_new, False, self._is_new
        for kept in self.kept if is_new else ():
            self._weigh(now, kept.handle.slot)
        if self._replica.doubt.record is not None:
            self._disown()
        elif self._tried:
            self._tried.clear()
        if self._seeks:
            self._seek(now)
        self._give_up(now)
        self.said += self.proofs.ask(now, [kept.handle.slot for kept in self.kept])
        if self._fetching is not None and len(self._operations) < 2 * FLIGHT_OPERATIONS:
            self.said += self._fetching.ask(now)
        if self._capture is not None and now >= self._due and len(self._operations) < 2 * FLIGHT_OPERATIONS:
            self._slice(now, self._capture)
        self._replica.awaits(coming(now, self._fetching, self._closing if self._is_fetched else None))
        grows = self._capture is not None or self._fetching is not None
        if self._flies or not self._operations or (grows and len(self._operations) < FLIGHT_OPERATIONS):
            return None
        operations = list(self._operations)
        self._operations.clear()
        self._flies, self._ends = True, self._closing is not None and not self._recorded
        self._begins = Create(NEW, 0) in operations
        return operations

    def _slice(self, now: int, capture: Capture) -> None:
        self._due = now + self._replica.options.snapshot_pause_us * 1_000
        if self._writer is None:
            self._writer = Writer(self._cell, capture.part.slot)
            self._operations += self._writer.begin()
        for chunk in capture.take():
            self._operations += self._writer.chunk(chunk)
        if not capture.is_right:
            self._abandon()
            reason = "what a snapshot read in its memory is not what was put there; suspect this machine's memory"
            self._replica.contradict(now, capture.part.slot, reason)
            self._stirred = True
        elif capture.is_done:
            self._end(self._writer, capture.closing(self._cell), is_fetched=False)
            self._capture, self._due = None, FAR

    def _end(self, writer: Writer, closing: Closing, *, is_fetched: bool) -> None:
        self._closing, self._is_fetched = closing, is_fetched
        if writer.slot in self._spoilt:
            self._spoilt.remove(writer.slot)
            self._operations.append(Remove(name(writer.slot)))
        self._operations += writer.end(closing.encode())

    def due_ns(self) -> int:
        """When `work` is worth asking although nothing came."""
        if self._stirred:
            return 0
        seeks = self._seeks_due_ns
        if self._flies and len(self._operations) >= 2 * FLIGHT_OPERATIONS:
            return min(self.proofs.due_ns(), seeks)
        return min(self._due, self._fetching.due_ns() if self._fetching is not None else FAR, self.proofs.due_ns(), seeks)

    # -- fetched ones ---------------------------------------------------------------------------------------------------

    def _abandon(self) -> None:
        """Whatever is on its way is nothing."""
        if self._writer is not None:
            self._operations += (Remove(NEW), SyncDirectory(DIRECTORY))
        self._capture, self._fetching, self._writer, self._due = None, None, None, FAR

    def _install(self, now: int, kept: Kept) -> None:
        """Adopt a peer's snapshot, whose record is durable by now."""
        replica, slot = self._replica, kept.handle.slot
        if (base := self._restored(kept)) is None:
            return
        self._cut = replica.install(now, base)
        self._outdated = [kept.handle.slot for kept in self.kept if kept.handle.slot < slot]
        self._outdated += [spoilt for spoilt in self._spoilt if spoilt < slot]
        self.kept[:] = [kept for kept in self.kept if kept.handle.slot >= slot]
        self._spoilt = [spoilt for spoilt in self._spoilt if spoilt > slot]
        self._through = max(self._through, slot)
        self.installed += 1

    def _remove(self, gone: list[int]) -> None:
        if gone:
            self._operations += (*(Remove(name(slot)) for slot in gone), SyncDirectory(DIRECTORY))
            self._giving.forget(gone)
            self.proofs.disown(gone)

    # -- which are right -------------------------------------------------------------------------------------------------

    def _disown(self) -> None:
        """Drop what may have been taken of a wrong database, but for the one that a truncated log begins behind.  [SAFETY 25]"""
        if self._capture is not None:
            self._abandon()
        sound = [kept for kept in self.kept if self.proofs.is_proved(kept.handle.slot) or kept.handle.slot in self._proving]
        sound = sound or (self.kept[:1] if self._replica.core.truncated else [])
        if len(sound) < len(self.kept):
            self._remove([kept.handle.slot for kept in self.kept if kept not in sound])
            self.kept[:] = sound
            self._offer()

    def _rebuild_from(self, kept: Kept) -> None:
        self._stirred = True
        if (base := self._restored(kept)) is not None:
            self.rebuilt += 1
            self._tried.add(kept.handle.digest)
            self._replica.rebuild(base)

    def _restored(self, kept: Kept) -> Unpacked | None:
        """The machine's state is that of one of ours now; None: that one rotted."""
        applier = self._replica.applier
        try:
            return restore(self._reader, kept.handle, applier.machine, applier.highest)
        except StateDamaged as error:
            self.spoil(kept.handle.slot, str(error))
            return None

    # -- their records ---------------------------------------------------------------------------------------------------

    @property
    def _is_busy(self) -> bool:  # type: ignore[override]
        return self._capture is not None or self._fetching is not None or self._closing is not None

    def done(self, now: int) -> None:
        """What `work` gave was carried out."""
        self._flies, self._came = False, True
        if self._ends and self._closing is not None:
            self._ends = False
            self._recorded = self._replica.snapshot_is_durable(now, self._closing.handle, proved=self._is_fetched)

    def no_room(self, now: int) -> None:
        """The disk is too full for what `work` gave: nothing of it stays, and the next snapshot that is asked for is tried again."""
        del now  # every event has one
        self._flies, self._ends, self._came = False, False, True
        if self._recorded:
            return
        self.skipped += 1
        self._operations.clear()
        self._closing = None
        if self._begins:  # whoever found no room has removed what was begun there
            self._writer = None
        self._abandon()

    def synced(self, now: int, number: int) -> None:
        """The log is durable through an Output."""
        if not (self._recorded or self._ahead or self._proving or self._cut):
            return
        self._came = True
        if self._recorded and number >= self._recorded and self._closing is not None and self._writer is not None:
            closing, stored = self._closing, self._writer.stored
            self._recorded, self._closing, self._writer = 0, None, None
            self._enter(now, Kept(closing.handle, stored))
        if self._ahead and self._replica.boots.is_registered:
            kept, self._ahead = self._at(self._ahead), 0
            if kept is not None and self._replica.lacks(kept.handle.slot):
                self._install(now, kept)
        proved = [slot for slot, output in self._proving.items() if number >= output]
        for slot in proved:
            del self._proving[slot]
            self.proofs.prove(slot)
        if proved:
            self._offer()
            self._retain(now)
        if self._cut and number >= self._cut:
            self._cut = 0
            # Until now a start would have gone on from one of these: it did not know yet that the newest's slot is chosen.
            self._remove(self._outdated)
            self._outdated = []
            self._truncate(now)

    def _enter(self, now: int, new: Kept) -> None:
        """A snapshot's record is durable, so it counts: it is adopted or rebuilt from where that helps; else the others are told."""
        replica, slot = self._replica, new.handle.slot
        self._put(new)
        self._giving.forget([slot])
        if replica.doubt.record is None or self._is_fetched:
            self.proofs.note(slot, new.handle.digest)
        if self._is_fetched:
            self.proofs.prove(slot)
        if replica.lacks(slot):
            self._install(now, new)
        elif replica.doubt.wants_base and self._is_fetched:
            self._rebuild_from(new)
        else:
            self.repaired += (is_mended := self._is_fetched and slot == self._mends)
            self.taken += not is_mended
            self.said += self.proofs.tell(slot)
            self._weigh(now, slot)
            self._retain(now)
        self._offer()

    def make_room(self, now: int) -> None:
        """The log has no room for its next segment: nothing older stays than has to.  [SAFETY 28]"""
        self._came = True
        if self._replica.doubt.record is None:  # in quarantine the oldest may be the only one that is right
            self._retain(now, is_full=True)

    def _retain(self, now: int, *, is_full: bool = False) -> None:
        """What is too old, or too much, goes."""
        if not self.kept or self._ahead:
            return
        replica, log_bytes = self._replica, self._log.kept_bytes(self._through)
        spoilt = [slot for slot in self._spoilt if slot < self.kept[-1].handle.slot]
        self._spoilt = [slot for slot in self._spoilt if slot not in spoilt]
        self._through, gone = settle(
            self.kept, self.proofs.is_proved, replica.options, replica.applier.time_ms, self._through, log_bytes, is_full=is_full
        )
        self.kept[:] = [kept for kept in self.kept if kept.handle.slot not in gone]
        self._remove([*spoilt, *gone])
        if not self._cut:
            self._truncate(now)

    def _cover(self, now: int, slot: int) -> None:
        """A peer truncated what was lost here, up to that slot: a snapshot of one's own that is proved covers it as well."""
        lost = max((each for each in self._replica.core.faulty if each <= slot), default=0)
        cover = next((kept.handle.slot for kept in self.proved if kept.handle.slot >= lost), 0) if lost else 0
        if self._through < cover <= self._replica.applied:
            self._through = cover
            if not self._cut:
                self._truncate(now)

    def _truncate(self, now: int) -> None:
        """Step by step as far as was decided; then whole segments are given up."""
        if self._replica.core.truncated < self._through:
            self._cut = self._replica.truncate(now, self._through)
        elif self._through:
            self._log.give_up(self._through)
