"""What clients with sessions leave behind for the checkers: plain records, in the order in which they were observed.

`*_ns` are true time. What a client believes is translated from its own clock when it is written down.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

from gaios.lock_api import LockAnswer, LockCommand, LockQuestion, LockReply, Notice

Grant = tuple[int, int]
"""A sequencer's generation and revision."""
CLOSED = "closed"
KILLED = "killed"
EXPIRED = "expired"
"""How a session ended, as its client knows it: it closed it, was killed, or was told that it is over (or took that for granted)."""


class Asked(NamedTuple):
    """One command or question of a session, from its first attempt to its last answer."""

    number: int
    client: int
    request: LockCommand | LockQuestion
    began: int
    """`order` of the call."""
    began_ns: int
    ended: int | None
    """`order` of the answer; None when none came."""
    ended_ns: int
    outcome: str
    """As in `sim.history.Call`."""
    reply: LockReply | LockAnswer | None
    refusal: str = ""
    """The name of the error with which it was refused."""
    whose: tuple[int, int, int] = (0, 0, 0)
    """The identity (slot, index) and sequence under which a command was last sent; zeros if it never was."""
    slot: int = 0
    """Where an answered command stands in the log; 0 for questions."""
    nth: int = 0
    error: str = ""


class Recalled(NamedTuple):
    """A session's client answered a question of a node out of its cache. It asked nobody."""

    number: int
    client: int
    path: str
    question: LockQuestion
    answer: LockAnswer
    began: int
    ended: int
    """As in `Asked`."""
    began_ns: int
    ended_ns: int


class Belief(NamedTuple):
    """A client was sure that it holds a lock."""

    client: int
    session: int
    handle: int
    path: str
    instance: int
    shared: bool
    grant: Grant
    lock_delay_ms: int
    from_ns: int
    until_ns: int
    """Until it gave the lock back, was told that it is lost, or its lease was over by its own clock; whichever was first."""


class Written(NamedTuple):
    """A resource that checks sequencers took what a holder sent."""

    path: str
    grant: Grant
    client: int
    handle: int
    at_ns: int


class Hint(NamedTuple):
    """A session was told something by a KeepAlive's answer."""

    at_ns: int
    order: int
    notice: Notice | None
    """None: to ask again what it wants to know, as there is a new master, or there was too much to tell."""


@dataclass(slots=True)
class Life:
    """One session, as its client knows it."""

    session: int
    client: int
    lease_ms: int
    opened_ns: int
    promised_ns: int = 0
    """The latest true time until which its client was sure of it."""
    kept: int = 0
    """How often its lease was extended."""
    hints: list[Hint] = field(default_factory=list)
    heard_ns: int = 0
    """When the newest answer of a KeepAlive came."""
    ended_ns: int = 0
    how: str = ""


class Records:
    """All of one run."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.recalled: list[Recalled] = []
        self.beliefs: list[Belief] = []
        self.written: list[Written] = []
        self.lives: list[Life] = []
        self.numbers = 0
        """Questions and commands so far, those that a cache answered too."""
        self.settled_ns = 1 << 62
        """Since then the world is quiet."""
        self.bound_ns = 0
        """By then nothing may be left of sessions that ended; 0: the run did not come so far."""
