"""A replica follows the changes of its cell.  [SAFETY 6, 15, 18]"""

import pytest

from gaios.configuration import founders
from gaios.errors import Removed, StateLost
from gaios.log import RecordKind, Replica, Rotten, Status, recover_damaged
from gaios.log.codec import NEWS, Message
from tests.log.cell import Cell, Client, Register
from tests.log.test_boots import put_back, replaced_without
from tests.log.test_changes import added, changed, is_settled, running

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


def test_an_older_copy_from_when_it_was_alone_does_not_serve_beside_the_others() -> None:
    """It knows of nobody and needs nobody; they speak to it under a newer configuration.  [SAFETY 3, 8]"""
    cell, one, client = running(1)
    cell.submit(one, client.command(b"a"))
    cell.run(500)
    one.start()
    cell.elect()
    older = (one.copies, list(one.records))
    one.start()
    cell.elect()
    for place in (2, 3):
        added(cell, one, place)
    one.up = False
    master = cell.elect()
    assert cell.submit(master, Client(cell, master).command(b"kept")).status == Status.DONE
    put_back(one, older)
    one.start()
    with pytest.raises(StateLost, match=r"member . has seen boot"):
        cell.run(5_000)
    assert not one.replica.is_serving


def test_an_older_copy_that_served_by_itself_for_long_is_still_known_as_one() -> None:
    """However often it was started where nobody reached it: an only voter's boots are not forgotten for later ones.  [SAFETY 3, 8]"""
    cell, one, _ = running(1)
    older = (one.copies, list(one.records))
    for _ in range(2):
        one.start()
        cell.elect()
    for place in (2, 3):
        added(cell, one, place)
    put_back(one, older)
    cell.cut = lambda me, to, _message: 1 in (me, to) and me != to
    for _ in range(25):
        one.start()
        cell.run(1_500)
        assert one.replica.is_serving, "nobody can tell it"
    cell.cut = lambda _me, _to, _message: False
    one.start()
    with pytest.raises(StateLost, match=r"member . has seen boot 3, and this is boot 27, which does not come from it"):
        cell.run(5_000)


def test_two_older_copies_that_served_for_long_where_nobody_reached_them_are_still_known_as_such() -> None:
    """Two of three, that registered with each other at each of many starts; the cell had grown to five."""
    cell, _, _ = running(3)
    cell.run(500)
    older = {member: (cell.nodes[member].copies, list(cell.nodes[member].records)) for member in (1, 2)}
    for member in (1, 2, 1, 2):
        cell.nodes[member].start()
        cell.run(800)
    for place in (4, 5):
        added(cell, cell.elect(), place)
    cell.nodes[3].up = False
    for member, kept in older.items():
        put_back(cell.nodes[member], kept)
    cell.cut = lambda me, to, _message: (me in older) != (to in older)
    for _ in range(20):
        for member in older:
            cell.nodes[member].start()
        cell.run(1_000)
    assert {*cell.masters} & {*older}, "nobody can tell them"
    cell.cut = lambda _me, _to, _message: False
    for member in older:
        cell.nodes[member].start()
    for _ in older:
        with pytest.raises(StateLost, match=r"member . has seen boot 3, and this is boot 22, which does not come from it") as lost:
            cell.run(5_000)
        cell.nodes[int(str(lost.value).partition(":")[0])].up = False


def test_two_older_copies_from_when_they_were_alone_do_not_serve_beside_the_other_three() -> None:
    """Two machines of five are put back to when there were two: as many as a cell of five bears."""
    cell, master, client = running(2)
    cell.submit(master, client.command(b"a"))
    cell.run(1_000)
    older = {member: (cell.nodes[member].copies, list(cell.nodes[member].records)) for member in (1, 2)}
    for place in (3, 4, 5):
        added(cell, master, place)
    for member in (1, 2):
        cell.nodes[member].up = False
    successor = cell.elect()
    assert cell.submit(successor, Client(cell, successor).command(b"kept")).status == Status.DONE
    for member, kept in older.items():
        put_back(cell.nodes[member], kept)
        cell.nodes[member].start()
    for _ in older:
        with pytest.raises(StateLost, match=r"member . (has seen|remembers)") as lost:
            cell.run(5_000)
        cell.nodes[int(lost.value.directory)].up = False
    assert not any(cell.nodes[member].up for member in older)
    assert cell.masters == [successor.me]


def test_a_member_that_was_away_while_all_others_were_replaced_is_told() -> None:
    """It is a voter still, and intact: the cell bears one failure less until it takes part. Nobody looks for a master meanwhile."""
    cell, one, older = replaced_without(1)
    del older
    reigns = cell.elect().replica.reigns
    one.start()
    cell.run(3_000)
    assert one.replica.boots.is_registered
    assert one.replica.config == cell.elect().replica.config
    assert cell.elect().replica.reigns == reigns
    assert one.me in cell.elect().replica.followers(cell.now)


def test_an_only_voter_that_hears_of_a_newer_configuration_serves_nobody_until_it_has_it() -> None:
    """Its number alone is enough to stop: who they are may come later, or never.  [SAFETY 18]"""
    cell, one, client = running(1)
    assert cell.submit(one, client.command(b"x")).status == Status.DONE
    one.replica.overtaken(cell.now, 7, 1, 1, 3)
    assert not one.replica.is_serving
    assert one.replica.lease_ns(cell.now) == 0
    assert any("behind the end of its log" in why for why in one.replica.why)
    one.drain()
    refused = object()
    one.replica.submit(cell.now, refused, client.command(b"y"))
    one.drain()
    assert one.answers[refused].status == Status.NOT_MASTER
    cell.run(10_000)
    assert cell.masters == []


def test_a_copy_that_grew_by_itself_stops_nobody() -> None:
    """Its configurations have higher numbers than the cell's; who recorded another boot of that member does not believe it."""
    cell, master, _ = running(3)
    other = next(node for node in cell.nodes.values() if node is not master)
    for boot, nonce in ((other.boot, 9), (other.boot + 5, 9)):
        master.replica.overtaken(cell.now, other.me, boot, nonce, 40)
        master.replica.receive(cell.now, other.me, boot, nonce, [(NEWS, FIRST.removed(master.me).encode(), 1)])
    assert master.replica.is_serving
    assert master.replica.told.number == 0
    master.replica.overtaken(cell.now, other.me, other.boot, other.nonce(other.boot), 40)
    assert not master.replica.is_serving


def test_a_master_tells_the_members_to_those_that_do_not_follow_it() -> None:
    """Once a second; to those that do it says nothing."""
    cell, master, _ = running(4)
    gone, stray = [member for member in cell.members if member != master.me][:2]
    assert changed(cell, master, master.replica.configuration.removed(gone)) == Status.DONE
    cell.run(2_000)
    said = list[int]()

    def listen(me: int, to: int, message: Message) -> bool:
        if me == master.me and message[0] == NEWS:
            said.append(to)
        return False

    cell.cut = listen
    cell.run(3_000)
    assert said == []
    cell.nodes[stray].up = False
    cell.run(5_000)
    assert said in ([stray] * 4, [stray] * 5)
