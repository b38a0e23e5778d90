"""The machine: the lock service's commands and questions, and the database's, as bytes.

Rule 1. What is the database's goes to it as it came; a glance at one byte tells.
Rule 2. The state is the database's and nothing else: snapshot, checksum and revisions are its. The index is made of the keys.
Beside it, and no part of it, stand the annals: what was, for `Explain`.
Rule 3. Effects of a command: first `Told` and `Ended`, for whoever is master; then the events of all keys that it changed.

The master's side looks at the applied state by the methods of `steward.Book`; its charges come by `apply_own`, and only if their ballot is
the epoch: the log sees to that.  [SAFETY 14]
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, ClassVar, Final

from gaios import lock_api
from gaios.api import RESERVED_PREFIX, prefix_end
from gaios.db import Database
from gaios.errors import Error, InvalidCommand, InvariantViolated, ProtocolError
from gaios.explanation import Explain
from gaios.lock_api import LockCommand, LockReply
from gaios.locks import affects, answers, keys, limits, locking, sessions, tree
from gaios.locks import index as index_module
from gaios.locks.annals import Annals, Kept
from gaios.locks.change import Change
from gaios.locks.index import Index
from gaios.locks.records import Generation, digest
from gaios.machine import Context, Machine

_COMMANDS: Final = b"\x70"
"""The second byte of an encoded command, its tag, is that of `lock_api.OpenSession` or higher."""
_QUESTIONS: Final = b"\xcc"
"""The second byte of an encoded question: behind it stands a tag of eight bits. The database's have seven."""


def is_lock_command(command: bytes) -> bool:
    """Whether an encoded command is the lock service's, not the database's."""
    return command[1:2] >= _COMMANDS


class _Keys(Database):
    """The database of a lock service: its snapshots are those of this version."""

    version: ClassVar[int] = 2


class LockService(Machine):
    """A Chubby cell's state. See `gaios.locks`."""

    version: ClassVar[int] = _Keys.version

    def __init__(self, kept: Kept | None = None) -> None:
        """`kept`: how much is remembered of what is over."""
        self.database: Database = _Keys()
        """For watches: nobody else may change it."""
        self._index = Index()
        self.changes = 0
        """Commands that changed a key of the lock service; every effect of any other is an event of a plain key."""
        self._kept = kept
        self._annals = Annals(kept)

    # --------------------------------------------------------------------------------------------------------- as a machine

    def validate(self, command: bytes) -> None:
        """Check a command's form and limits. Raises `InvalidCommand` or one of its kinds."""
        if command[1:2] < _COMMANDS:
            self.database.validate(command)
        else:
            _decode(command)

    def grows(self, command: bytes) -> bool:
        """Whether it puts, opens or acquires anything; what gives up and deletes does not."""
        if command[1:2] < _COMMANDS:
            return self.database.grows(command)
        return not isinstance(_decode(command), (lock_api.CloseSession, lock_api.Close, lock_api.DeleteNode, lock_api.Release))

    def begin_epoch(self, context: Context) -> None:
        """See `Database.begin_epoch`."""
        self.database.begin_epoch(context)
        self._annals.begin_epoch(context)

    def apply(self, command: bytes, context: Context) -> tuple[bytes, Sequence[Any]]:
        """Carry a command out.

        Raises:
            Refused: As `Database.apply`; of lock commands also a `LockRefused`.
        """
        if command[1:2] < _COMMANDS:
            return self.database.apply(command, context)
        return self._carry_out(_decode(command), context)

    def apply_own(self, command: bytes, context: Context) -> tuple[bytes, Sequence[Any]]:
        """Carry out a `Charge`. Raises `InvalidCommand`: it is none."""
        asked = lock_api.decode_command(command)
        if not isinstance(asked, lock_api.Charge):
            raise InvalidCommand(reason="a master's own command is a charge")
        limits.check(asked, len(command))
        return self._carry_out(asked, context)

    def query(self, question: bytes) -> bytes:
        """Answer a question.

        Raises:
            Refused: As `Database.query`; of the lock service's also a `LockRefused`.
        """
        if question[1:2] != _QUESTIONS:
            return self.database.query(question)
        asked = lock_api.decode_question(question)
        limits.check_question(asked)
        if isinstance(asked, Explain):
            return lock_api.encode(self._annals.explain(asked, self._index, self.revision))
        return lock_api.encode(answers.answer(Change(self.database, self._index), asked))

    def checksum(self) -> int:
        """See `Database.checksum`."""
        return self.database.checksum()

    def recheck(self, records: int) -> bool:
        """See `Database.recheck`."""
        return self.database.recheck(records)

    def snapshot(self) -> Iterator[bytes]:
        """See `Database.snapshot`."""
        return self.database.snapshot()

    @property
    def generation(self) -> int:
        """How often the cell was made anew from a backup: the first part of its sequencers.  [SAFETY 23]"""
        return self._index.generation

    def begin_generation(self, generation: int, context: Context) -> None:
        """A new cell begins with this state: its sequencers are above all that were given out before.  [SAFETY 23]

        Raises:
            InvariantViolated: the generation is not above the present one.
        """
        if generation <= self.generation:
            raise InvariantViolated(invariant="generations grow", detail=f"{generation} after {self.generation}")
        change = Change(self.database, self._index)
        change.put(keys.GENERATION, Generation(generation))
        self.database.change(change.keys, context)

    def restore(self, chunks: Iterable[bytes]) -> None:
        """Replace everything by a snapshot's state, or raise `ProtocolError` with nothing changed."""
        restored = _Keys()
        restored.restore(chunks)
        index = _index_of(restored)
        self.database.become(restored)
        self._index, self._annals = index, Annals(self._kept)

    # ------------------------------------------------------------------------------------------------- for the master's side

    @property
    def clock_ms(self) -> int:
        """The sessions' clock."""
        return self._index.clock.clock_ms

    @property
    def shortest_lease_ms(self) -> int:
        """Of all sessions; 0 when there are none."""
        return min(self._index.leases, default=0)

    @property
    def delay_until_ms(self) -> int:
        """When the next lock-delay ends, by the sessions' clock; now (at least 1) when sessions are left to end; 0: neither."""
        index = self._index
        if index.ending:
            return max(1, index.clock.clock_ms)
        return index.delay_ends[0][0] if index.delay_ends else 0

    def lease_of(self, session: int, token: bytes) -> int:
        """A session's lease, ms; 0 when there is none of that number and token, or it is ending."""
        found = self._index.sessions.get(session)
        if found is None or found.record.ending or found.record.digest != digest(token):
            return 0
        return found.record.lease_ms

    def sessions(self) -> list[int]:
        """Those that live, in order."""
        return sorted(number for number, session in self._index.sessions.items() if not session.record.ending)

    def caching(self) -> dict[int, int]:
        """Sessions that keep what they read, and their leases, ms; not to be changed."""
        return self._index.caching

    def path_of(self, session: int, handle: int) -> str:
        """Where a session's handle stands; empty when there is none."""
        found = self._index.sessions.get(session)
        known = found.handles.get(handle) if found is not None else None
        return known.path if known is not None else ""

    def has_node(self, path: str) -> bool:
        """Is there a node?"""
        return path in self._index.nodes

    def is_ending(self, session: int) -> bool:
        """Is there a session that is over, and not all of it gone?"""
        return session in self._index.ending

    def affected(self, command: LockCommand, busy: affects.Busy) -> affects.Affected:
        """Which nodes' cached facts a client's command may change."""
        return affects.of_command(self._index, command, busy)

    def affected_by_charge(self, charge: lock_api.Charge, busy: affects.Busy) -> affects.Affected:
        """And a charge."""
        return affects.of_charge(self._index, charge, busy)

    # ------------------------------------------------------------------------------------------------------------- inside

    @property
    def revision(self) -> int:
        """The database's."""
        return self.database.revision

    def check(self) -> None:
        """Compare all that is kept up to date with what it is from scratch; raises `InvariantViolated`. For tests."""
        self.database.check()
        try:
            self._index.check(_index_of(self.database))
        except ProtocolError as error:
            raise InvariantViolated(invariant="the keys are the lock service's", detail=error.reason) from None

    def _carry_out(self, asked: LockCommand, context: Context) -> tuple[bytes, Sequence[Any]]:
        change = Change(self.database, self._index)
        try:
            reply = _HANDLERS[type(asked)](change, asked)
        except Error as error:
            if change.keys:
                raise InvariantViolated(invariant="a refusal comes before any change", detail=f"{asked!r:.200}: {error}") from error
            raise
        if not change.keys:
            return lock_api.encode(reply), ()
        self.changes += 1
        self._annals.note(asked, change, context)
        events = self.database.change(change.keys, context)
        return lock_api.encode(reply), (*change.effects, *events)


def _decode(command: bytes) -> LockCommand:
    asked = lock_api.decode_command(command)
    if isinstance(asked, lock_api.Charge):
        raise InvalidCommand(reason="a charge is a master's own, no client's")
    limits.check(asked, len(command))
    return asked


def _index_of(database: Database) -> Index:
    found = []
    for key in database.reserved(RESERVED_PREFIX, prefix_end(RESERVED_PREFIX)):
        record = database.record(key)
        assert record is not None
        assert record.value is not None
        found.append((key, record.value, record.create_revision))
    return index_module.of(found)


_HANDLERS: Final[dict[type, Callable[[Change, Any], LockReply]]] = {
    lock_api.OpenSession: sessions.open_session,
    lock_api.CloseSession: sessions.close_session,
    lock_api.Charge: sessions.charge,
    lock_api.Open: tree.open_node,
    lock_api.Close: tree.close,
    lock_api.SetContents: tree.set_contents,
    lock_api.SetAcl: tree.set_acl,
    lock_api.DeleteNode: tree.delete_node,
    lock_api.Acquire: locking.acquire,
    lock_api.Release: locking.release,
    lock_api.SetSequencer: locking.set_sequencer,
}
