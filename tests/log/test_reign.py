"""Claims about a master's bookkeeping that tests of whole replicas do not make."""

from gaios.log.options import MS
from tests.log.cell import Cell, Client


def test_the_pipeline_is_filled_and_not_overfilled() -> None:
    """Two slots in flight; the rest waits for one of them."""
    cell = Cell(3, pipeline=2, batch_entries=1)
    master = cell.elect()
    client = Client(cell, master)
    for number in range(5):
        master.replica.submit(cell.now, number, client.command(b"x", acknowledged=0))
    output = master.replica.output(cell.now)
    assert output is not None
    assert master.replica.core.next - 1 - master.replica.core.chosen == 2
    assert master.replica.waiting == 3


def test_batches_carry_a_time_that_grows() -> None:
    """[SAFETY 17] Advice from the master's clock."""
    cell = Cell(3)
    master = cell.elect()
    client = Client(cell, master)
    cell.submit(master, client.command(b"x"))
    cell.now += 50 * MS
    cell.submit(master, client.command(b"y"))
    first, second = (context.time_ms for context in master.machine.contexts)
    assert second >= first + 50


def test_a_reign_is_counted() -> None:
    """For the metrics."""
    cell = Cell(3)
    assert cell.elect().replica.reigns == 1
