"""What the model of the lock service knows: its nodes, handles and sessions, and grants of locks."""

from dataclasses import dataclass, field

from gaios import lock_api
from gaios.lock_api import Sequencer


@dataclass(slots=True)
class Node:
    """A node; `opens`: the handles of this instance, in the order of their opening."""

    path: str
    instance: int
    directory: bool
    ephemeral: bool
    contents: bytes = b""
    acl: tuple[str, str, str] = ("", "", "")
    written: int = 0
    locked: int = 0
    listed: int = 1
    """How often its access lists were named."""
    opens: list[int] = field(default_factory=list)
    holders: dict[int, int] = field(default_factory=dict)
    """Handle → the revision of its grant."""
    shared: bool = False
    queue: list[int] = field(default_factory=list)
    """Handles, the first that came first."""


@dataclass(slots=True)
class Handle:
    """An open node, and how it waits."""

    session: int
    node: Node
    asked: lock_api.Open
    sequencer: Sequencer | None = None
    ticket: int = 0
    shared: bool = False


@dataclass(slots=True)
class Session:
    """A session, heard of last at that time of the clock."""

    token: bytes
    lease_ms: int
    heard_ms: int
    handles: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Granted:
    """One grant, and where it ended."""

    path: str
    instance: int
    session: int
    handle: int
    shared: bool
    revision: int
    ended: int = 0
    """The revision that ended it; 0: none has."""
    was_lost: bool = False
