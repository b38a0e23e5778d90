"""Claims about the simulated store of backups: what is in it, what it says, and that a cell lives with it."""

from typing import Any

from msgspec.structs import replace

from gaios.log import Options
from gaios.log.codec import ASK, GONE, OFFER, PART, WANT, Message
from gaios.log.snapshots import read_closing, read_handle
from gaios.sim import RunOptions, run
from gaios.sim.cell import Cell
from gaios.sim.faults import MS, Faults, S, StoreFaults
from gaios.sim.scenario import load
from gaios.sim.store import KEPT_MAX, Store
from tests.sim.small import until, worked

OFTEN = Options(snapshot_slots=8, snapshot_pause_us=200, snapshot_stagger_ms=3, keep_bytes=1)
SOUND = StoreFaults(put_every_ns=50 * MS, delay_ns=MS)
KINDS = {
    "a snapshot rotted",
    "a replica started without a snapshot that its log needs",
    "the store sent the last part of a snapshot",
    "the store sent what was not put there",
    "the store offered another cell's snapshot",
    "the store was away for a while",
    "the store did not answer",
}


class Listener:
    """A process that asks, and keeps what it hears."""

    def __init__(self, cell: Cell) -> None:
        seat = cell.seats[1]
        self.life, self.replica, self.disk, self.node, self.is_serving = 1, 1, seat.disk, seat.node, False
        self.heard: list[Any] = []

    def poke(self, event: tuple[object, ...]) -> None:
        assert event[0] == "store_said"
        self.heard.append(event[1])


def stored(**faults: Any) -> tuple[Cell, Store, Listener]:
    """A cell whose masters have put something by."""
    cell, _ = worked(operations=80, options=OFTEN, faults=Faults(store=replace(SOUND, **faults)))
    store = cell._store
    assert store is not None
    until(cell, lambda: store.reaches(20))
    return cell, store, Listener(cell)


def answers(cell: Cell, store: Store, listener: Listener, *asked: Message) -> list[Any]:
    """To each in turn."""
    listener.heard.clear()
    for message in asked:
        store.ask(listener, [message])
        cell.world.run(cell.world.now_ns + S)
    return listener.heard


def test_masters_put_by_what_is_proved_and_it_is_sent_as_it_is() -> None:
    """As a backup has it: behind a slot that a majority has the same snapshot of, whole, and not all that ever were."""
    cell, store, listener = stored()
    (offer,) = answers(cell, store, listener, (WANT, 1))
    assert offer[0] == OFFER
    handle = read_handle(offer[1])
    held = [each.handle for seat in cell.seats.values() if seat.node is not None for each in seat.node.snapshots.proved]
    assert held.count(handle) >= 2
    asked = (ASK, handle.slot, handle.digest)
    closing, chunk = answers(cell, store, listener, (*asked, 0), (*asked, 1))
    read_closing(closing[4]).check(0, chunk[4])
    assert answers(cell, store, listener, (ASK, handle.slot, bytes(32), 0), (WANT, handle.slot + 1_000)) == [(GONE, handle.slot, bytes(32))]
    assert len(store._kept) <= KEPT_MAX


def test_it_may_be_another_cells_or_damaged_or_silent_until_faults_stop() -> None:
    """[SAFETY 2] Each of it shows; what another cell has is whole, and names that."""
    cell, store, listener = stored(foreign=1.0, damage=1.0)
    (offer,) = answers(cell, store, listener, (WANT, 1))
    handle = read_handle(offer[1])
    assert handle.cell != cell._cell
    (part,) = answers(cell, store, listener, (ASK, handle.slot, handle.digest, 1))
    assert part[0] == PART
    assert part[4] != store._foreign[1][1]  # type: ignore[index]  # there is one
    store._is_away = True
    assert answers(cell, store, listener, (WANT, 1)) == []
    store.calm()
    (offer,) = answers(cell, store, listener, (WANT, 1))
    assert read_handle(offer[1]).cell == cell._cell


def test_a_process_that_ended_hears_nothing() -> None:
    """What was said to its life before is not said to this one."""
    cell, store, listener = stored()
    store.ask(listener, [(WANT, 1)])
    listener.life += 1
    cell.world.run(cell.world.now_ns + S)
    assert listener.heard == []


def test_without_one_nothing_is_asked() -> None:
    cell, _ = worked(operations=10, options=OFTEN)
    assert cell._store is None
    assert not any(seat.node.snapshots.has_store for seat in cell.seats.values() if seat.node is not None)


def test_snapshots_of_all_replicas_rot_and_nothing_is_lost() -> None:
    """[SAFETY 2, 15, 26] The store has what no replica has any more; whatever it does, no checker has anything to say."""
    seen: set[str] = set()
    for seed in range(1, 9):
        if seen >= KINDS:
            return
        report = run(seed, RunOptions(plan=load("lost-snapshots").change))
        assert not report.violations, f"gaios sim --scenario lost-snapshots --seed {seed}: {report.violations[0]}"
        seen |= set(report.sometimes)
    assert seen >= KINDS
