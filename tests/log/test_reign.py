"""Claims about a master's bookkeeping that tests of whole replicas do not make."""

import pytest

from gaios import entry, errors
from gaios.log.answers import Status
from gaios.log.options import MS
from gaios.log.reign import OWN_MAX
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


def test_a_masters_own_command_passes_whatever_clients_queued() -> None:
    """[SAFETY 28] It is in the next slot, however much waits."""
    cell = Cell(3, pipeline=1, batch_entries=2)
    master = cell.elect()
    client = Client(cell, master)
    for number in range(50):
        master.replica.submit(cell.now, number, client.command(b"x", acknowledged=0))
    master.replica.propose_own("own", b"charge")
    slot = master.replica.chosen + 1
    master.drain()
    cell.settle()
    answer = master.answers["own"]
    assert (answer.status, answer.slot, answer.index) == (Status.REFUSED, slot, 0)
    assert all(master.answers[number].status == Status.DONE for number in range(50))


def test_a_masters_own_command_alone_waits_for_nobody() -> None:
    """No crowd is gathered for it."""
    cell = Cell(3, linger_us=1_000_000)
    master = cell.elect()
    master.replica.propose_own("own", b"charge")
    master.drain()
    cell.settle()
    assert master.answers["own"].status == Status.REFUSED


def test_what_a_master_did_not_propose_ends_with_its_reign() -> None:
    """[SAFETY 14] A later reign of the same replica proposes nothing for it."""
    cell = Cell(3, pipeline=1)
    master = cell.elect()
    cell.cut = lambda _from, _to, _message: True
    master.replica.submit(cell.now, "first", entry.register())
    master.drain()
    master.replica.propose_own("own", b"charge")
    master.drain()
    assert master.replica.in_flight == 1
    assert "own" not in master.answers
    master.replica.retire(cell.now)
    master.drain()
    assert master.answers["own"].status == Status.NOT_MASTER
    assert master.answers["first"].status == Status.IN_DOUBT
    master.replica.propose_own("late", b"charge")
    master.drain()
    assert master.answers["late"].status == Status.NOT_MASTER


def test_who_originates_too_much_finds_itself_wrong() -> None:
    """It is to wait for its answers."""
    cell = Cell(3)
    master = cell.elect()
    for number in range(OWN_MAX):
        master.replica.propose_own(number, b"charge")
    with pytest.raises(errors.InvariantViolated, match="few"):
        master.replica.propose_own(OWN_MAX, b"charge")
