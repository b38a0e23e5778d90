r"""Where each fact stands below `\0gaios/`: a letter, and what it is about.

    n/ depth path                 a node: siblings are neighbours       f/ path     a file's contents, unless empty
    s/ session                    a session                             d/ path     a lock-delay
    o/ path \0 session handle     an open handle                        c/ number   a charge: who was heard from
    l/ path \0 handle             a holder of the lock                  t           the sessions' clock
    q/ path \0 ticket             a waiter                              g           how often the cell was restored

Depth is one byte, numbers are eight, big-endian; a path has no NUL, so that what belongs to one path is one range.  [CHUBBY §2.10]
"""

from typing import Final

from gaios.api import RESERVED_PREFIX
from gaios.lock_api import holder_key as holder

KIND: Final = len(RESERVED_PREFIX)
"""Where a key has its letter."""
_FIRST: Final = KIND + 2
"""Where what it is about begins."""
CLOCK: Final = RESERVED_PREFIX + b"t"
GENERATION: Final = RESERVED_PREFIX + b"g"
_NODE: Final = RESERVED_PREFIX + b"n/"
_CONTENTS: Final = RESERVED_PREFIX + b"f/"
_SESSION: Final = RESERVED_PREFIX + b"s/"
_HANDLE: Final = RESERVED_PREFIX + b"o/"
_WAITER: Final = RESERVED_PREFIX + b"q/"
_DELAY: Final = RESERVED_PREFIX + b"d/"
_CHARGE: Final = RESERVED_PREFIX + b"c/"

__all__ = [
    "CLOCK", "GENERATION", "KIND", "charge", "children", "contents", "delay", "depth", "handle", "handle_of", "holder", "name_of", "node",
    "number_of", "parent_of", "path_and_number_of", "path_of", "session", "sessions_after", "waiter",
]  # fmt: skip

# ------------------------------------------------------------------------------------------------------------------- paths


def depth(path: str) -> int:
    """Names in a path: 0 for the root."""
    return path.count("/") if path != "/" else 0


def parent_of(path: str) -> str:
    """The directory that a node other than the root stands in."""
    return path[: path.rindex("/")] or "/"


def name_of(path: str) -> str:
    """A node's name in its directory."""
    return path[path.rindex("/") + 1 :]


# -------------------------------------------------------------------------------------------------------------------- keys


def node(path: str) -> bytes:
    """A node's key."""
    return _NODE + bytes((depth(path),)) + path.encode()


def children(path: str, after: str = "") -> tuple[bytes, bytes]:
    """The range of keys of a directory's children, after a name."""
    inside = _NODE + bytes((depth(path) + 1,)) + (path.encode() if path != "/" else b"") + b"/"
    return inside + (after.encode() + b"\x00" if after else b""), inside[:-1] + b"0"


def contents(path: str) -> bytes:
    """The key of a file's contents."""
    return _CONTENTS + path.encode()


def session(number: int) -> bytes:
    """A session's key."""
    return _SESSION + number.to_bytes(8)


def sessions_after(number: int) -> tuple[bytes, bytes]:
    """The range of keys of sessions after a number."""
    return session(number + 1), _SESSION[:-1] + b"0"


def handle(path: str, session: int, number: int) -> bytes:
    """A handle's key."""
    return _HANDLE + path.encode() + b"\x00" + session.to_bytes(8) + number.to_bytes(8)


def waiter(path: str, ticket: int) -> bytes:
    """The key of one who waits for a lock."""
    return _WAITER + path.encode() + b"\x00" + ticket.to_bytes(8)


def delay(path: str) -> bytes:
    """The key of a lock-delay."""
    return _DELAY + path.encode()


def charge(number: int) -> bytes:
    """The key of a charge."""
    return _CHARGE + number.to_bytes(8)


# ----------------------------------------------------------------------------------------------------------------- parsing


def number_of(key: bytes) -> int:
    """Which session, or charge. Raises `ValueError` like all of these, for a key that is none."""
    if len(key) != _FIRST + 8:
        raise ValueError(key)
    return int.from_bytes(key[_FIRST:])


def path_of(key: bytes) -> str:
    """Of what node, delay or contents."""
    return key[_FIRST + (key[KIND : KIND + 1] == b"n") :].decode()


def path_and_number_of(key: bytes) -> tuple[str, int]:
    """Of what holder's handle, or waiter's ticket."""
    if len(key) < _FIRST + 9:
        raise ValueError(key)
    return key[_FIRST:-9].decode(), int.from_bytes(key[-8:])


def handle_of(key: bytes) -> tuple[str, int, int]:
    """A handle's path, session and number."""
    if len(key) < _FIRST + 17:
        raise ValueError(key)
    return key[_FIRST:-17].decode(), int.from_bytes(key[-16:-8]), int.from_bytes(key[-8:])
