"""Claims about a replica that goes on behind a peer's snapshot; that a crash anywhere leaves it whole is for the simulator to try."""

import msgspec
import pytest

from gaios.errors import Removed
from gaios.log import Options
from gaios.log.applying import Applying
from gaios.log.codec import ASK, Message
from gaios.log.records import RecordKind
from gaios.log.snapshots import Handle, encode_handle
from gaios.server.fetching import Fetching
from gaios.server.snapshots import Snapshots
from gaios.storage import Identity, record, verify
from gaios.storage.segment import OPENING_BYTES
from gaios.storage.snapshot import NEW, Writer, name
from gaios.transport import Decoder, Kind, Watch, decode_events, encode_watch
from tests.server.parts import CELL, MS, HandCell, S
from tests.server.test_snapshots import SHORT, SMALL, Client, live, taken


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


def test_what_it_makes_useless_stays_until_its_slot_is_known_to_be_chosen() -> None:
    """[SAFETY 26] Before that is durable, a start goes on from the older one."""
    cell = HandCell(3, options=SHORT, segment_bytes=4_096)
    client = Client(cell)
    client.put(30)
    cell.run(S)
    behind = next(member for member in cell.members if member != cell.elect())
    had = taken(cell, behind)
    cell.cut.add(behind)
    client.put(120)
    cell.run(S)
    cell.cut.clear()
    cell.hold_disks = True
    while not cell.nodes[behind].snapshots.installed:
        for member in tuple(cell.pending):
            cell.sync(member)
        cell.run(MS)
    assert had
    assert set(had) < set(taken(cell, behind))
    assert cell.start(behind).replica.applied == had[-1]


@pytest.mark.parametrize("how", ["whole", "rotten"])
def test_a_fetched_snapshot_whose_record_is_durable_is_taken_over_by_the_next_start(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed between the two, a replica need not fetch it again: not unless it rotted meanwhile."""
    cell, client, behind = away(SHORT, 120)
    cell.cut.clear()
    newest = cell.nodes[cell.elect()].snapshots.proved[-1]
    slot, disk = newest.handle.slot, cell.disks[behind]
    disk.files[name(slot)] = bytearray(cell.disks[cell.elect()].files[name(slot)])
    disk.files[name(slot)][100] ^= 255 if how == "rotten" else 0
    node = cell.nodes[behind]
    node.replica.snapshot_is_durable(cell.now, newest.handle, proved=True)
    cell.drain(behind)
    cell.sync(behind)
    cell.wire.clear()
    node = cell.start(behind)
    assert node.replica.chosen < slot
    if how == "whole":
        monkeypatch.setattr(Fetching, "came", lambda *_: [])
    cell.run(100 * MS)
    assert (node.replica.applier.base, node.snapshots.installed) == (slot, 1)
    client.put(3)
    cell.run(2 * S)
    assert node.replica.applied == cell.nodes[cell.elect()].replica.applied
    assert len({each.replica.applier.machine.checksum() for each in cell.nodes.values()}) == 1
    assert verify(disk) == []
    assert cell.start(behind).replica.applier.base >= slot


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


def test_a_newer_snapshot_is_taken_where_the_first_comes_no_more() -> None:
    """Who offered it is silent and nobody else has it any more; a peer has a newer one."""
    cell, client, behind = away(SHORT, 120)
    node, (first, second) = cell.nodes[behind], [member for member in cell.members if member != behind]
    old = cell.nodes[first].snapshots.kept[-1].handle
    fetching = Fetching(old, [first], SHORT.retransmit_ms * 2 * MS)
    node.snapshots._fetching = fetching  # as if it had been offered just now
    node.snapshots._writer = Writer(CELL, old.slot)
    cell.disks[behind].files[NEW] = bytearray()
    cell.nodes[first].snapshots._giving.answer = lambda *_: (109, 1, b"")  # type: ignore[method-assign]  # its frames come to nothing
    client.put(60)
    cell.run(S)
    assert old.slot not in taken(cell, second)
    cell.cut.clear()
    cell.run(3 * S)
    assert node.snapshots.installed == 1
    assert node.replica.applier.base > old.slot
    assert node.replica.applied == cell.nodes[cell.elect()].replica.applied


def test_who_has_nothing_is_given_a_snapshot_and_only_the_values_above_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Though its peers keep all of the log: it is there sooner, and what is below it would come for nothing."""
    supplied = set[int]()
    fetch = Applying._fetch

    def fetches(self: Applying, now: int, member: int, message: Message) -> int:
        supplied.add(message[1])
        return fetch(self, now, member, message)

    monkeypatch.setattr(Applying, "_fetch", fetches)
    cell = HandCell(3, options=msgspec.structs.replace(SMALL, seek_slots=16))
    behind = max(cell.members)
    cell.cut.add(behind)
    Client(cell).put(210)
    cell.run(S)
    master, node = cell.nodes[cell.elect()], cell.nodes[behind]
    assert master.replica.core.truncated == node.replica.chosen == 0
    supplied.clear()
    cell.cut.clear()
    cell.run(2 * S)
    assert node.snapshots.installed == 1
    assert supplied
    assert min(supplied) > node.replica.applier.base
    assert node.replica.applied == master.replica.applied


def test_who_wants_a_snapshot_that_nobody_sends_takes_the_values(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever offered it says nothing more; the log is whole."""
    heard = Snapshots.heard

    def hear(self: Snapshots, now: int, member: int, message: Message) -> None:
        if message[0] != ASK:
            heard(self, now, member, message)

    monkeypatch.setattr(Snapshots, "heard", hear)
    cell = HandCell(3, options=msgspec.structs.replace(SMALL, seek_slots=16))
    behind = max(cell.members)
    cell.cut.add(behind)
    Client(cell).put(210)
    cell.run(S)
    master, node = cell.nodes[cell.elect()], cell.nodes[behind]
    cell.cut.clear()
    cell.run(S // 2)
    assert node.replica.chosen == 0, "it waits for one that it was offered"
    cell.run(3 * S)
    assert node.snapshots.installed == 0
    assert node.replica.applied == master.replica.applied


def spoil_truncations(cell: HandCell, member: int) -> int:
    """The payload of every record that says what was dropped, and who governs there; how many there were."""
    seed, count = record.seed(Identity(CELL, member, 0)), 0
    for file, data in cell.disks[member].files.items():
        for at in range(OPENING_BYTES, len(data) - record.HEADER_BYTES, record.ALIGNMENT) if file.startswith("wal/") else ():
            header = record.decode(bytes(data[at : at + record.HEADER_BYTES]), 0, seed) if data[at] else None
            if header is not None and header.kind == RecordKind.TRUNCATE:
                data[at + record.HEADER_BYTES] ^= 255
                count += 1
    return count


def test_who_lost_a_snapshot_and_what_names_the_members_learns_them_from_the_same_snapshot() -> None:
    """It went on behind that when it was away, so its log begins there.  [SAFETY 15, 18]"""
    cell = HandCell(5, options=SHORT, segment_bytes=1 << 16)
    client = Client(cell)
    client.put(5)
    master = cell.elect()
    behind, gone = [member for member in cell.members if member != master][:2]
    cell.cut.add(behind)
    cell.nodes[master].replica.change(cell.now, (1 << 40, 1), cell.nodes[master].replica.configuration.removed(gone))
    with pytest.raises(Removed):
        cell.run(S)
    del cell.nodes[gone]
    client.put(120)
    cell.run(S)
    assert cell.nodes[master].replica.config == 1
    cell.cut.clear()
    while not cell.nodes[behind].snapshots.installed:
        cell.run(5 * MS)
    cell.run(S // 10)
    assert cell.nodes[behind].replica.config == 1
    assert spoil_truncations(cell, behind) == 1
    for slot in taken(cell, behind):
        cell.disks[behind].files[name(slot)][100] ^= 255
    node = cell.start(behind)
    assert (node.replica.config, node.replica._steps.is_unsure, node.replica.lacks_base) == (0, True, True)
    cell.run(2 * S)
    assert (node.snapshots.installed, node.replica.is_repairing) == (1, False)
    assert (node.replica.configuration.number, node.replica.core.config, node.replica.core.electors().bit_count()) == (1, 1, 4)
