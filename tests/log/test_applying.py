"""What is done with chosen values: applied, kept in memory within bounds, read back."""

import pytest

from gaios.configuration import as_value, founders
from gaios.log import Copies, Options, RecordKind, Recovered, Replica, Rotten, recover_damaged
from gaios.log.applier import extend
from gaios.log.snapshots import Part, Unpacked
from tests.log.cell import Cell, Client, Register
from tests.log.test_changes import added, running

GROWN = founders({1: 1, 2: 2, 3: 3}).added(4, votes=True).added(5, votes=True)
BALLOT = 2 << 16 | 1


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


def test_a_log_tells_what_hash_it_goes_on_from() -> None:
    """[SAFETY 16] By the next hash that was written down, if it has every value up to there; else it cannot tell."""
    chain, values = extend(bytes(16), 51, b"a"), {51: (BALLOT, b"a"), 52: (BALLOT, b"b")}
    ends = extend(chain, 52, b"b")
    found = Recovered(
        Copies(BALLOT, 0, 3, 7), promised=BALLOT, chosen=53, truncated=50, accepted=values, chains={40: bytes(16), 51: b"", 52: ends}
    )
    replica = Replica(me=1, members={1: 1, 2: 2, 3: 3}, boot=4, nonce=9, recovered=found, machine=Register(), options=Options(), now=10**9)
    for slot, right in ((50, bytes(16)), (51, chain), (52, ends)):
        assert replica.leads_on(slot, right)
        assert not replica.leads_on(slot, b"another one.....")
    assert replica.leads_on(49, b"another one....."), "slot 50 is not here"
    assert replica.leads_on(53, b"another one....."), "nothing is written down behind it"


def test_a_snapshot_at_the_truncated_slot_tells_the_core_who_governs() -> None:
    """Its log begins behind slot 50; the record that names the members there, and its snapshot, are damaged. A peer has the same."""
    found = Recovered(Copies(BALLOT, 0, 3, 7), promised=BALLOT, chosen=50, truncated=50)
    replica = Replica(me=1, members={1: 1, 2: 2, 3: 3}, boot=4, nonce=9, recovered=found, machine=Register(), options=Options(), now=10**9)
    assert replica.lacks_base
    before = replica._steps.is_unsure
    assert replica.lacks(50)
    part = Part(1, 50, bytes(16), 0, BALLOT, GROWN.number, GROWN.encode(), 1, 0)
    replica.install(10**9, Unpacked(part, [], iter(())))
    assert replica.roster.newest == GROWN
    assert [before, replica._steps.is_unsure] == [True, False]
    assert (replica.core.config, replica.core.electors()) == (GROWN.number, GROWN.voters), "or it counts those that the cell left behind"


def test_who_learns_the_members_from_a_snapshot_elects_no_master_of_those_before() -> None:
    """Grown from three to five. Replica 1 installed a snapshot lately; then that file and the record that names the members rot."""
    cell, master, client = running()
    for place in (4, 5):
        added(cell, master, place)
    if master.me == 1:
        master.replica.retire(cell.now)
        cell.run(100)
        master = cell.elect()
        client = Client(cell, master)
    cell.submit(master, client.command(b"a"))
    cell.run(1_000)
    one = cell.nodes[1]
    slot = one.replica.applied
    assert slot == master.replica.applied
    capture = one.replica._capture()
    one.replica.truncate(cell.now, slot)
    one.drain()
    at, record = next((i, each) for i, each in enumerate(one.records) if each[0] == RecordKind.TRUNCATE)
    kept = [each for each in one.records[:at] if each[0] == RecordKind.BOOT] + one.records[at + 1 :]
    one.boot += 1
    one.pending, one.machine = [], Register()
    found = recover_damaged(one.copies, kept, [Rotten(0, (1, 100, 200), record[:3], 1)], begins_later=True)
    assert (found.truncated, found.chosen, found.configuration) == (slot, slot, b"")
    one.replica = Replica(
        me=1,
        members={1: 1, 2: 2, 3: 3},
        boot=one.boot,
        nonce=one.nonce(one.boot),
        recovered=found,
        machine=one.machine,
        options=cell.options,
        now=cell.now,
    )
    one.drain()
    cell.run(1_000)
    assert one.replica.is_repairing
    assert one.replica.core.electors() == 0b1110
    one.machine.restore(master.machine.snapshot())  # a peer's, proved, behind that same slot
    one.replica.install(cell.now, Unpacked(capture.part, [], iter(())))
    one.drain()
    cell.run(1_000)
    sides = ({1, 2}, {3, 4, 5})
    cell.cut = lambda a, b, _m: not any(a in side and b in side for side in sides)
    cell.run(5_000)
    assert [member for member in cell.masters if member in sides[1]]
    assert not [member for member in cell.masters if member in sides[0]], "two of five have a master of their own"


@pytest.mark.parametrize(("slot", "number"), [(50, 0), (60, 0), (50, 2), (55, 2)])
def test_a_snapshot_ends_the_doubt_where_the_members_are_those_that_were_known(slot: int, number: int) -> None:
    """Whether the founders' configuration or another: the snapshot says that none came behind it."""
    members = GROWN if number else founders({1: 1, 2: 2, 3: 3})
    found = Recovered(Copies(BALLOT, 0, 3, 7), promised=BALLOT, chosen=55 if slot == 55 else 50, truncated=50)
    if number:
        found.configuration, found.governs, found.surveyed = as_value(GROWN.encode()), 20, 30
    if slot == 55:
        found.accepted = {51: (BALLOT, b"v"), 52: (BALLOT, b"v"), 53: (BALLOT, b"v"), 54: (BALLOT, b"v"), 55: (BALLOT, b"v")}
    replica = Replica(me=1, members={1: 1, 2: 2, 3: 3}, boot=4, nonce=9, recovered=found, machine=Register(), options=Options(), now=10**9)
    before = replica._steps.is_unsure
    part = Part(1, slot, bytes(16), 0, BALLOT, number, members.encode() if number else b"", 1, 0)
    assert replica.lacks(slot)
    replica.install(10**9, Unpacked(part, [], iter(())))
    assert [before, replica._steps.is_unsure] == [True, False]
    told = [record for record in replica._steps.output.records if record[0] == RecordKind.TRUNCATE]
    assert [(at, value) for _, at, _, value in told] == [(slot, as_value(members.encode()) if number else b"")], "its next start knows, too"
