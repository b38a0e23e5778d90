"""Whom a master counts on, and since when not.  [PML §6.3]"""

import copy
from collections.abc import Iterable
from itertools import combinations

import pytest

from gaios import entry
from gaios.log import Room
from gaios.log.codec import STAND
from gaios.log.gauge import BEHIND_SLOTS, SAY_MS, Ailment, Gauge, Reason, Unfit, tolerates
from gaios.log.options import MS
from gaios.paxos import core
from tests.log.cell import Cell, Node

S = 1_000 * MS
FIVE = range(1, 6)


def reasons(node: Node) -> dict[int, Reason]:
    return {each.member: each.reason for each in node.replica.unfit(node.cell.now)}


def counted(*granted: int, now: int = S) -> Gauge:
    """Of member 1 of five, whose reign began at 0, and to whom these have just granted a lease."""
    gauge = Gauge(1, 100, 0)
    for member in granted:
        gauge.heard(now, member)
        gauge.granted(now, member)
    return gauge


def test_all_count_in_a_cell_that_is_well() -> None:
    cell = Cell(5)
    master = cell.elect()
    cell.submit(master, entry.register())
    cell.run(3_000)
    assert (reasons(master), master.replica.tolerates(cell.now)) == ({}, 2)
    assert [node.replica.tolerates(cell.now) for node in cell.nodes.values() if node is not master] == [None] * 4


def test_dead_members_are_missing_within_seconds_and_count_again_when_they_are_back() -> None:
    cell = Cell(5)
    master = cell.elect()
    cell.run(2_000)
    dead = [member for member in FIVE if member != master.me][:2]
    for member in dead:
        cell.nodes[member].up = False
    began = cell.now
    cell.run(1_500)
    assert reasons(master) == dict.fromkeys(dead, Reason.UNREACHABLE)
    assert master.replica.tolerates(cell.now) == 0
    cell.run(10_000)
    since = [each.since_ns for each in master.replica.unfit(cell.now)]
    assert all(abs(at - began) <= 2 * cell.options.beat_ms * MS for at in since), "as long as it has been"
    for member in dead:
        cell.nodes[member].start()
    cell.run(2_000)
    assert (reasons(master), master.replica.tolerates(cell.now)) == ({}, 2)


def test_a_member_that_hears_nobody_is_told_from_a_dead_one() -> None:
    """[PML §6.3]: a name is misspelt, nothing is ever sent to it, and it looks as if it were only behind."""
    cell = Cell(5)
    cell.cut = lambda me, to, message: to == 3
    master = cell.elect()
    cell.run(3_000)
    assert reasons(master) == {3: Reason.SILENT}
    assert master.replica.tolerates(cell.now) == 1


def test_a_master_without_a_majority_tolerates_nothing() -> None:
    cell = Cell(3)
    master = cell.elect()
    cell.run(2_000)
    cell.cut = lambda me, to, message: master.me in (me, to)
    at = cell.now + cell.options.term_ms * MS
    assert master.replica.tolerates(cell.now) == 1
    assert tolerates(FIVE, [], master.replica.core.grants, at) is None


def test_a_new_master_does_not_count_the_dead() -> None:
    """Of five two are dead, one of them the master: three are needed, and three are there."""
    cell = Cell(5)
    master = cell.elect()
    cell.run(2_000)
    cell.nodes[master.me % 5 + 1].up = False
    cell.run(5_000)
    assert master.replica.tolerates(cell.now) == 1
    master.up = False
    successor = cell.elect()
    told: list[int | None] = []
    for _ in range(400):
        told.append(successor.replica.tolerates(cell.now))
        cell.run(5)
    assert set(told) <= {None, 0}
    assert told[-1] == 0


def test_a_full_disk_does_not_count() -> None:
    cell = Cell(5)
    master = cell.elect()
    cell.run(2_000)
    other = cell.nodes[master.me % 5 + 1]
    other.replica.set_room(cell.now, Room.SHORT)
    other.drain()
    cell.run(100)
    assert reasons(master) == {other.me: Reason.FULL}
    master.replica.set_room(cell.now, Room.SHORT)
    assert reasons(master) == {master.me: Reason.FULL, other.me: Reason.FULL}, "its own neither"


def test_who_makes_its_state_anew_says_so_itself() -> None:
    cell = Cell(3)
    master = cell.elect()
    other = cell.nodes[master.me % 3 + 1]
    assert other.replica.ailments == Ailment(0)
    gauge = counted(2, 3)
    gauge.told(3, 0, Ailment.REPAIRING)
    assert gauge.unfit(S, (1, 2, 3), (), ailing=False) == [Unfit(3, Reason.REPAIRING, S)]
    gauge.told(3, 0, 1 << 9)
    assert [each.reason for each in gauge.unfit(S, (1, 2, 3), (), ailing=False)] == [Reason.REPAIRING], "an ailment of a later version"
    gauge.told(3, 0, 0)
    assert gauge.unfit(S, (1, 2, 3), (), ailing=False) == []
    assert gauge.unfit(S, (1, 2, 3), (), ailing=True) == [Unfit(1, Reason.REPAIRING, S)]


@pytest.mark.parametrize(("lacks", "counts"), [(-5, True), (BEHIND_SLOTS, True), (BEHIND_SLOTS + 1, False)])
def test_who_lacks_many_values_does_not_count(lacks: int, counts: bool) -> None:
    gauge = counted(2, 3)
    gauge.told(2, lacks, 0)
    assert (gauge.unfit(S, (1, 2, 3), (), ailing=False) == []) is counts


def test_a_follower_tells_how_far_it_is_about_once_a_second() -> None:
    cell = Cell(3, beat_ms=20)
    told: list[int] = []

    def listen(me: int, to: int, message: tuple[object, ...]) -> bool:
        if message[0] == STAND:
            told.append(me)
        return False

    cell.cut = listen
    master = cell.elect()
    cell.run(5 * SAY_MS)
    assert set(told) == set(cell.members) - {master.me}
    assert 5 <= len(told) / 2 <= 6


def test_a_reign_that_goes_on_under_a_newer_ballot_forgets_nobody() -> None:
    """A replica that keeps promising newer ballots makes its master take one every few seconds: it is missing all the same."""
    gauge = counted(1, 2, now=9 * S)
    gauge.begin(9 * S + 50 * MS)
    assert gauge.unfit(9 * S + 60 * MS, (1, 2, 3), (), ailing=False) == [Unfit(3, Reason.UNREACHABLE, 0)]
    gauge.begin(20 * S)
    missing = [Unfit(member, Reason.UNREACHABLE, 20 * S) for member in (2, 3)]
    assert gauge.unfit(20 * S + 60 * MS, (1, 2, 3), (), ailing=False) == missing, "another's reign was between: they may yet come"


def test_grants_of_older_ballots_do_not_count() -> None:
    """Only what the core took."""
    cell = Cell(3)
    master = cell.elect()
    cell.run(2_000)
    other = master.me % 3 + 1
    cell.cut = lambda me, to, message: me == other
    for _ in range(300):
        cell.run(5)
        old = (core.GRANT, 1 << 16 | master.me, 1, 0, 600 * MS)
        node = cell.nodes[other]
        master.replica.receive(cell.now, other, node.boot, node.nonce(node.boot), [old] if master.replica.core.bal > old[1] else [])
        master.drain()
    assert reasons(master) == {other: Reason.SILENT}


def bears(cell: Cell, dead: Iterable[int]) -> bool:
    """Whether anybody serves under a lease once these are gone."""
    then = copy.deepcopy(cell)
    then.cut = lambda _me, _to, _message: False
    for member in dead:
        then.nodes[member].up = False
    for _ in range(400):
        then.run(5)
        if any(then.nodes[member].replica.lease_ns(then.now) for member in then.masters):
            return True
    return False


@pytest.mark.parametrize(("size", "dead", "tolerated"), [(2, 0, [0, 1]), (4, 0, [1, 2]), (4, 1, [0, 1]), (6, 2, [0, 1])])
def test_what_it_says_is_borne_whoever_fails_also_before_a_change_is_settled(size: int, dead: int, tolerated: list[int]) -> None:
    """Where all are well another is made a voter, where some are dead one of these is removed.

    Who does not know yet that it was chosen elects among those before: of two who became three, both are needed.  [PML §6.3; SAFETY 18]
    """
    cell = Cell(size)
    replica = cell.elect().replica
    others = [member for member in cell.nodes if member != replica.me]
    for member in others[:dead]:
        cell.nodes[member].up = False
    cell.run(3_000)
    voters = replica.roster.voters
    cell.cut = lambda _me, _to, message: message[0] == core.LEARN and replica.roster.voters != voters
    now = replica.configuration
    told = now.removed(others[0]) if dead else now.added(size + 1)
    replica.change(cell.now, object(), told)
    cell.nodes[replica.me].drain()
    if not dead:
        cell.run(100)
        Node(cell, size + 1, told)
    while replica.roster.voters == voters:
        cell.run(1, step_ms=1)
    said = []
    for is_settled in (False, True):
        assert replica.is_settled is is_settled
        bears_now = replica.tolerates(cell.now)
        assert bears_now is not None
        alive = [member for member in replica.roster.voters if cell.nodes[member].up]
        assert all(bears(cell, each) for each in combinations(alive, bears_now))
        said.append(bears_now)
        cell.cut = lambda _me, _to, _message: False
        cell.run(1_000)
    assert said == tolerated
