"""A replica follows the changes of its cell.  [SAFETY 6, 15, 18]"""

import pytest

from gaios.configuration import founders
from gaios.errors import Removed
from gaios.log import RecordKind, Replica, Rotten, Status, recover_damaged
from gaios.log.codec import NEWS
from tests.log.cell import Cell, Register
from tests.log.test_changes import is_settled, running

FIRST = founders({1: 1, 2: 2, 3: 3})


def test_news_makes_new_members_known_and_settled_news_of_a_removal_ends_a_replica() -> None:
    cell = Cell(3)
    replica = cell.nodes[2].replica
    nonce = cell.nodes[1].nonce(1)
    replica.receive(cell.now, 1, 1, nonce, [(NEWS, FIRST.added(4).encode(), 1)])
    assert replica.peers == (1, 3, 4)
    assert "removed" not in " ".join(replica.why)
    without = FIRST.added(4).removed(2)
    replica.receive(cell.now, 1, 1, nonce, [(NEWS, without.encode(), 0)])
    assert "was removed in configuration 2" in " ".join(replica.why), "and it stays, for the others may need it"
    with pytest.raises(Removed, match="member 2"):
        replica.receive(cell.now, 1, 1, nonce, [(NEWS, without.encode(), 1)])
    assert replica.configuration.number == 0, "nobody is counted for what was told"


def test_a_removed_member_stays_while_a_chosen_value_is_intact_there_alone() -> None:
    """From two to one. The one finds a record rotten at its next start, knows it, and says so; then the other comes back, and has it."""
    cell, master, client = running(2)
    for word in (b"a", b"b", b"c"):
        assert cell.submit(master, client.command(word)).status == Status.DONE
    cell.run(1_000)
    other = next(node for node in cell.nodes.values() if node is not master)
    cell.cut = lambda _a, _b, m: m[0] == NEWS  # it is killed before it is told that it may go
    master.replica.change(cell.now, object(), master.replica.configuration.removed(other.me))
    master.drain()
    cell.run(200)
    assert (master.replica.config, other.removed) == (1, None)
    other.up = False
    cell.cut = lambda _a, _b, _m: False
    cell.run(1_000)
    at, record = next((i, each) for i, each in enumerate(master.records) if each[0] == RecordKind.ACCEPT and each[3].endswith(b"b"))
    master.boot += 1
    master.pending, master.machine = [], Register()
    rotten = [Rotten(at, (1, 100, 200), record[:3], 1)]
    found = recover_damaged(master.copies, master.records[:at] + master.records[at + 1 :], rotten)
    assert list(found.faulty) == [record[1]]
    master.replica = Replica(
        me=master.me,
        members={1: 1, 2: 2},
        boot=master.boot,
        nonce=master.nonce(master.boot),
        recovered=found,
        machine=master.machine,
        options=cell.options,
        now=cell.now,
    )
    master.drain()
    cell.run(1_000)
    assert master.replica.is_repairing
    other.start()
    assert record[1] in other.replica.core.acc, "it is intact there"
    assert not is_settled(master), "what nobody can read there is not had there"
    cell.run(2_000)
    assert master.machine.log == [b"a", b"b", b"c"], master.replica.why
    assert is_settled(master)
    cell.run(3_000)
    assert other.removed is not None, "now it can be spared"
