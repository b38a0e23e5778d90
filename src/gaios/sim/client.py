"""A client in the simulated world: the production `client.core.Core`, and this, its shell.

Rule 1. It is the shell of `client/connection.py` on simulated connections: dial, shake hands, frames to the core, what the core wants done.
Rule 2. It has a clock of its own, and dice of its own.
Rule 3. While it is stalled it does nothing: what comes waits for it, and beyond a bound its replica is told that nothing more is taken.
"""

from collections.abc import Callable, Mapping
from functools import partial

from gaios import errors
from gaios.api import Event
from gaios.client.core import Core
from gaios.client.lease import Lease, Told
from gaios.entry import check_submitted
from gaios.sim.clock import Clock
from gaios.sim.network import Connection, Network
from gaios.sim.seat import Seat, address
from gaios.sim.world import World
from gaios.transport import (
    CLIENT_BYTES_MAX,
    Decoder,
    Dialler,
    Kind,
    decode_answer,
    decode_events,
    decode_submit,
    encode_request,
)
from gaios.transport.frame import HEADER_BYTES

FIRST_END = 1_001
"""The end of links that is client 1's; replicas' are their ids."""
_KIND_AT = HEADER_BYTES
_PING_BYTES = len(encode_request(Kind.PING, 1))
Outcome = bytes | errors.Error
_Finish = Callable[[Outcome, tuple[int, int, int], tuple[int, int]], None]


class SimulatedClient:
    """One client, with its connections."""

    def __init__(self, *, world: World, network: Network, seats: Mapping[int, Seat], number: int, drift_ppm: int, full_bytes: int) -> None:
        self._world, self._network, self._seats = world, network, seats
        self.number = number
        self.end = FIRST_END + number - 1
        dice = world.dice.split(f"client {number}")
        self._clock = Clock(dice.split("clock"), drift_ppm)
        self._endpoints = [address(replica) for replica in dice.shuffled(sorted(seats))]
        self._dice = dice
        self.core = Core(self._endpoints, dice.below(1 << 62))
        self._open: dict[str, tuple[Connection, Dialler]] = {}
        self._dials: dict[str, int] = {}
        """How often each endpoint was dialled: one that was given up does not connect any more."""
        self._waiting: dict[int, _Finish] = {}
        self._whose: dict[int, tuple[int, int, int]] = {}
        """Request → the identity and sequence under which it was last sent, read off the wire."""
        self._watching: dict[int, Callable[[tuple[Event, ...] | errors.Error], None]] = {}
        self._places: dict[int, tuple[int, int]] = {}
        self._leases: dict[int, Callable[[Told], None]] = {}
        self.on_answer: Callable[[], None] | None = None
        """Called whenever a replica has answered something: a lease may have been extended."""
        self.on_kill: Callable[[], None] | None = None
        """Kills its process, if that has sessions to lose."""
        self._armed_ns = self._due_ns = -1
        self._deadline_ns = -1
        self._full_bytes = full_bytes
        self._waits: list[Callable[[], None]] | None = None
        """What it has to do when it is no longer stalled; None while it is not."""
        self._held: dict[Connection, int] = {}
        """Bytes that wait for it while it is stalled."""

    def now(self) -> int:
        """What its clock shows."""
        return self._clock.read(self._world.now_ns)

    def call(self, kind: int, payload: bytes, deadline_ns: int, finish: _Finish) -> None:
        """Ask something; `finish` is told the outcome, whose command it was in the log (identity and sequence), and where it stands.

        Args:
            kind: as `Core.call`.
            payload: as `Core.call`.
            deadline_ns: from now.
            finish: called once, not before this returns.
        """
        now = self.now()
        number = self.core.call(now, kind, payload, now + deadline_ns)
        self._waiting[number] = finish
        self._world.after(0, self._turn)

    def watch(self, key: bytes, end: bytes | None, from_revision: int, told: Callable[[tuple[Event, ...] | errors.Error], None]) -> int:
        """Be told of events until an error comes; the watch's number."""
        number = self.core.watch(self.now(), key, end, from_revision, 1 << 62)
        self._watching[number] = told
        self._world.after(0, self._turn)
        return number

    def told_through(self, watch: int) -> int:
        """Everything below this revision has been told to a watch."""
        return self.core._watches._all[watch].next_revision  # noqa: SLF001 (the core tells events, not how far it has come)

    def keep_alive(self, session: int, token: bytes, lease_ms: int, end_ns: int, grace_ns: int, told: Callable[[Told], None]) -> Lease:
        """Keep a session alive, as `Core.keep_alive`; `told` is called with what is told of it."""
        lease = self.core.keep_alive(self.now(), session, token, lease_ms, end_ns, grace_ns)
        self._leases[lease.lease] = told
        self._world.after(0, self._turn)
        return lease

    def let_go(self, lease: int) -> None:
        """Send no more KeepAlives of a session."""
        self._leases.pop(lease, None)
        self.core.let_go(lease)

    def when(self, reading_ns: int) -> int:
        """The true time at which its clock shows that."""
        return self._clock.when(reading_ns)

    def awake(self, act: Callable[[], None]) -> None:
        """Do something now, or when it is no longer stalled."""
        if self._waits is None:
            act()
        else:
            self._waits.append(act)

    def die(self) -> None:
        """Its process is killed, and another begins that knows nothing: what was asked has no outcome, and nobody is told of it."""
        self._world.note(f"die {self.number}")
        finishing, self._waiting = self._waiting, {}
        for endpoint in [*self._dials]:
            self._close(endpoint)
        for number, finish in finishing.items():
            finish(errors.Unknown(reason="its process was killed"), self._whose.get(number, (0, 0, 0)), (0, 0))
        for forgotten in (self._whose, self._places, self._watching, self._leases, self._held):
            forgotten.clear()
        self._waits = None
        self._armed_ns = self._deadline_ns = -1
        self.core = Core(self._endpoints, self._dice.below(1 << 62))

    def break_one(self, pick: Callable[[list[str]], str]) -> None:
        """Break one of the open connections."""
        if self._open:
            self._open[pick(sorted(self._open))][0].break_off()

    def stall(self, duration_ns: int) -> None:
        """Stand still for a while."""
        if self._waits is None:
            self._world.note(f"stall {self.number} {duration_ns}")
            self._waits = []
            self._world.after(duration_ns, self.go_on)

    def go_on(self) -> None:
        """Do what has waited, in order."""
        waits, self._waits = self._waits, None
        if waits is None:
            return
        for connection, held in self._held.items():
            if held > self._full_bytes and connection.on_full is not None:
                connection.on_full(False)
        self._held.clear()
        for act in waits:
            act()
        self.core.tick(self.now())
        self._turn()

    # -- turns -----------------------------------------------------------------------------------------------------------

    def _turn(self) -> None:
        """Do what the core wants done."""
        if self._waits is not None:
            return
        close, dial, send, finished, watched, leases = self.core.drain()
        for endpoint in close:
            self._close(endpoint)
        for endpoint in dial:
            number = self._dials[endpoint] = self._dials.get(endpoint, 0) + 1
            self._world.after(self._network.delay_ns(), self._dial, endpoint, number)
        for endpoint, data in send:
            self._world.note(f"ask {self.number} {endpoint}", data)
            self._read_along(data)
            if endpoint in self._open:
                self._open[endpoint][0].send(0, data)
        for number, told in leases:  # first: whoever goes on by what else came finds what was to be forgotten forgotten
            if number in self._leases:
                self._leases[number](told)
        for number, outcome in finished:
            finish = self._waiting.pop(number, None)
            if finish is not None:
                finish(outcome, self._whose.pop(number, (0, 0, 0)), self._places.pop(number, (0, 0)))
        for number, news in watched:
            self._watching[number](news)
        self._arm()

    def _read_along(self, data: bytes) -> None:
        if data[_KIND_AT] == Kind.PING and len(data) == _PING_BYTES:
            return  # what a client sends most often, by far
        for kind, body in Decoder(CLIENT_BYTES_MAX, magic=False).feed(data):
            if kind == Kind.SUBMIT:
                request, submitted = decode_submit(body)
                entry = check_submitted(submitted)
                self._whose[request] = (*entry.identity, entry.sequence)

    def _arm(self) -> None:
        deadline_ns = self.core.deadline_ns()
        if deadline_ns != self._deadline_ns:
            self._deadline_ns, self._due_ns = deadline_ns, self._clock.when(deadline_ns)
        at, now_ns = self._due_ns, self._world.now_ns
        if at < now_ns:
            at = now_ns
        if self._armed_ns < 0 or at < self._armed_ns:
            self._armed_ns = at
            self._world.at(at, self._alarm, at)

    def _alarm(self, at: int) -> None:
        if at != self._armed_ns:
            return
        self._armed_ns = -1
        if self._due_ns > at:  # the deadline has moved since
            self._arm()
        elif self._waits is None:
            self.core.tick(self.now())
            self._turn()

    # -- connections -----------------------------------------------------------------------------------------------------

    def _dial(self, endpoint: str, number: int) -> None:
        if self._waits is not None:
            self._waits.append(partial(self._dial, endpoint, number))
            return
        if number != self._dials[endpoint]:
            return
        replica = max((member for member, seat in self._seats.items() if address(seat.place) == endpoint), default=0)
        if self._network.is_blocked(self.end, replica) or self._network.is_blocked(replica, self.end):
            return
        seat = self._seats.get(replica)
        if seat is None or seat.node is None:  # without a seat: its machine is yet to come
            self.core.closed(self.now(), endpoint, "connection refused")
            self._turn()
            return
        self._close(endpoint)
        connection = self._network.connect(self.end, replica)
        dialler = Dialler(self.core.hello())
        self._open[endpoint] = (connection, dialler)
        connection.on_bytes[0] = lambda data: self._received(endpoint, connection, data)
        connection.on_broken[0] = lambda: self._broken(endpoint, connection)
        seat.accept(connection)
        connection.send(0, dialler.opening)

    def _received(self, endpoint: str, connection: Connection, data: bytes) -> None:
        if self._waits is not None:
            self._waits.append(partial(self._received, endpoint, connection, data))
            held = self._held.get(connection, 0)
            self._held[connection] = held + len(data)
            if held <= self._full_bytes < held + len(data) and connection.on_full is not None:
                connection.on_full(True)
            return
        open_now, dialler = self._open.get(endpoint, (None, None))
        if open_now is not connection or dialler is None:
            return
        shaking = dialler.welcome is None
        try:
            frames = dialler.feed(data)
        except errors.Error as error:
            self._close(endpoint)
            self.core.closed(self.now(), endpoint, str(error))
            self._turn()
            return
        if shaking and dialler.welcome is not None:
            self.core.opened(self.now(), endpoint, dialler.welcome)
        for kind, body in frames:
            if kind == Kind.ANSWER:
                answer = decode_answer(body)
                if answer.request in self._waiting and answer.status <= 1:
                    self._places[answer.request] = (answer.slot, answer.index)
            elif kind == Kind.EVENTS:
                self._world.note(f"events {self.number} {decode_events(body).next_revision}")
            self.core.received(self.now(), endpoint, kind, body)
            if endpoint not in self._open:
                break
        if self.on_answer is not None:
            self.on_answer()
        self._turn()

    def _broken(self, endpoint: str, connection: Connection) -> None:
        if self._waits is not None:
            self._waits.append(partial(self._broken, endpoint, connection))
            return
        if self._open.get(endpoint, (None, None))[0] is connection:
            del self._open[endpoint]
            self.core.closed(self.now(), endpoint, "connection lost")
            self._turn()

    def _close(self, endpoint: str) -> None:
        """End its connection, or what there is of one."""
        self._dials[endpoint] = self._dials.get(endpoint, 0) + 1
        connection, _ = self._open.pop(endpoint, (None, None))
        if connection is not None:
            connection.on_broken[0] = None
            connection.break_off()
