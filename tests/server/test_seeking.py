"""Claims about where a snapshot is fetched from when peers have none: from the store of backups, and only what is of this very log."""

import msgspec
import pytest

from gaios.locks import LockService
from gaios.log.codec import ASK, GONE, OFFER, PART, WANT
from gaios.log.options import Options
from gaios.log.snapshots import Handle, encode_handle, read_closing
from gaios.machine import Machine
from gaios.server.fetching import STORE
from gaios.server.node import Node
from gaios.storage import verify
from gaios.storage.snapshot import name
from tests.server.parts import HandCell, HandStore, S
from tests.server.test_snapshots import SHORT, Client, taken


def lived(puts: int, replicas: int = 3, options: Options = SHORT) -> tuple[HandCell, HandStore, Client]:
    """A cell that gave up old log, with a store that has nothing yet."""
    store = HandStore()
    cell = HandCell(replicas, options=options, segment_bytes=4_096, store=store)
    client = Client(cell)
    client.put(puts)
    cell.run(S)
    return cell, store, client


def spoil(cell: HandCell, member: int) -> None:
    """Every snapshot of a replica rots."""
    for slot in taken(cell, member):
        cell.disks[member].files[name(slot)][100] ^= 255


def keys(machine: Machine) -> int:
    assert isinstance(machine, LockService)
    return machine.database.look().keys


def state(node: Node) -> bytes:
    return b"".join(node.replica.applier.machine.snapshot())


@pytest.mark.parametrize("replicas", [1, 3])
def test_a_cell_whose_snapshots_all_rotted_goes_on_from_a_backup(replicas: int) -> None:
    """[PML §5.5; SAFETY 15] Its log begins behind them, and no peer has one; values above it are every replica's own."""
    cell, store, client = lived(90, replicas)
    handle = store.put(cell.disks[1], taken(cell, 1)[-1])
    cell.run(S)
    assert cell.nodes[1].replica.core.truncated > 0
    for member in cell.members:
        spoil(cell, member)
    for member in cell.members:
        cell.start(member)
    assert all(node.replica.lacks_base for node in cell.nodes.values())
    cell.run(S)
    assert all(node.snapshots.due_ns() <= cell.now + S for node in cell.nodes.values()), "nobody else wakes it"
    cell.run(4 * S)
    for member, node in cell.nodes.items():
        assert node.snapshots.fetched is not None
        assert node.snapshots.fetched[0] == handle.slot
        assert node.status(cell.now)["fetched"]["slot"] == handle.slot
        assert verify(cell.disks[member]) == []
    assert sum(node.snapshots.store_fetches for node in cell.nodes.values()) >= 1
    client.put(30)
    cell.run(S)
    assert len({state(node) for node in cell.nodes.values()}) == 1
    assert [keys(node.replica.applier.machine) for node in cell.nodes.values()] == [120] * replicas
    assert all(not node.replica.is_repairing for node in cell.nodes.values())


def test_without_a_store_nothing_of_that_happens() -> None:
    """They wait for one another, as ever."""
    cell = HandCell(3, options=SHORT, segment_bytes=4_096)
    Client(cell).put(90)
    cell.run(S)
    for member in cell.members:
        spoil(cell, member)
    for member in cell.members:
        cell.start(member)
    cell.run(5 * S)
    assert all(node.replica.lacks_base for node in cell.nodes.values())
    assert all(node.snapshots.under_way == [] for node in cell.nodes.values())


def test_peers_come_first() -> None:
    """[PML §5.5] While one of them has what is wanted, the store is not even asked."""
    cell, store, _ = lived(90)
    store.put(cell.disks[1], taken(cell, 1)[-1])
    spoil(cell, 1)
    cell.start(1)
    cell.run(3 * S)
    assert cell.nodes[1].replica.applied == cell.nodes[2].replica.applied
    assert cell.nodes[1].snapshots.fetched is not None
    assert store.asked == []


def test_what_rotted_in_every_replica_is_mended_from_a_backup_that_begins_with_it() -> None:
    """[SAFETY 15] Byte for byte, while it runs; a backup that begins with another is no use."""
    cell, store, _ = lived(90)
    slot = taken(cell, 1)[-1]
    sound = bytes(cell.disks[1].files[name(slot)])
    store.put(cell.disks[2], slot)
    for member, node in cell.nodes.items():
        cell.disks[member].files[name(slot)][100] ^= 255
        node.snapshots.spoil(slot, f"{name(slot)} rotted")
    cell.run(2 * S)
    for member, node in cell.nodes.items():
        assert bytes(cell.disks[member].files[name(slot)]) == sound
        assert node.snapshots.repaired == 1
        assert node.snapshots.proved == node.snapshots.kept
    assert {message[0] for _, message in store.asked} == {ASK}


def test_who_lacks_what_was_truncated_takes_it_from_the_store_where_peers_have_no_snapshot_any_more() -> None:
    """[PML §5.5] And the log above it from them."""
    store = HandStore()
    cell = HandCell(3, options=SHORT, segment_bytes=4_096, store=store)
    client = Client(cell)
    client.put(5)
    behind = next(member for member in cell.members if member != cell.elect())
    cell.cut.add(behind)
    client.put(120)
    cell.run(S)
    others = [member for member in cell.members if member != behind]
    handle = store.put(cell.disks[others[0]], taken(cell, others[0])[-1])
    spoil_while_running(cell, others)
    store.asked.clear()
    cell.cut.clear()
    cell.run(6 * S)
    node = cell.nodes[behind]
    assert node.snapshots.fetched is not None
    assert (node.snapshots.installed, node.snapshots.fetched[:2]) == (1, (handle.slot, 0))
    assert {member for member, _ in store.asked} == {behind}
    assert len({state(each) for each in cell.nodes.values()}) == 1


def spoil_while_running(cell: HandCell, members: list[int]) -> None:
    """They have none any more, and do not get them back."""
    for member in members:
        spoil(cell, member)
        for slot in taken(cell, member):
            node = cell.nodes[member]
            node.snapshots.has_store = False
            node.snapshots.spoil(slot, "it rotted")
            node.snapshots._abandon()


def wanting() -> tuple[HandCell, HandStore, Node]:
    """A replica whose snapshots rotted, alone with a store that says nothing by itself."""
    cell, store, _ = lived(90)
    spoil(cell, 1)
    cell.cut.add(1)
    store.put(cell.disks[2], taken(cell, 2)[-1])
    store.is_silent = True
    return cell, store, cell.start(1)


def offer(node: Node, handle: Handle, now: int) -> bool:
    """Whether it begins to fetch what the store offers."""
    node.store_said(now, (OFFER, encode_handle(handle)))
    return node.snapshots._fetching is not None


def test_what_is_not_of_this_log_is_not_taken_from_a_store() -> None:
    """[SAFETY 2, 6, 16] Another cell's, one that nobody there knows to be chosen, one that this log does not go on from, one too old."""
    cell, store, node = wanting()
    ((slot, _),) = store.kept
    sound = read_closing(next(iter(store.kept.values()))[0]).handle
    replace = msgspec.structs.replace
    for strange in (
        replace(sound, cell=bytes(16)),
        replace(sound, slot=node.replica.claimed + 1),
        replace(sound, chain=bytes(16)),
        replace(sound, slot=node.replica.core.truncated - 1),
    ):
        assert not offer(node, strange, cell.now), strange
    assert slot < node.replica.chosen
    assert offer(node, sound, cell.now)


def test_parts_that_do_not_prove_themselves_are_not_taken() -> None:
    """[SAFETY 26] The store is not asked for that one again."""
    cell, store, node = wanting()
    ((slot, digest), (closing, *_)) = next(iter(store.kept.items()))
    offer(node, read_closing(closing).handle, cell.now)
    cell.drain(1)
    node.store_said(cell.now, (PART, slot, digest, 0, closing))
    cell.drain(1)
    node.store_said(cell.now, (PART, slot, digest, 1, b"something else"))
    store.asked.clear()
    cell.run(S)
    assert node.replica.lacks_base
    assert [message for _, message in store.asked if message[0] == ASK] == []


def test_the_store_is_asked_ever_more_seldom() -> None:
    """For as long as it has nothing, too."""
    cell, store, _ = wanting()
    cell.run(30 * S)
    wants = [message for _, message in store.asked if message[0] == WANT]
    assert 2 <= len(wants) <= 5
    assert "asks the store of backups" in " ".join(cell.nodes[1].status(cell.now)["why"])
    cell.nodes[1].snapshots.store_problem = "it is on fire"
    assert "but it is on fire" in " ".join(cell.nodes[1].status(cell.now)["why"])


def test_what_came_stays_while_the_store_is_away() -> None:
    """[PML §5.5] No part is fetched twice: the rest comes when it is back."""
    cell, store, node = wanting()
    ((slot, digest), parts) = next(iter(store.kept.items()))
    offer(node, read_closing(parts[0]).handle, cell.now)
    cell.drain(1)
    node.store_said(cell.now, (PART, slot, digest, 0, parts[0]))
    cell.run(30 * S)
    fetching = node.snapshots._fetching
    assert fetching is not None
    assert fetching.from_store == 1
    assert "1 of 2 parts are here" in " ".join(node.snapshots.under_way)
    store.is_silent = False
    store.asked.clear()
    cell.run(10 * S)
    assert [message[3] for _, message in store.asked if message[0] == ASK] == [1]
    assert not node.replica.lacks_base
    assert node.snapshots.fetched == (slot, 0, 2)


def test_a_peer_that_has_the_same_goes_on_where_the_store_stopped() -> None:
    """[PML §5.5] The source changes in the middle."""
    cell, store, node = wanting()
    ((slot, digest), parts) = next(iter(store.kept.items()))
    offer(node, read_closing(parts[0]).handle, cell.now)
    cell.drain(1)
    node.store_said(cell.now, (PART, slot, digest, 0, parts[0]))
    cell.cut.clear()
    cell.run(6 * S)
    assert node.snapshots.fetched == (slot, 1, 1)
    assert node.replica.applied == cell.nodes[2].replica.applied


def test_the_store_goes_on_where_the_last_peer_stopped() -> None:
    """[PML §5.5] Its copy rotted in the middle; the digests that it sent are still good."""
    cell, store, _ = lived(90)
    slot = taken(cell, 1)[-1]
    handle = store.put(cell.disks[2], slot)
    node, peer = cell.nodes[1], cell.nodes[2]
    for other in (2, 3):
        cell.disks[other].files[name(slot)][100] ^= 255
    peer.snapshots._giving.forget([slot])
    cell.disks[1].files[name(slot)][100] ^= 255
    node.snapshots.spoil(slot, "it rotted")
    cell.run(2 * S)
    assert node.snapshots.fetched == (slot, 1, handle.chunks)
    assert node.snapshots.repaired == 1


def test_a_newer_one_that_a_peer_offers_takes_the_place_of_what_only_the_store_sends() -> None:
    """[PML §5.5] It is there sooner, and leaves less of the log to learn."""
    cell, store, client = lived(90)
    slot = taken(cell, 1)[-1]
    store.put(cell.disks[2], slot)
    spoil(cell, 1)
    cell.cut.add(1)
    if cell.elect() == 1:
        cell.run(3 * S)
    client.put(60)
    cell.run(S)
    node = cell.start(1)
    node.snapshots._replica._catchup.claimed = slot
    store.is_silent = True
    offer(node, read_closing(next(iter(store.kept.values()))[0]).handle, cell.now)
    assert node.snapshots._fetching is not None
    assert node.snapshots._fetching.is_the_stores
    cell.cut.clear()
    cell.run(2 * S)
    assert node.snapshots.fetched is not None
    assert node.snapshots.fetched[0] > slot
    assert node.snapshots.fetched[2] == 0
    assert node.replica.applied == cell.nodes[2].replica.applied


def test_a_store_that_hangs_keeps_nobody_from_taking_snapshots() -> None:
    """What rotted stays as it is, and the next ones are taken."""
    cell, store, client = lived(90)
    slot = taken(cell, 1)[-1]
    store.is_silent = True
    for node in cell.nodes.values():
        node.snapshots.spoil(slot, "it rotted")
    cell.run(20 * S)
    assert all(node.snapshots._fetching is None for node in cell.nodes.values())
    client.put(60)
    cell.run(S)
    assert all(node.snapshots.proved[-1].handle.slot > slot for node in cell.nodes.values())
    assert all((ASK, slot) == message[:2] for _, message in store.asked)


def test_whoever_does_not_have_it_says_so_and_it_is_given_up() -> None:
    """A backup that begins with another snapshot is no help to mend this one."""
    cell, store, _ = lived(90)
    old, slot = taken(cell, 1)
    store.put(cell.disks[1], old)
    for node in cell.nodes.values():
        node.snapshots.spoil(slot, "it rotted")
    cell.run(S)
    assert all(node.snapshots._fetching is None for node in cell.nodes.values())
    assert store.answers(1, (ASK, slot, bytes(32), 0)) == [(GONE, slot, bytes(32))]


def test_what_the_store_is_asked_goes_to_no_peer() -> None:
    """And nothing is said to a store where there is none."""
    cell, _, _ = lived(5)
    snapshots = cell.nodes[1].snapshots
    snapshots.said = [(2, (WANT, 1)), (STORE, (WANT, 2))]
    told: list[tuple[int, tuple[object, ...]]] = []
    assert snapshots.speak(told.extend) == [(WANT, 2)]
    assert told == [(2, (WANT, 1))]
    assert snapshots.said == []
