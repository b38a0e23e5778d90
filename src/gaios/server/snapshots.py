"""The snapshots that one replica takes, keeps and starts from.  [PML §5.5; SAFETY 16, 26, 28]

    the log asks ──► its turn comes ──► slices, written beside the log ──► synced, named ──► recorded in the log ──► what is old goes
      (capture)        (stagger)           (`work`, `done`)                                     (`synced`)

Rule 1. One at a time: what the log asks for while one is written is not taken. What is left of one that a crash cut short is removed.
Rule 2. Nothing is truncated, given up or removed before the record of a newer snapshot is durable, and never what the oldest of
`keep_snapshots` needs: should the newest be damaged, a start takes the one before, and more of the log.
Rule 3. Who lacks what its peers have truncated fetches a snapshot instead of taking one (fetching.py). It is adopted whole, when its record
is durable: a crash before that leaves what was there, and the fetching begins anew.
Rule 4. A snapshot that rots is fetched again from peers that have the same. If a start finds none that can be read, and a log that begins
behind them, the replica votes on, leads nobody, and fetches any that its log reaches.  [SAFETY 6, 15]
Rule 5. A replica in quarantine serves none, and removes those that are newer than where it was last known to be right.

Left out on purpose: which one a start takes (loading.py).
"""

from collections import deque
from contextlib import suppress
from typing import Final, Protocol

from gaios.errors import ProtocolError, StateDamaged
from gaios.log import Replica
from gaios.log.codec import ASK, GONE, OFFER, PART, Message
from gaios.log.options import MS
from gaios.log.snapshots import Capture, Closing, Handle, encode_handle, read_handle, unpack
from gaios.server.fetching import Fetching
from gaios.server.loading import Found, Kept
from gaios.storage import Create, Operation, Reader, Remove, SyncDirectory
from gaios.storage.snapshot import DIRECTORY, NEW, File, Writer, name

FLIGHT_OPERATIONS: Final = 6
"""Gathered before the disk is troubled with them: about a MiB."""
FAR: Final = 1 << 62
_HOUR_MS: Final = 3_600_000


class Log(Protocol):
    """What the log on the disk can tell and do."""

    def kept_bytes(self, through: int) -> int:
        """How long it would be without what a snapshot behind that slot covers."""
        ...

    def give_up(self, through: int) -> None:
        """Drop whole segments that such a snapshot covers, when there is time."""
        ...


class Snapshots:
    """See the module."""

    def __init__(self, found: Found, replica: Replica, log: Log, reader: Reader) -> None:
        self.kept = found.kept
        """Durable ones, oldest first."""
        self.why = found.why
        self.taken = self.skipped = self.installed = self.repaired = 0
        """Since the start."""
        self.said: list[tuple[int, Message]] = []
        """What is to be said to peers."""
        self._cell, self._replica, self._log, self._reader = found.cell, replica, log, reader
        self._fetching: Fetching | None = None
        self._outdated: list[int] = []
        """Slots of snapshots that one which was taken over has made useless."""
        self._files: dict[int, File] = {}
        """Those that peers ask for parts of."""
        self._spoilt = list(found.spoilt)
        self._capture: Capture | None = None
        self._writer: Writer | None = None
        self._closing: Closing | None = None
        """Of the one that is written to its end."""
        self._due = FAR
        self._operations: deque[Operation] = deque(Remove(file) for file in found.leftovers)
        if found.leftovers:
            self._operations.append(SyncDirectory(DIRECTORY))
        self._flies = self._ends = self._begins = False
        self._seek_due, self._turn = 0, 0
        """When to ask for any snapshot, and whom, while the database is lost."""
        self._recorded = 0
        self._cut = 0
        """The Outputs with the records of the newest snapshot, and of a truncation, that are waited for; 0: none."""
        self._through = replica.core.truncated
        """The log through this slot goes."""
        self._offer()

    @property
    def newest(self) -> Kept | None:
        """The newest that a start would find."""
        return self.kept[-1] if self.kept else None

    def take(self, now: int, captures: list[Capture]) -> None:
        """The log asks for these; replicas begin one after the other, the master last."""
        for capture in captures:
            slot = capture.part.slot
            if self._is_busy or (self.newest is not None and self.newest.handle.slot >= slot):
                self.skipped += 1
                continue
            replica = self._replica
            order = sorted(replica.members, key=lambda member: (member == replica.master, member))
            self._due = now + order.index(replica.me) * replica.options.snapshot_stagger_ms * MS
            self._capture, self._writer = capture, None

    def work(self, now: int) -> list[Operation] | None:
        """What is to be carried out beside the log's batches; `done` is to be called then, and only then this again gives anything."""
        if self._replica.doubt.record is not None:
            self._disown(self._replica.doubt.record.agreed)
        if self._replica.lacks_base and not self._is_busy and now >= self._seek_due and self._replica.peers:
            self._seek_due = now + self._replica.options.retransmit_ms * MS
            self.said.append((self._replica.peers[self._turn % len(self._replica.peers)], (ASK, 0, b"", 0)))
            self._turn += 1
        if self._fetching is not None and len(self._operations) < 2 * FLIGHT_OPERATIONS:
            self.said += self._fetching.ask(now)
        if self._capture is not None and now >= self._due and len(self._operations) < 2 * FLIGHT_OPERATIONS:
            self._slice(now, self._capture)
        grows = self._capture is not None or self._fetching is not None
        if self._flies or not self._operations or (grows and len(self._operations) < FLIGHT_OPERATIONS):
            return None
        operations = list(self._operations)
        self._operations.clear()
        self._flies, self._ends = True, self._closing is not None and not self._recorded
        self._begins = Create(NEW, 0) in operations
        return operations

    def _disown(self, agreed: int) -> None:
        """What was taken of a database that was wrong perhaps is none, but for the one that a truncated log begins behind.  [SAFETY 25]"""
        if self._capture is not None:
            self._abandon()
        first = self.kept[:1] if self._replica.core.truncated else []
        sound = [kept for kept in self.kept if kept.handle.slot <= agreed] or first
        self._remove([kept.handle.slot for kept in self.kept if kept not in sound])
        self.kept[:] = sound
        self._offer()

    def _slice(self, now: int, capture: Capture) -> None:
        self._due = now + self._replica.options.snapshot_pause_us * 1_000
        if self._writer is None:
            self._writer = Writer(self._cell, capture.part.slot)
            self._operations += self._writer.begin()
        for chunk in capture.take():
            self._operations += self._writer.chunk(chunk)
        if capture.is_done:
            self._end(self._writer, capture.closing(self._cell))
            self._capture, self._due = None, FAR

    def _end(self, writer: Writer, closing: Closing) -> None:
        self._closing = closing
        if writer.slot in self._spoilt:
            self._spoilt.remove(writer.slot)
            self._operations.append(Remove(name(writer.slot)))
        self._operations += writer.end(closing.encode())

    def due_ns(self) -> int:
        """When `work` is worth asking although nothing came."""
        if self._flies and len(self._operations) >= 2 * FLIGHT_OPERATIONS:
            return FAR
        seek_due = self._seek_due if self._replica.lacks_base and not self._is_busy and self._replica.peers else FAR
        return min(self._due, seek_due, self._fetching.due_ns() if self._fetching is not None else FAR)

    # -- peers' ----------------------------------------------------------------------------------------------------------

    def heard(self, now: int, member: int, message: Message) -> None:
        """A peer offers a snapshot, asks for a part of one of ours, sends one, or does not have what we asked for."""
        tag, fetching = message[0], self._fetching
        if tag == OFFER:
            with suppress(ProtocolError):
                self._offered(member, read_handle(message[1]))
        elif tag == ASK:
            self._serve(member, *message[1:])
        elif fetching is not None and (fetching.handle.slot, fetching.handle.digest) == message[1:3]:
            if tag == GONE:
                fetching.gone(member)
            elif self._writer is not None:
                for chunk in fetching.came(now, member, *message[3:]):
                    self._operations += self._writer.chunk(chunk)
                if fetching.is_whole and fetching.closing is not None:
                    self._fetching = None
                    self._end(self._writer, fetching.closing)
            if fetching.is_hopeless:
                self._abandon()

    def _offered(self, member: int, handle: Handle) -> None:
        """Fetch it, if it would help and nothing is on its way; what this replica itself was about to take is of no use to anybody then."""
        replica = self._replica
        if handle.cell != self._cell or not replica.lacks(handle.slot) or self._fetching is not None or self._closing is not None:
            return
        self._abandon()
        self._fetch(handle, [member, *(peer for peer in replica.peers if peer != member)])

    def _fetch(self, handle: Handle, sources: list[int]) -> None:
        self._fetching = Fetching(handle, sources, self._replica.options.retransmit_ms * MS * 2)
        self._writer = Writer(self._cell, handle.slot)
        self._operations += self._writer.begin()

    def spoil(self, slot: int, why: str) -> None:
        """A snapshot was found damaged: nobody is given it any more, and peers that have the same are asked for it.  [SAFETY 15]"""
        kept = next((each for each in self.kept if each.handle.slot == slot), None)
        if kept is None:
            return
        self.kept.remove(kept)
        self._spoilt.append(slot)
        self._files.pop(slot, None)
        self.why.append(why)
        self._offer()
        if not self._is_busy and self._replica.peers:
            self._fetch(kept.handle, list(self._replica.peers))

    def _abandon(self) -> None:
        """Whatever is on its way is nothing."""
        if self._writer is not None:
            self._operations += (Remove(NEW), SyncDirectory(DIRECTORY))
        self._capture, self._fetching, self._writer, self._due = None, None, None, FAR

    def _serve(self, member: int, slot: int, digest: bytes, part: int) -> None:
        """A peer asks for a part."""
        if not slot:  # any will do
            if self._replica.offer and self._replica.doubt.may_serve:
                self.said.append((member, (OFFER, self._replica.offer)))
            return
        kept = next((each for each in self.kept if each.handle.slot == slot and each.handle.digest == digest), None)
        answer: Message = (GONE, slot, digest)
        if kept is not None and 0 <= part <= kept.handle.chunks and self._replica.doubt.may_serve:
            try:
                file = self._files.get(slot)
                if file is None:
                    file = self._files[slot] = File(self._reader, slot, self._cell)
                answer = (PART, slot, digest, part, file.chunk(part - 1) if part else file.closing())
            except StateDamaged as error:
                self.spoil(slot, str(error))
        self.said.append((member, answer))

    def _offer(self) -> None:
        """Peers that ask for what is truncated are offered the newest."""
        self._replica.offer = encode_handle(self.kept[-1].handle) if self.kept else b""

    def _install(self, now: int, closing: Closing) -> None:
        """Adopt a peer's snapshot, whose record is durable by now."""
        replica, slot = self._replica, closing.handle.slot
        base = unpack(closing, File(self._reader, slot, self._cell).chunks())
        replica.applier.machine.restore(base.machine)
        self._cut = replica.install(now, base)
        self._outdated = [kept.handle.slot for kept in self.kept if kept.handle.slot < slot]
        self._outdated += [spoilt for spoilt in self._spoilt if spoilt < slot]
        self.kept = [kept for kept in self.kept if kept.handle.slot >= slot]
        self._spoilt = [spoilt for spoilt in self._spoilt if spoilt > slot]
        self._through = max(self._through, slot)
        self.installed += 1

    def _remove(self, gone: list[int]) -> None:
        if gone:
            self._operations += (*(Remove(name(slot)) for slot in gone), SyncDirectory(DIRECTORY))
            self._files = {slot: file for slot, file in self._files.items() if slot not in gone}

    # -- their records ---------------------------------------------------------------------------------------------------

    @property
    def _is_busy(self) -> bool:
        return self._capture is not None or self._fetching is not None or self._closing is not None

    def done(self, now: int) -> None:
        """What `work` gave was carried out."""
        self._flies = False
        if self._ends and self._closing is not None:
            self._ends = False
            self._recorded = self._replica.snapshot_is_durable(now, self._closing.handle)

    def no_room(self, now: int) -> None:
        """The disk is too full for what `work` gave: nothing of it stays, and the next snapshot that is asked for is tried again."""
        del now  # every event has one
        self._flies = self._ends = False
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
        if self._recorded and number >= self._recorded and self._closing is not None and self._writer is not None:
            closing, stored = self._closing, self._writer.stored
            self._recorded, self._closing, self._writer = 0, None, None
            is_again = bool(self.kept) and closing.handle.slot < self.kept[-1].handle.slot
            self.kept = sorted([*self.kept, Kept(closing.handle, stored)], key=lambda kept: kept.handle.slot)
            self._mended(closing.handle.slot)
            if self._replica.lacks(closing.handle.slot):
                self._install(now, closing)
            elif is_again:
                self.repaired += 1
            else:
                self.taken += 1
                self._retain(now)
            self._offer()
        if self._cut and number >= self._cut:
            self._cut = 0
            # Until now a start would have gone on from one of these: it did not know yet that the newest's slot is chosen.
            self._remove(self._outdated)
            self._outdated = []
            self._truncate(now)

    def _mended(self, slot: int) -> None:
        """What was said of a damaged snapshot is over once there is another in its place, or a newer one."""
        self.why = [] if not any(spoilt > slot for spoilt in self._spoilt) else self.why

    def make_room(self, now: int) -> None:
        """The log has no room for its next segment: nothing older stays than has to.  [SAFETY 28]"""
        if self.kept and self._replica.doubt.record is None:  # in quarantine the oldest may be the only one that is right
            self._retain(now, is_full=True)

    def _retain(self, now: int, *, is_full: bool = False) -> None:
        """What is too old, or too much, goes: the log behind the oldest snapshot, then that one, then the log behind the next."""
        options, gone = self._replica.options, [slot for slot in self._spoilt if slot < self.kept[-1].handle.slot]
        self._spoilt = [slot for slot in self._spoilt if slot not in gone]
        while len(self.kept) >= options.keep_snapshots:
            oldest = self.kept[0].handle
            takes = sum(kept.stored for kept in self.kept) + self._log.kept_bytes(self._through)
            is_old = self._replica.applier.time_ms - oldest.time_ms > options.keep_hours * _HOUR_MS
            if not (is_full or is_old or takes > options.keep_bytes):
                break
            if self._through < oldest.slot:
                self._through = oldest.slot
            elif len(self.kept) > options.keep_snapshots:
                gone.append(oldest.slot)
                del self.kept[0]
            else:
                break
        self._remove(gone)
        if not self._cut:
            self._truncate(now)

    def _truncate(self, now: int) -> None:
        """Step by step as far as was decided; then whole segments are given up."""
        if self._replica.core.truncated < self._through:
            self._cut = self._replica.truncate(now, self._through)
        elif self._through:
            self._log.give_up(self._through)
