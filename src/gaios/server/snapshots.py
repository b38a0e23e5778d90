"""The snapshots that one replica takes, keeps and starts from.  [PML §5.5; SAFETY 16, 26, 28]

    the log asks ──► its turn comes ──► slices, written beside the log ──► synced, named ──► recorded in the log ──► what is old goes
      (capture)        (stagger)           (`work`, `done`)                                     (`synced`)

Rule 1. One at a time: what the log asks for while one is written is not taken. What is left of one that a crash cut short is removed.
Rule 2. Nothing is truncated, given up or removed before the record of a newer snapshot is durable, and never what the oldest of
`keep_snapshots` needs: should the newest be damaged, a start takes the one before, and more of the log.
Rule 3. Who lacks what its peers have truncated fetches a snapshot instead of taking one (fetching.py). It is adopted whole, when its record
is durable: a crash before that leaves what was there, and the fetching begins anew.
Rule 4. A start takes the newest snapshot that is whole, and none that says more than the log's marks do: its record stands behind a mark.
Rule 5. A replica in quarantine starts from one that is no newer than where it was last known to be right, or else from the oldest, serves
none, and removes those that are newer.
"""

from collections import deque
from contextlib import suppress
from typing import Final, NamedTuple, Protocol

from gaios.errors import ProtocolError, StateDamaged
from gaios.log import Recovered, Replica
from gaios.log.codec import ASK, GONE, OFFER, PART, Message
from gaios.log.doubt import trusted
from gaios.log.options import MS
from gaios.log.snapshots import Capture, Closing, Handle, Unpacked, encode_handle, read_closing, read_handle, unpack
from gaios.machine import Machine
from gaios.server.fetching import Fetching
from gaios.storage import Create, Operation, Reader, Remove, SyncDirectory
from gaios.storage.snapshot import DIRECTORY, NEW, File, Writer, name, slots

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


class Kept(NamedTuple):
    """A snapshot on the disk."""

    handle: Handle
    stored: int
    """Bytes of its file."""


class Found(NamedTuple):
    """What a start found."""

    cell: bytes
    base: Unpacked | None
    """What the machine was restored from."""
    empty: tuple[bytes, ...]
    """What it was before, as a snapshot's pieces: a replay from the first slot begins there."""
    kept: list[Kept]
    """Those that can be read, oldest first."""
    spoilt: list[int]
    """Slots of those that cannot."""
    leftovers: list[str]
    """Files that are nothing yet."""
    why: list[str]
    """What is wrong, for people."""


def load(reader: Reader, cell: bytes, recovered: Recovered, machine: Machine, directory: str) -> Found:
    """Restore a machine from the newest snapshot that is whole.

    Raises:
        StateDamaged: the log begins behind all of them that can be restored.
    """
    names = reader.names()
    empty = tuple(piece for piece in machine.snapshot() if piece)
    found = Found(cell, None, empty, [], [], [NEW] if NEW in names else [], [])
    closings: dict[int, Closing] = {}
    for slot in slots(names):
        if slot > recovered.chosen:
            found.leftovers.append(name(slot))  # not recorded: nothing that was said rests on it
            continue
        if slot < recovered.truncated:
            found.spoilt.append(slot)  # one that was taken over has made it useless
            continue
        try:
            closing = closings[slot] = _closing(reader, cell, slot, recovered)
        except StateDamaged as error:
            found.spoilt.append(slot)
            found.why.append(str(error))
        else:
            found.kept.append(Kept(closing.handle, reader.size(name(slot))))
    through = trusted(recovered.quarantine, recovered.chosen)
    while at := sum(kept.handle.slot <= through for kept in found.kept) or bool(found.kept and recovered.truncated):
        slot = found.kept[at - 1].handle.slot
        try:
            _prove(reader, closings[slot])
            return found._replace(base=_restore(reader, closings[slot], machine, recovered))
        except StateDamaged as error:
            del found.kept[at - 1]
            found.spoilt.append(slot)
            found.why.append(str(error))
    if recovered.truncated:
        raise _behind(recovered.truncated, found.why, directory)
    return found


def _closing(reader: Reader, cell: bytes, slot: int, recovered: Recovered) -> Closing:
    """A snapshot's handle and digests, if they are those of this replica's log."""
    try:
        closing = read_closing(File(reader, slot, cell).closing())
    except ProtocolError as error:
        raise _damaged(slot, "closing", error.reason) from None
    handle = closing.handle
    if (handle.cell, handle.slot) != (cell, slot):
        raise _damaged(slot, "misdirected", f"it is the snapshot behind slot {handle.slot} of cell {handle.cell.hex()}")
    if recovered.snapshots.get(slot, expected := encode_handle(handle)) != expected:
        raise _damaged(slot, "misdirected", "the log recorded another one behind this slot")
    if recovered.chains.get(slot, b"") not in {b"", handle.chain}:
        raise _damaged(slot, "chain", "the log's hash through this slot is another one")
    return closing


def _prove(reader: Reader, closing: Closing) -> None:
    """Read all of it once: nothing is restored of what turns out to be rotten."""
    slot, number = closing.handle.slot, -1
    try:
        for number, chunk in enumerate(File(reader, slot).chunks()):
            closing.check(number, chunk)
    except ProtocolError as error:
        raise _damaged(slot, "digest", error.reason) from None
    if number + 1 != closing.handle.chunks:
        raise _damaged(slot, "digest", f"it has {number + 1} chunks, not {closing.handle.chunks}")


def _restore(reader: Reader, closing: Closing, machine: Machine, recovered: Recovered) -> Unpacked:
    slot = closing.handle.slot
    if slot < recovered.truncated:
        raise _damaged(slot, "order", f"the log begins behind slot {recovered.truncated}")
    try:
        found = unpack(closing, File(reader, slot).chunks())
        machine.restore(found.machine)
    except ProtocolError as error:
        raise _damaged(slot, "version", f"it is whole, and cannot be restored: {error.reason}") from None
    return found


def _behind(truncated: int, why: list[str], directory: str) -> StateDamaged:
    what = "; ".join(why) or "no snapshot is there"
    return StateDamaged(file=directory, offset=0, kind="snapshot", detail=f"the log begins behind slot {truncated}, and {what}")


def _damaged(slot: int, kind: str, detail: str) -> StateDamaged:
    return StateDamaged(file=name(slot), offset=0, kind=kind, detail=detail)


class Snapshots:
    """See the module."""

    def __init__(self, found: Found, replica: Replica, log: Log, reader: Reader) -> None:
        self.kept = found.kept
        """Durable ones, oldest first."""
        self.why = found.why
        self.taken = self.skipped = self.installed = 0
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
            order = sorted({*replica.members, replica.me}, key=lambda member: (member == replica.master, member))
            self._due = now + order.index(replica.me) * replica.options.snapshot_stagger_ms * MS
            self._capture, self._writer = capture, None

    def work(self, now: int) -> list[Operation] | None:
        """What is to be carried out beside the log's batches; `done` is to be called then, and only then this again gives anything."""
        if self._replica.doubt.record is not None:
            self._disown(self._replica.doubt.record.agreed)
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
        return min(self._due, self._fetching.due_ns() if self._fetching is not None else FAR)

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
        sources = [member, *(peer for peer in replica.peers if peer != member)]
        self._fetching = Fetching(handle, sources, replica.options.retransmit_ms * MS * 2)
        self._writer = Writer(self._cell, handle.slot)
        self._operations += self._writer.begin()

    def _abandon(self) -> None:
        """Whatever is on its way is nothing."""
        if self._writer is not None:
            self._operations += (Remove(NEW), SyncDirectory(DIRECTORY))
        self._capture, self._fetching, self._writer, self._due = None, None, None, FAR

    def _serve(self, member: int, slot: int, digest: bytes, part: int) -> None:
        """A peer asks for a part."""
        kept = next((each for each in self.kept if each.handle.slot == slot and each.handle.digest == digest), None)
        answer: Message = (GONE, slot, digest)
        if kept is not None and self._replica.doubt.may_serve:
            with suppress(StateDamaged):
                file = self._files.get(slot)
                if file is None:
                    file = self._files[slot] = File(self._reader, slot, self._cell)
                answer = (PART, slot, digest, part, file.chunk(part - 1) if part else file.closing())
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
            self.kept.append(Kept(closing.handle, stored))
            if self._replica.lacks(closing.handle.slot):
                self._install(now, closing)
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
