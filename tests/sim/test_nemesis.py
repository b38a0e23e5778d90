"""Who makes faults happen makes those that it was told to, and none after `stop`."""

from collections.abc import Iterable
from itertools import islice, pairwise

import pytest

from gaios.sim.cell import Cell
from gaios.sim.faults import MS, DiskFaults, Faults, NetworkFaults, ProcessFaults, S
from gaios.sim.seat import Seat
from tests.sim.small import Asked, cell_of, put, served, until

STORM = Faults(
    disk=DiskFaults(slow=0.1, crash_point=0.02),
    network=NetworkFaults(loss=0.1, duplicate=0.1, partition_every_ns=300 * MS, partition_ns=2 * S, break_every_ns=100 * MS),
    process=ProcessFaults(crash_every_ns=S, down_ns=2 * S, pause_every_ns=300 * MS, pause_ns=2 * S),
)
FAULTS = ("kill", "power cut", "pause", "partition")


def happened(cell: Cell, what: str) -> list[tuple[int, str]]:
    """When, and the rest of each line that begins with this word."""
    found = [line.partition(" ") for line in cell.world.lines or []]
    return [(int(at), text.removeprefix(what + " ")) for at, _, text in found if text.startswith(what + " ")]


def blocked(cell: Cell) -> set[tuple[int, int]]:
    """What is blocked now among replicas."""
    return {(a, b) for a in cell.seats for b in cell.seats if cell.network.is_blocked(a, b)}


def is_asleep(seat: Seat) -> bool:
    return seat._asleep is not None


def a_bad_moment(seed: int) -> Cell:
    """A storm in which somebody is down, somebody stands still, and somebody is cut off."""
    cell = served(seed, replicas=5, faults=STORM)
    seats = cell.seats.values()
    until(cell, lambda: bool(blocked(cell)) and any(seat.node is None for seat in seats) and any(map(is_asleep, seats)), 60 * S)
    return cell


@pytest.mark.parametrize("seed", range(4))
def test_stop_ends_every_fault_that_lasts(seed: int) -> None:
    """Liveness is judged from there on: a partition left over would be taken for a bug of the cell.  [PML §6.3]"""
    cell = a_bad_moment(seed)
    cell.nemesis.stop()
    assert not cell.network._blocked
    assert all(seat.node is not None and not is_asleep(seat) for seat in cell.seats.values())
    assert cell.network.faults == STORM.calm().network
    assert all(seat.disk.faults == STORM.calm().disk for seat in cell.seats.values())
    assert not cell.observations.broken


@pytest.mark.parametrize("seed", range(4))
def test_nothing_begins_after_stop_and_everything_works(seed: int) -> None:
    """What was under way when it stopped (a restart, a healing, the next crash) must do no harm either."""
    cell = a_bad_moment(seed)
    cell.nemesis.stop()
    cell.world.lines = []
    cell.world.run(cell.world.now_ns + 20 * S)
    for what in FAULTS:
        assert not happened(cell, what)
    assert not blocked(cell)
    assert any(seat.is_serving for seat in cell.seats.values())
    assert cell.has_converged()
    assert not cell.observations.broken


def test_without_faults_nothing_happens() -> None:
    cell = served()
    cell.world.run(cell.world.now_ns + 20 * S)
    assert not any(happened(cell, what) for what in FAULTS)
    assert cell.world.sometimes == {"a master was elected": 1}


def test_nothing_happens_before_it_begins() -> None:
    """A scenario may set a cell up in peace."""
    cell = cell_of(faults=STORM)
    for seat in cell.seats.values():
        seat.disk.faults = DiskFaults()
        seat.start()
    cell.world.run(cell.world.now_ns + 5 * S)
    assert not any(happened(cell, what) for what in FAULTS)


def test_a_crash_is_followed_by_a_start() -> None:
    """After about the mean, never after more than eight times that: a supervisor gives nobody up."""
    down = 100 * MS
    cell = served(faults=Faults(process=ProcessFaults(crash_every_ns=500 * MS, down_ns=down, all_at_once=0.3)))
    cell.world.run(60 * S)
    cell.nemesis.stop()
    ends = sorted(happened(cell, "kill") + happened(cell, "power cut"))
    starts = happened(cell, "start")
    assert len(ends) > 30
    for at, replica in ends:
        back = min(start for start, who in starts if who == replica and start > at)
        assert back - at <= 8 * down
    assert {text for _, text in happened(cell, "kill")} == {text for _, text in happened(cell, "power cut")} == {"1", "2", "3"}


def test_a_replica_that_was_started_meanwhile_is_not_started_again() -> None:
    """An order to restart is for the life that ended; a seat that is up refuses a second process."""
    cell = served(faults=Faults(process=ProcessFaults(down_ns=S)))
    seat = cell.seats[1]
    cell.nemesis._crash_one(seat)
    seat.start()
    life = seat.life
    cell.world.run(cell.world.now_ns + 20 * S)
    assert seat.life == life


def test_a_replica_that_stops_by_itself_is_started_too() -> None:
    """A failed sync ends the process; whoever watches over it does not ask why."""
    cell = served()
    cell.seats[1].disk.faults = DiskFaults(failing=1.0)
    Asked(cell.clients[0], put(b"a", b"1"))
    cell.world.run(cell.world.now_ns + 10 * S)
    assert cell.world.sometimes["a sync failed"] > 3
    cell.nemesis.stop()
    cell.world.run(cell.world.now_ns + 5 * S)
    assert cell.has_converged()


@pytest.mark.parametrize(("at_master", "masters"), [(1.0, True), (0.0, False)])
def test_the_master_is_chosen_as_often_as_asked(at_master: float, masters: bool) -> None:
    """Most bugs need the master to die; some need it to live while the others do. Without the wish, it is one of all."""
    cell = served(faults=Faults(process=ProcessFaults(at_master=at_master)))
    victims = {victim.is_serving for victim in (cell.nemesis._victim() for _ in range(60)) if victim is not None}
    assert victims == ({True} if masters else {True, False})


def test_the_dead_are_no_victims() -> None:
    cell = served(faults=Faults(process=ProcessFaults(at_master=0.0)))
    for replica in (1, 2):
        cell.seats[replica].stop(power=False)
    assert {cell.nemesis._victim() for _ in range(20)} == {cell.seats[3]}
    cell.seats[3].stop(power=False)
    assert cell.nemesis._victim() is None


# -- partitions --------------------------------------------------------------------------------------------------------------


def partitions(kinds: tuple[str, ...], one_way: float = 0.0, replicas: int = 5) -> Iterable[tuple[Cell, set[tuple[int, int]]]]:
    """Some partitions of a kind: the cell, and the links that are blocked."""
    for seed in range(6):
        cell = served(seed, replicas=replicas, faults=Faults(network=NetworkFaults(kinds=kinds, one_way=one_way)))
        cell.nemesis._partition()
        yield cell, blocked(cell)


def test_a_split_cuts_a_minority_off_both_ways() -> None:
    for cell, links in partitions(("split",)):
        cut_off = {b for a, b in links if a == 1}
        sides = cut_off, set(cell.seats) - cut_off
        assert min(map(len, sides)) in {1, 2}
        assert links == {link for a in sides[0] for b in sides[1] for link in ((a, b), (b, a))}


def test_one_is_cut_off_from_all_others() -> None:
    for cell, links in partitions(("one",)):
        (alone,) = (replica for replica in cell.seats if sum(replica in link for link in links) == 8)
        assert all(alone in link for link in links)


def test_the_master_is_cut_off_when_it_is_asked_for() -> None:
    for cell, links in partitions(("master",)):
        (master,) = (seat.replica for seat in cell.seats.values() if seat.is_serving)
        assert links == {link for other in cell.seats if other != master for link in ((master, other), (other, master))}


def test_a_link_fails_between_two_and_no_others() -> None:
    for _, links in partitions(("link",)):
        assert len(links) == 2
        assert len({frozenset(link) for link in links}) == 1


def test_in_a_ring_each_hears_its_two_neighbours() -> None:
    """Every replica has a majority of five, and no two have the same."""
    for cell, links in partitions(("ring",)):
        hears = {replica: {b for b in cell.seats if (replica, b) not in links} for replica in cell.seats}
        assert all(len(near) == 3 for near in hears.values())
        assert len({frozenset(near) for near in hears.values()}) == 5


def test_one_way_blocks_one_direction() -> None:
    for kind in ("split", "one", "master", "link"):
        for _, links in partitions((kind,), one_way=1.0):
            assert links
            assert not {(b, a) for a, b in links} & links


@pytest.mark.parametrize("replicas", [1, 2, 3])
def test_no_cell_is_too_small_for_a_partition(replicas: int) -> None:
    """A kind that a small cell cannot have becomes another."""
    for kind in ("split", "one", "master", "link", "ring"):
        for cell, links in islice(partitions((kind,), replicas=replicas), 2):
            assert bool(links) == (replicas > 1)
            cell.world.run(cell.world.now_ns + 7 * S)
            assert not blocked(cell)


def test_a_partition_heals_and_leaves_another_standing() -> None:
    """Two may block one link; the first to heal must not open it."""
    for seed in range(6):
        cell = served(seed, replicas=2, faults=Faults(network=NetworkFaults(kinds=("link",), one_way=0.0)))
        cell.nemesis._partition()
        cell.nemesis._partition()
        for healed in (1, 2):
            assert blocked(cell) == {(1, 2), (2, 1)}
            until(cell, lambda cell=cell, healed=healed: len(happened(cell, "heal")) == healed)  # type: ignore[misc]
        assert not blocked(cell)


def test_every_partition_that_begins_ends_within_its_bound() -> None:
    cell = served(faults=Faults(network=NetworkFaults(partition_every_ns=S, partition_ns=200 * MS)))
    cell.world.run(60 * S)
    begun, healed = happened(cell, "partition"), happened(cell, "heal")
    assert len(begun) > 30
    assert len(begun) - len(healed) <= 2
    for at, links in begun[: len(healed)]:
        assert any(at < end <= at + 8 * 200 * MS and links == text for end, text in healed)
    assert all(one < other for (one, _), (other, _) in pairwise(begun))
