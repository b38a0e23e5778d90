"""What `gaios explain` is told: where in the log something of the lock service happened, and what it rested on.  [CHUBBY §2.4, §2.8]

    Explain      which session, or which lock
    Explanation  the facts, each with its place in the log: sessions, grants of locks, charges, reigns

A fact says nothing that the log does not say. What was forgotten is named: `since` is the first slot of which anything is kept, and
`more` says that older facts of what was asked for were left out.

Left out on purpose: sentences (explain/), how facts are gathered (locks/annals.py).
"""

from typing import Final

from gaios.nouns import Noun

CLOSED: Final = 1
LOST: Final = 2
"""How a session ended: closed by its client, or its lease was over. 0: it lives."""

RELEASED: Final = 1
HANDLE_CLOSED: Final = 2
SESSION_CLOSED: Final = 3
SESSION_EXPIRED: Final = 4
NODE_DELETED: Final = 5
"""How a grant ended. 0: it is held."""

GRANTS_TOLD: Final = 64
NODES_TOLD: Final = 64
CHARGES_TOLD: Final = 32
"""Of one session's last lease, the newest."""


class _Fact(Noun, frozen=True, gc=False):
    """A frozen record that travels as an array."""


class Moment(_Fact, frozen=True):
    """A place in the log."""

    slot: int
    epoch: int
    """The ballot of the master in whose reign it stands."""
    time_ms: int
    """That master's clock, since 1970; advice, for people."""


class Reign(_Fact, frozen=True):
    """A master's epoch entry."""

    at: Moment
    """Its `epoch` is the new one."""


class Charge(_Fact, frozen=True):
    """The sessions' clock went on.  [SAFETY 21]"""

    at: Moment
    number: int
    elapsed_ms: int
    clock_ms: int
    """The sessions' clock after it."""
    heard: int
    """How many sessions it lists."""


class SessionFact(_Fact, frozen=True):
    """One session's life."""

    session: int
    client: str
    principal: str
    lease_ms: int
    opened: Moment | None
    """None: it is not kept."""
    charge: int
    """The number of the charge from which its lease counts; 0: none listed it yet, or it was closed."""
    heard_ms: int
    """The sessions' clock at that charge."""
    charges: tuple[Charge, ...] = ()
    """From that one on, through the one that ended it."""
    ended: Moment | None = None
    how: int = 0
    handles: int = 0
    """How many its end has closed; or how many it has."""
    nodes: tuple[str, ...] = ()
    """Ephemeral nodes that went with its handles."""


class Grant(_Fact, frozen=True):
    """One holder's time with a lock."""

    path: str
    revision: int
    """The sequencer's."""
    shared: bool
    session: int
    handle: int
    granted: Moment | None
    """None: it is not kept."""
    ended: Moment | None = None
    why: int = 0
    by: int = 0
    """The session that deleted the node, where that is why."""
    clock_ms: int = 0
    """The sessions' clock when it ended."""
    until_ms: int = 0
    """Through when a lock-delay then kept the lock from everybody, by the sessions' clock; 0: it did not."""


class Explain(_Fact, frozen=True, tag=158):
    """Tell of a session, or of a lock; of all its grants, or the one of a sequencer's revision. For people."""

    session: int = 0
    path: str = ""
    revision: int = 0


class Explanation(_Fact, frozen=True, tag=174):
    """The facts, each list in the order of the log."""

    since: int
    """The first slot of which anything is kept; 0: nothing happened yet."""
    through: int
    """The last slot in which anything happened to sessions or locks."""
    generation: int
    """How often this cell was restored: the first number of a sequencer."""
    clock_ms: int
    """The sessions' clock now."""
    revision: int
    """The database's now: a session or sequencer with a greater number does not exist yet."""
    sessions: tuple[SessionFact, ...] = ()
    grants: tuple[Grant, ...] = ()
    reigns: tuple[Reign, ...] = ()
    more: bool = False
    """There are older grants, or nodes, than are told."""
    until_ms: int = 0
    """Of a lock: through when a lock-delay keeps it from everybody; 0: none does."""
    waiters: int = 0
    """Of a lock: how many wait for it."""
