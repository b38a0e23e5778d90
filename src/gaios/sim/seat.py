"""One replica's place in the simulated cell: a machine with a disk and a clock, and a process that comes and goes.  [DESIGN §1]

The process is the production `server.node.Node`; this is its shell, as `server/replica.py` is the real one. It carries `Effects` out on
the simulated disk and network, and hands events in.

Rule 1. A turn: the poll finds events, each is taken and handed in with a `now` read after it was taken, then effects are drained once.
A process may be paused at any point of a turn: before the poll, between poll and take, between drain and carrying out.  [SAFETY 12]
Rule 2. What a process does not take while it is paused waits for it; what is sent to a dead one is lost.
Rule 3. A process that raises what it may not raise is a finding.
"""

from collections.abc import Iterable
from functools import partial
from typing import Any

from gaios import errors
from gaios.log import Bounds, Copies, Options, RecordKind, encode
from gaios.log.records import State
from gaios.server.node import Effects, Limits, Node
from gaios.sim.clock import Clock
from gaios.sim.disk import Disk
from gaios.sim.faults import DiskFaults
from gaios.sim.network import Connection, Deliver, Network
from gaios.sim.observations import Observations, ObservedDatabase
from gaios.sim.onlooker import Onlooker
from gaios.sim.world import World
from gaios.storage import Identity, Record, create
from gaios.transport import PEER_BYTES_MAX, Decoder, Kind, Listener, encode_goodbye, encode_peer, refuse

TURN_NS = 30_000
"""What a turn of the loop takes: events that come meanwhile wait for the next."""
WALL_MS = 1_700_000_000_000
"""What the wall clock shows when the world begins."""


def address(replica: int) -> str:
    """A replica's client address."""
    return f"127.0.0.1:{7419 + replica}"


class _Client:
    """A client's connection, seen from here."""

    __slots__ = ("connection", "listener")

    def __init__(self, connection: Connection, cell: bytes) -> None:
        self.connection = connection
        self.listener = Listener(cell)


class Seat:
    """See the module."""

    def __init__(
        self,
        *,
        world: World,
        network: Network,
        observations: Observations,
        replica: int,
        replicas: int,
        cell: bytes,
        disk_faults: DiskFaults,
        drift_bound_ppm: int,
        drift_ppm: int | None,
        options: Options,
        bounds: Bounds,
        limits: Limits,
        segment_bytes: int,
    ) -> None:
        self.world, self.network, self.observations = world, network, observations
        self.replica = replica
        self.members = {member: member for member in range(1, replicas + 1)}
        self._bounds = bounds
        self._cell, self._options, self._limits, self._segment_bytes = cell, options, limits, segment_bytes
        self._dice = world.dice.split(f"seat {replica}")
        self.clock = Clock(self._dice.split("clock"), drift_bound_ppm, drift_ppm)
        self.disk = Disk(world, self._dice.split("disk"), disk_faults, str(replica))
        self.node: Node | None = None
        self.onlooker = Onlooker(
            world,
            observations,
            self._dice.split("onlooker"),
            replica,
            Identity(cell, replica, 0),
            self.clock,
            self.disk,
            options.queue_entries,
        )
        self.life = 0
        """Counts starts and ends: what belongs to another life is ignored."""
        self.on_fall: Any = None
        """Called when the process ends by itself."""
        self._inbox: list[tuple[Any, ...]] = []
        self._turn_at = -1
        self._free_ns = 0
        self._armed_ns = -1
        self._deadline_ns = self._due_ns = -1
        """When the node is due, by its clock, and in true time."""
        self._poll_ns = 0
        self._pause: tuple[str, int] | None = None
        self._asleep: Any = None
        """What a paused process goes on with."""
        self._clients: dict[int, _Client] = {}
        self._receivers: dict[int, Deliver] = {}
        self._frames = Decoder(PEER_BYTES_MAX, magic=False)
        self._numbers = 0

    def meet(self, others: Iterable["Seat"]) -> None:
        """Learn where frames to the other seats go."""
        self._receivers = {other.replica: partial(other.frame, self.replica) for other in others}

    # -- coming and going ------------------------------------------------------------------------------------------------

    def create(self) -> None:
        """Make the directory, durably, as `gaios init` does."""
        identity = Identity(self._cell, self.replica, 0)
        state = Record(RecordKind.STATE, 0, 0, encode(State(0, 0, 0, 0, [])))
        for operation in create(identity, encode(Copies()), state, segment_bytes=self._segment_bytes):
            self.disk.execute(operation)

    def start(self) -> None:
        """Start the process on whatever the disk holds."""
        assert self.node is None
        self.life += 1
        self.world.note(f"start {self.replica}")
        machine = ObservedDatabase(self.observations, self.replica)
        now = self.clock.read(self.world.now_ns)
        try:
            node = Node.start(
                cell=self._cell,
                member=self.replica,
                members=self.members,
                clients={replica: address(replica) for replica in self.members},
                reader=self.disk,
                machine=machine,
                nonce=int.from_bytes(self._dice.bytes(8), "little"),
                now=now,
                wall_ms=WALL_MS + self.world.now_ns // 1_000_000,
                options=self._options,
                bounds=self._bounds,
                limits=self._limits,
                segment_bytes=self._segment_bytes,
            )
        except errors.Error as error:
            self.onlooker.found("start", error)
            return
        machine.boot = self.life
        self.onlooker.started(self.life, node)
        self.node = node
        self._inbox, self._turn_at, self._armed_ns, self._deadline_ns, self._pause, self._asleep = [], -1, -1, -1, None, None
        self._free_ns = self.world.now_ns
        self._put(("tick",))

    def stop(self, *, power: bool) -> None:
        """The process is killed; with `power`, so is its machine."""
        if self.node is None:
            return
        self.world.note(f"{'power cut' if power else 'kill'} {self.replica}")
        self.life += 1
        self.node = None
        self.onlooker.stopped()
        for client in self._clients.values():
            client.connection.break_off()
        self._clients.clear()
        if power:
            self.disk.power_cut()
            self.clock.restart(self.world.now_ns)
        else:
            self.disk.kill()

    def retire(self) -> None:
        """Ask the process to go: a master gives its lease back. Whoever asked kills it soon after."""
        self._put(("retire",))

    def pause(self, duration_ns: int, point: str) -> None:
        """Stop the process for a while, at a point of its next turn: "poll", "take" or "carry out"."""
        if self.node is not None:
            self.world.note(f"pause {self.replica} {point} {duration_ns}")
            self._pause = (point, duration_ns)

    @property
    def is_serving(self) -> bool:
        """Whether it is up, and thinks itself master."""
        return self.node is not None and self.node.replica.is_serving

    # -- events ----------------------------------------------------------------------------------------------------------

    def frame(self, member: int, data: bytes) -> None:
        """Bytes came from a peer."""
        if self.node is not None:
            self._put(("peer", member, data))

    def accept(self, connection: Connection) -> None:
        """A client dialled."""
        if self.node is None:
            connection.break_off()
            return
        self._numbers += 1
        number = self._numbers
        self._clients[number] = _Client(connection, self._cell)
        connection.on_bytes[1] = lambda data: self._put(("client", number, data))
        connection.on_broken[1] = lambda: self._put(("gone", number))

    def _put(self, event: tuple[Any, ...]) -> None:
        """Something for the process to take at its next turn."""
        if self.node is None:
            return
        self._inbox.append(event)
        if self._turn_at >= 0:
            return
        if self._free_ns <= self.world.now_ns:
            self._turn(self.life)
        else:
            self._turn_at = self._free_ns
            self.world.at(self._turn_at, self._turn, self.life)

    def _turn(self, life: int) -> None:
        """The poll found something."""
        if life != self.life or self.node is None:
            return
        if self._pause is not None and self._pause[0] == "poll":
            self._resume_at(self._turn)
            return
        self._poll_ns = self.clock.read(self.world.now_ns)
        if self._pause is not None and self._pause[0] == "take":
            self.world.count("a pause fell between poll and receive")
            self._resume_at(self._take)
            return
        self._take(life)

    def _resume_at(self, action: Any) -> None:  # noqa: ANN401 (a bound method)
        """The process stands still; it goes on with this action."""
        assert self._pause is not None
        self._turn_at = self.world.now_ns + self._pause[1]
        self._pause = None
        self._asleep = action
        self.world.at(self._turn_at, self._wake, self.life, action)

    def _wake(self, life: int, action: Any) -> None:  # noqa: ANN401 (as above)
        if life == self.life and self._asleep is not None:
            self._asleep = None
            action(life)

    def resume(self) -> None:
        """End a pause early."""
        self._pause = None
        if self._asleep is not None:
            self._wake(self.life, self._asleep)

    def now(self) -> int:
        """The clock, read after an event was taken.  [SAFETY 12]"""
        return self.clock.read(self.world.now_ns)

    def _take(self, life: int) -> None:
        if life != self.life or self.node is None:
            return
        self._turn_at = -1
        inbox, self._inbox = self._inbox, []
        try:
            for event in inbox:
                self._hand_in(event)
            now = self.now()
            effects = self.node.drain(now)
            self.node.check()
        except Exception as error:  # noqa: BLE001 (whatever it is, it is a finding)
            self.onlooker.found("run", error)
            self._fall(power=False)
            return
        self.onlooker.turned(self.node.replica, now)
        self._free_ns = self.world.now_ns + TURN_NS
        if self._pause is not None and self._pause[0] == "carry out":
            duration, self._pause = self._pause[1], None
            self._free_ns += duration
            self.world.after(duration, self._carry_out, self.life, effects)
        else:
            self._carry_out(self.life, effects)

    def _hand_in(self, event: tuple[Any, ...]) -> None:
        node = self.node
        assert node is not None
        kind = event[0]
        now = self.now()
        if kind == "peer":
            _, member, data = event
            try:
                for frame_kind, body in self._frames.feed(data):
                    if frame_kind == Kind.PEER:
                        node.peer_frame(now, member, body)
            except errors.ProtocolError:
                self.world.count("a damaged frame was refused")
                self._frames = Decoder(PEER_BYTES_MAX, magic=False)
            if self._frames.held_bytes:  # a damaged length: frames fare alone, so its rest never comes
                self.world.count("a damaged frame was refused")
                self._frames = Decoder(PEER_BYTES_MAX, magic=False)
        elif kind == "client":
            self._client_bytes(now, event[1], event[2])
        elif kind == "tick":
            node.tick(now)
        elif kind == "disk":
            node.disk_done(now)
        elif kind == "retire":
            node.retire(now)
        elif kind == "gone":
            client = self._clients.pop(event[1], None)
            if client is not None and client.listener.accepted:
                node.client_gone(event[1])

    def _client_bytes(self, now: int, number: int, data: bytes) -> None:
        node, client = self.node, self._clients.get(number)
        if client is None or node is None:
            return
        try:
            frames = client.listener.feed(data)
            if not client.listener.accepted and client.listener.hello is not None:
                client.connection.send(1, self._welcome(client.listener))
                node.client_came(number)
            for kind, body in frames:
                node.client_frame(now, number, kind, body)
        except errors.ProtocolError as error:
            self._cut(number, error)

    def _welcome(self, listener: Listener) -> bytes:
        assert self.node is not None
        replica = self.node.replica
        serving, master = self.node.standing()
        return listener.accept(
            replica=self.replica, member=replica.me, boot=replica.boot, nonce=replica.nonce, serving=serving, master=master
        )

    def _cut(self, number: int, error: errors.Error) -> None:
        client = self._clients.pop(number, None)
        if client is None or self.node is None:
            return
        if client.listener.accepted:
            self.node.client_gone(number)
        client.connection.send(1, encode_goodbye(error) if client.listener.accepted else refuse(error))
        client.connection.on_broken[1] = None
        self.world.after(50_000_000, client.connection.break_off)

    # -- effects ---------------------------------------------------------------------------------------------------------

    def _carry_out(self, life: int, effects: Effects) -> None:
        if life != self.life or self.node is None:
            return
        world = self.world
        if effects.disk is not None:
            self.disk.submit(effects.disk, lambda: self._disk_done(life), lambda: self._disk_failed(life))
        last, frame = None, b""
        for member, body, _ in effects.to_peers:
            world.note(f"send {self.replica} {member}", body)
            self.onlooker.spoke(body)
            if body is not last:
                last, frame = body, encode_peer(body)
            self.network.send(self.replica, member, frame, self._receivers[member])
        for number, data in effects.to_clients:
            client = self._clients.get(number)
            if client is not None:
                world.note(f"answer {self.replica} {client.connection.ends[0]}", data)
                client.connection.send(1, data)
        self._arm(effects.deadline_ns)

    def _disk_done(self, life: int) -> None:
        if life == self.life:
            self._put(("disk",))

    def _disk_failed(self, life: int) -> None:
        """The first failed sync stops the replica; what it should have kept may be lost like in a power cut."""
        if life == self.life:
            self.world.note(f"disk failed {self.replica}")
            self._fall(power=True)

    def _arm(self, deadline_ns: int) -> None:
        if deadline_ns != self._deadline_ns:
            self._deadline_ns, self._due_ns = deadline_ns, self.clock.when(deadline_ns)
        at = max(self._due_ns, self.world.now_ns, self._free_ns)
        if self._armed_ns < 0 or at < self._armed_ns:
            self._armed_ns = at
            self.world.at(at, self._alarm, self.life, at)

    def _alarm(self, life: int, at: int) -> None:
        if life != self.life or at != self._armed_ns:
            return
        self._armed_ns = -1
        if self._due_ns > at:  # the deadline has moved since
            self._arm(self._deadline_ns)
        else:
            self._put(("tick",))

    def _fall(self, *, power: bool) -> None:
        self.stop(power=power)
        if self.on_fall is not None:
            self.on_fall(self)
