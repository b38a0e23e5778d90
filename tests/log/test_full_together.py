"""Replicas whose disks are full, among others.  [SAFETY 5, 28]"""

from gaios import entry, errors
from gaios.log import Room, Status
from gaios.log.options import MS
from tests.log.cell import Cell, Client, Node


def running(size: int = 5) -> tuple[Cell, Node, Client]:
    cell = Cell(size)
    master = cell.elect()
    return cell, master, Client(cell, master)


def fill(cell: Cell, room: Room, *nodes: Node) -> None:
    """What these disks have left, from now on."""
    for node in nodes:
        node.replica.set_room(cell.now, room)
        node.drain()
    cell.settle()


def others(cell: Cell, master: Node) -> list[Node]:
    return [node for node in cell.nodes.values() if node is not master]


def test_a_full_minority_stops_nothing_and_catches_up() -> None:
    """It takes no value for which it has no room; it grants and promises as before."""
    cell, master, client = running()
    full = others(cell, master)[:2]
    fill(cell, Room.NONE, *full)
    for _ in range(20):
        assert cell.submit(master, client.command(b"x" * 100)).status == Status.DONE
    cell.run(2_000)
    assert all(node.machine.log == [] for node in full)
    assert all(node.me in master.replica.followers(cell.now) for node in full)
    assert cell.masters == [master.me]
    records = [len(node.records) for node in full]
    cell.run(1_000)
    assert [len(node.records) for node in full] == records, "nothing is written"
    fill(cell, Room.PLENTY, *full)
    cell.run(500)
    assert all(len(node.machine.log) == 20 for node in full)


def test_a_master_with_a_full_disk_hands_over_before_anybody_notices() -> None:
    """To one with room: whoever has less of it lets the others poll first."""
    for seed in range(5):
        cell, master, client = running()
        cell.run(137 * seed)
        short = others(cell, master)[seed % 4]
        fill(cell, Room.SHORT, short)
        began = cell.now
        fill(cell, Room.SHORT, master)
        assert not master.replica.is_serving
        successor = cell.elect()
        assert successor not in (master, short)
        assert (cell.now - began) / MS < 400
        assert cell.submit(successor, client.command(b"y")).status == Status.DONE


def test_a_full_majority_refuses_what_grows_and_goes_on_with_the_rest() -> None:
    """Nothing was proposed, so the refusal is certain; what makes room is taken, and all is well again when there is room."""
    cell, master, client = running()
    fill(cell, Room.SHORT, *others(cell, master)[:3])
    refused = cell.submit(master, client.command(b"x"))
    assert refused.status == Status.INVALID
    error = errors.unpack(refused.body)
    assert isinstance(error, errors.DiskFull)
    assert error.definite
    assert error.reserve
    assert error.replicas == ", ".join(str(node.me) for node in others(cell, master)[:3])
    assert cell.submit(master, client.command(b"del")).status == Status.DONE
    assert (answer := cell.read(master)) is not None
    assert answer.status == Status.DONE
    master.replica.propose_own("own", b"charge")
    master.drain()
    cell.settle()
    assert master.answers["own"].status in {Status.DONE, Status.REFUSED}
    cell.run(3_000)
    assert cell.masters == [master.me]
    fill(cell, Room.PLENTY, *others(cell, master)[:3])
    assert cell.submit(master, client.command(b"x")).status == Status.DONE


def test_where_all_are_full_nobody_hands_over_and_reads_go_on() -> None:
    """First the reserve, then nothing is written at all: the lease needs no room."""
    cell, master, client = running(3)
    fill(cell, Room.SHORT, *others(cell, master))
    fill(cell, Room.SHORT, master)
    cell.run(30_000)
    assert cell.masters == [master.me]
    fill(cell, Room.NONE, *others(cell, master))
    fill(cell, Room.NONE, master)
    refused = cell.submit(master, client.command(b"del"))
    error = errors.unpack(refused.body)
    assert isinstance(error, errors.DiskFull)
    assert not error.reserve
    cell.run(5_000)
    assert cell.masters == [master.me]
    assert (answer := cell.read(master)) is not None
    assert answer.status == Status.DONE
    fill(cell, Room.PLENTY, *cell.nodes.values())
    cell.run(100)
    assert cell.submit(master, client.command(b"x")).status == Status.DONE


def test_a_master_that_has_no_room_and_dies_is_followed_when_there_is_room() -> None:
    """Nobody campaigns who could not write the epoch down."""
    cell, master, client = running(3)
    cell.submit(master, client.command(b"x"))
    fill(cell, Room.NONE, *others(cell, master))
    master.up = False
    cell.run(5_000)
    assert cell.masters == []
    fill(cell, Room.PLENTY, *others(cell, master))
    successor = cell.elect()
    assert successor.machine.log == [b"x"]


def test_a_reign_that_begins_beside_one_full_disk_refuses_nothing() -> None:
    """We had it: before all leases had come, those with room were too few."""
    cell, master, client = running(3)
    fill(cell, Room.SHORT, master)
    successor = cell.elect()
    dead = next(node for node in others(cell, master) if node is not successor)
    assert successor is not master
    cell.cut = lambda a, b, _m: dead.me in (a, b)
    cell.run(700)
    assert cell.submit(successor, client.command(b"x")).status == Status.DONE, "it may only have been slow"
    cell.run(1_500)
    assert cell.submit(successor, client.command(b"x")).status == Status.INVALID, "without the full one there is no majority"


def test_what_waits_for_a_master_that_cannot_propose_is_not_due() -> None:
    """We had it: a check of its own was due that it could not make, and its loop spun."""
    cell, master, client = running()
    cell.submit(master, client.command(b"x"))
    fill(cell, Room.NONE, *others(cell, master))
    for _ in range(400):
        cell.run(5)
        assert master.replica.deadline_ns() > cell.now
    assert master.replica._reign._wants_check
    assert master.replica._reign.due_ns() < cell.now


def test_a_full_disk_is_told_again_to_whoever_was_away() -> None:
    cell, master, _ = running()
    away = others(cell, master)[0]
    cell.cut = lambda a, b, _m: away.me in (a, b)
    fill(cell, Room.SHORT, *others(cell, master)[1:4], master)
    cell.cut = lambda _a, _b, _m: False
    cell.run(1_500)
    assert away.replica.space.full(cell.now) == sorted(node.me for node in cell.nodes.values() if node is not away)
    assert [bool(node.replica.why) for node in cell.nodes.values()] == [node is not away for node in cell.nodes.values()]


def test_a_handover_leaves_nobody_in_doubt() -> None:
    """What is in flight is waited for, what waits is refused: it can be asked of the next master."""
    cell, master, client = running()
    master.replica.submit(cell.now, "proposed", client.command(b"x"))
    master.drain()
    master.replica.set_room(cell.now, Room.SHORT)
    master.replica.submit(cell.now, "waiting", client.command(b"del"))
    master.drain()
    assert cell.masters == [master.me]
    cell.settle()
    assert cell.masters == []
    assert master.answers["proposed"].status == Status.DONE
    assert master.answers["waiting"].status == Status.NOT_MASTER


def test_a_handover_does_not_wait_for_ever() -> None:
    cell, master, client = running()
    cell.cut = lambda a, _b, _m: a == master.me
    master.replica.submit(cell.now, "proposed", client.command(b"x"))
    master.drain()
    master.replica.set_room(cell.now, Room.SHORT)
    cell.run(cell.options.term_ms // 2 + 150)
    assert not master.replica.is_serving
    assert master.answers["proposed"].status == Status.IN_DOUBT


def test_a_slow_master_hands_over() -> None:
    """Its own syncs take a hundred milliseconds, those of the others next to nothing."""
    cell, master, client = running()
    began = cell.now
    while cell.masters == [master.me] and cell.now < began + 10_000 * MS:
        master.disk_works = False
        cell.submit(master, client.command(b"x"))
        cell.run(100)
        master.disk_works = True
        master.sync()
        master.drain()
        cell.settle()
    assert master.replica.handovers == 1
    assert cell.elect() is not master


def test_where_nothing_can_be_written_down_no_repair_is_due() -> None:
    """What a peer sends could not be kept; a loop that is told of it turn after turn spins. Seed 62 of the swarm."""
    cell = Cell(3)
    master = cell.elect()
    cell.submit(master, entry.register())
    cell.run(50)
    node = next(node for node in cell.nodes.values() if node is not master)
    replica = node.replica
    replica._steps.know_damage({}, {replica.chosen: replica.ballot}, cell.now)
    replica.set_room(cell.now, Room.NONE)
    cell.run(500)
    assert replica.core.faulty
    replica.tick(cell.now)
    node.drain()
    assert replica.deadline_ns() > cell.now
    replica.set_room(cell.now, Room.PLENTY)
    cell.run(500)
    assert not replica.core.faulty
