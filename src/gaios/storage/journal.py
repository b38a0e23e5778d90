"""A replica's durable state as one object: promise copies and write-ahead log.  [PML §4.2, §5.1; SAFETY 5, 7, 15]

Rule 1. No I/O: the journal answers with operations, and a shell carries them out in their order.
Rule 2. One batch is in flight: the next one is asked for only after all operations of the one before were carried out, its last sync
included. Marks and the making of spare segments may follow behind a batch in the same queue.
Rule 3. A batch is one write and one sync, unless it begins a segment. Copies are written, and synced one after the other, before it.
It makes no file if its caller asked `lacks` first, so it cannot fail for lack of space (spares.py).
Rule 4. At the first operation that fails the replica stops: no journal goes on after that.
"""

from collections.abc import Callable, Collection, Iterable

from gaios.errors import AnotherCell, InvariantViolated, StateMissing
from gaios.storage import copies as promise
from gaios.storage import record, segment
from gaios.storage.copies import Copy
from gaios.storage.index import Index
from gaios.storage.patient import Patient
from gaios.storage.record import HEADER_BYTES, MARK, OPEN, STATE, Encoder, Header, Location
from gaios.storage.scan import Scan, absent, missing, scan
from gaios.storage.segment import MADE, OPENING_BYTES, SEGMENT_BYTES
from gaios.storage.spares import KEPT, Spares, unfit
from gaios.storage.tail import Tail
from gaios.storage.words import (
    Create,
    Damage,
    Identity,
    Operation,
    Place,
    Problem,
    Reader,
    Record,
    Recovered,
    Remove,
    Rename,
    Sync,
    SyncDirectory,
    Write,
    refusal,
)

RESERVE_BYTES = 2 * HEADER_BYTES
"""Room behind every batch for the marks that may follow it: the lazy one, and one that closes, at the next start or the segment's end."""


class Journal:
    """The end of a log, to which batches are appended.

    Invariants:
        1. `_encoder.offset` + `RESERVE_BYTES` ≤ `_size`, less one header for each mark since the last batch.
        2. All batches before `_batch` are synced; it itself is once the operations of the call that wrote it are carried out.
        3. `_open` if the last record is a lazy mark: the next batch has that mark's number, for one sync covers both.
    """

    __slots__ = (
        "_batch",
        "_crc_seed",
        "_encoder",
        "_first",
        "_generation",
        "_identity",
        "_indexes",
        "_mark",
        "_open",
        "_payload",
        "_size",
        "_tops",
        "boot",
        "found",
        "gone",
        "segment_bytes",
        "spares",
        "unreadable",
    )

    def __init__(
        self, identity: Identity, tail: Tail, size: int, copy: Copy, segment_bytes: int, indexes: dict[int, Index], spares: Spares
    ) -> None:
        self.boot = identity.boot
        """Written into new segments; the caller sets it once it knows."""
        self.found: list[Damage | Problem] = []  # what the start found damaged in the log; and a promise copy, which it writes anew
        self.unreadable: set[str] = set()  # promise copies that the disk does not give back: the same
        self.gone: set[str] = set()  # promise copies that somebody deleted: they are made anew when they are written next
        self._identity = identity
        self._crc_seed = record.seed(identity)
        self._encoder = Encoder(seed=self._crc_seed, segment=tail.segment, offset=tail.offset, sequence=tail.sequence, previous=tail.chain)
        self._size = size
        self._batch = tail.batch
        self._open = tail.open
        self._mark = tail.mark
        self._generation, self._first, self._payload = copy.generation, copy.first, copy.payload
        self._tops: dict[int, int] = {}
        """The highest slot among the indexed records of each segment."""
        self.segment_bytes = segment_bytes
        self._indexes = indexes
        self.spares = spares
        """Files that stand ready for the next segments."""

    @property
    def identity(self) -> Identity:
        """Whose it is."""
        return self._identity

    @property
    def copies(self) -> bytes:
        """What the promise copies hold, or are about to."""
        return self._payload

    # ------------------------------------------------------------------------------------------------------------ start

    @classmethod
    def open(
        cls,
        identity: Identity,
        reader: Reader,
        *,
        segment_bytes: int = SEGMENT_BYTES,
        indexed: Collection[int] = (),
        directory: str = "the replica's directory",
    ) -> tuple["Journal", Recovered]:
        """Read a directory whole.

        Args:
            identity: Whose directory it has to be. The boot may be 0; set `boot` before the first batch.
            reader: The directory.
            segment_bytes: Size of segments that are made from now on; `SEGMENT_BYTES_MIN` to `SEGMENT_BYTES_MAX`.
            indexed: Kinds of records that `locate` can find.
            directory: What errors call it.

        Raises:
            StateMissing: the copies, or the log's end, are not there.
            StateDamaged: what is there must not be trusted, or nobody can tell how much is not there any more.
            AnotherCell: the directory belongs to another cell or member.
            DiskFailed: the disk does not give back what the log could end with.
        """
        if not segment.SEGMENT_BYTES_MIN <= segment_bytes <= segment.SEGMENT_BYTES_MAX:
            raise ValueError(segment_bytes)
        names = reader.names()
        loaded = promise.load(reader, names)
        copy = promise.choose(loaded, directory)
        promise.check_owner(copy, identity)
        known = promise.pin(copy)
        numbers = [number for number in segment.numbers(names) if number >= known.first]
        if not numbers or numbers[-1] < known.last:
            raise StateMissing(directory=directory, what=missing(numbers, known))
        indexes = {kind: Index() for kind in indexed}
        tops: dict[int, int] = {}
        records: list[Record] = []

        def keep(header: Header, payload: bytes) -> None:
            _, _, kind, length, slot, ballot, _, _, number, offset, _, _, _, _ = header
            if kind != MARK:
                records.append(Record(kind, slot, ballot, payload))
            if kind in indexes:
                indexes[kind].add(slot, number, offset, length)
                tops[number] = max(slot, tops.get(number, 0))

        found = scan(reader, numbers, identity, known, keep, lambda: len(records))
        if found.fatal is not None:
            if found.fatal.kind == "cell":
                expected = promise.owner(identity.cell, identity.member)
                raise AnotherCell(what=found.fatal.file, found=found.fatal.detail, expected=expected)
            raise refusal(found.fatal)
        last = found.segments[-1]
        left = {name: reader.size(name) for name in (*KEPT, MADE) if name in names}
        journal = cls(identity, found.tail, last.size, copy, segment_bytes, indexes, Spares(segment_bytes, left))
        journal._tops = tops
        given_up = [segment.name(number) for number in segment.numbers(names) if number < known.first]
        leftovers = [*found.dropped, *unfit(left, segment_bytes)]
        # Synced even without leftovers: a process that was killed right after a rename left a name that only the cache knows.
        operations: list[Operation] = [*(Remove(name) for name in reversed(leftovers)), SyncDirectory(segment.DIRECTORY)]
        operations += journal._settle(reader, found)
        operations += promise.repair(copy, names, loaded)
        # Not before the copies that say so are durable: a killed process may have left them in the cache only.
        operations += (*map(Remove, given_up), SyncDirectory(segment.DIRECTORY)) if given_up else ()
        journal.found = [*found.damaged, *(bad for bad in loaded if isinstance(bad, Problem))]
        return journal, Recovered(copy.payload, records, operations, found.cut, found.damaged, known.first > 1)

    def _settle(self, reader: Reader, found: Scan) -> list[Operation]:
        """Write anew what nothing proves durable, zero what is cut, and close the batch with a mark; one sync covers it all.

        Once it is closed, the next batch proves that what was kept of this one is durable: rot in it is damage from then on.
        A start that finds its predecessor's mark writes it anew instead of adding another: starts alone never fill a segment.
        """
        file, _, end = found.segments[-1]
        start = found.tail.unproven
        parts = [Patient(reader).read(file, start, end - start)]
        if not self._mark or self._open:
            # Where something is damaged the mark has to prove it: what proved it so far may be cut.
            self._add_mark(parts, left=0, batch=self._batch + 1 if found.damaged and not self._open else self._batch)
        parts.append(bytes(max(0, found.rest - self._encoder.offset)))
        return [Write(file, start, b"".join(parts)), Sync(file)]

    # ---------------------------------------------------------------------------------------------------------- writing

    def batch(self, copies: bytes | None, records: Iterable[tuple[int, int, int, bytes]], state: Callable[[], Record]) -> list[Operation]:
        """One group commit: what must be carried out before anything that waits for it may be said.  [SAFETY 5]

        Args:
            copies: The new content of the promise copies, None to leave them.
            records: (kind, slot, ballot, payload) of what is appended, in order.
            state: Gives the full state record, if this batch begins a segment. It must not contain less than was appended before.

        Returns:
            Operations that end in a `Sync`; none if there is nothing to write.
        """
        operations = list[Operation]()
        self.spares.carried_out()
        if copies is not None:
            self._payload = copies
            operations += self._write_copies()
        records = records if isinstance(records, list) else list(records)
        if not records:
            return operations
        needed = record.total(records)
        parts: list[bytes] = []
        start = self._encoder.offset
        ending: list[Operation] = []
        if start + needed + RESERVE_BYTES > self._size:
            operations += self._end_segment()
            making, ending = self._begin_segment(parts, needed, len(records), state)
            operations += making
            start = 0
        elif not self._open:
            self._batch += 1
        self._add(parts, records)
        file = segment.name(self._encoder.segment)
        operations += (Write(file, start, b"".join(parts)), *ending, Sync(file))
        return operations

    def _write_copies(self) -> list[Operation]:
        """Both copies anew, each with what is known of the log by now."""
        self._generation += 1
        synced, identity = self._batch - 1 if self._open else self._batch, self._identity
        pinned = Copy(1, identity.member, identity.cell, self._generation, synced, self._first, self._encoder.segment, self._payload)
        gone, self.gone, unreadable, self.unreadable = self.gone, set(), self.unreadable, set()
        return promise.write(pinned, gone, unreadable)

    def _add(self, parts: list[bytes], records: list[tuple[int, int, int, bytes]]) -> None:
        encoder, indexes, batch = self._encoder, self._indexes, self._batch
        left, top = len(records), self._tops.get(encoder.segment, 0)
        for kind, slot, ballot, payload in records:
            left -= 1
            if kind in indexes:
                indexes[kind].add(slot, encoder.segment, encoder.offset, len(payload))
                if slot > top:
                    top = slot
            encoder.add(parts, kind, slot, ballot, payload, batch, left)
        self._tops[encoder.segment] = top
        self._open = self._mark = False

    def _end_segment(self) -> list[Operation]:
        """Close the last segment with a mark and sync it, so that whatever stands in the next one proves it durable."""
        if self._mark and not self._open:
            return []
        parts: list[bytes] = []
        start = self._encoder.offset
        self._add_mark(parts, left=0, batch=self._batch if self._open else self._batch + 1)
        file = segment.name(self._encoder.segment)
        return [Write(file, start, b"".join(parts)), Sync(file)]

    def _begin_segment(
        self, parts: list[bytes], needed: int, count: int, state: Callable[[], Record]
    ) -> tuple[list[Operation], list[Operation]]:
        """Open the next segment: what comes before its first write, and what between that and its sync."""
        kind, slot, ballot, payload = state()
        if kind != STATE:
            raise InvariantViolated(invariant="segments open with a state record", detail=f"the caller gave kind {kind}")
        size = max(self.segment_bytes, OPENING_BYTES + record.size(len(payload)) + needed + RESERVE_BYTES)
        if size > segment.SEGMENT_BYTES_MAX:
            raise InvariantViolated(invariant="segments are bounded", detail=f"a batch needs {size} bytes")
        ready = self.spares.take(size)
        size = ready.size if ready is not None else size
        self._batch += 1
        encoder = self._encoder
        encoder.segment += 1
        opening, crc = segment.encode(
            cell=self._identity.cell,
            member=self._identity.member,
            boot=self.boot,
            size=size,
            segment=encoder.segment,
            chain=encoder.previous,
            sequence=encoder.sequence,
            batch=self._batch,
        )
        encoder.previous = crc
        encoder.offset = OPENING_BYTES
        parts.append(opening)
        encoder.add(parts, kind, slot, ballot, payload, self._batch, count)
        self._size = size
        file = segment.name(encoder.segment)
        made: list[Operation] = [Create(MADE, size), Sync(MADE)] if ready is None else []
        making: list[Operation] = [*made, Rename(MADE if ready is None else ready.name, file)]
        return making, [SyncDirectory(segment.DIRECTORY)]

    def _add_mark(self, parts: list[bytes], left: int, batch: int) -> None:
        self._encoder.add(parts, MARK, batch - 1, 0, b"", batch, left)
        self._batch = batch
        self._open = left != 0
        self._mark = True

    def mark(self) -> list[Operation]:
        """The synced-up-to mark, to be written some time after a batch's sync has returned; nothing waits for it.  [SAFETY 15]

        The next batch proves the same, so a busy shell may leave it out; an idle one should write it. Nothing if there is one already.
        """
        if self._mark:
            return []
        parts: list[bytes] = []
        start = self._encoder.offset
        self._add_mark(parts, left=OPEN, batch=self._batch + 1)
        return [Write(segment.name(self._encoder.segment), start, b"".join(parts))]

    def close(self) -> list[Operation]:
        """The last operations of a clean shutdown: a mark, synced, so that no damage can be taken for an unfinished write."""
        return [*self.mark(), Sync(segment.name(self._encoder.segment))]

    def lacks(self, records: list[tuple[int, int, int, bytes]], state: Callable[[], Record]) -> int:
        """The size of the file that has to be made before these can be a batch; 0: they can.

        A segment of unusual length is to hold what comes while it is made, too.
        """
        needed = record.total(records)
        if not records or self._encoder.offset + needed + RESERVE_BYTES <= self._size:
            return 0
        room = OPENING_BYTES + record.size(len(state()[3])) + needed + RESERVE_BYTES
        if self.spares.has(max(room, self.segment_bytes)):
            return 0
        return self.segment_bytes if room <= self.segment_bytes else min(room + self.segment_bytes, segment.SEGMENT_BYTES_MAX)

    def free_bytes(self) -> int:
        """What can be written without a new file."""
        return self._size - self._encoder.offset + self.spares.ready_bytes

    def prepare(self, *, wants_reserve: bool = False, lacking: int = 0) -> list[Operation]:
        """Make a file ahead: the next segment once the present one is half full, the reserve, or what a batch lacks; nothing if no need.

        It runs beside batches, in the background. Call `spares.made` when it was carried out, `spares.no_room` when there was none for it.
        A large batch may fill half of the segment that it opens; the next spare then waits for the batch after it.
        """
        return self.spares.prepare(wants_next=self._encoder.offset * 2 >= self._size, wants_reserve=wants_reserve, lacking=lacking)

    # ---------------------------------------------------------------------------------------------------------- reading

    def locate(self, kind: int, slot: int) -> Location | None:
        """Where the newest record of this kind and slot stands; None if there is none, or the kind is not indexed.

        It can be read there once the batch that holds it was carried out.
        """
        index = self._indexes.get(kind)
        place = index.find(slot) if index is not None else None
        if place is None:
            return None
        number, offset, length = place
        return Location(segment.name(number), number, offset, length)

    def read(self, reader: Reader, where: Location) -> Record:
        """The record that stands there, checked.

        Raises:
            StateDamaged: it is rotten.
        """
        return record.read(reader, self._crc_seed, where)

    def kept_bytes(self, through: int) -> int:
        """About how long the log would be if it gave up what `give_up(through)` would."""
        return (self._encoder.segment - self._first_above(through) + 1) * self.segment_bytes

    def stand_in(self, kind: int, place: Place) -> list[int]:
        """Slots whose newest record of this kind stands, at least in part, in these bytes."""
        index = self._indexes.get(kind)
        return index.within(place.segment, place.start, place.end) if index is not None else []

    @property
    def sealed(self) -> range:
        """The numbers of the segments that nothing is written into any more."""
        return range(self._first, self._encoder.segment)

    def give_up(self, through: int) -> list[Operation]:
        """Drop the whole segments that hold no indexed record of a slot above `through`; nothing if there is none. Not beside a batch.

        The state record of the first one that stays has what else they held. The copies name that one before a file goes.
        """
        first, before = self._first_above(through), self._first
        if first == before:
            return []
        self._first = first
        for index in self._indexes.values():
            index.forget(through + 1)
        self._tops = {number: top for number, top in self._tops.items() if number >= first}
        removed = (Remove(segment.name(number)) for number in sorted({*range(before, first)} - absent(self.found)))
        return [*self._write_copies(), *removed, SyncDirectory(segment.DIRECTORY)]

    def _first_above(self, through: int) -> int:
        """The oldest segment that holds an indexed record of a slot above `through`, or the one in use."""
        first = self._first
        while first < self._encoder.segment and self._tops.get(first, 0) <= through:
            first += 1
        return first
