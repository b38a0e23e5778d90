"""What is done with chosen values: applied, kept in memory within bounds, read back."""

from tests.log.cell import Cell, Client


def test_values_leave_the_memory_once_they_are_applied_and_durable() -> None:
    """[SAFETY 28] However much was applied, a bounded number of bytes of it stays."""
    cell = Cell(3, cache_bytes=2_000)
    master = cell.elect()
    client = Client(cell, master)
    for _ in range(100):
        cell.submit(master, client.command(b"x" * 200))
    cell.run(1_000)
    for node in cell.nodes.values():
        held = sum(len(value) for slot, (_, value) in node.replica.core.acc.items() if slot <= node.replica.applied)
        assert node.replica.applied == master.replica.applied
        assert held <= 4_000


def test_a_snapshot_helps_who_lacks_its_slot_and_leads_nobody() -> None:
    cell = Cell(3)
    master = cell.elect()
    other = next(node for node in cell.nodes.values() if node.me != master.me)
    assert not master.replica.lacks(master.replica.chosen + 10)
    assert other.replica.lacks(other.replica.chosen + 10)
    assert not other.replica.lacks(other.replica.chosen)
