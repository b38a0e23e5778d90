"""One replica's place in the simulated cell: a machine with a disk and a clock, and a process that comes and goes.  [DESIGN §1]

The process is the production `server.node.Node`; this is its shell, as `server/replica.py` is the real one. It carries `Effects` out on
the simulated disk and network, and hands events in.

Rule 1. A turn: the poll finds events, each is taken and handed in with a `now` read after it was taken, then effects are drained once.
A process may be paused at any point of a turn: before the poll, between poll and take, between drain and carrying out.  [SAFETY 12]
Rule 2. What a process does not take while it is paused waits for it; what is sent to a dead one is lost.
Rule 3. A process that raises what it may not raise is a finding.
"""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from gaios import errors
from gaios.configuration import Configuration
from gaios.log import Bounds, Copies, Options, RecordKind, encode
from gaios.log.records import State
from gaios.server.effects import Effects, Limits
from gaios.server.node import Node
from gaios.server.recorded import start_recorded
from gaios.server.recorder import Recorder
from gaios.sim.clock import Clock, wall_clock
from gaios.sim.disk import Disk
from gaios.sim.door import Door
from gaios.sim.faults import Faults
from gaios.sim.network import Connection, Deliver, Network
from gaios.sim.next_version import VERSION as NEXT_VERSION
from gaios.sim.observations import Observations, ObservedService
from gaios.sim.onlooker import Onlooker
from gaios.sim.pausing import Pausing
from gaios.sim.store import Store
from gaios.sim.world import World
from gaios.storage import Identity, Piece, Record, create
from gaios.transport import PEER_BYTES_MAX, Decoder, Kind, encode_peer

SCRUB_NS = 200_000  # what reading a piece again takes


def address(replica: int) -> str:
    """A replica's client address."""
    return f"127.0.0.1:{7419 + replica}"


class Seat(Pausing):
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
        faults: Faults,
        drift_ppm: int | None,
        options: Options,
        bounds: Bounds,
        limits: Limits,
        segment_bytes: int,
        turn_ns: int,
        makes_spares: bool,
        name: str = "",
        told: Configuration | None = None,
    ) -> None:
        """`told` invited a member that is no founder, of whom there are `replicas`; `turn_ns` is a turn's time; `name` tells a twin."""
        self.world, self.network, self.observations = world, network, observations
        self.replica = replica
        invited = told.member(replica) if told is not None else None
        self.place = invited.place if invited is not None else replica
        """Whose address it has, unless somebody else has it by now."""
        self.members, self._told = {member: member for member in range(1, replicas + 1)}, told
        self._cell, self._options, self._bounds, self._limits, self._segment_bytes = cell, options, bounds, limits, segment_bytes
        self._turn_ns, self._makes_spares = turn_ns, makes_spares
        self._wall_jump, self._upgrades = faults.process.wall_jump, faults.process.upgrade_every_ns > 0
        self._dice = world.dice.split(f"seat {name or replica}")
        self.clock = Clock(self._dice.split("clock"), faults.drift_ppm, drift_ppm)
        self.disk = Disk(world, self._dice.split("disk"), faults.disk, str(replica))
        self.node: Node | None = None
        self.identity, dice = Identity(cell, replica, 0), self._dice.split("onlooker")
        self.onlooker = Onlooker(world, observations, dice, replica, self.identity, self.clock, self.disk, options.queue_entries)
        self.is_lost = False
        """Whether its state is gone, so that it must stay out."""
        self.is_next = False
        """Whether the next version of gaios is installed here."""
        self.is_gone = False
        """Whether it was removed from the cell, and told that it may go."""
        self.on_removed: Any = None  # called with this seat and the error when that happens
        self.refusal: errors.Error | None = None
        """Why the last start failed, or the process ended by itself."""
        self.twins: dict[int, Seat] = {}
        """A second process on a copy of its directory, by the members whose frames go there."""
        self.store: Store | None = None  # of backups, if there is one
        self.life = 0  # counts starts and ends: what belongs to another life is ignored
        self.sink: Recorder | None = None
        """Where every transition of the process is recorded, if it is."""
        self.on_fall: Any = None  # called with this seat when the process ends by itself, and whether because its disk failed
        self._inbox: list[tuple[Any, ...]] = []
        self._free_ns = self._polled_at = 0
        self._turn_at = self._armed_ns = self._deadline_ns = self._due_ns = -1  # the last: when the node is due, in true time
        self._pause: tuple[str, int] | None = None
        self._asleep: Any = None  # what a paused process goes on with
        self._suspended = False  # the whole machine stands still
        self._known: Configuration | None = None
        self._door = Door(world, replica, cell, self._put)
        self._others, self._receivers = list[Seat](), dict[int, Deliver]()
        self._frames = Decoder(PEER_BYTES_MAX, magic=False)

    def meet(self, others: Iterable["Seat"]) -> None:
        """Learn who the others are."""
        self._others = list(others)
        if self.node is not None:
            self._receivers = self._deliverers(self.node.replica.nonce)

    def _deliverers(self, nonce: int) -> "dict[int, Deliver]":
        return {other.replica: partial(other.frame, self.replica, nonce) for other in self._others}

    # -- coming and going ------------------------------------------------------------------------------------------------

    def create(self) -> None:
        """Make the directory, durably, as `gaios init` does."""
        state = Record(RecordKind.STATE, 0, 0, encode(State(0, 0, 0, 0, [])))
        for operation in create(self.identity, encode(Copies()), state, segment_bytes=self._segment_bytes):
            self.disk.execute(operation)

    def start(self) -> None:
        """Start the process on whatever the disk holds."""
        assert self.node is None
        self.life += 1
        self.world.note(f"start {self.replica}")
        machine, self.refusal, self.onlooker.may_be_too_old = self.make_machine(), None, self._upgrades and not self.is_next
        nonce = int.from_bytes(self._dice.bytes(8), "little") >> 1
        wall_ms, is_off = wall_clock(self.world.now_ns, self._dice, self._wall_jump)
        if is_off:
            self.world.count("a wall clock was off")
        try:
            begin = Node.start if self.sink is None else partial(start_recorded, self.sink)
            node = begin(
                cell=self._cell,
                member=self.replica,
                members=self.members,
                clients={replica: address(replica) for replica in self.members},
                reader=self.disk,
                machine=machine,
                nonce=nonce,
                now=self.clock.read(self.world.now_ns),
                wall_ms=wall_ms,
                options=self._options,
                bounds=self._bounds,
                limits=self._limits,
                segment_bytes=self._segment_bytes,
                **(NEXT_VERSION if self.is_next else {}),
                told=self._told,
            )
        except errors.Error as error:
            self.refusal = error
            self.onlooker.found("start", error)
            return
        machine.boot, node.commit.makes_ahead, node.snapshots.has_store = self.life, self._makes_spares, self.store is not None
        self.onlooker.started(self.life, node)
        self.node = node
        self._receivers = self._deliverers(nonce)
        self._inbox, self._turn_at, self._armed_ns, self._deadline_ns, self._pause, self._asleep = [], -1, -1, -1, None, None
        self._suspended = False
        self._free_ns = self.world.now_ns
        self._put(("tick",))

    def make_machine(self) -> Any:  # noqa: ANN401 (a machine that is observed)
        """What the process replicates."""
        return ObservedService(self.observations, self.replica)

    @property
    def is_ill(self) -> bool:
        """Whether it is down, paused, or its disk still, slow or full."""
        return self.node is None or self._pause is not None or self._asleep is not None or self.disk.is_ill

    def lose_disk(self) -> None:
        """The disk of a dead replica is replaced by an empty one."""
        self.disk.erase()
        self.is_lost = self.onlooker.is_out = True

    def stop(self, *, power: bool) -> None:
        """The process is killed; with `power`, so is its machine."""
        if self.node is None:
            return
        self.world.note(f"{'power cut' if power else 'kill'} {self.replica}")
        self._known = self.node.replica.configuration
        self.life += 1
        self.node = None
        self.onlooker.stopped()
        self._door.close()
        if power:
            self.lose_power()
        else:
            self.disk.kill()

    def lose_power(self) -> None:
        """The machine begins anew, with what its disk still has."""
        self.disk.power_cut()
        self.clock.restart(self.world.now_ns)

    def retire(self) -> None:
        """Ask the process to go: a master gives its lease back. Whoever asked kills it soon after."""
        self._put(("retire",))

    def poke(self, event: tuple[Any, ...] = ("tick",)) -> None:
        """Something was asked of the process from outside, or told: let it have a turn."""
        self._put(event)

    @property
    def configuration(self) -> Configuration | None:
        """The newest that its process knows, or knew when it ended."""
        return self.node.replica.configuration if self.node is not None else self._known

    @property
    def is_serving(self) -> bool:
        """Whether it is up, and thinks itself master."""
        return self.node is not None and self.node.replica.is_serving

    # -- events ----------------------------------------------------------------------------------------------------------

    def frame(self, member: int, nonce: int, data: bytes) -> None:
        """Bytes came from a peer, on a connection that was opened with that nonce."""
        if member in self.twins:
            self.twins[member].frame(member, nonce, data)
        elif self._suspended:
            self.world.count("a frame came to a suspended machine")
        elif self.node is not None:
            misdirect = self.network.faults.misdirect
            if misdirect and self._dice.throw() < misdirect:
                self.world.count("a frame came from the wrong member")
                other = self._dice.pick(self._others)
                member, nonce = other.replica, other.node.replica.nonce if other.node is not None else 0
            self._put(("peer", member, nonce, data))

    def accept(self, connection: Connection) -> None:
        """A client dialled."""
        if self.node is None:
            connection.break_off()
            return
        self._door.accept(connection)

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
            self._turn_later()

    def _turn_later(self) -> None:
        """The next turn comes when this one's time is over."""
        self._turn_at = self._free_ns
        self.world.at(self._turn_at, self._turn, self.life)

    def _turn(self, life: int) -> None:
        """The poll found something."""
        if life != self.life or self.node is None:
            return
        if self._pause is not None and self._pause[0] in {"poll", "suspend"}:
            self._suspended = self._pause[0] == "suspend"
            if self._suspended:
                self.disk.stand_still(self._pause[1])
            self._resume_at(self._turn)
            return
        self._polled_at = self.world.now_ns
        if self._pause is not None and self._pause[0] == "take":
            self.world.count("a pause fell between poll and receive")
            self._resume_at(self._take)
            return
        self._take(life)

    def _take(self, life: int) -> None:
        if life != self.life or self.node is None:
            return
        self._turn_at, inbox, self._inbox = -1, self._inbox, []
        node, now = self.node, self.now()
        try:
            asked = [self._hand_in(node, now, event) for event in inbox]
            releases = not any(asked) and ("disk_done",) in inbox
            effects = node.release(now) if releases else node.drain(now)
            self.onlooker.kept(effects.evidence)
            node.check()
        except errors.Removed as error:
            self.is_gone = self.is_lost = True
            self.world.note(f"removed {self.replica}")
            self.on_removed(self, error)
            self.stop(power=False)
            return
        except Exception as error:  # noqa: BLE001 (whatever it is, it is a finding)
            self.onlooker.found("run", error)
            self.refusal = error if isinstance(error, errors.Error) else None
            self._fall(disk_failed=False)
            return
        self.onlooker.turned(node, now, effects, releases or any(asked))
        self._free_ns = self.world.now_ns + self._turn_ns
        if self._pause is not None and self._pause[0] == "carry out":
            self._resume_at(partial(self._carry_on, effects=effects))
        else:
            self._carry_out(self.life, effects)

    def _carry_on(self, life: int, effects: Effects) -> None:
        """It was paused between drain and carrying out."""
        self._turn_at, self._free_ns = -1, self.world.now_ns + self._turn_ns
        self._carry_out(life, effects)
        if self._inbox and self._turn_at < 0:
            self._turn_later()

    def _hand_in(self, node: Node, now: int, event: tuple[Any, ...]) -> bool:
        """Whether a turn was worth while for this: a real process, which takes none for what is not, would be right."""
        kind = event[0]
        if kind == "peer":
            _, member, nonce, data = event
            try:
                found = [node.peer_frame(now, member, nonce, body) for kind, body in self._frames.feed(data) if kind == Kind.PEER]
                damaged = self._frames.held_bytes > 0  # a damaged length: frames fare alone, so its rest never comes
            except errors.ProtocolError:
                found, damaged = [True], True
            if damaged:
                self.world.count("a damaged frame was refused")
                self._frames = Decoder(PEER_BYTES_MAX, magic=False)
            return any(found)
        if kind == "client":
            self._door.bytes_came(node, now, event[1], event[2])
        elif kind == "full":
            self._door.full(node, now, event[1], event[2])
        elif kind in {"gone", "slow"}:
            getattr(self._door, kind)(node, event[1])
        elif kind == "no room for a snapshot":
            node.snapshots.no_room(now)
        else:
            return getattr(node, kind)(now, *event[1:]) is not False  # told of with little but the time
        return True

    # -- effects ---------------------------------------------------------------------------------------------------------

    def _carry_out(self, life: int, effects: Effects) -> None:
        if life != self.life or self.node is None:
            return
        world, (disk, spare, to_peers, to_clients, _, deadline_ns, snapshot, _, scrub, asked) = self.world, effects
        done, failed = partial(self._disk_done, life), partial(self._disk_failed, life)
        if disk is not None:
            self.disk.submit(disk, partial(done, "disk_done"), failed)
        if spare is not None:
            self.disk.submit(spare, partial(done, "spare_done"), failed, partial(done, "no_room"))
        if snapshot is not None:
            self.disk.submit(snapshot, partial(done, "snapshot_done"), failed, partial(done, "no room for a snapshot"))
        if scrub is not None:
            world.after(SCRUB_NS, self._disk_done, life, "scrubbed", scrub)
        if asked and self.store is not None:
            self.store.ask(self, asked)
        last, frame = None, b""
        for member, body, _ in to_peers:
            world.note(f"send {self.replica} {member}", body)
            self.onlooker.spoke(body)
            if body is not last:
                last, frame = body, encode_peer(body)
            if (deliver := self._receivers.get(member)) is not None:  # else its machine is yet to come
                self.network.send(self.replica, member, frame, deliver)
        for number, data in to_clients:
            self._door.send(number, data)
        self._arm(deadline_ns)

    def _disk_done(self, life: int, which: str, step: Callable[[], Piece | None] | None = None) -> None:
        if life == self.life:
            self._put((which,) if step is None else (which, self.onlooker.harm.scrubbed(step())))

    def _disk_failed(self, life: int) -> None:
        """The first failure stops the replica, as with exit code 4."""
        if life == self.life:
            self.world.note(f"disk failed {self.replica}")
            self._fall(disk_failed=True)

    def _arm(self, deadline_ns: int) -> None:
        if deadline_ns != self._deadline_ns:
            self._deadline_ns, self._due_ns = deadline_ns, self.clock.when(deadline_ns)
        at = max(self._due_ns, self.world.now_ns, self._free_ns)
        if self._armed_ns < 0 or at < self._armed_ns:
            self._armed_ns = at
            self.world.at(at, self._alarm, self.life, at)

    def _alarm(self, life: int, at: int) -> None:
        if life == self.life and at == self._armed_ns:
            self._armed_ns = -1
            if self._due_ns > at:  # the deadline has moved since
                self._arm(self._deadline_ns)
            else:
                self._put(("tick",))

    def _fall(self, *, disk_failed: bool) -> None:
        self.stop(power=False)
        if self.on_fall is not None:
            self.on_fall(self, disk_failed)
