"""Claims about what a replica takes, keeps and starts from; that a crash anywhere leaves it whole is for the simulator to try."""

import itertools

import pytest

from gaios import entry
from gaios.locks import LockService
from gaios.log import Options, Recovered, recover
from gaios.log.codec import ASK
from gaios.log.doubt import Quarantine
from gaios.log.records import encode
from gaios.log.snapshots import Capture, Handle, Part, encode_handle
from gaios.server.loading import Found, load
from gaios.server.node import Node
from gaios.server.snapshots import Snapshots
from gaios.storage import Identity, Journal, scrub_snapshot, verify
from gaios.storage.snapshot import NEW, File, name, slots
from gaios.transport import Decoder, Kind, Watch, decode_events, encode_watch
from tests.server.parts import CELL, MS, HandCell, S, put

SMALL = Options(snapshot_slots=20, snapshot_pause_us=1_000, snapshot_stagger_ms=1)
"""A snapshot every twenty slots; all old log is kept."""
SHORT = Options(snapshot_slots=20, snapshot_pause_us=1_000, snapshot_stagger_ms=1, keep_bytes=1)
"""And nothing is kept that need not be."""


class Client:
    """Puts one key after the other."""

    def __init__(self, cell: HandCell) -> None:
        self.cell = cell
        self.requests = itertools.count(1)
        self.sequences = itertools.count(1)
        master = cell.elect()
        self._send(master, entry.register())
        answer = cell.answers(master, 1)[-1]
        self.identity = (answer.slot, answer.index)

    def _send(self, master: int, data: bytes) -> None:
        self.cell.ask(master, 1, next(self.requests), data)
        self.cell.settle()
        self.cell.run(5 * MS)

    def put(self, times: int, size: int = 100) -> None:
        for _ in range(times):
            sequence = next(self.sequences)
            self._send(self.cell.elect(), put(self.identity, sequence, b"k%d" % sequence, b"x" * size))


def live(options: Options, puts: int, segment_bytes: int = 1 << 20) -> HandCell:
    cell = HandCell(3, options=options, segment_bytes=segment_bytes)
    Client(cell).put(puts)
    cell.run(S)
    return cell


def taken(cell: HandCell, member: int) -> list[int]:
    return slots(cell.disks[member].names())


def test_all_replicas_have_the_same_snapshots_behind_the_slots_that_the_log_names() -> None:
    """[PML §5.5; SAFETY 26, 27] To the last byte of their chunks."""
    cell = live(SMALL, 90)
    assert len(taken(cell, 1)) > 2
    assert taken(cell, 1) == taken(cell, 2) == taken(cell, 3)
    for slot in taken(cell, 1):
        assert len({tuple(File(disk, slot, CELL).chunks()) for disk in cell.disks.values()}) == 1
        assert len({File(disk, slot, CELL).closing() for disk in cell.disks.values()}) == 1
    assert NEW not in cell.disks[1].names()
    for disk in cell.disks.values():
        assert verify(disk) == []


def test_the_log_records_what_is_durable_behind_a_mark() -> None:
    """So whoever finds the record knows that its slot is chosen."""
    cell = live(SMALL, 50)
    _, found = Journal.open(Identity(CELL, 1, 0), cell.disks[1])
    for count in range(len(found.records)):
        recovered = recover(found.copies, found.records[:count])
        assert max(recovered.snapshots, default=0) <= recovered.chosen
    assert sorted(recover(found.copies, found.records).snapshots) == taken(cell, 1)


def test_a_start_takes_the_newest_and_the_log_above_it() -> None:
    """[PML §5.5] And ends in the same state, byte for byte."""
    cell = live(SMALL, 90)
    before = {member: node.replica.applier for member, node in cell.nodes.items()}
    for member in cell.members:
        node = cell.start(member)
        assert node.replica.applier.base == taken(cell, member)[-1]
    cell.elect()
    Client(cell).put(1)
    cell.run(S)
    for member, node in cell.nodes.items():
        assert node.replica.applied > before[member].applied
        assert b"".join(node.replica.applier.machine.snapshot()) == b"".join(cell.nodes[1].replica.applier.machine.snapshot())


def test_a_client_is_remembered_through_a_snapshot() -> None:
    """[SAFETY 19] What was carried out before it is not carried out again behind a start."""
    cell = HandCell(3, options=SMALL)
    client = Client(cell)
    client.put(45)
    cell.run(S)
    for member in cell.members:
        cell.start(member)
    master = cell.elect()
    assert all(node.replica.applier.base > 20 for node in cell.nodes.values())
    cell.ask(master, 9, 1, put(client.identity, 44, b"k44", b"another"))
    cell.settle()
    cell.run(100 * MS)
    assert cell.answers(master, 9)[0].slot < cell.nodes[master].replica.applied - 1


def test_a_disk_without_room_costs_a_snapshot_and_nothing_else() -> None:
    """Nothing of what was begun stays, and the next one that the log asks for is taken."""
    cell = HandCell(3, options=SMALL)
    cell.full = {1}
    client = Client(cell)
    client.put(45)
    cell.run(S)
    assert taken(cell, 1) == []
    assert len(taken(cell, 2)) > 1
    assert NEW not in cell.disks[1].names()
    assert cell.nodes[1].snapshots.skipped > 0
    cell.full = set()
    client.put(25)
    cell.run(S)
    assert taken(cell, 1)[-1] == taken(cell, 2)[-1]


@pytest.mark.parametrize("found_by", ["scrub", "peer"])
def test_a_snapshot_that_rots_while_running_is_fetched_again(found_by: str) -> None:
    """[SAFETY 15] Chunk by chunk, proved by the same digests."""
    cell = live(SHORT, 90, segment_bytes=4_096)
    node, slot = cell.nodes[1], taken(cell, 1)[-1]
    sound = bytes(cell.disks[1].files[name(slot)])
    cell.disks[1].files[name(slot)][100] ^= 255
    if found_by == "scrub":
        for piece in scrub_snapshot(cell.disks[1], CELL, slot):
            node.scrubbed(cell.now, piece)
    else:
        node.snapshots.heard(cell.now, 2, (ASK, slot, node.snapshots.kept[-1].handle.digest, 1))
    assert [kept.handle.slot for kept in node.snapshots.kept] == taken(cell, 1)[:-1]
    assert name(slot) in node.status(0)["why"][-1]
    cell.run(S)
    assert bytes(cell.disks[1].files[name(slot)]) == sound
    assert [kept.handle.slot for kept in node.snapshots.kept] == taken(cell, 1)
    assert node.snapshots.repaired + node.snapshots.taken > 0
    assert not node.snapshots.why


def test_the_log_and_old_snapshots_are_bounded() -> None:
    """[SAFETY 28] Two snapshots stay, and the log above the older one."""
    cell = live(SHORT, 400, segment_bytes=4_096)
    for member, node in cell.nodes.items():
        kept = taken(cell, member)
        assert len(kept) == 2
        assert [each.handle.slot for each in node.snapshots.kept] == kept
        assert node.replica.core.truncated == kept[0]
        assert min(node.replica.core.acc) > kept[0]
        assert len(cell.disks[member].names()) < 20
        assert "wal/00000001.wal" not in cell.disks[member].names()
    for member in cell.members:
        assert cell.start(member).replica.applier.base == taken(cell, member)[-1]
    Client(cell).put(50)


def test_all_is_kept_that_policy_keeps() -> None:
    """For replicas that lag, and for who wants to know what happened."""
    cell = live(SMALL, 150, segment_bytes=4_096)
    node = cell.nodes[1]
    assert len(taken(cell, 1)) > 5
    assert node.replica.core.truncated == 0
    assert "wal/00000001.wal" in cell.disks[1].names()


def test_on_a_full_disk_nothing_stays_that_need_not() -> None:
    """[SAFETY 28] Whatever policy would keep: its room is what the log goes on in."""
    cell = live(SMALL, 150, segment_bytes=4_096)
    assert len(taken(cell, 1)) > 5
    files = len(cell.disks[1].names())
    cell.nodes[1].no_room(cell.now)
    cell.run(S)
    assert len(taken(cell, 1)) == 2
    assert len(taken(cell, 2)) > 5
    assert cell.nodes[1].replica.core.truncated == taken(cell, 1)[0]
    assert "wal/00000001.wal" not in cell.disks[1].names()
    assert len(cell.disks[1].names()) < files // 2
    assert cell.start(1).replica.applier.base == taken(cell, 1)[-1]


def test_what_is_old_goes() -> None:
    """By the log's own time, which goes on over restarts."""
    cell = live(SMALL, 60, segment_bytes=4_096)
    first = taken(cell, 1)[0]
    cell.run(2 * S)
    for node in cell.nodes.values():
        assert node.snapshots.kept[0].handle.slot == first
        node.replica.applier.time_ms += 73 * 3_600_000
    Client(cell).put(60)
    cell.run(S)
    assert first not in taken(cell, 1)
    assert cell.nodes[1].replica.core.truncated >= first


def test_what_a_crash_cut_short_leaves_nothing() -> None:
    """Neither the way to a snapshot, nor one that nothing rests on."""
    cell = live(SMALL, 50)
    newest = taken(cell, 1)[-1]
    disk = cell.disks[1]
    disk.files[NEW] = bytearray(b"half of it")
    disk.files[name(newest + 1_000)] = bytearray(disk.files[name(newest)])
    cell.start(1)
    cell.run(100 * MS)
    assert NEW not in disk.names()
    assert name(newest + 1_000) not in disk.names()


def test_a_snapshot_of_another_cell_or_of_another_past_is_none_of_ours() -> None:
    """Somebody copied it here; the log says what was recorded behind that slot."""
    cell = live(SMALL, 90)
    first, second = taken(cell, 1)[-2:]
    disk = cell.disks[1]
    disk.files[name(second)] = disk.files[name(first)]
    node = cell.start(1)
    assert node.replica.applier.base == first
    assert "snapshot behind slot" in node.snapshots.why[0]


def capture(slot: int, size: int) -> Capture:
    return Capture(Part(1, slot, bytes(16), 5, 65_537, 0, b"", 1, 0), iter(()), iter([b"x" * 40_000] * (size // 40_000)))


def beginnings(cell: HandCell, node: Node) -> int:
    """When a node begins to write what is asked for now."""
    snapshots = Snapshots(Found(CELL, None, (), [], [], [], []), node.replica, node, cell.disks[node.replica.me])
    snapshots.take(cell.now, [capture(7, 1)])
    return snapshots.due_ns() - cell.now


def test_replicas_begin_one_after_the_other_and_the_master_last() -> None:
    """[SAFETY 26] So that a quorum of them is quick at any time."""
    cell = HandCell(3, options=Options(snapshot_stagger_ms=1_000))
    master = cell.elect()
    cell.run(S)
    begins = {member: beginnings(cell, node) // S for member, node in cell.nodes.items()}
    assert sorted(begins.values()) == [0, 1, 2]
    assert begins[master] == 2


def test_it_is_written_in_slices_with_pauses_between() -> None:
    """And never more than a little is gathered before the disk has it."""
    cell = HandCell(1)
    cell.elect()
    snapshots = Snapshots(Found(CELL, None, (), [], [], [], []), cell.nodes[1].replica, cell.nodes[1], cell.disks[1])
    snapshots.take(cell.now, [capture(7, 40_000_000)])
    flights, now, slices = 0, cell.now, 0
    while snapshots.due_ns() < 1 << 61:
        due = snapshots.due_ns()
        assert snapshots.work(now) is None or due <= now
        slices += 1
        now = max(now, due)
        operations = snapshots.work(now)
        if operations is not None:
            flights += 1
            assert len(operations) < 16
            assert snapshots.work(now + 1) is None
            snapshots.done(now)
    assert flights > 10
    assert slices > 200
    assert now - cell.now >= (slices - 10) * Options().snapshot_pause_us * 500


def test_what_is_asked_for_while_one_is_written_is_not_taken() -> None:
    """It would never be done in a cell whose log grows quicker than its disk writes."""
    cell = HandCell(1)
    cell.elect()
    snapshots = Snapshots(Found(CELL, None, (), [], [], [], []), cell.nodes[1].replica, cell.nodes[1], cell.disks[1])
    snapshots.take(cell.now, [capture(7, 1_000_000), capture(9, 1)])
    assert snapshots.skipped == 1


def test_a_recorded_handle_is_the_one_of_the_file() -> None:
    """The record and the file name each other."""
    cell = live(SMALL, 50)
    kept = cell.nodes[2].snapshots.newest
    assert kept is not None
    _, found = Journal.open(Identity(CELL, 2, 0), cell.disks[2])
    assert recover(found.copies, found.records).snapshots[kept.handle.slot] == encode_handle(kept.handle)
    assert kept.stored == cell.disks[2].size(name(kept.handle.slot))


def away(options: Options, puts: int) -> tuple[HandCell, Client, int]:
    """A cell of three, one of which heard nothing of most of it and whose peers have truncated what it lacks."""
    cell = HandCell(3, options=options, segment_bytes=4_096)
    client = Client(cell)
    client.put(5)
    behind = next(member for member in cell.members if member != cell.elect())
    cell.cut.add(behind)
    client.put(puts)
    cell.run(S)
    assert cell.nodes[cell.elect()].replica.core.truncated > cell.nodes[behind].replica.chosen
    return cell, client, behind


def test_a_replica_that_lacks_what_was_truncated_takes_a_snapshot() -> None:
    """[PML §5.5] And goes on with the log above it, in the same state."""
    cell, client, behind = away(SHORT, 120)
    cell.cut.clear()
    cell.run(2 * S)
    client.put(3)
    cell.run(S)
    node, master = cell.nodes[behind], cell.nodes[cell.elect()]
    assert node.snapshots.installed == 1
    assert node.replica.applied == master.replica.applied
    assert b"".join(node.replica.applier.machine.snapshot()) == b"".join(master.replica.applier.machine.snapshot())
    assert verify(cell.disks[behind]) == []
    again = cell.start(behind)
    assert again.replica.applier.base >= node.replica.applier.base
    cell.run(S)
    assert again.replica.applied == master.replica.applied


def test_promises_and_votes_above_it_stay() -> None:
    """[SAFETY 6, 8] A snapshot says what is chosen, and nothing of what this replica promised."""
    cell, _, behind = away(SHORT, 120)
    before = cell.nodes[behind].replica.core.promised
    cell.cut.clear()
    cell.run(2 * S)
    replica = cell.nodes[behind].replica
    assert replica.core.promised >= before
    assert replica.core.truncated == replica.applier.base > 0
    again = cell.start(behind).replica
    assert (again.core.promised, again.core.truncated) == (replica.core.promised, replica.core.truncated)


def test_until_its_record_is_durable_a_fetched_snapshot_is_nothing() -> None:
    """Killed at any moment of it, the replica starts with what it had or with all of it."""
    cell, _, behind = away(SHORT, 120)
    had = cell.nodes[behind].replica.applied
    cell.cut.clear()
    for _ in range(400):
        cell.run(5 * MS)
        applied = cell.start(behind).replica.applier
        assert applied.base == 0 or applied.base > had
        if applied.base:
            break
    cell.run(2 * S)
    assert cell.nodes[behind].replica.applied == cell.nodes[cell.elect()].replica.applied


def test_a_watch_sees_what_was_passed_over() -> None:
    """The history comes with the snapshot."""
    cell, _, behind = away(SHORT, 120)
    body = Decoder(1 << 30, magic=False).feed(encode_watch(1, Watch(b"k", b"l", 0)))[0][1]
    cell.nodes[behind].client_frame(cell.now, 5, Kind.WATCH, body)
    cell.drain(behind)
    cell.cut.clear()
    cell.run(2 * S)
    assert cell.nodes[behind].snapshots.installed == 1
    events = [decode_events(body) for kind, body in cell.frames[behind][5] if kind == Kind.EVENTS]
    assert sum(len(each.events) for each in events) >= 115


def test_who_has_no_snapshot_of_that_name_says_so() -> None:
    """And who asked goes elsewhere."""
    cell = live(SMALL, 50)
    node = cell.nodes[1]
    kept = node.snapshots.newest
    assert kept is not None
    node.snapshots.heard(cell.now, 2, (107, kept.handle.slot, bytes(32), 0))
    node.snapshots.heard(cell.now, 2, (107, kept.handle.slot, kept.handle.digest, 99))
    node.snapshots.heard(cell.now, 2, (107, kept.handle.slot, kept.handle.digest, 1))
    assert [message[0] for _, message in node.snapshots.said] == [109, 109, 108]


def test_what_is_offered_and_does_not_help_is_not_fetched() -> None:
    """Another cell's, an older one, and bytes that are no handle."""
    cell = live(SMALL, 50)
    snapshots = cell.nodes[1].snapshots
    kept = snapshots.newest
    assert kept is not None
    told = {field: getattr(kept.handle, field) for field in kept.handle.__struct_fields__}
    strange = Handle(**{**told, "slot": 10_000, "cell": bytes(16)})
    for data in (encode_handle(kept.handle), encode_handle(strange), b"?"):
        snapshots.heard(cell.now, 2, (106, data))
    assert snapshots.work(cell.now) is None
    assert snapshots.said == []


def quarantined(cell: HandCell, agreed: int) -> Recovered:
    _, found = Journal.open(Identity(CELL, 1, 0), cell.disks[1])
    recovered = recover(found.copies, found.records)
    recovered.quarantine = encode(Quarantine(1, agreed + 1, agreed, None, None, "it differs"))
    return recovered


def test_a_start_in_quarantine_takes_nothing_that_may_be_of_the_wrong_database() -> None:
    """[SAFETY 25] Without one it applies the whole log, and where the log does not begin there the oldest has to do."""
    cell = live(SMALL, 90)
    old, *_, new = taken(cell, 1)
    for agreed, slot in ((new, new), (new - 1, taken(cell, 1)[-2]), (old, old)):
        base = load(cell.disks[1], CELL, quarantined(cell, agreed), LockService()).base
        assert base is not None
        assert base.part.slot == slot
    machine = LockService()
    found = load(cell.disks[1], CELL, quarantined(cell, old - 1), machine)
    assert found.base is None
    assert tuple(piece for piece in machine.snapshot() if piece) == found.empty
    short = live(SHORT, 90)
    first = taken(short, 1)[0]
    base = load(short.disks[1], CELL, quarantined(short, first - 1), LockService()).base
    assert base is not None
    assert base.part.slot == first


def test_in_quarantine_what_is_newer_than_the_newest_agreement_goes() -> None:
    """[SAFETY 25] And nobody is offered any."""
    cell = live(SMALL, 90)
    node, (old, *_) = cell.nodes[1], taken(cell, 1)
    node.replica.doubt.record = Quarantine(1, old + 1, old, None, None, "it differs")
    for _ in range(20):
        cell.run(10 * MS)
    assert taken(cell, 1) == [old]
    assert [kept.handle.slot for kept in node.snapshots.kept] == [old]
