"""The node: one replica as a pure object, driven by hand."""

import msgspec
import pytest

from gaios import api, entry, errors
from gaios.log import Options, RecordKind, Status, codec
from gaios.log.doubt import Phase
from gaios.log.replica import Replica
from gaios.paxos import core
from gaios.server.commit import MARK_NS
from gaios.server.effects import Effects, Limits
from gaios.server.guests import LOCAL
from gaios.transport import (
    Kind,
    Watch,
    decode_events,
    decode_pong,
    decode_watch_end,
    encode_read,
    encode_request,
    encode_submit,
    encode_watch,
)
from tests.server.parts import MS, HandCell, S, put

CLIENT = 1


def body(frame: bytes) -> bytes:
    return frame[9:]


def registered(cell: HandCell, master: int, connection: int = CLIENT) -> tuple[int, int]:
    cell.ask(master, connection, 1, entry.register())
    cell.settle()
    answer = cell.answers(master, connection)[-1]
    assert answer.status == Status.DONE
    return answer.slot, answer.index


def test_three_nodes_elect_a_master_and_carry_out_a_put() -> None:
    cell = HandCell()
    master = cell.elect()
    identity = registered(cell, master)
    cell.ask(master, CLIENT, 2, put(identity, 1, b"k", b"v"))
    cell.settle()
    answer = cell.answers(master, CLIENT)[-1]
    assert (answer.request, answer.status) == (2, Status.DONE)
    reply = api.decode_reply(answer.body)
    assert isinstance(reply, api.MultiOpResult)
    assert reply.succeeded
    cell.run(100 * MS)
    assert len({node.replica.applier.machine.checksum() for node in cell.nodes.values()}) == 1


def test_nothing_is_acknowledged_before_a_majority_has_synced() -> None:
    """[SAFETY 5]: the answer waits for the syncs, the values do not."""
    cell = HandCell()
    master = cell.elect()
    identity = registered(cell, master)
    cell.hold_disks = True
    cell.ask(master, CLIENT, 2, put(identity, 1, b"k", b"v"))
    cell.settle()
    waiting = sorted(cell.pending)
    assert waiting == [1, 2, 3]
    assert len(cell.answers(master, CLIENT)) == 1
    cell.sync(waiting[0])
    cell.settle()
    assert len(cell.answers(master, CLIENT)) == 1
    cell.sync(waiting[1])
    cell.settle()
    assert len(cell.answers(master, CLIENT)) == 2


def test_what_was_acknowledged_survives_the_death_of_all() -> None:
    cell = HandCell()
    master = cell.elect()
    identity = registered(cell, master)
    cell.ask(master, CLIENT, 2, put(identity, 1, b"k", b"v"))
    cell.settle()
    boots = {member: node.replica.boot for member, node in cell.nodes.items()}
    for member in cell.members:
        cell.start(member)
        assert cell.nodes[member].replica.boot == boots[member] + 1
    cell.settle()
    master = cell.elect()
    question = api.encode(api.Range(b"k"))
    cell.nodes[master].client_frame(cell.now, CLIENT, Kind.READ, body(encode_read(9, question)))
    cell.drain(master)
    page = api.decode_answer(cell.answers(master, CLIENT)[-1].body)
    assert isinstance(page, api.Page)
    assert [found.value for found in page.entries] == [b"v"]


def test_who_is_not_the_master_names_it() -> None:
    cell = HandCell()
    master = cell.elect()
    cell.run(200 * MS)
    other = next(member for member in cell.members if member != master)
    cell.ask(other, CLIENT, 1, entry.register())
    answer = cell.answers(other, CLIENT)[-1]
    error = errors.unpack(answer.body)
    assert answer.status == Status.NOT_MASTER
    assert isinstance(error, errors.NotMaster)
    assert (error.replica, error.master) == (other, f"h:{master}")


def test_a_client_hears_unasked_when_the_master_changes() -> None:
    cell = HandCell()
    master = cell.elect()
    cell.run(100 * MS)
    other = next(member for member in cell.members if member != master)
    cell.nodes[other].client_came(CLIENT)
    cell.cut.add(master)
    cell.nodes.pop(master)
    cell.elect()
    cell.run(50 * MS)
    pongs = [decode_pong(data) for kind, data in cell.frames[other][CLIENT] if kind == Kind.PONG]
    assert pongs
    assert all(pong.request == 0 for pong in pongs)
    assert pongs[-1].master not in {"", f"h:{master}"}


def test_ping_and_status_are_answered_by_anybody() -> None:
    cell = HandCell()
    node = cell.nodes[2]
    node.client_frame(cell.now, CLIENT, Kind.PING, body(encode_request(Kind.PING, 5)))
    node.client_frame(cell.now, CLIENT, Kind.STATUS, body(encode_request(Kind.STATUS, 6)))
    cell.drain(2)
    assert decode_pong(cell.frames[2][CLIENT][0][1]) == (5, False, "")
    facts = msgspec.json.decode(cell.answers(2, CLIENT)[0].body)
    assert facts["id"] == facts["member"] == 2
    assert {"boot", "role", "ballot", "chosen", "applied", "voting"} <= set(facts)


def test_a_client_may_have_so_many_requests_under_way_and_no_more() -> None:
    """[SAFETY 28]"""
    cell = HandCell(limits=Limits(requests=3))
    master = cell.elect()
    identity = registered(cell, master)
    cell.hold_disks = True
    for request in range(2, 7):
        cell.ask(master, CLIENT, request, put(identity, request, b"k", b"v"))
    refused = [answer for answer in cell.answers(master, CLIENT)[1:] if answer.status == Status.OVERLOADED]
    assert [answer.request for answer in refused] == [5, 6]
    assert isinstance(errors.unpack(refused[0].body), errors.Overloaded)
    cell.hold_disks = False
    cell.run(50 * MS)
    done = [answer.request for answer in cell.answers(master, CLIENT)[1:] if answer.status == Status.DONE]
    assert done == [2, 3, 4]
    cell.ask(master, CLIENT, 7, put(identity, 7, b"k", b"v"))
    cell.settle()
    assert cell.answers(master, CLIENT)[-1].status == Status.DONE


@pytest.mark.parametrize("first", [Kind.SUBMIT, Kind.READ])
@pytest.mark.parametrize("second", [Kind.SUBMIT, Kind.READ])
def test_a_number_that_is_under_way_comes_once(first: int, second: int) -> None:
    """[SAFETY 24] The answer to one would be taken for the other's, at the gate too, and what that is to change be kept by caches.

    Once it is answered it may come again: a client sends so what was refused.
    """
    cell = HandCell()
    master = cell.elect()
    identity = registered(cell, master)
    node = cell.nodes[master]
    frames: dict[int, bytes] = {
        Kind.SUBMIT: body(encode_submit(2, put(identity, 1, b"k", b"v"))),
        Kind.READ: body(encode_read(2, api.encode(api.Range(b"k", b"z", 5, 0)))),
    }
    node.client_frame(cell.now, CLIENT, first, frames[first])
    with pytest.raises(errors.ProtocolError, match="under the number 2"):
        node.client_frame(cell.now, CLIENT, second, frames[second])
    node.client_frame(cell.now, CLIENT + 1, second, frames[second])
    cell.drain(master)
    cell.settle()
    assert [answer.request for answer in cell.answers(master, CLIENT)].count(2) == 1
    node.client_frame(cell.now, CLIENT, second, frames[second])


def test_a_malformed_command_is_answered_and_a_malformed_frame_is_refused() -> None:
    cell = HandCell()
    master = cell.elect()
    cell.ask(master, CLIENT, 1, b"nonsense")
    answer = cell.answers(master, CLIENT)[-1]
    assert answer.status == Status.INVALID
    assert isinstance(errors.unpack(answer.body), errors.InvalidCommand)
    node = cell.nodes[master]
    for kind, data in ((Kind.SUBMIT, b"short"), (Kind.HELLO, b""), (Kind.PEER, b""), (Kind.WATCH, bytes(9)), (77, b""), (Kind.PING, b"")):
        with pytest.raises(errors.ProtocolError):
            node.client_frame(cell.now, CLIENT, kind, data)
    with pytest.raises(errors.ProtocolError):
        node.peer_frame(cell.now, 2, 0, b"\xc1")


def test_a_vote_beyond_a_majority_is_not_worth_a_turn() -> None:
    """The one that decides is: with it the slot is chosen."""
    cell = HandCell(5)
    master = cell.elect()
    node = cell.nodes[master]
    cell.ask(master, CLIENT, 1, entry.register())
    cell.now += 10 * MS
    cell.drain(master)
    cell.sync(master)
    slot, others = node.replica.core.next - 1, [member for member in cell.members if member != master]
    votes = [codec.encode(member, cell.nodes[member].replica.boot, 0, [(core.ACCEPTED, node.replica.ballot, 0, slot)]) for member in others]
    asked = []
    for member, vote in zip(others, votes, strict=True):
        asked.append(node.peer_frame(cell.now, member, cell.nodes[member].replica.nonce, vote))
        cell.drain(master)
    assert asked == [False, True, False, False]


def test_the_end_of_a_sync_is_worth_a_turn_only_if_more_comes_of_it_than_votes() -> None:
    """The next batch begins there, and a lone voter's vote decides."""
    cell = HandCell()
    master = cell.elect()
    follower = next(member for member in cell.members if member != master)
    cell.run(200 * MS)
    cell.hold_disks = True
    cell.ask(master, CLIENT, 1, entry.register())
    cell.settle()
    for member, said in ((follower, [master]), (master, [])):
        node, due_ns = cell.nodes[member], cell.due_ns[member]
        cell.disks[member].execute(cell.pending.pop(member))
        assert not node.disk_done(cell.now)
        released = node.release(cell.now)
        assert [to for to, _, _ in released.to_peers] == said
        assert released.deadline_ns == min(due_ns, cell.now + MARK_NS)
        assert not any((released.disk, released.to_clients, released.local))
        assert not node.release(cell.now).to_peers
    lone = HandCell(1)
    lone.elect()
    lone.hold_disks = True
    for request in (1, 2):
        lone.ask(1, CLIENT, request, entry.register())
    lone.disks[1].execute(lone.pending.pop(1))
    assert lone.nodes[1].disk_done(lone.now)
    lone.drain(1)
    assert len(lone.answers(1, CLIENT)) == 1
    assert lone.pending  # the next one


def test_a_peer_may_speak_only_for_itself() -> None:
    """[SAFETY 4]: the connection says who it is, and every frame must agree."""
    cell = HandCell()
    cell.run(10 * MS)
    cell.nodes[1].tick(cell.now + 5_000 * MS)
    frames = cell.nodes[1].drain(cell.now + 5_000 * MS).to_peers
    with pytest.raises(errors.ProtocolError, match="member 3 sent a frame of member 1"):
        cell.nodes[2].peer_frame(cell.now, 3, 0, frames[0][1])


def test_a_watch_is_told_what_any_replica_applies_until_it_is_cancelled() -> None:
    cell = HandCell()
    master = cell.elect()
    identity = registered(cell, master)
    other = next(member for member in cell.members if member != master)
    node = cell.nodes[other]
    node.client_frame(cell.now, CLIENT, Kind.WATCH, body(encode_watch(4, Watch(b"k", None, 0))))
    cell.drain(other)
    cell.ask(master, CLIENT, 2, put(identity, 1, b"k", b"v"))
    cell.settle()
    cell.run(100 * MS)
    told = [decode_events(data) for kind, data in cell.frames[other][CLIENT] if kind == Kind.EVENTS]
    assert told[0].events == ()
    assert [event.value for events in told for event in events.events] == [b"v"]
    node.client_frame(cell.now, CLIENT, Kind.CANCEL, body(encode_request(Kind.CANCEL, 4)))
    cell.ask(master, CLIENT, 3, put(identity, 2, b"k", b"w"))
    cell.settle()
    cell.run(100 * MS)
    assert len([kind for kind, _ in cell.frames[other][CLIENT] if kind == Kind.EVENTS]) == len(told)


def test_a_watch_that_cannot_begin_ends_with_its_error() -> None:
    cell = HandCell(limits=Limits(watches=1))
    node = cell.nodes[1]
    for request in (1, 2):
        node.client_frame(cell.now, CLIENT, Kind.WATCH, body(encode_watch(request, Watch(b"k", None, 0))))
    cell.drain(1)
    ends = [decode_watch_end(data) for kind, data in cell.frames[1][CLIENT] if kind == Kind.WATCH_END]
    assert [request for request, _ in ends] == [2]
    assert isinstance(ends[0][1], errors.Overloaded)


def test_a_client_that_left_is_forgotten_and_its_answers_with_it() -> None:
    cell = HandCell()
    master = cell.elect()
    identity = registered(cell, master)
    cell.ask(master, CLIENT, 2, put(identity, 1, b"k", b"v"))
    cell.nodes[master].client_gone(CLIENT)
    cell.settle()
    assert len(cell.answers(master, CLIENT)) == 1


def test_the_embedding_program_gets_its_answers_apart() -> None:
    cell = HandCell()
    master = cell.elect()
    cell.nodes[master].submit(cell.now, 1, entry.register())
    cell.drain(master)
    cell.settle()
    assert [(request, answer.status) for request, answer in cell.local] == [(1, Status.DONE)]
    assert LOCAL not in cell.frames[master]


def test_a_replica_that_lost_everything_in_memory_catches_up_from_the_disks_of_its_peers() -> None:
    """Old values are dropped from memory; a lagging peer gets them from the log on the disk."""
    cell = HandCell()
    master = cell.elect()
    identity = registered(cell, master)
    lagging = next(member for member in cell.members if member != master)
    cell.cut.add(lagging)
    for request in range(2, 12):
        cell.ask(master, CLIENT, request, put(identity, request, b"k%d" % request, b"v"))
        cell.settle()
    cell.run(100 * MS)
    for member, node in cell.nodes.items():
        if member != lagging:
            for slot in range(1, node.replica.applied + 1):
                node.replica.core.acc.pop(slot)
            node.replica._evicted = node.replica.applied
    cell.cut.clear()
    cell.run(2_000 * MS)
    assert len({node.replica.applied for node in cell.nodes.values()}) == 1
    assert len({node.replica.applier.machine.checksum() for node in cell.nodes.values()}) == 1


def test_a_clean_stop_leaves_a_mark_behind() -> None:
    cell = HandCell(replicas=1)
    cell.elect()
    node = cell.nodes[1]
    node.retire(cell.now)
    cell.drain(1)
    cell.settle()
    cell.disks[1].execute(node.close())
    assert not cell.start(1).replica.is_serving


def test_the_next_segment_is_made_ahead_and_used() -> None:
    """A batch that had to make its file first would be late at every segment's end."""
    cell = HandCell(replicas=1)
    master = cell.elect()
    identity = registered(cell, master)
    for request in range(2, 30):
        cell.ask(master, CLIENT, request, put(identity, request, b"k", bytes(100_000)))
        cell.settle()
    disk = cell.disks[1]
    assert cell.spares >= 2
    assert len([name for name in disk.names() if name.startswith("wal/0")]) >= 3
    assert cell.start(1).replica.boot == 2
    assert cell.elect() == 1


def test_a_rebuild_applies_what_a_repair_has_not_written_yet() -> None:
    """[SAFETY 15, 25] The value was fetched again, was not kept in memory, and its record is on its way to the disk: it is not missing."""
    cell = HandCell(options=Options(cache_bytes=1))
    master = cell.elect()
    identity = registered(cell, master)
    for request in range(2, 30):
        cell.ask(master, CLIENT, request, put(identity, request, b"k", b"v"))
        cell.settle()
    cell.run(S)
    node = next(node for member, node in cell.nodes.items() if member != master)
    slot = node.replica._evicted
    where = node.commit.journal.locate(RecordKind.ACCEPT, slot)
    assert where is not None
    node.damages.found_at(cell.now, where.place)
    cell.hold_disks = True
    cell.drain(node.replica.me)
    cell.settle()
    assert slot not in node.replica.core.faulty
    assert slot not in node.replica.core.acc
    assert node.commit.unwritten(RecordKind.ACCEPT, slot) is not None
    node.replica.contradict(cell.now, slot, "as if somebody had said so")
    cell.drain(node.replica.me)
    cell.run(20 * MS)
    assert node.replica.doubt.phase is Phase.REBUILT
    cell.hold_disks = False
    cell.run(3 * S)
    assert node.replica.doubt.may_serve


def test_what_a_peer_is_given_from_the_disk_is_bounded_and_comes_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """It asks for many slots at once; their sizes are known when they are read."""
    cell = HandCell(3, options=Options(cache_bytes=1, supply_bytes=1_000))
    master = cell.elect()
    behind = next(member for member in cell.members if member != master)
    cell.ask(master, 1, 1, entry.register())
    cell.settle()
    cell.run(5 * MS)
    answer = cell.answers(master, 1)[-1]
    cell.cut.add(behind)
    for number in range(1, 61):
        cell.ask(master, 1, number + 1, put((answer.slot, answer.index), number, b"k%d" % number, b"x" * 300))
        cell.settle()
        cell.run(5 * MS)
    cell.run(S)
    given = list[int]()
    supply = Replica.supply

    def counted(self: Replica, now: int, member: int, slot: int, ballot: int, value: bytes) -> None:
        given.append(len(value) if member == behind else 0)
        supply(self, now, member, slot, ballot, value)

    drain = cell.drain

    def bounded(member: int) -> Effects:
        given.clear()
        effects = drain(member)
        assert sum(given) < 1_000 + 500
        most.append(sum(given))
        return effects

    most = list[int]()
    monkeypatch.setattr(Replica, "supply", counted)
    monkeypatch.setattr(cell, "drain", bounded)
    cell.cut.clear()
    cell.run(2 * S)
    assert max(most) >= 1_000
    assert cell.nodes[behind].replica.applied == cell.nodes[cell.elect()].replica.applied


def test_a_frame_under_a_newer_configuration_stops_a_master_that_serves() -> None:
    """Whatever it says, and though its sender is not known: the master has lost what it knew of the members.  [SAFETY 4, 18]"""
    cell = HandCell(3)
    node = cell.nodes[cell.elect()]
    assert not node.peer_frame(cell.now, 9, 5, codec.encode(9, 1, 0, []))
    assert node.replica.is_serving
    assert node.peer_frame(cell.now, 9, 5, codec.encode(9, 1, 4, []))
    assert node.replica.role == "replica"
