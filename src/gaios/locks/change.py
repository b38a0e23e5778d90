"""What one command changes and tells: the keys for the database, the index in step with them, and effects.

Rule 1. A command looks at everything before it changes anything: a refusal comes before the first `put`.
Rule 2. What it changed is seen at once in the index and in `contents`.
Rule 3. All of it is one MultiOp: `keys`, committed by the service.  [CHUBBY §2.10]
"""

from typing import NamedTuple

from gaios.db import Database
from gaios.db.bounds import RECORD_MEMORY_BYTES
from gaios.errors import InvariantViolated
from gaios.lock_api import Notice
from gaios.locks import keys
from gaios.locks.index import Handle, Index, Node, Session
from gaios.locks.records import Record, encode


class Told(NamedTuple):
    """An effect: what a session is to be told."""

    session: int
    notice: Notice


class Ended(NamedTuple):
    """An effect: this session is over."""

    session: int
    how: int
    """CLOSED or LOST."""
    charge: int
    """The charge from which its lease counted; 0: none listed it yet."""
    heard_ms: int
    """The sessions' clock at that charge."""
    handles: int
    """How many it had."""


class Change:
    """One command's."""

    __slots__ = ("database", "effects", "index", "keys", "revision")

    def __init__(self, database: Database, index: Index) -> None:
        self.database, self.index = database, index
        self.revision = database.revision + 1
        """What it makes, if it changes anything."""
        self.keys: dict[bytes, bytes | None] = {}
        self.effects: list[Told | Ended] = []

    @property
    def clock_ms(self) -> int:
        """The sessions' clock."""
        return self.index.clock.clock_ms

    def check_room(self, records: int, bytes_: int = 0) -> None:
        """Raises `DatabaseFull`: there is none for so many records, of so many bytes in all beside their keys."""
        self.database.check_room(records * (RECORD_MEMORY_BYTES + 1_024) + bytes_)

    def put(self, key: bytes, record: Record) -> None:
        """A key's new record."""
        if self.keys.get(key, b"") is None:
            raise InvariantViolated(invariant="a key that goes does not come back in one MultiOp", detail=f"{key!r}")
        self.keys[key] = encode(record)
        self.index.put(key, record, self.revision)

    def delete(self, key: bytes) -> None:
        """A key goes; it is there."""
        self._delete(key)
        self.index.drop(key)

    def contents(self, path: str) -> bytes:
        """A file's contents."""
        key = keys.contents(path)
        if key in self.keys:
            return self.keys[key] or b""
        found = self.database.record(key)
        return (found.value or b"") if found is not None else b""

    def set_contents(self, path: str, contents: bytes) -> None:
        """They are in no index."""
        key = keys.contents(path)
        if contents:
            self.keys[key] = contents
        elif self.contents(path):
            self._delete(key)

    def _delete(self, key: bytes) -> None:
        if self.database.record(key) is None:
            del self.keys[key]
        else:
            self.keys[key] = None

    # ------------------------------------------------------------------------------------------------------------- effects

    def tell(self, node: Node, what: int, name: str = "") -> None:
        """Tell every handle of a node that asked for it. It happened at this revision.  [CHUBBY §2.5]"""
        for handle in node.opens.values():
            if handle.record.events & what:
                self.tell_one(handle, what, name)

    def tell_one(self, handle: Handle, what: int, name: str = "") -> None:
        """Tell one handle."""
        self.effects.append(Told(handle.session, Notice(handle.number, what, name, self.revision)))

    def end(self, session: Session, how: int) -> None:
        """Tell that a session is over, and on what its lease rested."""
        self.effects.append(Ended(session.number, how, session.charge, session.heard_ms, len(session.handles)))
