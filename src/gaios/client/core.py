"""The client as a pure object: whom to ask, what to ask again, and what an answer proves.

Events and `now` go in, `drain` gives what the shell has to do. No clock, socket, dice or logger inside; the simulator runs the same object.
The search for the master is search.py; a call's life calls.py, a watch's watches.py, a session's lease.py; the numbers, tuning.py.

Rule 1. Every event may come at any time, and is followed by `drain`; `tick` comes at `deadline_ns()`, or later.
Rule 2. Whatever a replica sends costs at most the connection that it came over.
Rule 3. Everything has a bound; beyond it is `Overloaded`.  [SAFETY 28]
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from gaios.api import Event
from gaios.client.calls import Calls
from gaios.client.dice import Dice
from gaios.client.lease import Lease, Leases, Told
from gaios.client.search import Search
from gaios.client.state import CHANGE, CLOSED, OPENING, READ, READY, STATUS, WRITE, Link
from gaios.client.tuning import WARM_UP
from gaios.client.watches import Watches
from gaios.errors import AnotherCell, ConfigurationError, Error, NotMaster, ProtocolError, unpack
from gaios.transport import (
    Answer,
    Hello,
    Kind,
    Welcome,
    decode_answer,
    decode_events,
    decode_goodbye,
    decode_members,
    decode_pong,
    decode_watch_end,
)

__all__ = ["CHANGE", "READ", "STATUS", "WRITE", "Core", "Output"]

_ANSWER: Final = int(Kind.ANSWER)
"""By far the most frequent frame; a plain number is compared faster than an enumeration's member."""


class Output(NamedTuple):
    """What the shell has to do, in this order."""

    close: list[str]
    """Connections to end. Nothing more of them may be told to the core; the same endpoint may stand in `dial`."""
    dial: list[str]
    """Connect, shake hands with `Core.hello()`, then tell `opened` or `closed`."""
    send: list[tuple[str, bytes]]
    finished: list[tuple[int, bytes | Error]]
    """Calls, each once: the reply, or why there is none."""
    watched: list[tuple[int, tuple[Event, ...] | Error]]
    """Watches: events, or the error that ended it."""
    leases: list[tuple[int, Told]]
    """Sessions: notices, and what became of the lease."""


class Core:
    """One client.

    Args:
        endpoints: `HOST:PORT` of at least one replica.
        seed: for back-off and turns; two clients should have two.

    Raises:
        ConfigurationError: there is no endpoint.
    """

    def __init__(self, endpoints: Sequence[str], seed: int = 0) -> None:
        if not endpoints:
            raise ConfigurationError(reason="no endpoints were given", hint="name at least one replica as HOST:PORT")
        dice = Dice(seed)
        self._search = Search(endpoints, dice)
        self._calls = Calls(self._search, dice)
        self._watches = Watches(self._calls.number, dice)
        self._leases = Leases(self._calls.number, dice)
        self._close: list[str] = []
        self._warm_until = 0

    # ------------------------------------------------------------------------------------------------------------ the caller

    def hello(self) -> Hello:
        """How to greet a replica."""
        return Hello(role="client", cell=self._search.cell)

    @property
    def endpoints(self) -> list[str]:
        """Every address known: those given, then those that replicas named."""
        return list(self._search.links)

    @property
    def master(self) -> str:
        """The address of whom it takes for the master; empty while it knows of none."""
        return self._search.master.endpoint if self._search.master is not None else ""

    @property
    def why(self) -> str:
        """Why it was not answered, as far as it is known."""
        return self._search.why or "no replica was reached"

    def warm_up(self, now: int) -> None:
        """Begin to look for the master although nothing is asked yet; not for longer than an election may take."""
        self._warm_until = now + WARM_UP
        self._go(now)

    def call(self, now: int, kind: int, payload: bytes, deadline_ns: int, endpoint: str = "") -> int:
        """Ask something; its number, under which `Output.finished` tells the outcome.

        Args:
            now: ns.
            kind: WRITE (payload: a command), READ (a question), STATUS (nothing) or CHANGE (a configuration).
            payload: opaque here.
            deadline_ns: by then it has an outcome.
            endpoint: ask this replica alone, once; for READ, STATUS and CHANGE.

        Raises:
            CommandTooLong: no replica would take it.
            Overloaded: too many calls, or too many bytes, are under way, or too many endpoints are known.
        """
        number = self._calls.add(now, kind, payload, deadline_ns, self._search.link(endpoint) if endpoint else None)
        if self._search.master is None:
            self._go(now)
        return number

    def cancel(self, now: int, call_id: int) -> None:
        """Nobody waits for it any more. A write that was sent may still take effect, until a later one is carried out."""
        self._calls.cancel(call_id)
        self._go(now)

    def watch(self, now: int, key: bytes, end: bytes | None, from_revision: int, deadline_ns: int) -> int:
        """Be told of every event of `key` (of `[key, end)`) from a revision on; 0: of what comes after the master's present one.

        Args:
            now: ns.
            key: the key, or the first of a range.
            end: as in `api`.
            from_revision: the first that is told.
            deadline_ns: to begin by.
        """
        watch = self._watches.add(now, key, end, from_revision, deadline_ns)
        self._go(now)
        return watch

    def unwatch(self, watch: int) -> None:
        """End a watch; nothing more is told of it."""
        self._watches.remove(watch)

    def pause(self, watch: int) -> None:
        """Tell nothing more of a watch until `resume`; what has come already is in the next `drain`."""
        self._watches.pause(watch)

    def resume(self, now: int, watch: int) -> None:
        """Go on with a watch, where it stood."""
        self._watches.resume(watch)
        self._go(now)

    def keep_alive(self, now: int, session: int, token: bytes, lease_ms: int, end_ns: int, grace_ns: int) -> Lease:
        """Keep a session alive that was opened; `Output.leases` tells of it. Its lease is safe until `end_ns` in any case."""
        lease = self._leases.add(session, token, lease_ms, end_ns, grace_ns)
        self._go(now)
        return lease

    def let_go(self, lease: int) -> None:
        """Send no more KeepAlives; nothing more is told of it."""
        self._leases.remove(lease)

    def shut(self, now: int) -> None:
        """Every call, watch and lease ends now, as at its deadline, and every connection is to be closed."""
        self._calls.shut(now)
        self._watches.shut()
        self._leases.shut()
        for link in self._search.links.values():
            if link.state != CLOSED:
                self._drop(now, link, "")
        self._warm_until = 0

    # ------------------------------------------------------------------------------------------------------------ connections

    def opened(self, now: int, endpoint: str, welcome: Welcome) -> None:
        """A connection was made, hands were shaken."""
        link = self._search.links[endpoint]
        if link.state != OPENING:
            return
        if self._search.cell and welcome.cell != self._search.cell:
            # Two were dialled before the first had told its cell.
            error = AnotherCell(what=endpoint, found=f"cell {welcome.cell.hex()}", expected=f"cell {self._search.cell.hex()}")
            self._drop(now, link, str(error))
        else:
            self._search.opened(now, link, welcome)
            self._calls.opened(now, link)
        self._go(now)

    def closed(self, now: int, endpoint: str, why: str) -> None:
        """A connection was lost, or could not be made."""
        self._lost(now, self._search.links[endpoint], why)
        self._go(now)

    def received(self, now: int, endpoint: str, kind: int, body: bytes) -> None:
        """A frame came."""
        link = self._search.links[endpoint]
        if link.state != READY:
            return
        try:
            if kind == _ANSWER:
                answer = decode_answer(body)
                if answer.request in link.leases:
                    self._kept_alive(now, link, answer)
                else:
                    self._calls.answered(now, link, answer)
            elif kind == Kind.PONG:
                self._search.ponged(now, link, decode_pong(body))
            elif kind == Kind.MEMBERS:
                self._search.told(*decode_members(body))
            elif kind == Kind.EVENTS:
                link.heard(now)
                self._watches.happened(link, decode_events(body))
            elif kind == Kind.WATCH_END:
                link.heard(now)
                request, error = decode_watch_end(body)
                self._watches.ended(now, link, request, error)
                if isinstance(error, NotMaster):
                    self._calls.declined(now, link, error)
            elif kind == Kind.GOODBYE:
                self._drop(now, link, str(decode_goodbye(body)))
            else:
                raise ProtocolError(reason=f"a replica sent a frame of kind {kind}")  # noqa: TRY301 (one way out)
        except ProtocolError as error:
            self._drop(now, link, str(error))
        self._go(now)

    def tick(self, now: int) -> None:
        """Time has passed."""
        self._calls.tick(now)
        self._leases.tick(now)
        self._watches.tick(now, self.why)
        for link, why in self._search.tick(now, self._waiting(now)):
            self._drop(now, link, why)
        self._go(now)

    def deadline_ns(self) -> int:
        """When `tick` is needed next."""
        return min(self._search.deadline_ns(), self._watches.deadline_ns(), self._leases.deadline_ns(), self._calls.deadline_ns())

    def drain(self) -> Output:
        """What there is to do, once."""
        send: list[tuple[str, bytes]] = []
        for link in self._search.links.values():
            if link.out:
                send.append((link.endpoint, b"".join(link.out)))
                link.out = []
        output = Output(self._close, self._search.dial, send, self._calls.finished, self._watches.told, self._leases.told)
        self._close, self._search.dial, self._calls.finished, self._watches.told, self._leases.told = [], [], [], [], []
        return output

    # ------------------------------------------------------------------------------------------------------------ inside

    def _waiting(self, now: int) -> bool:
        """Whether anybody needs the master."""
        return self._calls.waiting() or now < self._warm_until or self._watches.waiting() or len(self._leases) > 0

    def _go(self, now: int) -> None:
        """After every event: what there is to send goes to the master, or the search for one begins."""
        search = self._search
        master = search.master
        if master is None:
            if not search.is_on() and self._waiting(now):
                search.begin(now)
            return
        new = search.settled
        if new:
            search.settled = False
            self._warm_until = 0
        self._calls.pump(now, master, new)
        self._watches.start(now, master, new)
        self._leases.start(now, master, new)

    def _kept_alive(self, now: int, link: Link, answer: Answer) -> None:
        link.heard(now)
        if not self._leases.answered(now, link, answer):
            self._calls.declined(now, link, unpack(answer.body) if answer.body else None)

    def _drop(self, now: int, link: Link, why: str) -> None:
        self._close.append(link.endpoint)
        self._lost(now, link, why)

    def _lost(self, now: int, link: Link, why: str) -> None:
        attempts, watches, leases = link.attempts, link.watches, link.leases
        self._search.lost(now, link, why)
        self._calls.lost(now, link, attempts, why)
        self._watches.lost(watches)
        self._leases.lost(leases)
