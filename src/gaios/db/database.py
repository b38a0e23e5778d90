"""The machine: commands and questions as bytes, the store behind them.  [PML §5.6]

Rule 1. The state is: records, revision, compaction point, epoch. Nothing else survives a call.
Rule 2. A command is carried out whole or refused whole; either way the epoch of its context is known from then on.
Rule 3. A command sweeps a few records that compaction left behind, more than it adds, and some of them whether it is then refused or not:
no reader can tell, and the next command finds the room that a compaction made.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from struct import Struct
from typing import ClassVar

from gaios import api
from gaios.api import (
    KEY_BYTES_MAX,
    NUMBER_MAX,
    RESERVED_PREFIX,
    VALUE_BYTES_MAX,
    Changes,
    Compact,
    CompactResult,
    Event,
    History,
    Increment,
    MultiOp,
    MultiOpResult,
    Overview,
    Page,
    Put,
    PutResult,
    Range,
    Reply,
)
from gaios.db import multiop, snapshot
from gaios.db.audit import audit
from gaios.db.bounds import DATABASE_BYTES_MAX, RESERVE_BYTES
from gaios.db.records import MASK, digest_numbers, successor, tombstone
from gaios.db.store import SWEEP_RECORDS, Store
from gaios.errors import DatabaseFull, InvalidCommand, ProtocolError
from gaios.machine import Context, Machine

SWEEP_AT_COMPACTION = 1_024
"""Records that a compaction sweeps at once: under 3 ms."""

_TYPED = b'["'
"""How a command or query of `gaios.typed` begins; none of the database's does."""
_NUMBERS = Struct("<QQQQ")
_PUT_HEAD, _PUT_MIDDLE, _ = api.encode(MultiOpResult(True, NUMBER_MAX, (PutResult(NUMBER_MAX),))).split(api.encode(NUMBER_MAX))
"""What stands before, and between, the two revisions in the reply to the most frequent command."""


class Database(Machine):
    """An ordered map of keys with history. See `gaios.db`."""

    version: ClassVar[int] = 1

    def __init__(self) -> None:
        self._store = Store()
        self._epoch = 0

    # --------------------------------------------------------------------------------------------------------- as a machine

    def validate(self, command: bytes) -> None:
        """Check a command's form and limits. Raises `InvalidCommand` or one of its kinds: see `api.check`."""
        if command[:2] == _TYPED:
            raise _not_kept_here(command)
        decoded = api.decode_command(command)
        if _plain_put(decoded) is None:
            api.check(decoded, command)

    def grows(self, command: bytes) -> bool:
        """Whether it would put anything, whichever way its guard goes."""
        decoded = api.decode_command(command)
        return isinstance(decoded, MultiOp) and any(isinstance(op, (Put, Increment)) for op in (*decoded.then, *decoded.otherwise))

    def begin_epoch(self, context: Context) -> None:
        """From here on `EPOCH_KEY` reads as this reign's."""
        self._epoch = context.epoch

    def apply(self, command: bytes, context: Context) -> tuple[bytes, Sequence[Event]]:
        """Carry out a `MultiOp` or a `Compact`; the effects are the new revision's events, ordered by key.

        Raises:
            InvalidCommand: As `validate`; the log may hold bytes that an older version proposed.
            NotANumber: An increment of something else, or out of 64 bits.
            TooMuchWork: It met one of `gaios.db.bounds`.
            DatabaseFull: There is no room for what it would put.
            Compacted: Compaction to before the last one.
            FutureRevision: Compaction to a revision that does not exist yet.
        """
        self._epoch = context.epoch
        store = self._store
        if store.sweeping:
            store.sweep(SWEEP_RECORDS)
        decoded = api.decode_command(command)
        put = _plain_put(decoded)
        if put is not None:
            event = store.put(put.key, put.value)
            revision = api.encode(store.revision)
            return _PUT_HEAD + revision + _PUT_MIDDLE + revision, (event,)
        api.check(decoded, command)
        reply, events = self._carry_out(decoded)
        return api.encode(reply), events

    def query(self, question: bytes) -> bytes:
        """Answer a `Range`, `History` or `Look`.

        Raises:
            InvalidCommand: It is none, or breaks a limit: see `api.check_question`.
            Compacted: It asks for what was dropped.
            FutureRevision: A range at a revision that does not exist yet.
            TooMuchWork: A range of an earlier revision met too many keys that did not exist then.
        """
        if question[:2] == _TYPED:
            raise _not_kept_here(question)
        asked = api.decode_question(question)
        api.check_question(asked)
        if isinstance(asked, Range):
            return api.encode(self.range(asked))
        if isinstance(asked, History):
            return api.encode(self.changes(asked.key, asked.end, asked.from_revision))
        return api.encode(self.look())

    def checksum(self) -> int:
        """The sum of all records' digests and that of the numbers beside them, modulo 2**64; about 2 µs.  [PML §6.2]"""
        store = self._store
        return (store.total + digest_numbers(_NUMBERS, store.revision, store.compacted, self._epoch, store.log_length)) & MASK

    def recheck(self, records: int) -> bool:
        """See `Machine.recheck`: compute the next records' digests anew; a walk through all of them must come to what `checksum` holds."""
        return self._store.recheck(records)

    def snapshot(self) -> Iterator[bytes]:
        """See `gaios.db.snapshot`. Costs nothing now, and finding, encoding and summing up a chunk's records when it is asked for."""
        store = self._store
        header = snapshot.Header(
            snapshot.FORMAT, self.version, store.revision, store.compacted, self._epoch, store.base, store.log_length, self.checksum()
        )
        return snapshot.write(header, store.view(), store.total)

    def restore(self, chunks: Iterable[bytes]) -> None:
        """Replace everything by a snapshot's state, or raise `ProtocolError` with nothing changed."""
        header, base, log = snapshot.read(chunks, self.version)
        restored = Database()
        restored._epoch = header.epoch
        restored._store.load(base, log, header.revision, header.compacted)
        if restored.checksum() != header.checksum:
            raise ProtocolError(reason=f"not a snapshot of the database: its checksum is {header.checksum}, not {restored.checksum()}")
        self.become(restored)

    # --------------------------------------------------------------------------------------------------- for other machines

    @property
    def revision(self) -> int:
        """The present revision."""
        return self._store.revision

    @property
    def compacted(self) -> int:
        """The oldest readable revision."""
        return self._store.compacted

    def carry_out(self, command: api.Command, context: Context) -> tuple[Reply, Sequence[Event]]:
        """As `apply`, for a machine that has its commands as nouns."""
        self._epoch = context.epoch
        if self._store.sweeping:
            self._store.sweep(SWEEP_RECORDS)
        api.check(command)
        return self._carry_out(command)

    def change(self, changes: Mapping[bytes, bytes | None], context: Context) -> Sequence[Event]:
        """One MultiOp of puts, and deletes (None) of keys that are there, by a machine that keeps its state in reserved keys.

        It keeps its own bounds; a full database takes `RESERVE_BYTES` more of it, so that what frees room or moves time goes on.
        Raises `DatabaseFull`.
        """
        self._epoch = context.epoch
        store = self._store
        if store.sweeping:
            store.sweep(SWEEP_RECORDS)
        revision = store.revision + 1
        records = []
        for key in sorted(changes):
            value, history = changes[key], store.histories.get(key)
            records.append(tombstone(key, revision) if value is None else successor(history[-1] if history else None, key, value, revision))
        store.commit(records, RESERVE_BYTES)
        return records

    def record(self, key: bytes) -> Event | None:
        """The put that stands under a key, a reserved one too."""
        return self._store.current(key)

    def records(self) -> Iterator[Event]:
        """The newest record of every key that was not forgotten, reserved ones and deletes included, in order. As `reserved`."""
        return self._store.newest()

    def reserved(self, key: bytes, end: bytes) -> Iterator[bytes]:
        """The reserved keys in `[key, end)`, in order. Nothing may be changed meanwhile."""
        return self._store.reserved(key, end)

    def check_room(self, bytes_: int) -> None:
        """Raises `DatabaseFull` where a client's put of so many bytes, counted as in `gaios.db.bounds`, would be refused."""
        if self._store.bytes + bytes_ > DATABASE_BYTES_MAX:
            raise DatabaseFull(limit=DATABASE_BYTES_MAX)

    def become(self, other: "Database") -> None:
        """Take over another's state; who holds this one finds it here."""
        self._store, self._epoch = other._store, other._epoch  # noqa: SLF001 (of the same class)

    def range(self, asked: Range) -> Page:
        """One page of a range, or of one key."""
        store = self._store
        revision = asked.revision or store.revision
        store.check_revision(revision)
        if asked.end is None and asked.key == api.EPOCH_KEY:
            record = multiop.epoch_record(self._epoch)
            records = iter((record,) if record else ())
        else:
            records = store.records(asked.key, asked.end, revision)
        entries, more = multiop.page(records, asked.limit, keys_only=asked.keys_only)
        return Page(entries, more, revision)

    def changes(self, key: bytes, end: bytes | None, from_revision: int) -> Changes:
        """One page of history. Raises `Compacted`."""
        events, next_revision = self._store.events(key, end, from_revision)
        return Changes(tuple(events), next_revision, self._store.revision)

    def look(self) -> Overview:
        """Facts of the whole."""
        store = self._store
        return Overview(store.revision, store.compacted, self._epoch, store.keys, self.checksum(), store.bytes)

    def check(self) -> None:
        """Compare all that is kept up to date with what it is from scratch; raises `InvariantViolated`. For tests."""
        audit(self._store)

    def _carry_out(self, command: api.Command) -> tuple[Reply, Sequence[Event]]:
        store = self._store
        reply: Reply
        events: Sequence[Event] = ()
        if isinstance(command, Compact):
            store.compact(command.revision, SWEEP_AT_COMPACTION)
            reply = CompactResult(store.compacted)
        else:
            reply, events = multiop.carry_out(store, self._epoch, command)
        return reply, events


def _not_kept_here(data: bytes) -> InvalidCommand:
    """What to say to `submit` and `query`. It is told to who asked and never at apply: an answer of the log stays what it was."""
    name = data[2:66].partition(b'"')[0].decode("utf-8", "replace")
    return InvalidCommand(
        reason=f"this cell keeps the database, which knows no {name!r}: call put, get, multiop and so on; "
        "submit and query are for replicas that were given a machine, gaios.Replica(…, machine=…)"
    )


def _plain_put(command: api.Command) -> Put | None:
    """The put that a command is, if it is nothing else and keeps all limits: the most frequent by far, at a third of the others' cost."""
    if type(command) is not MultiOp or command.guard or command.otherwise or len(command.then) != 1:
        return None
    put = command.then[0]
    if type(put) is not Put or len(put.value) > VALUE_BYTES_MAX:
        return None
    return put if 0 < len(put.key) <= KEY_BYTES_MAX and not put.key.startswith(RESERVED_PREFIX) else None
