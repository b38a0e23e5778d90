"""The lock service's nouns: what a session asks of it, what it gets back, what it is told.  [CHUBBY §2.3, §2.8]

    session   a client's lease on everything that it holds: OpenSession … CloseSession, kept alive by KeepAlive frames (transport/)
    node      a file or directory of `/ls/<cell>/…`; any node is a lock too
    handle    one session's open node: bound to that *instance* of it, named by the revision that opened it
    sequencer the proof of one grant: (generation, revision), which grow for ever [SAFETY 23]

Every command but OpenSession names its session and the session's token, which its client drew: who has not seen the token cannot use the
session's handles, which makes them unforgeable. Each is carried out as one MultiOp.

Paths are `/ls/local` or `/ls/<cell>` and what is below, of 1 to `PATH_BYTES_MAX` bytes of UTF-8; a name is neither empty, `.` nor `..`,
and holds no `/` and no NUL. In commands they stand without `/ls/<cell>`: `/` is the root, `/a/b` a node.

Left out on purpose: how a command travels (transport/, client/), how it is carried out (locks/), caching (caching.py).
"""

from typing import Final

import msgspec

from gaios.caching import FindNode, Found
from gaios.errors import InvalidCommand, ProtocolError
from gaios.explanation import Explain, Explanation
from gaios.nouns import Noun, decode

LEASE_MS: Final = 12_000
"""A session's lease, if it asks for no other.  [CHUBBY §2.8]"""
LEASE_MS_MIN: Final = 1_000  # while a session has so short a lease the master logs a charge four times a second
LEASE_MS_MAX: Final = 60_000  # so long its locks stay with a client that is gone
GRACE_MS: Final = 45_000
"""How long a client waits in jeopardy before it gives its session up.  [CHUBBY §2.8]"""
LOCK_DELAY_MS_MAX: Final = 60_000
"""A minute: so a faulty client cannot keep a lock from everybody for long.  [CHUBBY §2.4]"""
PATH_BYTES_MAX: Final = 512  # half of what a key of the database may have: beside a path stand numbers in it (locks/keys.py)
DEPTH_MAX: Final = 32  # names in a path
CONTENTS_BYTES_MAX: Final = 256 << 10
"""Of one file.  [CHUBBY §4.5]"""
TOKEN_BYTES: Final = 16  # of a session: so many at random cannot be guessed
CLIENT_BYTES_MAX: Final = 128
"""Of the name under which a session is shown to people."""
SESSIONS_MAX: Final = 65_536  # of one cell, and so of one charge's list
HANDLES_MAX: Final = 4_096
"""Of one session."""
WAITERS_MAX: Final = 4_096
"""For one lock; of those who share one too: the next waits."""


def holder_key(path: str, handle: int) -> bytes:
    """The database's key that is there while a handle holds a lock; its `create_revision` is the sequencer's."""
    return b"\x00gaios/l/" + path.encode() + b"\x00" + handle.to_bytes(8)


class _OfSession(Noun, frozen=True):
    """With the token that proves a session to be the one."""

    session: int
    token: bytes


class _OfHandle(_OfSession, frozen=True):
    handle: int


class Stat(Noun, frozen=True, gc=False):
    """A node's numbers, each of which only grows; `instance` is above that of any earlier node of the same name.  [CHUBBY §2.3]"""

    instance: int
    """The revision that created it."""
    content_generation: int
    """Writes of its contents, from 1; 0 for a directory."""
    lock_generation: int
    """How often its lock went from free to held."""
    acl_generation: int
    checksum: int  # of its contents, xxh3, 64 bits
    length: int  # of its contents, bytes
    children: int
    directory: bool
    ephemeral: bool
    acl: tuple[str, str, str]
    """Names of the access lists for reading, writing, and changing these.  [CHUBBY §2.3]"""


class Sequencer(Noun, frozen=True, gc=False):
    """Proof of one grant of a lock: of two for the same path, the later one is greater by (generation, revision).  [SAFETY 23]"""

    path: str
    shared: bool
    generation: int
    """How often this cell was restored from a backup."""
    revision: int
    """The revision that granted the lock."""

    def __str__(self) -> str:
        """`GENERATION.REVISION`, what `GAIOS_SEQUENCER` holds."""
        return f"{self.generation}.{self.revision}"


class Notice(Noun, frozen=True, gc=False):
    """What a session is told of one of its handles, after it happened.  [CHUBBY §2.5]"""

    handle: int
    what: int
    """One of the constants below."""
    name: str = ""
    """The child, where it is about one."""
    revision: int = 0
    """Of the change that it tells of; for `LOCK_ACQUIRED`, of the grant."""


CONTENTS_MODIFIED: Final = 1
CHILD_ADDED: Final = 2
CHILD_REMOVED: Final = 4
CHILD_MODIFIED: Final = 8
HANDLE_INVALID: Final = 16
"""The node is gone, or the handle lost its lock; told whether asked for or not."""
LOCK_ACQUIRED: Final = 32
"""A waiting Acquire was granted; told whether asked for or not."""
CONFLICTING_REQUEST: Final = 64
"""Somebody waits for a lock that this handle holds."""
EVENTS: Final = 127

MAY_CREATE: Final = 1
MUST_CREATE: Final = 2
"""In `Open.create`; 0: it has to exist."""


class OpenSession(Noun, frozen=True, tag=112):
    """Begin a session."""

    token: bytes
    lease_ms: int = LEASE_MS
    caching: bool = False
    """It keeps what it read, and has to be told before that changes.  [SAFETY 24]"""
    client: str = ""
    """For people."""
    principal: str = ""


class CloseSession(_OfSession, frozen=True, tag=113):
    """End it: its locks are released without delay, its handles closed."""


class Open(_OfSession, frozen=True, tag=114):
    """Open a node, and perhaps create it.  [CHUBBY §2.6]"""

    path: str
    create: int = 0
    directory: bool = False
    """What to create, and then what it has to be."""
    ephemeral: bool = False
    contents: bytes = b""
    """Of a file that is created."""
    write: bool = True
    """Whether the handle may change and lock the node."""
    events: int = 0
    """Which to be told, a sum of the constants above."""
    lock_delay_ms: int = 0
    """For how long nobody gets its lock when this session is lost while holding it.  [CHUBBY §2.4]"""
    acl: tuple[str, str, str] | None = None
    """Of a node that is created; None: its parent's."""


class Close(_OfHandle, frozen=True, tag=115):
    """Close a handle; its lock is released, its waiting ends. Never fails for a handle that is closed already.  [CHUBBY §2.6]"""


class SetContents(_OfHandle, frozen=True, tag=116):
    """Replace a file's contents, if `generation` is None or its content generation."""

    contents: bytes
    generation: int | None = None


class SetAcl(_OfHandle, frozen=True, tag=117):
    """Replace the names of a node's three access lists, if `generation` is None or its ACL generation."""

    acl: tuple[str, str, str]
    generation: int | None = None


class DeleteNode(_OfHandle, frozen=True, tag=118):
    """Delete a node that has no children; every handle of it becomes invalid."""


class Acquire(_OfHandle, frozen=True, tag=119):
    """Take the node's lock, or `wait` in its queue: then `LOCK_ACQUIRED` tells of the grant.  [CHUBBY §2.4]"""

    shared: bool = False
    wait: bool = True


class Release(_OfHandle, frozen=True, tag=120):
    """Give the lock back, or leave its queue, whichever applies. Nothing happens when neither does: it is also the Cancel."""


class SetSequencer(_OfHandle, frozen=True, tag=121):
    """From now on, every change through this handle is refused when that sequencer is not valid any more; None: no such check.

    [CHUBBY §2.6]
    """

    sequencer: Sequencer | None


class Charge(Noun, frozen=True, tag=127):
    """The master's own: the clock goes on, the leases of `heard` begin anew, sessions whose leases are over end.  [SAFETY 21]"""

    elapsed_ms: int
    heard: bytes  # sessions heard from since the charge before, in order: LEB128 of the first, then of each difference
    quiet: bool = False  # nobody ends by it, nor does a lock-delay: caches come first  [SAFETY 24]


LockCommand = OpenSession | CloseSession | Open | Close | SetContents | SetAcl | DeleteNode | Acquire | Release | SetSequencer | Charge


class SessionOpened(Noun, frozen=True, tag=128):
    """`session`: its number, the revision that opened it."""

    session: int
    lease_ms: int


class Opened(Noun, frozen=True, tag=129):
    """`handle`: its number, the revision that opened it."""

    handle: int
    created: bool
    stat: Stat


class Changed(Noun, frozen=True, tag=130):
    """It is done, at `revision`; `done`: whether there was anything to do, or the generation was the one that was named."""

    revision: int
    done: bool
    stat: Stat | None = None


class Acquired(Noun, frozen=True, tag=131):
    """`sequencer`: of the grant; None while it waits, or when it did not want to."""

    sequencer: Sequencer | None
    waits: bool = False
    delay_ms: int = 0
    """What is left of a lock-delay, by the sessions' clock, where that is why."""


class Charged(Noun, frozen=True, tag=132):
    """`clock_ms`: the sessions' clock now; `expired`: how many sessions ended; `more`: others wait for the next charge to end them."""

    clock_ms: int
    expired: int
    more: bool


LockReply = SessionOpened | Opened | Changed | Acquired | Charged


class GetContentsAndStat(_OfHandle, frozen=True, tag=144):
    """A file's whole contents, and its numbers, at one moment.  [CHUBBY §2.6]"""

    contents: bool = True
    """False: GetStat."""


class ReadDir(_OfHandle, frozen=True, tag=145):
    """Names and numbers of a directory's children, in order, after `after`.  [CHUBBY §2.6]"""

    after: str = ""
    limit: int = 0


class GetSequencer(_OfHandle, frozen=True, tag=146):
    """The grant that a handle holds, or how it waits.  [CHUBBY §2.6]"""


class CheckSequencer(Noun, frozen=True, tag=147):
    """Is this grant still held? Needs no session: the receiver of a sequencer asks.  [CHUBBY §2.4]"""

    sequencer: Sequencer


class ListSessions(Noun, frozen=True, tag=148):
    """Sessions after `after`, in order; for people."""

    after: int = 0
    limit: int = 0


class ListNodes(Noun, frozen=True, tag=149):
    """Children of a path after `after`, in order, with who holds and who waits; for people."""

    path: str
    after: str = ""
    limit: int = 0


LockQuestion = GetContentsAndStat | ReadDir | GetSequencer | CheckSequencer | ListSessions | ListNodes | FindNode | Explain


class ContentsAndStat(Noun, frozen=True, tag=160):
    """`contents` is None where only the stat was asked for."""

    contents: bytes | None
    stat: Stat


class Children(Noun, frozen=True, tag=161):
    """Names and numbers; `more`: ask again after the last name."""

    children: tuple[tuple[str, Stat], ...]
    more: bool


class Checked(Noun, frozen=True, tag=162):
    """`valid`: that grant is still held. `revision`: the newest grant of that lock in that mode, 0 if nobody holds it."""

    valid: bool
    revision: int


class SessionInfo(Noun, frozen=True):
    """One session."""

    session: int
    client: str
    principal: str
    lease_ms: int
    left_ms: int
    """Until it ends if it is not heard from again, by the sessions' clock."""
    caching: bool
    handles: int
    locks: int


class Sessions(Noun, frozen=True, tag=163):
    """A page of sessions; `more`: ask again after the last one's number."""

    sessions: tuple[SessionInfo, ...]
    clock_ms: int
    more: bool


class NodeInfo(Noun, frozen=True):
    """One node, its holders and waiters as (session, sequencer's revision or ticket)."""

    path: str
    stat: Stat
    holders: tuple[tuple[int, int], ...]
    shared: bool
    waiters: int
    handles: int


class Nodes(Noun, frozen=True, tag=164):
    """A page of nodes; `more`: ask again after the last one's name."""

    nodes: tuple[NodeInfo, ...]
    more: bool


LockAnswer = ContentsAndStat | Children | Acquired | Checked | Sessions | Nodes | Found | Explanation

_commands: msgspec.msgpack.Decoder[LockCommand] = msgspec.msgpack.Decoder(LockCommand)
_replies: msgspec.msgpack.Decoder[LockReply] = msgspec.msgpack.Decoder(LockReply)
_questions: msgspec.msgpack.Decoder[LockQuestion] = msgspec.msgpack.Decoder(LockQuestion)
_answers: msgspec.msgpack.Decoder[LockAnswer] = msgspec.msgpack.Decoder(LockAnswer)
encode = msgspec.msgpack.Encoder().encode
"""A noun's bytes."""


def decode_command(data: bytes) -> LockCommand:
    """Raises `InvalidCommand` for anything that `encode` did not make of a `LockCommand`."""
    return decode(_commands, data, InvalidCommand)


def decode_question(data: bytes) -> LockQuestion:
    """Raises `InvalidCommand` for anything that `encode` did not make of a `LockQuestion`."""
    return decode(_questions, data, InvalidCommand)


def decode_reply(data: bytes) -> LockReply:
    """What `apply` answered to a command. Raises `ProtocolError`."""
    return decode(_replies, data, ProtocolError)


def decode_answer(data: bytes) -> LockAnswer:
    """What `query` answered to a question. Raises `ProtocolError`."""
    return decode(_answers, data, ProtocolError)
