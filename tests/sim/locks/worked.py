"""A small cell whose clients have sessions."""

from typing import Any

from gaios.sim.cell import Cell
from gaios.sim.faults import MS, S
from gaios.sim.locks.history import Records
from gaios.sim.locks.process import Process
from gaios.sim.locks.tasks import Program
from gaios.sim.locks.work import Work
from gaios.sim.plan import Locks
from tests.sim.small import cell_of, served, until

BUSY = Locks(clients=3, rounds=200, leases_ms=(1_000,), locks=1, files=1, hold_ns=50 * MS, delay_ms=500)


def working(seed: int = 0, locks: Locks = BUSY, **settings: Any) -> tuple[Cell, Work]:
    """A cell whose processes with sessions work."""
    cell = cell_of(seed, locks=locks, safety_ns=10 * S, **settings)
    work = Work(cell.world, cell.network, cell.plan, cell.clients[cell.plan.clients :], cell.observations.locks)
    cell.start()
    work.begin()
    return cell, work


def process(**settings: Any) -> tuple[Cell, Process]:
    """One process in a cell that has a master, which does nothing by itself."""
    cell = served(locks=Locks(clients=1), **settings)
    return cell, Process(cell.world, cell.clients[-1], Records(), cell.world.dice.split("process"), 2 * S)


def done(cell: Cell, process: Process, program: Program) -> Any:
    """Run a program to its end; what it returns."""
    found = []

    def run() -> Program:
        found.append((yield from program))

    process.tasks.begin(run())
    until(cell, lambda: bool(found))
    return found[0]
