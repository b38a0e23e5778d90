"""The one choke point: whose session, whose handle, and what may its principal do?  [CHUBBY §2.3]

Rule 1. Every command and question of a session comes through `session_of`, or through one of those that call it.
Rule 2. Access lists are files of the directory `/acl`: one principal a line, `*` for anyone. They are looked at when a node is opened, and
when its lists are changed; a handle that was opened keeps what it was given. A node that names no list, or one that is not there, is
everybody's.
"""

from typing import Final, Protocol

from gaios import errors
from gaios.locks.change import Change
from gaios.locks.index import Handle, Index, Node, Session
from gaios.locks.records import digest

READ: Final = "read"
WRITE: Final = "write"
CHANGE: Final = "change"
_RIGHTS: Final = (READ, WRITE, CHANGE)
"""In the order in which a node names its lists."""
DIRECTORY: Final = "/acl"
ANYONE: Final = b"*"


class OfSession(Protocol):
    """A command or question of a session."""

    @property
    def session(self) -> int:
        """Its number."""

    @property
    def token(self) -> bytes:
        """What proves it."""


class OfHandle(OfSession, Protocol):
    """One of a handle."""

    @property
    def handle(self) -> int:
        """Its number."""


def session_of(index: Index, asked: OfSession, revision: int) -> Session:
    """Who asks; `revision`: the database's present one.

    Raises:
        SessionExpired: It is over, or ending.
        UnknownLockSession: There was none of that number yet, or the token is not its.
    """
    session = index.sessions.get(asked.session)
    if session is None:
        if asked.session > revision:
            raise errors.UnknownLockSession(session=asked.session)
        raise errors.SessionExpired(session=asked.session)
    if session.record.digest != digest(asked.token):
        raise errors.UnknownLockSession(session=asked.session)
    if session.record.ending:
        raise errors.SessionExpired(session=asked.session)
    return session


def handle_of(index: Index, asked: OfHandle, revision: int) -> tuple[Session, Handle, Node]:
    """Who asks, of which handle, of which node. Raises as `session_of`, `UnknownHandle` and `HandleInvalid`."""
    session = session_of(index, asked, revision)
    handle = session.handles.get(asked.handle)
    if handle is None:
        raise errors.UnknownHandle(session=session.number, handle=asked.handle)
    node = index.node_of(handle)
    if node is None:
        raise errors.HandleInvalid(handle=handle.number, path=handle.path)
    return session, handle, node


def writer_of(change: Change, asked: OfHandle) -> tuple[Session, Handle, Node]:
    """The same, of a handle that may change its node now.

    Raises:
        ReadOnlyHandle: It was opened without `write`.
        StaleSequencer: The sequencer that was set for it is not held any more.  [CHUBBY §2.6]
    """
    session, handle, node = handle_of(change.index, asked, change.revision - 1)
    if not handle.record.write:
        raise errors.ReadOnlyHandle(handle=handle.number, path=handle.path)
    sequencer = handle.record.sequencer
    if sequencer is not None and not change.index.is_held(sequencer):
        raise errors.StaleSequencer(path=sequencer.path, generation=sequencer.generation, revision=sequencer.revision)
    return session, handle, node


def check(change: Change, session: Session, node: Node, right: str) -> None:
    """May this session's principal do that to the node? Raises `PermissionDenied`."""
    name = node.record.acl[_RIGHTS.index(right)]
    if not name:
        return
    path = f"{DIRECTORY}/{name}"
    file = change.index.nodes.get(path)
    if file is None or file.record.directory:
        return
    lines = b"\n%b\n" % change.contents(path)
    principal = session.record.principal
    if b"\n%b\n" % ANYONE in lines or (principal and b"\n%b\n" % principal.encode() in lines):
        return
    raise errors.PermissionDenied(principal=principal, right=right, path=node.path, acl=name)
