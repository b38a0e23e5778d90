"""Sessions' leases, as their client sees them.  [CHUBBY §2.8; SAFETY 21, 22]

    opened ──► safe ──► jeopardy ──► expired
                 ▲          │
                 └──────────┘

Rule 1. One KeepAlive of each session is outstanding, at whoever is master. It keeps its number until it is answered.
Rule 2. A lease counts from when the KeepAlive that a chosen charge lists was *sent* first, shortened by how much faster the cell's clocks
may run than this one: it ends here before it ends there.
Rule 3. At its end a session is in jeopardy, whatever the reason; after `grace_ns` more it has expired. The cell may say so earlier.
Rule 4. Notices are told in order, once. Where some may be missing (another master, or too many) its owner is told to ask again.
"""

from collections import deque
from collections.abc import Callable
from enum import IntEnum
from typing import NamedTuple

from gaios.client.dice import Dice
from gaios.client.state import Link
from gaios.client.tuning import BACK_OFF, DRIFT_PPM, MS, NEVER, SENT_MAX
from gaios.lock_api import Notice
from gaios.transport import Answer, KeepAlive, KeptAlive, Status, decode_kept_alive, encode_keepalive


class State(IntEnum):
    """Of a lease."""

    SAFE = 1
    JEOPARDY = 2
    """The cell may have given up what the session holds."""
    EXPIRED = 3
    """It has, or it is taken for granted."""


class AskAgain(NamedTuple):
    """Something may have happened of which nobody tells.  [CHUBBY §2.9]"""

    lost: bool = False
    """There were too many notices; else there is another master."""


Told = State | AskAgain | tuple[Notice, ...]


class Lease:
    """One session's. `end_ns` is read from other threads too."""

    __slots__ = (
        "end_ns",
        "epoch",
        "grace_ns",
        "lapses",
        "lease",
        "lease_ms",
        "link",
        "number",
        "request",
        "retry_at",
        "sent",
        "session",
        "state",
        "token",
        "told",
        "tries",
    )

    def __init__(self, lease: int, session: int, token: bytes, lease_ms: int, end_ns: int, grace_ns: int) -> None:
        self.lease = lease
        self.session, self.token, self.lease_ms, self.grace_ns = session, token, lease_ms, grace_ns
        self.state = State.SAFE
        self.end_ns = end_ns
        """Until then nobody else is given what it holds; by the boot-time clock."""
        self.lapses = 0
        """How often it was over when it was extended, whether anybody noticed or not."""
        self.link: Link | None = None
        """Where its KeepAlive is."""
        self.request = 0
        """Under which its KeepAlive was sent last; 0 when that was answered, and the next is a new one."""
        self.number = 0
        self.sent: deque[tuple[int, int]] = deque(maxlen=SENT_MAX)
        """KeepAlives that no charge is known to list: number, and when it was sent first."""
        self.epoch = self.told = 0
        self.retry_at = self.tries = 0


class Leases:
    """All leases of a client. `told` collects what the shell hands on."""

    def __init__(self, number: Callable[[], int], dice: Dice) -> None:
        self._number = number
        self._dice = dice
        self._all: dict[int, Lease] = {}
        self._idle = False
        """Some may have no KeepAlive outstanding."""
        self.told: list[tuple[int, Told]] = []

    def __len__(self) -> int:
        """How many there are."""
        return len(self._all)

    def add(self, session: int, token: bytes, lease_ms: int, end_ns: int, grace_ns: int) -> Lease:
        """A session was opened."""
        lease = Lease(self._number(), session, token, lease_ms, end_ns, grace_ns)
        self._all[lease.lease] = lease
        self._idle = True
        return lease

    def remove(self, lease: int) -> None:
        """It was closed, or nobody needs it any more."""
        found = self._all.pop(lease, None)
        if found is not None:
            self._detach(found)

    def start(self, now: int, master: Link, new: bool) -> None:
        """Send a KeepAlive of every session that has none outstanding, or one at another replica."""
        if not (new or self._idle):
            return
        self._idle = False
        for lease in self._all.values():
            if lease.link is not master and not lease.retry_at:
                self._detach(lease)
                self._send(now, master, lease)

    def lost(self, requests: dict[int, int]) -> None:
        """A connection ended, and with it these KeepAlives."""
        self._idle = True
        for number in requests.values():
            lease = self._all.get(number)
            if lease is not None:
                lease.link = None

    def answered(self, now: int, link: Link, answer: Answer) -> bool:
        """A KeepAlive was answered; whether by the master.

        Raises:
            ProtocolError: the answer cannot be understood.
        """
        lease = self._all.get(link.leases.pop(answer.request))
        if lease is None:
            return True
        lease.link = None
        if answer.status == Status.DONE:
            kept = decode_kept_alive(answer.body)
            lease.tries = 0
            if kept.lease_ms:
                self._kept(now, lease, kept)
                self._send(now, link, lease)
            else:
                self._end(lease)
        elif answer.status == Status.INVALID:
            self._end(lease)
        else:
            self._idle = True
            if answer.status == Status.NOT_MASTER:
                return False
            lease.tries += 1
            lease.retry_at = now + self._dice.back_off(lease.tries, BACK_OFF)
        return True

    def tick(self, now: int) -> None:
        """What time brings."""
        for lease in list(self._all.values()):
            if lease.retry_at and lease.retry_at <= now:
                lease.retry_at = 0
                self._idle = True
            if lease.state == State.SAFE and lease.end_ns <= now:
                lease.state = State.JEOPARDY
                self.told.append((lease.lease, State.JEOPARDY))
            if lease.state == State.JEOPARDY and lease.end_ns + lease.grace_ns <= now:
                self._end(lease)

    def deadline_ns(self) -> int:
        """When `tick` is needed next."""
        soonest = NEVER
        for lease in self._all.values():
            due = lease.end_ns if lease.state == State.SAFE else lease.end_ns + lease.grace_ns
            soonest = min(soonest, due, lease.retry_at or NEVER)
        return soonest

    def shut(self) -> None:
        """All end: the client is closed."""
        for lease in list(self._all.values()):
            self._end(lease)

    def _send(self, now: int, master: Link, lease: Lease) -> None:
        if not lease.request:
            lease.number += 1
            lease.sent.append((lease.number, now))
        lease.link, lease.request = master, self._number()
        master.leases[lease.request] = lease.lease
        master.quiet_ns = min(master.quiet_ns, lease.lease_ms * MS // 3)
        keepalive = KeepAlive(lease.request, lease.session, lease.number, lease.epoch, lease.told, lease.token)
        master.out.append(encode_keepalive(keepalive))

    def _kept(self, now: int, lease: Lease, kept: KeptAlive) -> None:
        """The cell has it: for how long, and what there is to tell."""
        lease.request = 0
        lease.lease_ms = kept.lease_ms
        since_ns = 0
        while lease.sent and lease.sent[0][0] <= kept.listed:
            _, since_ns = lease.sent.popleft()
        lease.lapses += lease.end_ns <= now
        if since_ns:
            lease.end_ns = max(lease.end_ns, since_ns + shortened_ns(kept.lease_ms))
            if lease.state == State.JEOPARDY and lease.end_ns > now:
                lease.state = State.SAFE
                self.told.append((lease.lease, State.SAFE))
        if kept.epoch != lease.epoch:
            lease.epoch, lease.told = kept.epoch, kept.told
            self.told.append((lease.lease, AskAgain()))
            return
        if kept.lost and kept.told > lease.told:
            self.told.append((lease.lease, AskAgain(lost=True)))
        fresh = kept.notices[max(0, lease.told - (kept.told - len(kept.notices))) :]
        lease.told = max(lease.told, kept.told)
        if fresh:
            self.told.append((lease.lease, fresh))

    def _end(self, lease: Lease) -> None:
        lease.state = State.EXPIRED
        self.remove(lease.lease)
        self.told.append((lease.lease, State.EXPIRED))

    @staticmethod
    def _detach(lease: Lease) -> None:
        if lease.link is not None:
            lease.link.leases.pop(lease.request, None)
            lease.link = None


def shortened_ns(lease_ms: int) -> int:
    """How long a lease lasts by this clock at least, ns: the cell's clocks may run faster than it by the drift bound.  [SAFETY 10]"""
    return lease_ms * MS * (1_000_000 - DRIFT_PPM) // 1_000_000
