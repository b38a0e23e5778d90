"""What may yet fail must not be told too high, not even at the beginning of a reign.  [INTERFACE `tolerates`]"""

from tests.log.test_changes import running


def test_a_new_master_does_not_count_the_dead() -> None:
    """Of five two are dead, one of them the master: three are needed, and three are there."""
    cell, master, _ = running(5)
    cell.run(2_000)
    other = next(node for node in cell.nodes.values() if node is not master)
    other.up = False
    cell.run(5_000)
    assert master.replica.tolerates(cell.now) == 1
    master.up = False
    successor = cell.elect()
    told = []
    for _ in range(400):
        told.append(successor.replica.tolerates(cell.now))
        cell.run(5)
    wrong_ms = 5 * sum(1 for each in told if each)
    assert wrong_ms == 0, f"for {wrong_ms} ms it says {max(filter(None, told))} more may fail, then {told[-1]}"
