"""Boots: who may take part, who is a copy, who was rolled back.  [SAFETY 3, 8]"""

import copy

import msgspec
import pytest

from gaios import entry
from gaios.configuration import MEMBER_END
from gaios.errors import StateLost
from gaios.log import Copies, Recovered, Status, codec, recover
from gaios.log.boots import Boots, Remembered, lineage
from gaios.log.codec import BOOT, BOOTED, LINEAGE_MAX, NEWS, Message
from gaios.log.options import MS
from gaios.log.records import Boot, Record, RecordKind, State, encode
from gaios.log.space import Room
from gaios.storage import PAYLOAD_BYTES_MAX
from gaios.transport.frame import PEER_BYTES_MAX
from tests.log.cell import Cell, Client, Node
from tests.log.test_changes import changed, is_settled, join, running

decode = msgspec.msgpack.Decoder(Boot).decode


def restart(cell: Cell, node: Node) -> None:
    """Killed, and started again at once."""
    node.replica.output(cell.now)
    node.start()


def is_registered(cell: Cell, member: int) -> bool:
    return cell.nodes[member].replica.boots.is_registered


def load(cell: Cell) -> Node:
    """A master, and a value that everybody holds."""
    master = cell.elect()
    cell.submit(master, entry.register())
    cell.run(50)
    return master


def put_back(node: Node, kept: tuple[bytes, list[Record]]) -> None:
    """The directory is what it was."""
    node.copies, node.records = kept[0], list(kept[1])
    node.boot = recover(node.copies, node.records).copies.boot
    node.lot += 1


def replaced_without(away: int) -> tuple[Cell, Node, tuple[bytes, list[Record]]]:
    """A cell of five in which all but one, which is away meanwhile, were replaced; that one, and an older copy of its directory."""
    cell, master, client = running(5)
    if master.me == away:
        master.replica.retire(cell.now)
        cell.run(100)
        master = cell.elect()
        client = Client(cell, master)
    one = cell.nodes[away]
    cell.run(500)
    older = (one.copies, list(one.records))
    for _ in range(3):
        one.start()
        cell.run(500)
    assert cell.submit(master, client.command(b"x")).status == Status.DONE
    cell.run(1_000)
    one.up = False
    for place in (2, 3, 4, 5):
        master = cell.elect()
        told = master.replica.configuration.replaced(place)
        assert changed(cell, master, told) == Status.DONE
        join(cell, told.next_member - 1, told)
        cell.run(4_000)
        assert is_settled(cell.elect())
        cell.nodes[place].up = False
    cell.run(1_000)
    assert cell.elect().replica.core.electors() == 0b1111000010
    return cell, one, older


def test_nothing_is_promised_before_the_boot_is_recorded_by_others() -> None:
    """Rule 2: a replica that hears nobody waits, and says so."""
    cell = Cell(3)
    cell.cut = lambda me, to, message: 3 in (me, to)
    alone = cell.nodes[3].replica
    cell.run(3_000)
    assert not is_registered(cell, 3)
    assert alone.polls == 0
    assert alone.core.granted_until == 0
    assert alone.why == ["takes no part yet: 0 of 2 others have recorded its boot"]
    cell.cut = lambda me, to, message: False
    cell.run(1_000)
    assert is_registered(cell, 3)
    assert alone.why == []


def test_a_start_whose_boot_may_be_forgotten_tells_nobody_of_its_disk() -> None:
    """The next start would have the same boot and another nonce: whoever heard of both would call it a copy."""
    cell = Cell(3)
    cell.run(100)
    node = cell.nodes[3]
    restart(cell, node)
    node.replica.set_room(cell.now, Room.NONE)
    while (output := node.replica.output(cell.now)) is not None:
        assert output.at_once == []
    assert not node.replica.boots.is_registered


def test_all_that_restart_at_once_register_each_other() -> None:
    """Rule 1: who waits for the others records them all the same."""
    cell = Cell(5)
    load(cell)
    for node in cell.nodes.values():
        restart(cell, node)
    cell.elect()
    assert all(node.replica.boots.is_certain for node in cell.nodes.values())


def test_a_peer_says_that_it_recorded_a_boot_when_the_record_is_durable() -> None:
    """[SAFETY 5]: the confirmation waits for its record."""
    cell = Cell(3)
    cell.settle()
    peer = cell.nodes[2]
    peer.disk_works = False
    restart(cell, cell.nodes[1])
    cell.settle()
    assert 2 not in cell.nodes[1].replica.boots._recorded_by
    assert (RecordKind.BOOT, 1, 0) in [record[:3] for output in peer.pending for record in output.records]
    peer.disk_works = True
    peer.sync()
    cell.settle()
    assert 2 in cell.nodes[1].replica.boots._recorded_by


def test_with_two_of_five_dead_a_start_waits_one_lease_term_and_goes_on() -> None:
    """Rule 2: any two may be dead; `why` says that a clone might not be noticed."""
    cell = Cell(5)
    load(cell)
    for member in (4, 5):
        cell.nodes[member].up = False
    restart(cell, cell.nodes[1])
    began, boots = cell.now, cell.nodes[1].replica.boots
    cell.run(cell.options.term_ms - 50)
    assert not is_registered(cell, 1)
    cell.run(100)
    assert is_registered(cell, 1)
    assert cell.now - began <= (cell.options.term_ms + 50) * MS
    assert boots.why().startswith("only 2 of 4 others have recorded its boot")


def test_a_majority_of_the_others_is_enough_after_a_beat() -> None:
    cell = Cell(5)
    load(cell)
    cell.nodes[5].up = False
    restart(cell, cell.nodes[1])
    boots = cell.nodes[1].replica.boots
    cell.run(cell.options.beat_ms - 10)
    assert not is_registered(cell, 1)
    cell.run(20)
    assert is_registered(cell, 1)
    assert boots.is_certain


def test_a_replica_of_its_own_needs_nobody() -> None:
    cell = Cell(1)
    assert cell.nodes[1].replica.boots.is_certain
    assert cell.elect().me == 1


def test_an_only_voter_waits_for_others_that_may_know_better() -> None:
    """Rule 2: it may be an older copy. Its promises are withheld that long anyhow; and none of its boots is forgotten for it."""
    cell = Cell(1)
    node = load(cell)
    restart(cell, node)
    assert not is_registered(cell, 1)
    assert node.replica.why == [node.replica.boots.why()]
    assert node.replica.why[0].startswith("takes no part yet: it is the only voter")
    cell.run(cell.options.term_ms - 10)
    assert not is_registered(cell, 1)
    cell.run(20)
    assert is_registered(cell, 1)
    assert cell.elect().me == 1
    assert node.replica.boots.why() == ""
    for _ in range(3):
        restart(cell, node)
        cell.elect()
    assert [boot for boot, _ in node.replica.boots._told[1]] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("attempts", [1, 2, 3, 6])
def test_an_older_copy_is_refused_however_often_it_is_started(attempts: int) -> None:
    """Rule 3: its boots grow past the last one that the cell has seen, and still do not come from it."""
    cell = Cell(3)
    load(cell)
    node = cell.nodes[3]
    kept = (node.copies, list(node.records))
    for _ in range(2):
        restart(cell, node)
        cell.run(200)
    put_back(node, kept)
    for _ in range(attempts - 1):
        node.start()
        cell.wire.clear()  # it is killed before it hears an answer
    node.start()
    assert not node.replica.boots.is_registered
    with pytest.raises(StateLost, match=r"copy of it|copy of an older state"):
        cell.run(100)


def second(first: Boots, boots: list[tuple[int, int]]) -> Boots:
    """Another process in a replica's place, as it starts, with these boots."""
    made = copy.copy(first)
    made._boot, made._nonce = boots[-1]
    made._told, made._recorded_by, made.is_registered = (BOOT, boots), set(), False
    return made


def refused(cell: Cell, member: int, other: Boots) -> Message:
    """A peer of this number refuses it, and says so to whoever is member 3."""
    peer = cell.nodes[member].replica
    peer.output(cell.now)
    assert not peer.boots.hears(3, other._boot, other._nonce, [other._told])
    peer.boots.refuse(3, other._boot, other._nonce)  # as at its door
    answer = peer.output(cell.now)
    assert answer is not None
    return next(message for to, message in answer.after if to == 3 and message[0] == BOOTED)


@pytest.mark.parametrize("starts", [1, 2, 3])
def test_of_two_directories_that_were_made_for_one_member_the_second_stops(starts: int) -> None:
    """An invitation was used twice. However often it is started the first goes on: it counts as many boots, and is the one recorded."""
    cell = Cell(3)
    load(cell)
    for _ in range(starts - 1):
        restart(cell, cell.nodes[3])
        cell.run(200)
    first = cell.nodes[3].replica
    assert first.boot == starts
    other = second(first.boots, [(boot, 1_000 + boot) for boot in range(1, starts + 1)])
    other._was_registered = False
    refusal = refused(cell, 1, other)
    first.boots.judge(1, refusal)
    with pytest.raises(StateLost, match="another directory was made for this member"):
        other.judge(1, refusal)


def test_who_is_recorded_by_a_majority_goes_on_without_a_peer_that_recorded_another() -> None:
    """Nobody else can register: each majority has somebody who recorded this one. Without that majority it stops."""
    cell = Cell(5)
    load(cell)
    first = cell.nodes[3].replica
    other = (BOOTED, 1, first.nonce, [(3, 1, first.nonce + 1, 0, 0, 0)])
    first.boots.judge(1, other)
    assert not first.boots.is_refused_for_good(1)
    assert first.boots.is_certain
    with pytest.raises(StateLost, match="another process runs on a copy of it: member 2 has seen boot 1 with another nonce"):
        first.boots.judge(2, other)
    assert first.boots.is_refused_for_good(2)


def test_a_higher_boot_ends_also_who_is_recorded_by_a_majority() -> None:
    """It comes from this one: a copy of the present state took its place."""
    cell = Cell(5)
    load(cell)
    first = cell.nodes[3].replica
    with pytest.raises(StateLost, match="member 1 has seen boot 2, and this is boot 1"):
        first.boots.judge(1, (BOOTED, 1, first.nonce, [(3, 2, 77, 0, 0, 0)]))


def test_of_two_processes_with_one_boot_the_one_that_was_recorded_goes_on() -> None:
    """Rule 6: the clone is refused, and stops; but where no majority of the others has recorded it, who hears of a clone stops as well."""
    cell = Cell(3)
    load(cell)
    restart(cell, cell.nodes[3])
    cell.run(200)
    first = cell.nodes[3].replica
    clone = second(first.boots, [*first.boots._told[1][:-1], (first.boot, first.nonce + 1)])
    refusal = refused(cell, 1, clone)
    with pytest.raises(StateLost, match="another process runs on a copy of it"):
        clone.judge(1, refusal)
    first.boots.judge(1, refusal)
    first.boots._recorded_by.discard(2)
    with pytest.raises(StateLost, match="another process runs on a copy of it"):
        first.boots.judge(1, refusal)


def test_a_successor_ends_the_boot_before_it() -> None:
    """A copy of the present state was started beside its original: the older of the two stops at the first answer."""
    cell = Cell(3)
    load(cell)
    node = cell.nodes[3]
    original = node.replica
    restart(cell, node)
    cell.run(200)
    peer = cell.nodes[1].replica
    assert not peer.boots.hears(3, original.boot, original.nonce, [(101, 1, 1, 0, 0)])
    answer = peer.output(cell.now)
    assert answer is not None
    refusal = next(message for to, message in answer.after if to == 3 and message[0] == BOOTED)
    with pytest.raises(StateLost, match="has seen boot 2, and this is boot 1"):
        original.boots.judge(1, refusal)


def test_a_replica_that_was_rolled_back_within_its_boot_is_told_so() -> None:
    """Rule 4: its peers remember what it acknowledged."""
    cell = Cell(3)
    master = load(cell)
    node = next(each for each in cell.nodes.values() if each is not master)
    kept = (node.copies, list(node.records))
    for _ in range(3):
        cell.submit(master, entry.register())
    put_back(node, kept)
    node.start()
    with pytest.raises(StateLost, match=r"it was rolled back: member . remembers that this replica acknowledged slot"):
        cell.run(300)


def test_a_master_tells_the_others_what_it_acknowledged_itself() -> None:
    """Nobody counts a master's own votes but itself, so it lets the others know of them, soon."""
    cell = Cell(3)
    master = load(cell)
    kept = (master.copies, list(master.records))
    for _ in range(3):
        cell.submit(master, entry.register())
    cell.run(2 * cell.options.mark_ms)
    put_back(master, kept)
    master.start()
    with pytest.raises(StateLost, match="acknowledged slot"):
        cell.run(300)


def test_what_was_seen_of_a_member_outlives_a_restart() -> None:
    cell = Cell(3)
    master = load(cell)
    cell.run(2 * cell.options.mark_ms)
    peer = next(each for each in cell.nodes.values() if each is not master)
    known = peer.replica.boots._known[master.me]
    assert known.ballot == master.replica.ballot
    assert known.slot
    restart(cell, peer)
    assert peer.replica.boots._known[master.me] == known
    state = peer.replica.state_record()
    assert dict(recover(encode(Copies()), [state]).boots)[master.me] == known


def test_a_frame_of_a_boot_that_nobody_told_is_not_heard() -> None:
    """Rule 3: whoever counts a vote knows whose it is."""
    cell = Cell(3)
    load(cell)
    boots = cell.nodes[1].replica.boots
    assert not boots.hears(2, cell.nodes[2].boot + 1, 9, [(101, 1, 1, 0, 0)])
    output = cell.nodes[1].replica.output(cell.now)
    assert output is not None
    assert output.after == [(2, (BOOTED, 0, 0, []))], "nobody is refused: it is asked for its boot"
    assert not boots.hears(2, cell.nodes[2].boot + 1, 9, [(BOOTED, 0, 0, [])])
    assert cell.nodes[1].replica.output(cell.now) is None, "whoever only asks is not asked back"


def test_a_copy_that_asks_for_a_boot_is_refused_and_believes_it_of_whomever() -> None:
    """Rule 6: it has recorded nobody who is left, so it asks everyone, and hears of none but that it is one itself."""
    cell = Cell(3)
    load(cell)
    node, peer = cell.nodes[3], cell.nodes[1].replica
    older = copy.copy(node.replica.boots)
    restart(cell, node)
    cell.run(200)
    assert not peer.boots.hears(3, older._boot, older._nonce, [(BOOTED, 0, 0, [])])
    output = peer.output(cell.now)
    assert output is not None
    refusal = next(message for to, message in output.after if to == 3)
    older._known = {}
    with pytest.raises(StateLost, match="member 1 has seen boot 2, and this is boot 1"):
        older.judge(1, refusal)
    assert not peer.boots.hears(3, older._boot, older._nonce, [refusal])
    assert peer.output(cell.now) is None, "a refusal is never answered"


def test_who_is_not_recorded_says_nothing_for_a_boot() -> None:
    """Rule 3: only a member that is heard counts among those that recorded it."""
    cell = Cell(3)
    boots = cell.nodes[1].replica.boots
    said = (BOOTED, 1, cell.nodes[1].replica.nonce, [(1, 1, cell.nodes[1].replica.nonce, 0, 0, 0)])
    boots.judge(3, said)
    assert boots._recorded_by == set()
    boots.take(cell.now, 3, said)
    assert boots._recorded_by == {3}


def test_a_member_is_believed_in_the_boot_that_is_recorded_or_where_none_is() -> None:
    boots = Cell(3).nodes[1].replica.boots
    boots._known = {2: Boot(5, 50)}
    assert boots.believes(2, 5, 50)
    assert boots.believes(3, 1, 1)
    assert not any(boots.believes(2, boot, nonce) for boot, nonce in ((4, 40), (5, 51), (6, 60)))


def test_a_connections_hello_shows_whether_it_is_a_copys() -> None:
    boots = Cell(3).nodes[1].replica.boots
    boots._known[2] = Boot(5, 50)
    assert boots.refusal(2, 5, 50) == boots.refusal(2, 6, 60) == boots.refusal(3, 1, 1) == ""
    assert boots.refusal(2, 4, 40) == "boot 5 of member 2 was seen, and this is boot 4"
    assert boots.refusal(2, 5, 51) == "boot 5 of member 2 was seen with another nonce"
    assert not boots.hears(2, 6, 60, [(BOOT, [(4, 40), (6, 60)])])
    assert boots.refusal(2, 6, 60) == "boot 6 of member 2 does not come from boot 5, which was seen"


@pytest.mark.parametrize(
    ("ballot", "slot", "lacks"),
    [(7, 9, ""), (8, 9, "promised ballot 8"), (7, 10, "acknowledged slot 10"), (7, 12, ""), (3, 4, "")],
)
def test_what_a_start_remembers(ballot: int, slot: int, lacks: str) -> None:
    """A slot known to be chosen may stand there in an older ballot: only its absence proves anything."""
    assert lacks in Remembered(7, 9, frozenset({12})).lacks(ballot, slot)
    assert bool(lacks) == bool(Remembered(7, 9, frozenset({12})).lacks(ballot, slot))


def test_a_directorys_boots_go_back_to_the_last_that_was_registered() -> None:
    copies = Copies(boot=4, nonce=40, lineage=[(2, 20), (3, 30), (4, 40)])
    assert lineage(1, Recovered(copies), 5, 50) == [(2, 20), (3, 30), (4, 40), (5, 50)]
    registered = Copies(boot=256, nonce=2_560, lineage=[(boot, 10 * boot) for boot in range(1, 257)])
    found = lineage(1, Recovered(registered, boots={1: Boot(2, 20)}), 257, 2_570)
    assert found == [(boot, 10 * boot) for boot in range(2, 258)]
    found = lineage(1, Recovered(registered, boots={1: Boot(256, 2_560)}), 257, 2_570)
    assert found == [(boot, 10 * boot) for boot in range(3, 258)], "that may have been an older copy, with members who are gone"
    assert lineage(1, Recovered(Copies(boot=4, nonce=40)), 5, 50) == [(4, 40), (5, 50)], "an older version kept no more"
    assert lineage(1, Recovered(Copies()), 1, 10) == [(1, 10)]


def test_a_directorys_boots_are_bounded() -> None:
    """[SAFETY 28]: the last that was registered, and the newest, stay."""
    copies = Copies(boot=400, nonce=1, lineage=[(boot, 1) for boot in range(1, 401)])
    found = lineage(1, Recovered(copies), 401, 1)
    assert len(found) == LINEAGE_MAX
    assert (found[0], found[-1]) == ((1, 1), (401, 1))


def test_no_boot_is_recorded_of_a_number_that_nobody_was_given() -> None:
    """[SAFETY 28] So there are as many records as the cell had members, whoever dials."""
    cell = Cell(3)
    load(cell)
    replica = cell.nodes[1].replica
    for member in (4, 5, 60_000):
        replica.receive(cell.now, member, 1, 1, [(BOOT, [(1, 1)])])
    replica.receive(cell.now, 2, 1, cell.nodes[2].nonce(1), [(BOOTED, 0, 0, [(7, 1, 1, 0, 0, 0)])])
    assert {member for member, _ in replica.boots.entries()} == {1, 2, 3}


def test_the_boots_of_all_members_that_a_cell_can_have_fit_into_a_frame_and_a_record() -> None:
    """[SAFETY 28] Those who left are not forgotten."""
    largest = Boot(1 << 62, (1 << 63) - 1, 1 << 62, (1 << 62) - 1, (1 << 62) - 1)
    everybody = [(member, largest) for member in range(1, MEMBER_END)]
    frame = codec.encode(1, 1, 1, [(BOOTED, 0, 0, [(member, *boot) for member, boot in everybody])])
    assert len(frame) < PEER_BYTES_MAX
    assert len(codec.decode(frame)[3][0][3]) == len(everybody)
    assert len(encode(State(0, 0, 0, 0, [], boots=everybody))) < PAYLOAD_BYTES_MAX


def test_a_peer_that_forgot_a_boot_is_told_it_again() -> None:
    """Its record may have rotted. Seed 58 of the swarm: such a follower never heard its master again."""
    cell = Cell(3)
    master = load(cell)
    follower = next(node for node in cell.nodes.values() if node is not master)
    boots = follower.replica.boots
    del boots._known[master.me]
    cell.run(1_000)
    assert boots._known[master.me].boot == master.replica.boot
    assert cell.nodes[follower.me].replica.core.granted_until > cell.now


def test_who_lost_records_of_boots_asks_the_others_for_theirs() -> None:
    """Rule 5: also of a member that is down, whose clone only it would not notice; once each start, and higher boots only."""
    cell = Cell(3)
    master = load(cell)
    down, asker = [node for node in cell.nodes.values() if node is not master]
    restart(cell, down)
    cell.run(1_000)
    known = asker.replica.boots._known[down.me]
    assert known.boot == 2
    down.up = False
    asker.records = [record for record in asker.records if record[:2] != (RecordKind.BOOT, down.me) or decode(record[3]).boot < 2]
    restart(cell, asker)
    cell.run(1_000)
    assert asker.replica.boots.boot_of(down.me) == 1, "nothing tells that a record is missing"
    asker.forgot_boots = True
    restart(cell, asker)
    cell.run(1_000)
    again = asker.replica.boots._known[down.me]
    assert again[:2] == known[:2]
    assert recover(asker.copies, asker.records).boots[down.me][:2] == known[:2]
    asker.replica.boots.take(cell.now, master.me, (BOOTED, 0, 0, [(down.me, 9, 9, 9, 0, 0)]))
    assert asker.replica.boots.boot_of(down.me) == 2, "it is not asked for any more"


def test_an_older_copy_is_known_as_one_by_those_who_came_since() -> None:
    """Rule 5: of five, replica 1 is away while the other four are replaced; then an older copy of it comes back."""
    cell, one, older = replaced_without(1)
    newest = one.boot
    assert {cell.nodes[member].replica.boots.boot_of(1) for member in (6, 7, 8, 9)} == {newest}
    put_back(one, older)
    one.start()
    with pytest.raises(StateLost, match=f"has seen boot {newest}, and this is boot {one.boot}"):
        cell.run(3_000)


def test_a_directory_made_anew_is_known_as_one_by_those_who_came_since() -> None:
    """An empty one has no boots at all."""
    cell, one, _ = replaced_without(1)
    put_back(one, (encode(Copies()), []))
    one.start()
    with pytest.raises(StateLost, match="and this is boot 1"):
        cell.run(3_000)


def test_a_learner_is_informed_by_a_majority_of_the_voters() -> None:
    """Not by other learners, and again at each start until it votes."""
    cell, master, _ = running(3)
    told = master.replica.configuration.added(4)
    assert changed(cell, master, told) == Status.DONE
    cell.cut = lambda _a, to, message: to == 4 and message[0] == BOOTED and message[1] == 0
    learner = join(cell, 4, told)
    cell.run(3_000)
    boots = learner.replica.boots
    assert boots.is_registered
    assert master.replica.core.electors() == 0b1110, "nobody makes it a voter before"
    heard: list[set[int]] = [set(), {1, 4}, {1, 3}]
    found = []
    for boots._heard_of_all in heard:
        found.append(boots.is_informed)
    assert found == [False, False, True]
    learner.start()
    assert not learner.replica.boots.is_informed
    cell.cut = lambda _a, _b, _m: False
    cell.run(2_000)
    assert cell.elect().replica.core.electors() == 0b11110
    learner.start()
    boots = learner.replica.boots
    assert boots.is_informed, "it votes"


def test_who_was_removed_and_cannot_register_is_told_so_though_the_first_news_was_lost() -> None:
    """All but one of those whom it knows are gone: that one recorded its boot, and was never asked again (seed 3062 of the swarm)."""
    cell, _, _ = running(5)
    one = cell.nodes[1]
    one.up = False
    cell.run(2_000)
    for member in (1, 2, 3, 4):
        master = cell.elect()
        assert changed(cell, master, master.replica.configuration.removed(member)) == Status.DONE
        cell.run(1_000)
        cell.nodes[member].up = False
    assert cell.elect().me == 5
    cell.cut = lambda _a, to, message: to == 1 and message[0] == NEWS
    one.start()
    cell.run(500)
    assert one.replica.boots.why() == "takes no part yet: 1 of 4 others have recorded its boot"
    cell.cut = lambda _a, _b, _m: False
    cell.run(2_000)
    assert one.removed is not None
