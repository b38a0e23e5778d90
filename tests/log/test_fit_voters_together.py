"""Who votes changes only into a cell that can go on, and not into one whose wrong database would be the truth.  [SAFETY 18, 25, 28]"""

from collections.abc import Callable

import pytest

from gaios.configuration import Configuration
from gaios.log import Status
from gaios.log.codec import ROOM, SUM
from gaios.log.options import MS
from gaios.log.space import Room
from gaios.paxos import core
from tests.log.cell import Cell, Node, Register
from tests.log.test_changes import changed, join, running


def fill(cell: Cell, node: Node) -> None:
    """Its disk has no room, nor has the reserve."""
    node.replica.set_room(cell.now, Room.NONE)
    node.drain()


def asked(cell: Cell, master: Node, configuration: Configuration) -> tuple[int, str]:
    """Ask for a change, and wait as long as an answer may take: what it says."""
    token = object()
    master.replica.change(cell.now, token, configuration)
    master.drain()
    while token not in master.answers:
        cell.run(5)
    return master.answers[token].status, master.answers[token].body.decode(errors="replace")


@pytest.mark.parametrize("what", ["removed", "replaced"])
def test_a_change_is_refused_after_which_a_full_disk_would_be_needed(what: str) -> None:
    """The full one itself may go, and then the other."""
    cell, master, client = running()
    full, healthy = [node for node in cell.nodes.values() if node is not master]
    fill(cell, full)
    cell.run(1_500)
    assert cell.submit(master, client.command(b"x")).status == Status.DONE, "a majority without it writes"
    status, why = asked(cell, master, getattr(master.replica.configuration, what)(healthy.me))
    assert status == Status.INVALID
    assert f"replica {full.me} has a full disk" in why
    assert cell.submit(master, client.command(b"y")).status == Status.DONE
    assert changed(cell, master, getattr(master.replica.configuration, what)(full.me)) == Status.DONE
    assert cell.submit(master, client.command(b"z")).status == Status.DONE


def test_a_disk_that_goes_on_in_its_reserve_keeps_nobody_from_being_replaced() -> None:
    """Where all are short that may be the only way out."""
    cell, master, _ = running()
    for node in cell.nodes.values():
        node.replica.set_room(cell.now, Room.SHORT)
        node.drain()
    cell.run(500)
    master = cell.elect()  # whose disk was short first let another
    other = next(node for node in cell.nodes.values() if node is not master)
    assert changed(cell, master, master.replica.configuration.replaced(other.me)) == Status.DONE


def test_a_learner_whose_disk_is_full_is_not_made_a_voter() -> None:
    cell, master, client = running(1)
    told = master.replica.configuration.added(2)
    assert changed(cell, master, told) == Status.DONE
    new = join(cell, 2, told)
    cell.run(50)
    fill(cell, new)
    cell.run(3_000)
    assert master.replica.core.electors() == 0b10
    assert cell.submit(master, client.command(b"y")).status == Status.DONE
    new.replica.set_room(cell.now, Room.PLENTY)
    new.drain()
    cell.run(3_000)
    assert master.replica.core.electors() == 0b110


class Wrong(Register):
    """Its memory is bad, and stays so."""

    def checksum(self) -> int:
        return len(self.log) + 1_000_000


def spoil(node: Node) -> None:
    node.replica.applier.machine.__class__ = Wrong


@pytest.mark.parametrize("what", ["removed", "replaced"])
def test_a_change_is_refused_after_which_nobody_could_tell_who_is_wrong(what: str) -> None:
    """Of three one is in quarantine for good; the others know. Of two that differ neither serves."""
    cell, master, client = running()
    bad, healthy = [node for node in cell.nodes.values() if node is not master]
    spoil(bad)
    for _ in range(10):
        cell.submit(master, client.command(b"x"))
        cell.run(1_100)
    assert not bad.replica.doubt.may_serve
    status, why = asked(cell, master, getattr(master.replica.configuration, what)(healthy.me))
    assert status == Status.INVALID
    assert f"replica {bad.me} " in why
    cell.run(3_000)
    assert cell.masters == [master.me]
    assert changed(cell, master, getattr(master.replica.configuration, what)(bad.me)) == Status.DONE


@pytest.mark.parametrize(("size", "status"), [(2, Status.NOT_MASTER), (3, Status.INVALID)])
def test_a_database_that_nobody_knows_to_be_wrong_is_found_out_before_the_sound_one_goes(size: int, status: int) -> None:
    """Long before the next check is due. Of two that differ nobody knows who is right: neither serves, and nobody goes."""
    cell, master, client = running(size)
    cell.submit(master, client.command(b"x"))
    cell.run(1_500)
    bad, *_, healthy = [node for node in cell.nodes.values() if node is not master] if size == 3 else [master, cell.nodes[3 - master.me]]
    cell.submit(master, client.command(b"y"))
    spoil(bad)
    assert asked(cell, master, master.replica.configuration.removed(healthy.me))[0] == status
    assert master.replica.config == 0
    assert healthy.replica.core.electors() >> healthy.me & 1


def test_an_idle_cell_compares_itself_too_before_its_voters_change() -> None:
    """What rots in memory waits for no write."""
    cell, master, client = running(3)
    cell.submit(master, client.command(b"x"))
    cell.run(5_000)
    before = master.replica.applier.checked
    other = next(node for node in cell.nodes.values() if node is not master)
    assert changed(cell, master, master.replica.configuration.removed(other.me)) == Status.DONE
    assert master.replica.applier.checked == before + 1


def test_a_change_is_refused_where_too_few_say_what_they_came_to() -> None:
    """And asked again it is made."""
    cell, master, _ = running()
    other = next(node for node in cell.nodes.values() if node is not master)
    cell.cut = lambda _a, to, m: m[0] == SUM and to == master.me
    began = cell.now
    status, why = asked(cell, master, master.replica.configuration.removed(other.me))
    assert status == Status.INVALID
    assert "did not say what its database came to" in why
    assert cell.now - began >= 2 * cell.options.term_ms * MS
    cell.cut = lambda _a, _b, _m: False
    assert changed(cell, master, master.replica.configuration.removed(other.me)) == Status.DONE


def test_a_learner_that_came_to_something_else_is_not_made_a_voter() -> None:
    """Nobody compared it before. It would be one of two, and then neither could serve."""
    cell, master, client = running(1)
    cell.submit(master, client.command(b"x"))
    told = master.replica.configuration.added(2)
    assert changed(cell, master, told) == Status.DONE
    new = join(cell, 2, told)
    spoil(new)
    cell.run(5_000)
    assert master.replica.core.electors() == 0b10
    assert cell.submit(master, client.command(b"y")).status == Status.DONE


def test_what_was_asked_of_a_master_ends_with_its_reign() -> None:
    """Nothing was proposed, and nothing is; whoever asks meanwhile waits."""
    cell, master, _ = running()
    other = next(node for node in cell.nodes.values() if node is not master)
    cell.cut = lambda _a, _b, m: m[0] == SUM
    first, second = object(), object()
    wanted: Callable[[int], Configuration] = master.replica.configuration.removed
    for token in (first, second):
        master.replica.change(cell.now, token, wanted(other.me))
        master.drain()
    assert master.answers[second].status == Status.INVALID
    assert "not settled" in master.answers[second].body.decode(errors="replace")
    cell.run(200)
    assert first not in master.answers
    master.replica.retire(cell.now)
    cell.run(200)
    assert master.answers[first].status == Status.NOT_MASTER
    assert master.replica.config == 0


def test_who_comes_and_goes_without_a_vote_needs_no_comparison() -> None:
    """A cell that has nobody fit to spare may have one more who learns: that is how it is helped."""
    cell, master, _ = running()
    cell.cut = lambda _a, _b, m: m[0] in (SUM, ROOM)
    assert changed(cell, master, master.replica.configuration.added(4)) == Status.DONE
    cell.run(300)
    assert changed(cell, master, master.replica.configuration.removed(4)) == Status.DONE


@pytest.mark.parametrize("starts", [0, 1])
def test_who_is_left_alone_and_doubts_its_database_at_once_asks_nobody_who_left(starts: int) -> None:
    """Behind the configuration's own slot: without a master no other will come, and of the two of before one is gone."""
    cell, master, client = running(2)
    assert cell.submit(master, client.command(b"x")).status == Status.DONE
    cell.run(1_500)
    other = next(node for node in cell.nodes.values() if node is not master)
    master.replica.change(cell.now, object(), master.replica.configuration.removed(other.me))
    master.drain()
    while not master.replica.config:
        cell.run(5)
    assert master.replica.applied == master.replica.roster.slot
    master.replica.contradict(cell.now, master.replica.applied, "its memory")
    master.drain()
    for _ in range(starts):
        master.start()
    cell.run(4_000)
    assert cell.masters == [master.me]
    assert master.replica.doubt.record is None


def test_a_master_that_lacks_a_part_of_its_state_is_not_left_alone_with_it() -> None:
    """As any other voter. It has that part again as soon as the other can be heard."""
    cell, master, client = running(2, cache_bytes=1)
    for _ in range(5):
        cell.submit(master, client.command(b"x"))
    cell.run(1_500)
    other = next(node for node in cell.nodes.values() if node is not master)
    cell.cut = lambda _a, _b, m: m[0] == core.FETCH
    lost = next(slot for slot in range(2, master.replica.applied) if slot not in master.replica.core.acc)
    master.replica.rotted(cell.now, (1, 0, 100), [lost])
    master.drain()
    status, why = asked(cell, master, master.replica.configuration.removed(other.me))
    assert status == Status.INVALID
    assert f"replica {master.me} makes a part of its state anew" in why
    cell.cut = lambda _a, _b, _m: False
    cell.run(500)
    assert changed(cell, master, master.replica.configuration.removed(other.me)) == Status.DONE


def test_a_new_master_knows_who_lacks_a_part_of_its_state_before_it_changes_who_votes() -> None:
    """What a member told the master before a moment ago it tells the new one at once."""
    cell, master, client = running(3, cache_bytes=1)
    for _ in range(5):
        cell.submit(master, client.command(b"x"))
    cell.run(1_500)
    ailing = next(node for node in cell.nodes.values() if node is not master)
    cell.cut = lambda _a, _b, m: m[0] == core.FETCH
    lost = next(slot for slot in range(2, ailing.replica.applied) if slot not in ailing.replica.core.acc)
    ailing.replica.rotted(cell.now, (1, 0, 100), [lost])
    ailing.drain()
    while not master.replica.gauge.ails(ailing.me):
        cell.run(5)
    master.replica.retire(cell.now)
    successor = cell.elect()
    assert successor is not ailing
    assert cell.masters == [successor.me]
    status, why = asked(cell, successor, successor.replica.configuration.removed(master.me))
    assert status == Status.INVALID
    assert f"replica {ailing.me} makes a part of its state anew" in why
