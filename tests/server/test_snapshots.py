"""Claims about what a replica takes, keeps and gives; that a crash anywhere leaves it whole is for the simulator to try."""

import itertools
from collections.abc import Callable

import msgspec
import pytest

from gaios import entry
from gaios.db.records import MASK, digest
from gaios.log import Options, recover
from gaios.log.codec import ASK
from gaios.log.doubt import Phase
from gaios.log.quarantine import Quarantine
from gaios.log.snapshots import Capture, Handle, Part, encode_handle, read_handle
from gaios.server.loading import Found, Kept
from gaios.server.node import Node
from gaios.server.snapshots import Snapshots
from gaios.storage import Identity, Journal, scrub_snapshot, verify
from gaios.storage.snapshot import NEW, File, name, slots
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
    assert node.snapshots.repaired == 1
    assert node.snapshots.proved == node.snapshots.kept
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


def test_snapshots_that_are_too_old_go() -> None:
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


def capture(slot: int, size: int) -> Capture:
    return Capture(Part(1, slot, bytes(16), 5, 65_537, 0, b"", 1, 0), iter(()), iter([b"x" * 40_000] * (size // 40_000)))


def beginnings(cell: HandCell, node: Node) -> int:
    """When a node begins to write what is asked for now."""
    snapshots = Snapshots(Found(CELL, None, (), [], [], [], []), node.replica, node.commit, cell.disks[node.replica.me])
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


def test_a_snapshot_is_written_in_slices_with_pauses_between() -> None:
    """And never more than a little is gathered before the disk has it."""
    cell = HandCell(1)
    cell.elect()
    snapshots = Snapshots(Found(CELL, None, (), [], [], [], []), cell.nodes[1].replica, cell.nodes[1].commit, cell.disks[1])
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
    snapshots = Snapshots(Found(CELL, None, (), [], [], [], []), cell.nodes[1].replica, cell.nodes[1].commit, cell.disks[1])
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


def wrong(node: Node) -> None:
    """A bit of a value flips in its memory."""
    store = node.replica.applier.machine.database._store  # type: ignore[attr-defined]
    record = next(history[-1] for key, history in sorted(store.histories.items()) if key.startswith(b"k"))
    msgspec.structs.force_setattr(record, "value", b"y" + record.value[1:])


def summed(node: Node) -> None:
    """And is summed up as if it had been put there: nothing but the others' word shows it."""
    store = node.replica.applier.machine.database._store  # type: ignore[attr-defined]
    wrong(node)
    store.total = sum(digest(record) for history in store.histories.values() for record in history) & MASK


def seldom(**options: int) -> Options:
    """Nobody compares sums, or looks at memory again, within such a test."""
    return msgspec.structs.replace(SHORT, check_ms=60_000, **options)


def test_nothing_is_given_up_for_a_snapshot_that_nobody_else_has() -> None:
    """[SAFETY 25, 26] It may be of a wrong database. A majority's word makes it count, and the others' alone does not."""
    cell = HandCell(3, options=SHORT, segment_bytes=4_096)
    cell.full = {2, 3}
    client = Client(cell)
    client.put(90)
    cell.run(S)
    node = cell.nodes[1]
    assert taken(cell, 1)
    assert node.snapshots.proved == []
    assert node.replica.core.truncated == 0
    assert len(taken(cell, 1)) == 2
    cell.full = set()
    client.put(60)
    cell.run(S)
    assert node.replica.core.truncated == node.snapshots.proved[0].handle.slot > 90
    assert taken(cell, 1) == taken(cell, 2) == taken(cell, 3)


def test_a_word_that_was_lost_is_asked_for_again() -> None:
    """Also of a peer that said it before this replica started."""
    cell = HandCell(3, options=SMALL)
    cell.full = {3}
    client = Client(cell)
    client.put(25)
    slot = taken(cell, 1)[0]
    cell.run(S)
    _, found = Journal.open(Identity(CELL, 1, 0), cell.disks[1])
    assert recover(found.copies, found.records).proved == {slot}
    for node in cell.nodes.values():
        node.snapshots.proofs.disown([slot])
        node.snapshots.proofs.note(slot, cell.nodes[1].snapshots.kept[0].handle.digest)
        node.snapshots._came = True
    cell.run(3 * S)
    assert [cell.nodes[member].snapshots.proofs.is_proved(slot) for member in (1, 2)] == [True, True]


@pytest.mark.parametrize("how", [wrong, summed])
def test_a_snapshot_of_a_wrong_database_is_found_out_and_its_replica_rebuilt_while_it_runs(how: Callable[[Node], None]) -> None:
    """[SAFETY 25] From one that is proved: its log begins later than the fault may have come. And it stays like the others."""
    cell = HandCell(3, options=seldom(), segment_bytes=4_096)
    client = Client(cell)
    client.put(90)
    cell.run(S)
    master = cell.elect()
    node = cell.nodes[next(member for member in cell.members if member != master)]
    assert node.replica.core.truncated > 20
    how(node)
    client.put(25)
    cell.run(3 * S)
    assert node.replica.doubt.quarantines == 1
    assert node.replica.doubt.phase is Phase.SOUND
    client.put(30)
    cell.run(S)
    states = {b"".join(each.replica.applier.machine.snapshot()) for each in cell.nodes.values()}
    assert len(states) == 1
    for slot in taken(cell, node.replica.me):
        assert len({File(disk, slot, CELL).closing() for disk in cell.disks.values() if name(slot) in disk.files}) == 1


def test_a_replica_alone_looks_at_what_it_writes() -> None:
    """[SAFETY 25] Nobody else could tell; what it wrote is not what it had summed up."""
    cell = HandCell(1, options=seldom(), segment_bytes=4_096)
    client = Client(cell)
    client.put(90)
    kept = taken(cell, 1)
    checksum = cell.nodes[1].replica.applier.machine.checksum()
    wrong(cell.nodes[1])
    client.put(25)
    cell.run(3 * S)
    node = cell.nodes[1]
    assert (node.replica.doubt.quarantines, node.replica.doubt.phase) == (1, Phase.SOUND)
    assert kept[-1] in taken(cell, 1)
    node.replica.applier.machine.database.check()  # type: ignore[attr-defined]
    assert node.replica.applier.machine.checksum() != checksum
    client.put(30)
    assert cell.start(1).replica.applier.base == taken(cell, 1)[-1]


def test_without_one_of_its_own_it_fetches_one_that_is_proved() -> None:
    """[PML §5.5; SAFETY 25] Its log begins later, and what it has itself is of the wrong database, or damaged."""
    cell = HandCell(3, options=seldom(), segment_bytes=4_096)
    client = Client(cell)
    client.put(90)
    cell.run(S)
    odd = next(member for member in cell.members if member != cell.elect())
    node = cell.nodes[odd]
    for slot in taken(cell, odd):
        cell.disks[odd].files[name(slot)][100] ^= 255
    summed(node)
    cell.cut.add(odd)
    node.replica.contradict(cell.now, node.replica.applied, "as if somebody had said so")
    cell.run(S)
    assert "it asks the others for theirs" in " ".join(node.replica.why)
    assert node.replica.doubt.wants_base
    cell.cut.clear()
    client.put(3)
    cell.run(4 * S)
    assert node.replica.doubt.phase is Phase.SOUND
    assert len({b"".join(each.replica.applier.machine.snapshot()) for each in cell.nodes.values()}) == 1
    client.put(40)
    cell.run(S)
    assert verify(cell.disks[odd]) == []
    assert cell.start(odd).replica.applier.base > 0


def test_in_quarantine_only_what_is_proved_stays() -> None:
    """[SAFETY 25] And it may be offered: what is in the file has nothing to do with what is in memory."""
    cell = live(SMALL, 90)
    node, (old, *others) = cell.nodes[1], taken(cell, 1)
    node.snapshots.proofs.disown(others)
    node.replica.doubt.record = Quarantine(1, old + 1, old, None, None, "it differs")
    for _ in range(20):
        cell.run(10 * MS)
    assert taken(cell, 1) == [old]
    assert [kept.handle.slot for kept in node.snapshots.kept] == [old]
    assert read_handle(node.replica.offer).slot == old


def test_what_is_taken_in_place_of_a_proved_one_that_rotted_is_not_proved_with_it() -> None:
    """The proof was of other bytes: these come from this replica's memory, and wait for the others' word."""
    cell = live(SMALL, 60)
    odd = 2 if cell.elect() == 1 else 1
    last = cell.nodes[odd].snapshots.proved[-1].handle.slot
    cell.disks[odd].files[name(last)][100] ^= 1
    cell.cut.add(odd)
    snapshots = cell.start(odd).snapshots
    assert last not in [kept.handle.slot for kept in snapshots.kept]
    assert not snapshots.proofs.is_proved(last)


def test_under_sustained_writes_snapshots_are_proved_and_the_log_goes() -> None:
    """[SAFETY 26, 28] Although the log asks for many while one replica after the other begins: who wrote one waits until others have it."""
    cell = HandCell(3, options=msgspec.structs.replace(SHORT, snapshot_stagger_ms=200), segment_bytes=4_096)
    client = Client(cell)
    truncated = []
    for _ in range(4):
        client.put(500)  # two snapshots are asked for in each turn, and three windows go by
        truncated.append({member: node.replica.core.truncated for member, node in cell.nodes.items()})
    for earlier, later in itertools.pairwise(truncated[1:]):
        assert all(earlier[member] < later[member] for member in cell.members)
    assert min(truncated[-1].values()) > 1_000


def test_who_waited_for_different_ones_goes_on_with_the_same() -> None:
    """The log's time tells when: a window of members and one more times the stagger."""
    cell = HandCell(3, options=Options(snapshot_stagger_ms=1_000))
    cell.elect()

    def takes(had_ms: int, asked_ms: int, *, proved: bool = False) -> bool:
        node = cell.nodes[1]
        handle = Handle(1, CELL, 7, 0, bytes(16), 1, had_ms, 1, bytes(32))
        found = Found(CELL, None, (), [Kept(handle, 1)], [], [], [], frozenset({7} if proved else ()))
        snapshots = Snapshots(found, node.replica, node.commit, cell.disks[1])
        asked = capture(9, 1)
        asked.part = msgspec.structs.replace(asked.part, time_ms=asked_ms)
        snapshots.take(cell.now, [asked])
        return not snapshots.skipped

    assert [takes(had, asked) for had, asked in [(0, 3_999), (0, 4_000), (3_999, 4_000), (4_000, 7_999)]] == [False, True, True, False]
    assert takes(0, 1, proved=True)


def test_a_start_says_nothing_of_its_snapshots_before_its_boot_is_durable() -> None:
    """Said on a slow disk, lost with its power and heard late, that seemed a copy of the next start, which stopped.  [SAFETY 3, 5]"""
    cell = live(msgspec.structs.replace(SMALL, check_ms=50), 25)
    node = cell.start(3)
    kept = node.snapshots.kept[-1].handle
    node.snapshots.proofs.disown([kept.slot])  # as if its power had gone before the others said what theirs is
    node.snapshots.proofs.note(kept.slot, kept.digest)
    for _ in range(200):
        cell.now += 5 * MS
        node.tick(cell.now)
        assert cell.drain(3).to_peers == []
    cell.sync(3)
    assert {sent for _, sent, _ in cell.wire} == {3}
