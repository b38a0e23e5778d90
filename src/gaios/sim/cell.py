"""A simulated cell: replicas, clients, the network between them, and what makes faults happen."""

from collections.abc import Callable

from gaios.configuration import Configuration
from gaios.server.node import Node
from gaios.server.recorder import Recorder
from gaios.sim.client import SimulatedClient
from gaios.sim.faults import MS
from gaios.sim.hermit import Hermit
from gaios.sim.left_behind import LeftBehind
from gaios.sim.movers import Movers
from gaios.sim.nemesis import ROT_LEAST, Nemesis
from gaios.sim.network import Network
from gaios.sim.observations import Observations
from gaios.sim.plan import Plan
from gaios.sim.seat import Seat
from gaios.sim.store import Store
from gaios.sim.world import World


class Cell:
    """Everything that lives in one world."""

    def __init__(self, world: World, plan: Plan, observations: Observations) -> None:
        self.world, self.plan, self.observations = world, plan, observations
        faults = plan.faults
        observations.patience_ns = (2 * plan.options.term_ms + plan.options.retransmit_ms) * MS
        self.network = Network(world, world.dice.split("network"), faults.network)
        self._cell = world.dice.split("cell").bytes(16)
        self.seats: dict[int, Seat] = {}
        """By member number."""
        self._watched: list[Seat] = []
        self._store = Store(world, faults.store, self._watched) if faults.store.put_every_ns else None
        for replica in range(1, plan.replicas + 1):
            self.seats[replica] = self._seat(replica, observations)
        for seat in self.seats.values():
            seat.meet(self.seats.values())
            seat.create()
        self.clients = [
            SimulatedClient(
                world=world,
                network=self.network,
                seats=self.seats,
                number=number,
                drift_ppm=faults.drift_ppm,
                full_bytes=faults.client.full_bytes,
            )
            for number in range(1, plan.clients + plan.watchers + plan.locks.clients + 1)
        ]
        self._watched += self.seats.values()
        self.nemesis = Nemesis(
            world, self.network, self._watched, self.clients, faults, twin=self._twin, spares_majority=plan.available, store=self._store
        )
        # Where something may be wrong with one of three, there are never fewer for long.
        voters_min = ROT_LEAST if faults.disk.rot_every_ns or faults.process.flip_every_ns else 1
        self.movers = Movers(world, self.seats, observations, self.nemesis.census, self._join, voters_min=voters_min)
        self.on_join: Callable[[Seat], None] | None = None
        """Called with the seat of a member that joins, before it starts."""
        self._sink: Callable[[], Recorder] | None = None
        self._is_moving = faults.process.change_every_ns > 0 or faults.process.leave_ns > 0 or faults.process.hermit_starts > 0
        self.nemesis.on_move = self.movers.move
        for seat in self.seats.values():
            seat.on_removed = self.movers.gone

    def _seat(self, replica: int, observations: Observations, name: str = "", told: Configuration | None = None) -> Seat:
        plan = self.plan
        made = Seat(
            world=self.world,
            network=self.network,
            observations=observations,
            replica=replica,
            replicas=plan.replicas,
            cell=self._cell,
            faults=plan.faults,
            drift_ppm=plan.drifts_ppm[(replica - 1) % len(plan.drifts_ppm)] if plan.drifts_ppm else None,
            options=plan.options,
            bounds=plan.bounds,
            limits=plan.limits,
            segment_bytes=plan.segment_bytes,
            turn_ns=plan.turn_ns,
            makes_spares=plan.makes_spares,
            name=name,
            told=told,
        )
        made.store = self._store
        return made

    def _twin(self, seat: Seat) -> Seat:
        """Another seat for the same replica. Of what it observes only what is wrong counts."""
        aside = Observations()
        aside.broken = self.observations.broken
        twin = self._seat(seat.replica, aside, f"twin of {seat.replica}")
        twin.meet(self.seats.values())
        twin.on_removed = self.movers.gone
        return twin

    def _join(self, member: int, told: Configuration) -> None:
        """A machine for a new member."""
        seat = self.seats[member] = self._seat(member, self.observations, told=told)
        seat.on_removed = self.movers.gone
        self._watched.append(seat)
        self.nemesis.look_after(seat)
        for other in self.seats.values():
            other.meet(self.seats.values())
        if self._sink is not None:
            seat.sink = self._sink()
        seat.create()
        if self.on_join is not None:
            self.on_join(seat)
        seat.start()

    def record(self, sink: Callable[[], Recorder]) -> None:
        """Record every transition of every replica, each in a recorder of its own; of those that join, too."""
        self._sink = sink
        for seat in self.seats.values():
            seat.sink = sink()

    def start(self) -> None:
        """Start every replica, and let faults happen."""
        for seat in list(self.seats.values()):
            seat.start()
        self.nemesis.begin()
        if self._store is not None:
            self._store.begin()
        if self._is_moving:
            self.movers.begin()
            process = self.plan.faults.process
            if process.leave_ns:
                left_behind = LeftBehind(self.world, self.seats, self.nemesis.census, self.world.dice.split("left behind"))
                left_behind.begin(process.leave_ns, process.leave_older, process.leave_staying)
            if process.hermit_starts:
                hermit = Hermit(self.world, self.seats, self.nemesis.census, self._twin, self.nemesis.fallen)
                hermit.begin(process.hermit_starts)

    def rest(self) -> None:
        """No more faults; who lost its state is replaced where members change at all."""
        self.nemesis.stop()
        if self._store is not None:
            self._store.calm()
        if self._is_moving:
            self.movers.mend()

    def is_forlorn(self, seat: Seat) -> bool:
        """Whether it was removed, and all whom it knows were: nobody is left to tell it so."""
        if seat.node is None or self.nemesis.census.lists(seat.replica):
            return False
        return not any(self.nemesis.census.lists(peer) for peer in seat.node.replica.peers)

    def has_converged(self) -> bool:
        """Whether all whose disks are not lost have applied what any knows to be chosen, and the master counts on exactly these."""
        nodes = [seat.node for seat in self.seats.values() if not (seat.is_lost or self.is_forlorn(seat))]
        applied = {node.replica.applied if node is not None else -1 for node in nodes}
        is_mended = not self._is_moving or not self.nemesis.census.lost()
        return len(applied) == 1 and all(node is not None and _is_at_rest(node) for node in nodes) and is_mended and self._is_counted()

    def _is_counted(self) -> bool:
        """Whether a master misses exactly the replicas that are missing; one that has a twin may be there or not.  [PML §6.3]"""
        masters = [seat for seat in self.seats.values() if seat.is_serving]
        for seat in masters:
            assert seat.node is not None
            missed = {each.member for each in seat.node.replica.unfit(seat.now())}
            voters = seat.node.replica.roster.voters
            lost = {number: other for number, other in self.seats.items() if other.is_lost and number in voters}
            dead = {number for number, other in lost.items() if not other.onlooker.has_twin}
            if dead <= missed <= lost.keys():
                return True
        return False


def _is_at_rest(node: Node) -> bool:
    return not node.replica.is_behind and node.replica.doubt.may_serve
