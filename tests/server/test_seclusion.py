"""A node in quarantine: its clients read and watch nothing of it, and are told why."""

from typing import Any

from gaios import api, errors
from gaios.log import RecordKind, Status
from gaios.log.doubt import Phase
from gaios.log.options import FAR
from gaios.storage import Identity, Journal
from gaios.storage.record import candidates, seed
from gaios.storage.segment import name, numbers
from gaios.transport import Kind, Watch, decode_watch_end, encode_watch
from tests.server.parts import CELL, MS, HandCell, S, put
from tests.server.test_node import CLIENT, body, registered

WATCHER = 7


def doubted(cell: HandCell, member: int) -> Any:
    return cell.nodes[member].replica.doubt


def corrupt(cell: HandCell, member: int) -> None:
    """Its database gets a key that nobody put, now and whenever it applies the log again."""
    machine: Any = cell.nodes[member].replica.applier.machine
    sound = machine.apply

    def apply(command: bytes, context: Any) -> Any:
        answer = sound(command, context)
        if b"poison" in command:
            machine.database._store.put(b"odd", b"1")
        return answer

    machine.apply = apply


def watch(cell: HandCell, member: int, request: int) -> None:
    cell.nodes[member].client_frame(cell.now, WATCHER, Kind.WATCH, body(encode_watch(request, Watch(b"k", None, 0))))
    cell.drain(member)


def ends(cell: HandCell, member: int) -> list[tuple[int, errors.Error]]:
    return [decode_watch_end(frame) for kind, frame in cell.frames[member].get(WATCHER, []) if kind == Kind.WATCH_END]


def poisoned(cell: HandCell, which: str) -> tuple[int, int]:
    """A cell whose master, or another, has gone wrong for good: master, the odd one."""
    master = cell.elect()
    identity = registered(cell, master)
    odd = master if which == "master" else next(member for member in cell.members if member != master)
    watch(cell, odd, 1)
    corrupt(cell, odd)
    cell.ask(master, CLIENT, 2, put(identity, 1, b"poison", b"v"))
    cell.settle()
    for _ in range(100):
        cell.run(100 * MS)
        if doubted(cell, odd).phase is Phase.STUCK:
            return master, odd
    raise AssertionError(doubted(cell, odd).phase)


def test_watches_end_with_the_reason_and_none_begins() -> None:
    cell = HandCell()
    _, odd = poisoned(cell, "follower")
    ((request, error),) = ends(cell, odd)
    assert request == 1
    assert isinstance(error, errors.Diverged)
    watch(cell, odd, 2)
    assert isinstance(ends(cell, odd)[-1][1], errors.Diverged)
    assert len(cell.nodes[odd].watches._requests) == 0
    assert cell.nodes[odd].watches.due_ns() == FAR


def test_a_divergent_master_is_replaced_and_its_clients_sent_on() -> None:
    cell = HandCell()
    old, odd = poisoned(cell, "master")
    assert old == odd
    new = cell.elect()
    assert new != old
    cell.run(1 * S)
    cell.nodes[old].client_frame(cell.now, CLIENT, Kind.READ, (3).to_bytes(8, "little") + api.encode(api.Range(b"k")))
    cell.drain(old)
    answer = cell.answers(old, CLIENT)[-1]
    assert answer.status == Status.NOT_MASTER
    error = errors.unpack(answer.body)
    assert isinstance(error, errors.NotMaster)
    assert error.master == f"h:{new}"


def test_where_no_replica_serves_the_client_is_told_why() -> None:
    cell = HandCell(2)
    master = cell.elect()
    identity = registered(cell, master)
    other = 3 - master
    corrupt(cell, other)
    cell.ask(master, CLIENT, 2, put(identity, 1, b"poison", b"v"))
    cell.settle()
    for _ in range(50):
        cell.run(100 * MS)
    assert not doubted(cell, master).may_serve
    cell.ask(master, CLIENT, 3, put(identity, 2, b"k", b"v"))
    cell.settle()
    answer = cell.answers(master, CLIENT)[-1]
    assert answer.status == Status.NOT_MASTER
    error = errors.unpack(answer.body)
    assert isinstance(error, errors.Diverged)
    assert "no majority" in str(error)
    status = cell.nodes[master].status(cell.now)
    assert status["repairing"] is True
    assert "no majority" in status["why"][0]


def test_watches_begin_again_when_it_is_believed_again() -> None:
    cell = HandCell()
    master = cell.elect()
    identity = registered(cell, master)
    odd = next(member for member in cell.members if member != master)
    watch(cell, odd, 1)
    machine: Any = cell.nodes[odd].replica.applier.machine
    machine.database._store.put(b"odd", b"1")
    cell.ask(master, CLIENT, 2, put(identity, 1, b"k", b"v"))
    cell.settle()
    for _ in range(30):
        cell.run(100 * MS)
    assert doubted(cell, odd).quarantines == 1
    assert doubted(cell, odd).phase is Phase.SOUND
    assert [type(error) for _, error in ends(cell, odd)] == [errors.Diverged]
    watch(cell, odd, 2)
    cell.ask(master, CLIENT, 3, put(identity, 2, b"k", b"w"))
    cell.settle()
    cell.run(100 * MS)
    assert len(ends(cell, odd)) == 1
    assert len(cell.nodes[odd].watches) == 1
    assert cell.nodes[odd].status(cell.now)["repairing"] is False


def test_while_it_is_doubted_nothing_of_a_watch_is_due() -> None:
    cell = HandCell()
    _, odd = poisoned(cell, "follower")
    node = cell.nodes[odd]
    assert node.seclusion.due_ns() == FAR
    assert node.seclusion.take(cell.now + 100 * S) == []
    sound = next(member for member in cell.members if member != odd)
    watch(cell, sound, 1)
    assert cell.nodes[sound].seclusion.due_ns() < FAR


def test_a_quarantine_whose_record_rotted_whole_outlives_a_start() -> None:
    """[SAFETY 25] Where nothing behind it tells that it was there it looks like an unfinished write."""
    cell = HandCell()
    _, odd = poisoned(cell, "another")
    cell.cut.add(odd)
    disk = cell.disks[odd]
    _, found = Journal.open(Identity(CELL, odd, 0), disk)
    assert any(record.kind == RecordKind.QUARANTINE for record in found.records)
    crc_seed = seed(Identity(CELL, odd, 0))
    for number in numbers(disk.names()):
        data = disk.files[name(number)]
        first = next(header.offset for header in candidates(bytes(data), 0, crc_seed, number) if header.kind == RecordKind.QUARANTINE)
        data[first:] = bytes(len(data) - first)
    node = cell.start(odd)
    assert doubted(cell, odd).is_repairing
    assert "promise copies say so" in " ".join(node.replica.why)
    cell.cut.clear()
    for _ in range(50):
        cell.run(100 * MS)
    assert doubted(cell, odd).may_serve
    cell.start(odd)
    assert doubted(cell, odd).may_serve
