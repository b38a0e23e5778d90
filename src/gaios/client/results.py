"""What the client's methods give back: small frozen records, made of answers that are what was asked for."""

from collections.abc import Iterator
from typing import TypeVar, overload

import msgspec

from gaios.api import Entry
from gaios.errors import ProtocolError
from gaios.lock_api import Stat

T = TypeVar("T")


def expect(kind: type[T], found: object) -> T:
    """The cell's answer, which is of that kind.

    Raises:
        ProtocolError: it answered something else than was asked.
    """
    if not isinstance(found, kind):
        raise ProtocolError(reason=f"the cell answered with a {type(found).__name__}, which is no answer to this")
    return found


class Done(msgspec.Struct, frozen=True):
    """A write was carried out; `revision` is the database's after it."""

    revision: int


class Deleted(msgspec.Struct, frozen=True):
    """How many keys were there to delete."""

    deleted: int
    revision: int


class Swapped(msgspec.Struct, frozen=True):
    """Whether the key was as expected, and so was set."""

    succeeded: bool
    revision: int


class Number(msgspec.Struct, frozen=True):
    """A counter after its increment."""

    value: int
    revision: int


class NodeContents(msgspec.Struct, frozen=True):
    """A file of the lock service, at one moment."""

    contents: bytes
    stat: Stat


class NodeChanged(msgspec.Struct, frozen=True):
    """Whether the generation was the one that was named, and so it was changed; `stat`: its numbers now."""

    succeeded: bool
    revision: int
    stat: Stat


class Entries(msgspec.Struct, frozen=True):
    """The entries of a range in the order of their keys, as of `revision`; itself iterated, indexed, measured like a tuple of them."""

    entries: tuple[Entry, ...]
    revision: int
    more: bool = False
    """The limit left some out."""

    def __len__(self) -> int:
        """How many."""
        return len(self.entries)

    def __iter__(self) -> Iterator[Entry]:
        """In the order of their keys."""
        return iter(self.entries)

    @overload
    def __getitem__(self, at: int) -> Entry: ...
    @overload
    def __getitem__(self, at: slice) -> tuple[Entry, ...]: ...
    def __getitem__(self, at: int | slice) -> Entry | tuple[Entry, ...]:
        """By position."""
        return self.entries[at]
