"""The snapshots that one replica takes, keeps and gives.  [PML §5.5; SAFETY 16, 25, 26, 28]

    the log asks ──► its turn comes ──► slices, written beside the log ──► synced, named ──► recorded in the log
      (capture)        (stagger)           (`work`, `done`)                                     (`synced`)
                                                        a majority has the same ──► recorded as proved ──► what is old goes
                                                                (proofs.py)

Rule 1. One at a time: what the log asks for while one is written, or waits for the others', is not taken. What is left of one that a crash
cut short is removed.
Rule 2. Nothing is truncated, given up or removed before the record of a newer snapshot is durable that says that it is proved, and never
what the oldest of `keep_snapshots` proved ones needs: should the newest be damaged, a start takes the one before, and more of the log.
Rule 3. Who lacks what its peers have truncated, or has nothing yet, fetches a snapshot (fetching.py), and takes none. It is adopted whole,
when its record is durable: a crash before that leaves what was there, and the fetching begins anew. Only what is proved is offered.
Rule 4. A replica in quarantine keeps none but those that are proved. One whose log begins later is rebuilt from the newest of them.
Rule 5. A snapshot that rots is fetched again from peers that have the same.  [SAFETY 15]
Rule 6. Who has none to start from, or to be rebuilt from, and a log that begins later, asks all others for theirs until it has one, those
too that left and are still there. It votes meanwhile, and leads nobody.  [SAFETY 6]

Left out on purpose: which there are (keeping.py), which one a start takes (loading.py), which of them stay (retention.py).
"""

from collections import deque
from contextlib import suppress
from typing import Final

from gaios.errors import ProtocolError, StateDamaged
from gaios.log import Replica
from gaios.log.codec import ASK, GONE, OFFER, TAKEN, WANT, Message
from gaios.log.options import MS
from gaios.log.output import OTHERS
from gaios.log.snapshots import Capture, Closing, Handle, Unpacked, encode_handle, read_handle
from gaios.server.fetching import Fetching, coming
from gaios.server.giving import Giving
from gaios.server.keeping import Keeping
from gaios.server.loading import Found, Kept, restore
from gaios.server.retention import Log, settle
from gaios.storage import Create, Operation, Reader, Remove, SyncDirectory
from gaios.storage.snapshot import DIRECTORY, NEW, Writer, name

FLIGHT_OPERATIONS: Final = 6
"""Gathered before the disk is troubled with them: about a MiB."""
FAR: Final = 1 << 62


class Snapshots(Keeping):
    """See the module."""

    def __init__(self, found: Found, replica: Replica, log: Log, reader: Reader) -> None:
        super().__init__(found, replica)
        self.taken = self.skipped = self.installed = self.rebuilt = self.repaired = 0
        """Since the start."""
        self.said: list[tuple[int, Message]] = []
        """What is to be said to peers."""
        self._cell, self._log, self._reader = found.cell, log, reader
        self._fetching: Fetching | None = None
        self._outdated: list[int] = []
        """Slots of snapshots that one which was taken over has made useless."""
        self._giving = Giving(reader, found.cell, self.spoil)
        self._mends = 0
        """The slot of the one that was fetched again last, because it rotted."""
        self._capture: Capture | None = None
        self._writer: Writer | None = None
        self._closing: Closing | None = None
        """Of the one that is written to its end."""
        self._is_fetched = False
        """That one is a peer's, and proved."""
        self._due = FAR
        self._operations: deque[Operation] = deque(Remove(file) for file in found.leftovers)
        if found.leftovers:
            self._operations.append(SyncDirectory(DIRECTORY))
        self._flies = self._ends = self._begins = False
        self._recorded = 0
        self._cut = 0
        """The Outputs with the records of the newest snapshot, and of a truncation, that are waited for; 0: none."""
        self._through = replica.core.truncated
        """The log through this slot goes."""
        self._tried: set[bytes] = set()
        """Digests of those from which the database was rebuilt since it is in doubt."""
        self._seek_due = 0
        self._stirred = False
        """`work` made the replica want another turn."""
        self._came = True  # something that `work` has yet to look at
        if found.base is not None and (kept := self._at(found.base.part.slot)) is not None:
            self._tried.add(kept.handle.digest)
        self._is_new = True
        """None of those that it began with was compared yet."""

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
        return self._came or busy or replica.wants_base or replica.doubt.record is not None or now >= self.due_ns()

    def work(self, now: int) -> list[Operation] | None:
        """What is to be carried out beside the log's batches; `done` is to be called then, and only then this again gives anything."""
        self._came, self._stirred, self._is_new, is_new = False, self._is_new, False, self._is_new
        for kept in self.kept if is_new else ():
            self._weigh(now, kept.handle.slot)
        if self._replica.doubt.record is not None:
            self._disown()
        elif self._tried:
            self._tried.clear()
        if self._replica.wants_base:
            self._seek(now)
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
        seeks = self._seek_due if self._replica.wants_base and self._replica.suppliers else FAR
        if self._flies and len(self._operations) >= 2 * FLIGHT_OPERATIONS:
            return min(self.proofs.due_ns(), seeks)
        return min(self._due, self._fetching.due_ns() if self._fetching is not None else FAR, self.proofs.due_ns(), seeks)

    # -- peers' ----------------------------------------------------------------------------------------------------------

    def heard(self, now: int, member: int, message: Message) -> None:
        """A peer offers a snapshot, wants one or a part of one, sends a part, does not have what we asked for, or says what it took."""
        self._came = True
        tag, fetching = message[0], self._fetching
        if tag == OFFER:
            with suppress(ProtocolError):
                self._offered(now, member, read_handle(message[1]))
        elif tag == TAKEN:
            self.said += self.proofs.hear(member, *message[1:])
            self._weigh(now, message[1])
        elif tag == WANT:
            newest = next(reversed(self.proved), None)
            if newest is not None and newest.handle.slot >= message[1]:
                self.said.append((member, (OFFER, encode_handle(newest.handle))))
        elif tag == ASK:
            self.said.append((member, self._giving.answer(self.proved, *message[1:])))
        elif fetching is not None and (fetching.handle.slot, fetching.handle.digest) == message[1:3]:
            if tag == GONE:
                fetching.gone(member)
            elif self._writer is not None:
                for chunk in fetching.came(now, member, *message[3:]):
                    self._operations += self._writer.chunk(chunk)
                if fetching.is_whole and fetching.closing is not None:
                    self._fetching = None
                    self._end(self._writer, fetching.closing, is_fetched=True)
            if fetching.is_hopeless:
                self._abandon()

    def _offered(self, now: int, member: int, handle: Handle) -> None:
        """Fetch it, if it would help and nothing is on its way; what this replica itself was about to take is of no use to anybody then."""
        replica, fetching = self._replica, self._fetching
        rebuilds = replica.doubt.wants_base and handle.slot >= self._through and handle.digest not in self._tried
        if handle.cell != self._cell or not (replica.lacks(handle.slot) or rebuilds) or self._closing is not None:
            self._cover(now, handle.slot)
            return
        if fetching is not None:
            if fetching.handle.digest == handle.digest:
                fetching.has(member)
                return
            if not fetching.is_stalled(now):
                return
        self._abandon()
        self._fetch(handle, [member, *(peer for peer in replica.suppliers if peer != member)])

    def _fetch(self, handle: Handle, sources: list[int]) -> None:
        self._fetching = Fetching(handle, sources, self._replica.options.retransmit_ms * MS * 2)
        self._writer = Writer(self._cell, handle.slot)
        self._operations += self._writer.begin()

    def spoil(self, slot: int, why: str) -> None:
        """A snapshot was found damaged: nobody is given it any more, and peers that have the same are asked for it.  [SAFETY 15]"""
        self._came = True
        if (kept := self._at(slot)) is None:
            return
        self._lose(kept, why)
        self._giving.forget([slot])
        self._proving.pop(slot, None)
        if not self._is_busy and self._replica.suppliers:
            self._mends = slot
            self._fetch(kept.handle, list(self._replica.suppliers))

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
        """What was taken of a database that was wrong perhaps is none, but for the one that a truncated log begins behind.  [SAFETY 25]"""
        if self._capture is not None:
            self._abandon()
        sound = [kept for kept in self.kept if self.proofs.is_proved(kept.handle.slot) or kept.handle.slot in self._proving]
        sound = sound or (self.kept[:1] if self._replica.core.truncated else [])
        if len(sound) < len(self.kept):
            self._remove([kept.handle.slot for kept in self.kept if kept not in sound])
            self.kept[:] = sound
            self._offer()

    def _seek(self, now: int) -> None:
        """There is no database, or a wrong one, and the log begins later: it becomes that of a snapshot that is proved."""
        kept = next((each for each in reversed(self.proved) if each.handle.digest not in self._tried), None)
        if kept is not None and self._replica.doubt.wants_base:
            self._rebuild_from(kept)
        elif now >= self._seek_due:
            self._seek_due = now + self._replica.options.retransmit_ms * MS * 2
            if self._fetching is None and self._closing is None:
                self.said += [(member, (WANT, self._through)) for member in (OTHERS, *self._replica.lingering)]

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
    def _is_busy(self) -> bool:
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
            self._recorded_is(now, Kept(closing.handle, stored))
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

    def _recorded_is(self, now: int, new: Kept) -> None:
        """It counts from now on."""
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
