"""The client's two small records: a call, and a connection to one replica."""

from typing import Final

from gaios.client.session import Session
from gaios.client.tuning import NEVER
from gaios.errors import Error
from gaios.transport import Kind

READ: Final = int(Kind.READ)
WRITE: Final = int(Kind.SUBMIT)
STATUS: Final = int(Kind.STATUS)
CHANGE: Final = int(Kind.CHANGE)
"""Kinds of calls: the frames that carry them. (Plain numbers: to compare with an enumeration's member costs more.)"""
REGISTER: Final = 0
"""The client's own call for an identity, carried as a WRITE."""


class Call:
    """Something asked, until its outcome is known.

    What binds is *in doubt* when an attempt was sent whose fate no answer told: its connection was lost, or the answer was IN_DOUBT.
    Attempts still open are in `links`. Only when there is neither is it certain that no attempt takes effect.  [SAFETY 20]
    """

    __slots__ = (
        "again_at",
        "began",
        "deadline",
        "doubt",
        "frame",
        "id",
        "kind",
        "links",
        "payload",
        "queued",
        "refusal",
        "sequence",
        "session",
        "target",
        "tries",
        "verdict",
    )

    def __init__(self, call_id: int, kind: int, payload: bytes, began: int, deadline: int, target: "Link | None") -> None:
        self.id = call_id
        self.kind = kind
        self.payload = payload
        self.began = began
        self.deadline = deadline
        self.target = target
        """The one replica that is asked; None: the master."""
        self.frame = b""
        self.session: Session | None = None
        self.sequence = 0
        self.links: list[Link] = []
        """Where an attempt is open."""
        self.doubt = False
        self.queued = False
        self.again_at = 0
        """Not to be sent before; 0: at once."""
        self.tries = 0
        self.refusal: Error | None = None
        """The last reason why an attempt had no effect."""
        self.verdict: Error | None = None
        """It is not sent again; this is its outcome unless an open attempt is answered otherwise."""

    @property
    def binds(self) -> bool:
        """Whether an attempt may change anything: of a write, and of a change of the members."""
        return self.kind in {WRITE, CHANGE}

    @property
    def clean(self) -> bool:
        """No attempt has taken, or can take, effect."""
        return not self.doubt and not self.links


CLOSED, OPENING, READY = range(3)


class Link:
    """A replica's address and the connection to it, if there is one."""

    __slots__ = (
        "attempts",
        "endpoint",
        "failures",
        "heard_at",
        "leases",
        "not_before",
        "out",
        "owes_since",
        "pinged_at",
        "pinging",
        "quiet_ns",
        "retry_at",
        "since",
        "state",
        "watches",
    )

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self.failures = 0
        """In a row, to connect."""
        self.retry_at = 0
        """Not dialled before."""
        self.reset(CLOSED, 0)

    def reset(self, state: int, now: int) -> None:
        """Another connection, or none."""
        self.state = state
        self.since = now
        self.attempts: dict[int, Call] = {}
        self.watches: dict[int, int] = {}
        """Watch requests on this connection, and whose they are."""
        self.leases: dict[int, int] = {}
        """KeepAlives that it holds, and of which lease."""
        self.quiet_ns = NEVER
        """While it holds KeepAlives it says something this often: a little more than a quarter of their leases."""
        self.out: list[bytes] = []
        self.heard_at = now
        self.owes_since = NEVER
        """Since when it owes us a word; any word settles that, or starts it anew."""
        self.pinging = False
        self.pinged_at = now
        """When it was asked for a sign of life, or gave another one since."""
        self.not_before = 0
        """Not asked again before, in a search."""

    def owe(self, now: int) -> None:
        """It was sent something that it must answer."""
        if self.owes_since == NEVER:
            self.owes_since = now

    def heard(self, now: int) -> None:
        """It said something."""
        self.heard_at = now
        if self.pinging:
            self.owes_since = self.pinged_at = now
        else:
            self.owes_since = now if self.attempts else NEVER
