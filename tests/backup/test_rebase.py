"""A new cell begins with what the old one had, and nothing of the old one is taken for its own."""

from pathlib import Path

import pytest

from gaios import entry
from gaios.backup.rebase import Rebuilt, rebase
from gaios.backup.rebuild import choose, rebuild
from gaios.backup.save import save
from gaios.backup.stores import DirectoryStore
from gaios.errors import AnotherCell, InvariantViolated
from gaios.locks import LockService
from gaios.log.snapshots import unpack
from gaios.server.directory import files
from gaios.server.node import Node
from gaios.storage import Identity, segment
from gaios.storage.record import HEADER_BYTES
from gaios.storage.segment import OPENING_BYTES
from gaios.transport import Status
from tests.backup.parts import NOW_MS, Living, head_of, keys
from tests.server.parts import CELL, HandCell, MemoryDisk, S, put
from tests.server.test_snapshots import Client

NEW = bytes(range(16, 32))
MEMBERS = {1: 1, 2: 2, 3: 3}


@pytest.fixture
def rebuilt(store: DirectoryStore, living: Living, tmp_path: Path) -> Rebuilt:
    """A backup in memory."""
    living.put(50)
    save(store, living.write(tmp_path / "d"), now_ms=NOW_MS)
    return rebuild(store, choose(store, head_of(store)))


class Restored(HandCell):
    """A cell that was made of a base."""

    def __init__(self, disks: dict[int, MemoryDisk]) -> None:
        super().__init__(3)
        self.disks = disks
        self.nodes.clear()
        self.wire.clear()
        self.pending.clear()
        for member in self.members:
            self.start(member)


def disks_of(rebuilt: Rebuilt, cell: bytes) -> dict[int, MemoryDisk]:
    base = rebase(rebuilt, cell=cell, generation=3, members=MEMBERS)
    disks = {member: MemoryDisk() for member in MEMBERS}
    for member, disk in disks.items():
        disk.execute(list(files(Identity(cell, member, 0), base, segment_bytes=1 << 20, leftovers=[])))
    return disks


def test_all_founders_begin_alike_behind_the_restore(rebuilt: Rebuilt) -> None:
    """[SAFETY 16, 27] With a slot and a hash of their own."""
    slot, chain, epoch = rebuilt.slot, rebuilt.applier.chain, rebuilt.applier.epoch
    base = rebase(rebuilt, cell=NEW, generation=3, members=MEMBERS)
    handle = base.closing.handle
    assert (base.slot, handle.cell, base.promised) == (slot + 1, NEW, epoch)
    assert handle.chain != chain
    found = unpack(base.closing, base.chunks)
    machine = LockService()
    machine.restore(found.machine)
    assert machine.generation == 3
    assert found.part.sessions == 0
    machine.check()


def test_each_restore_has_another_hash(store: DirectoryStore, rebuilt: Rebuilt) -> None:
    """Two cells that were made of one backup are not taken for each other."""
    again = [rebuild(store, choose(store, head_of(store))) for _ in range(2)]
    bases = [
        rebase(rebuilt, cell=NEW, generation=3, members=MEMBERS),
        rebase(again[0], cell=NEW, generation=4, members=MEMBERS),
        rebase(again[1], cell=bytes(16), generation=3, members=MEMBERS),
    ]
    assert len({base.closing.handle.chain for base in bases}) == 3


def test_a_generation_grows(rebuilt: Rebuilt) -> None:
    """[SAFETY 23] Or nothing is made."""
    rebase(rebuilt, cell=NEW, generation=3, members=MEMBERS)
    with pytest.raises(InvariantViolated, match="generations grow"):
        rebase(rebuilt, cell=NEW, generation=3, members=MEMBERS)


def test_the_new_cell_serves_what_the_old_one_had(rebuilt: Rebuilt) -> None:
    """Its epoch is above the old one's, and it takes writes, restarts, and writes again."""
    slot, epoch = rebuilt.slot, rebuilt.applier.epoch
    disks = disks_of(rebuilt, CELL)
    cell = Restored(disks)
    client = Client(cell)
    client.put(5)
    cell.run(S)
    for node in cell.nodes.values():
        machine = node.replica.applier.machine
        assert isinstance(machine, LockService)
        assert keys(machine) == 50
        assert node.replica.epoch > epoch
        assert node.replica.applied > slot + 1
    for member in MEMBERS:
        cell.start(member)
    again = Client(cell)
    again.put(1)
    assert cell.answers(cell.elect(), 1)[-1].status == Status.DONE


def test_what_a_new_cell_begins_with_outlives_its_first_record(rebuilt: Rebuilt) -> None:
    """[SAFETY 15, 26] Its header says behind which slot it begins: else a start would remove the snapshot for being ahead of it."""
    slot = rebuilt.slot
    cell = Restored(disks_of(rebuilt, CELL))
    Client(cell).put(5)
    cell.run(S)
    for disk in cell.disks.values():
        disk.files[segment.name(1)][OPENING_BYTES + HEADER_BYTES + 1] ^= 1
    nodes = [cell.start(member) for member in MEMBERS]
    assert {node.replica.applier.base for node in nodes} == {slot + 1}
    Client(cell).put(5)
    cell.run(3 * S)
    assert len({node.replica.applied for node in nodes}) == 1
    assert not any(node.replica.is_repairing for node in nodes)


def test_a_client_of_the_old_cell_is_a_stranger(living: Living, rebuilt: Rebuilt) -> None:
    """[SAFETY 19] Should its command come here by any way, it is refused, not taken for another's."""
    cell = Restored(disks_of(rebuilt, CELL))
    master = cell.elect()
    identity = living.client.identity
    cell.ask(master, 1, 1, put(identity, 51, b"k", b"v"))
    cell.settle()
    assert cell.answers(master, 1)[-1].status == Status.UNKNOWN_SESSION
    cell.ask(master, 1, 2, entry.register())
    cell.settle()
    answer = cell.answers(master, 1)[-1]
    assert answer.slot > rebuilt.slot


def test_the_old_cells_replica_does_not_start_there(rebuilt: Rebuilt) -> None:
    """[SAFETY 2, 4] The directory is another cell's."""
    disks = disks_of(rebuilt, NEW)
    with pytest.raises(AnotherCell):
        Node.start(
            cell=CELL, member=1, members=MEMBERS, clients={}, reader=disks[1], machine=LockService(), nonce=1, now=S, wall_ms=1
        )  # fmt: skip
