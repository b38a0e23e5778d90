"""The members of a cell change while it serves.  [PML §5.4; SAFETY 18]"""

import pytest
from msgspec.structs import replace

from gaios import errors
from gaios.configuration import Configuration
from gaios.log import Status
from gaios.log.codec import POLLED, STAND
from gaios.log.gauge import Ailment
from gaios.paxos import core
from tests.log.cell import Cell, Client, Node


def running(size: int = 3, **options: int) -> tuple[Cell, Node, Client]:
    cell = Cell(size, **options)
    master = cell.elect()
    return cell, master, Client(cell, master)


def changed(cell: Cell, master: Node, configuration: Configuration) -> int:
    """Ask a master for a change; what it answers."""
    token = object()
    master.replica.change(cell.now, token, configuration)
    master.drain()
    cell.run(100)
    return master.answers[token].status


def is_settled(node: Node) -> bool:
    return node.replica.is_settled


def join(cell: Cell, member: int, told: Configuration) -> Node:
    """A new replica, invited by the configuration that lists it."""
    node = cell.nodes[member] = Node(cell, member, told)
    return node


def added(cell: Cell, master: Node, place: int) -> Node:
    """Add a member in a place, start its replica, wait until it votes."""
    told = master.replica.configuration.added(place)
    assert changed(cell, master, told) == Status.DONE
    node = join(cell, told.next_member - 1, told)
    cell.run(2_000)
    return node


def test_a_new_member_learns_everything_and_then_votes() -> None:
    """It counts for nothing before; promotion is the master's own work."""
    cell, master, client = running()
    cell.submit(master, client.command(b"before"))
    told = master.replica.configuration.added(4)
    assert changed(cell, master, told) == Status.DONE
    assert (master.replica.config, master.replica.core.electors()) == (1, 0b1110)
    cell.run(1_000)
    assert master.replica.config == 1, "nobody is there to be promoted"
    new = join(cell, 4, told)
    cell.run(1_000)
    assert new.machine.log == [b"before"]
    assert {node.replica.config for node in cell.nodes.values()} == {2}
    assert {node.replica.core.electors() for node in cell.nodes.values()} == {0b11110}
    assert cell.masters == [master.me]
    assert master.replica.reigns == 1, "nobody was disturbed"
    cell.submit(master, client.command(b"behind"))
    cell.run(300)
    assert new.machine.log == [b"before", b"behind"]


def test_a_learner_votes_though_the_log_never_rests() -> None:
    """It has caught up when it knows what was chosen as it was asked: more is chosen until the master looks at its answer."""
    cell, master, client = running()
    told = master.replica.configuration.added(4)
    assert changed(cell, master, told) == Status.DONE
    new = join(cell, 4, told)
    for number in range(400):
        assert cell.submit(master, client.command(b"%d" % number)).status == Status.DONE
        cell.run(5)
    assert new.replica.core.electors() == 0b11110
    assert new.machine.log[:3] == [b"0", b"1", b"2"]


def test_a_learner_that_falls_back_all_the_time_does_not_vote() -> None:
    """A vote of one that cannot follow is none. What it said before a master asked, or as the one before did, is old."""
    cell, master, client = running()
    told = master.replica.configuration.added(4)
    assert changed(cell, master, told) == Status.DONE
    new = join(cell, 4, told)
    cell.cut = lambda _a, to, m: to == new.me and m[0] in (core.ACCEPT, core.CHOSEN)
    for _ in range(2):
        for number in range(100):
            assert cell.submit(master, client.command(b"%d" % number)).status == Status.DONE
            cell.run(5)
        master.replica.retire(cell.now)
        master = cell.elect()
    cell.run(2_000)
    assert master.replica.core.electors() == 0b1110
    cell.cut = lambda _a, _b, _m: False
    cell.run(2_000)
    assert master.replica.core.electors() == 0b11110


def test_a_cell_grows_from_one_to_five_and_shrinks_again() -> None:
    """Under a client that writes all the time."""
    cell, master, client = running(1)
    for place in (2, 3, 4, 5):
        added(cell, master, place)
        assert cell.submit(master, client.command(b"%d" % place)).status == Status.DONE
    assert master.replica.core.electors() == 0b111110
    for member in (5, 4, 3, 2):
        cell.run(500)
        assert master.replica.is_settled
        assert changed(cell, master, master.replica.configuration.removed(member)) == Status.DONE
        cell.nodes[member].up = False
        assert cell.submit(master, client.command(b"-%d" % member)).status == Status.DONE
    assert master.replica.core.electors() == 0b10
    assert len(master.machine.log) == 8


def test_a_master_that_is_removed_finishes_and_goes() -> None:
    """Its successor needs no lease to run out."""
    cell, master, client = running()
    cell.submit(master, client.command(b"x"))
    assert changed(cell, master, master.replica.configuration.removed(master.me)) == Status.DONE
    assert not master.replica.is_serving
    successor = cell.elect()
    assert successor.me != master.me
    assert cell.submit(successor, client.command(b"y")).body == b"did y"
    cell.run(3_000)
    assert master.replica.config == 1
    assert cell.masters == [successor.me]


def test_one_who_was_removed_while_away_learns_it_and_disturbs_nobody() -> None:
    """It polls, is refused, is told, and is quiet from then on."""
    cell, master, client = running()
    away = cell.nodes[next(member for member in cell.members if member != master.me)]
    away.up = False
    assert changed(cell, master, master.replica.configuration.removed(away.me)) == Status.DONE
    cell.submit(master, client.command(b"x"))
    cell.run(2_000)
    away.start()
    cell.run(3_000)
    assert away.removed is not None
    assert (away.removed.member, away.removed.configuration) == (away.me, 1)
    assert cell.masters == [master.me]
    assert master.replica.reigns == 1


def test_one_who_was_removed_while_away_learns_it_of_those_that_have_restarted_since() -> None:
    """It believes news only of a member whose boot it has recorded, so it asks them, and is told though it is none of them any more."""
    cell, master, _ = running()
    away = cell.nodes[next(member for member in cell.members if member != master.me)]
    away.up = False
    assert changed(cell, master, master.replica.configuration.removed(away.me)) == Status.DONE
    cell.run(2_000)
    for node in cell.nodes.values():
        if node is not away:
            node.start()
            cell.run(1_000)
    away.start()
    cell.run(3_000)
    assert away.removed is not None


def test_one_who_was_removed_stays_until_the_others_have_all_that_it_has() -> None:
    """It may hold the only copy of what was chosen; that it may go is what it is told last. It never campaigns.  [SAFETY 18]"""
    cell, master, client = running()
    cell.submit(master, client.command(b"x"))
    gone = cell.nodes[next(member for member in cell.members if member != master.me)]
    cell.cut = lambda _a, to, m: m[0] == POLLED and to == master.me
    assert changed(cell, master, master.replica.configuration.removed(gone.me)) == Status.DONE
    cell.run(3_000)
    assert not is_settled(master)
    assert gone.removed is None
    assert gone.replica.is_removed
    assert "was removed" in " ".join(gone.replica.why)
    assert master.replica.reigns == 1
    cell.cut = lambda _a, _b, _m: False
    cell.run(3_000)
    assert gone.removed is not None


def test_a_lost_member_comes_back_under_another_number() -> None:
    """[SAFETY 8] Removal and addition are one entry; the master, whichever it is, finishes the rest."""
    cell, master, client = running()
    lost = next(member for member in cell.members if member != master.me)
    cell.submit(master, client.command(b"x"))
    cell.nodes[lost].up = False
    told = master.replica.configuration.replaced(lost)
    assert changed(cell, master, told) == Status.DONE
    assert [(member.number, member.place, member.votes) for member in told.members if member.place == lost] == [(4, lost, False)]
    master.up = False
    new = join(cell, 4, told)
    cell.run(3_000)
    assert cell.masters == [], "of two voters one is down"
    master.start()
    cell.elect()
    cell.run(2_000)
    assert new.machine.log == [b"x"]
    assert {cell.nodes[member].replica.config for member in {1, 2, 3, 4} - {lost}} == {2}
    assert new.replica.core.electors() >> 4 & 1


def test_every_member_is_replaced_one_after_the_other() -> None:
    """And nothing of what the first ones wrote is lost."""
    cell, master, client = running()
    for number, old in enumerate((1, 2, 3)):
        master = cell.elect()
        assert cell.submit(master, client.command(b"%d" % number)).status == Status.DONE
        told = master.replica.configuration.replaced(old)
        while changed(cell, master, told) != Status.DONE:
            cell.run(300)
            master = cell.elect()
            told = master.replica.configuration.replaced(old)
        cell.nodes[old].up = False
        new = join(cell, told.next_member - 1, told)
        cell.run(3_000)
        assert new.replica.core.electors() >> new.me & 1
    master = cell.elect()
    assert master.me in (4, 5, 6)
    assert cell.submit(master, client.command(b"last")).status == Status.DONE
    cell.run(500)
    assert {tuple(cell.nodes[member].machine.log) for member in (4, 5, 6)} == {(b"0", b"1", b"2", b"last")}


def test_a_restart_finds_the_members_again() -> None:
    """Among the values through its mark."""
    cell, master, _ = running()
    added(cell, master, 4)
    for node in cell.nodes.values():
        node.up = False
    for node in cell.nodes.values():
        node.start()
        assert node.replica.config in (1, 2)
    cell.elect()
    cell.run(500)
    assert {(node.replica.config, node.replica.core.electors()) for node in cell.nodes.values()} == {(2, 0b11110)}


def test_a_candidate_finishes_a_change_that_its_predecessor_began() -> None:
    """It finds the configuration in reports, and asks its members before it goes on."""
    cell, master, client = running()
    told = master.replica.configuration.added(4)
    cell.cut = lambda a, _b, m: a == master.me and m[0] != core.ACCEPT  # it says Accept, and nothing behind it
    master.replica.change(cell.now, object(), told)
    master.drain()
    cell.settle()
    master.up = False
    cell.cut = lambda _a, _b, _m: False
    successor = cell.elect()
    assert successor.replica.config == 1
    join(cell, 4, told)
    master.start()
    cell.run(2_000)
    assert {node.replica.config for node in cell.nodes.values()} == {2}
    assert cell.submit(cell.elect(), client.command(b"x")).status == Status.DONE


@pytest.mark.parametrize(
    ("what", "make"),
    [
        ("look again", lambda c: c.added(4).added(5)),
        ("one member", lambda c: replace(c.removed(1).removed(2), number=1)),
        ("given already", lambda c: replace(c.removed(3), next_member=3)),
        ("learner", lambda c: c.added(4, votes=True)),
    ],
)
def test_changes_that_make_no_sense_are_refused(what: str, make: object) -> None:
    """Before anything is proposed."""
    cell, master, _ = running()
    token = object()
    master.replica.change(cell.now, token, make(master.replica.configuration))  # type: ignore[operator]
    master.drain()
    answer = master.answers[token]
    assert answer.status == Status.INVALID
    assert what in answer.body.decode(errors="replace")


def test_who_was_removed_stays_until_the_last_voter_knows_it_durably() -> None:
    """From two to one: a power cut takes back what the last one had in memory, and then it needs the other again.  [SAFETY 5, 18]"""
    cell, master, client = running(2)
    cell.submit(master, client.command(b"kept"))
    cell.run(1_000)
    other = next(node for node in cell.nodes.values() if node is not master)
    master.replica.change(cell.now, object(), master.replica.configuration.removed(other.me))
    master.drain()
    while other.removed is None:
        cell.run(5)
    master.start()
    assert cell.elect() is master
    assert master.machine.log == [b"kept"]


def test_what_a_start_read_settles_nothing_before_it_is_durable() -> None:
    """A killed process leaves to the next what it wrote and did not sync; whoever asks how it is is told at once.  [SAFETY 5, 18]"""
    cell, master, _ = running(2)
    other = next(node for node in cell.nodes.values() if node is not master)
    assert changed(cell, master, master.replica.configuration.removed(other.me)) == Status.DONE
    cell.run(500)
    assert is_settled(master)
    master.disk_works = False
    master.start()
    assert (master.replica.config, is_settled(master)) == (1, False)
    master.disk_works = True
    master.sync()
    assert is_settled(master)


def test_who_was_removed_stays_while_disks_hang() -> None:
    """Four to three, one of them dead: the other two know it in memory alone when they lose power."""
    cell, master, client = running(4)
    cell.submit(master, client.command(b"kept"))
    cell.run(1_000)
    dead, gone, stays = [node for node in cell.nodes.values() if node is not master]
    dead.up = False
    cell.run(200)
    master.replica.change(cell.now, object(), master.replica.configuration.removed(gone.me))
    master.drain()
    while not master.replica.config == stays.replica.config == 1:
        cell.run(1, step_ms=1)
    master.disk_works = stays.disk_works = False
    cell.run(1_000)
    assert gone.replica.is_removed
    assert gone.removed is None
    for node in (master, stays):
        node.disk_works = True
        node.start()
    assert cell.elect().machine.log == [b"kept"]
    cell.run(3_000)
    assert is_settled(cell.elect())
    assert gone.removed is not None, "now they can spare it"


@pytest.mark.parametrize("what", ["removed", "replaced"])
def test_a_change_that_would_leave_no_majority_alive_is_refused(what: str) -> None:
    """Of three one is down: without one of the other two the cell could not even change back. The dead one may go."""
    cell, master, client = running()
    dead, healthy = [node for node in cell.nodes.values() if node is not master]
    dead.up = False
    cell.run(3_000)
    token = object()
    master.replica.change(cell.now, token, getattr(master.replica.configuration, what)(healthy.me))
    master.drain()
    assert master.answers[token].status == Status.INVALID
    assert f"(replica {dead.me} does not follow the master now)" in master.answers[token].body.decode(errors="replace")
    assert cell.submit(master, client.command(b"x")).status == Status.DONE
    assert changed(cell, master, getattr(master.replica.configuration, what)(dead.me)) == Status.DONE
    assert cell.submit(master, client.command(b"y")).status == Status.DONE


def test_a_learner_that_would_leave_no_majority_alive_is_not_made_a_voter() -> None:
    """It knows everything, and grants nothing: a cell of one would need it from then on."""
    cell, master, client = running(1)
    told = master.replica.configuration.added(2)
    assert changed(cell, master, told) == Status.DONE
    new = join(cell, 2, told)
    cell.cut = lambda a, _b, m: a == new.me and m[0] in (core.GRANT, core.ACCEPTED)
    cell.run(2_000)
    assert cell.submit(master, client.command(b"x")).status == Status.DONE
    assert master.replica.core.electors() == 0b10
    cell.cut = lambda _a, _b, _m: False
    cell.run(1_000)
    assert master.replica.core.electors() == 0b110


def test_a_learner_that_must_be_silent_is_not_made_a_voter() -> None:
    """A start found damage, and nobody can tell what it voted for: it would be a voter that never votes."""
    cell, master, _ = running()
    told = master.replica.configuration.added(4)
    assert changed(cell, master, told) == Status.DONE
    new = join(cell, 4, told)
    new.replica._steps.silent_through = 1 << 40
    cell.run(2_000)
    assert master.replica.core.electors() == 0b1110
    new.replica._steps.silent_through = 0
    cell.run(2_000)
    assert master.replica.core.electors() == 0b11110


def test_a_learner_that_says_it_ails_is_not_made_a_voter() -> None:
    """It makes its database anew, say: it follows the master, and lacks no value of the log."""
    cell, master, _ = running()
    told = master.replica.configuration.added(4)
    assert changed(cell, master, told) == Status.DONE
    cell.cut = lambda a, _b, m: a == 4 and m[0] == STAND
    master.replica.gauge.told(4, 0, Ailment.REPAIRING)
    join(cell, 4, told)
    cell.run(2_000)
    assert master.replica.core.electors() == 0b1110
    master.replica.gauge.told(4, 0, 0)
    cell.run(2_000)
    assert master.replica.core.electors() == 0b11110


def test_a_change_waits_until_the_one_before_is_settled() -> None:
    """Those whom it removed may hold the only copies of what was chosen below."""
    cell, master, _ = running()
    cell.cut = lambda _a, _b, m: m[0] == POLLED
    gone = next(member for member in cell.members if member != master.me)
    assert changed(cell, master, master.replica.configuration.removed(gone)) == Status.DONE
    assert not is_settled(master)
    assert changed(cell, master, master.replica.configuration.added(4)) == Status.INVALID
    cell.cut = lambda _a, _b, _m: False
    cell.run(500)
    assert is_settled(master)
    assert changed(cell, master, master.replica.configuration.added(4)) == Status.DONE


def test_only_a_master_changes_the_members() -> None:
    """Others say so."""
    cell, master, _ = running()
    other = cell.nodes[next(member for member in cell.members if member != master.me)]
    assert changed(cell, other, other.replica.configuration.added(4)) == Status.NOT_MASTER


def test_what_may_yet_be_taken_is_told_apart_from_what_never_will() -> None:
    """Whoever asks goes on by it: a change that comes too early, or was made from old knowledge, is made anew and asked for again."""
    cell, master, _ = running()
    old = master.replica.configuration
    cell.cut = lambda _a, _b, m: m[0] == POLLED
    gone = next(member for member in cell.members if member != master.me)
    assert changed(cell, master, old.removed(gone)) == Status.DONE

    def refusal(made: Configuration) -> errors.Error:
        token = object()
        master.replica.change(cell.now, token, made)
        master.drain()
        return errors.unpack(master.answers[token].body)

    assert isinstance(refusal(master.replica.configuration.added(4)), errors.Unavailable), "not settled"
    cell.cut = lambda _a, _b, _m: False
    cell.run(3_000)
    assert is_settled(master)
    assert isinstance(refusal(old.added(4)), errors.Unavailable), "the members changed since"
    assert isinstance(refusal(master.replica.configuration.added(4, votes=True)), errors.InvalidCommand)


def test_a_majority_of_the_new_voters_goes_on_by_itself_soon_after_the_change() -> None:
    """All lose their power, and the master, one of two until then, never comes back: that they are three stood in memory alone."""
    cell, master, _ = running(2)
    told = master.replica.configuration.added(3)
    assert changed(cell, master, told) == Status.DONE
    join(cell, 3, told)
    while master.replica.config < told.number + 1:
        cell.run(1, 1)
    cell.run(2 * cell.options.learn_ms, 1)
    for node in cell.nodes.values():
        node.up = False
    cell.wire.clear()
    for node in cell.nodes.values():
        if node is not master:
            node.start()
    assert cell.elect(6_000) is not master
