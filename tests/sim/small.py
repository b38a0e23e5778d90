"""A small cell for tests: three replicas and no faults, unless a test asks for others."""

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from gaios import api
from gaios.client.core import READ, WRITE
from gaios.sim.cell import Cell
from gaios.sim.client import Outcome, SimulatedClient
from gaios.sim.faults import MS, S
from gaios.sim.observations import Observations
from gaios.sim.plan import Plan
from gaios.sim.workload import Workload
from gaios.sim.world import World

QUIET = Plan(replicas=3, clients=2, watchers=0, keys=3, operations=20, think_ns=5 * MS, safety_ns=3 * S)


def cell_of(seed: int = 0, **settings: Any) -> Cell:
    """A cell that was not started; its world's lines are kept."""
    world = World(seed)
    world.lines = []
    return Cell(world, replace(QUIET, **settings), Observations())


def until(cell: Cell, happened: Callable[[], bool], within_ns: int = 10 * S) -> None:
    """Let time pass until something is so, which it must be soon."""
    assert not cell.world.run(cell.world.now_ns + within_ns, stop=happened), f"not within {within_ns // MS} ms"


def served(seed: int = 0, **settings: Any) -> Cell:
    """A cell that has a master."""
    cell = cell_of(seed, **settings)
    cell.start()
    until(cell, lambda: any(seat.is_serving for seat in cell.seats.values()))
    return cell


class Asked:
    """One operation of a client, and every outcome that it was told, with whose it was and where it stands."""

    def __init__(self, client: SimulatedClient, request: api.MultiOp | api.Range, deadline_ns: int = 5 * S) -> None:
        self.told: list[tuple[Outcome, tuple[int, int, int], tuple[int, int]]] = []
        kind = READ if isinstance(request, api.Range) else WRITE
        client.call(kind, api.encode(request), deadline_ns, lambda *outcome: self.told.append(outcome))

    def is_told(self) -> bool:
        return bool(self.told)


def put(key: bytes, value: bytes) -> api.MultiOp:
    return api.MultiOp(then=(api.Put(key, value),))


def worked(seed: int = 0, **settings: Any) -> tuple[Cell, Workload]:
    """A cell whose clients have carried out the plan's operations."""
    cell = cell_of(seed, **settings)
    workload = Workload(cell.world, cell.plan, cell.clients, cell.observations)
    cell.start()
    workload.begin()
    until(cell, lambda: workload.is_done, 60 * S)
    return cell, workload
