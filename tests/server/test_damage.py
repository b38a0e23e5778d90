"""Damage on real disks: different records of all replicas at once, each intact somewhere.  [SAFETY 6, 7, 15]"""

import errno
import os
from pathlib import Path
from random import Random

import pytest

from gaios import api
from gaios.errors import DiskFailed, StateDamaged
from gaios.log import Copies, RecordKind
from gaios.log.records import State, encode_copies
from gaios.log.records import encode as encode_state
from gaios.server import config
from gaios.server.damage import recovered
from gaios.storage import STATE, UNREADABLE, Damage, Identity, Journal, Record, Recovered, verify
from gaios.storage.copies import NAMES
from gaios.storage.disk import Directory
from tests.server.damaged import KINDS, SLOTS, bits, patterns, recovers, recovers_again, starts
from tests.server.shells import make, master_of, running, until
from tests.server.test_replica import command

WRITES = 30


def rot(settings: config.Settings, slot: int, at: int, mask: int = 1) -> None:
    """Flip bits of a byte of the newest record of a slot, counted from its header on."""
    reader = Directory(Path(settings.dir))
    manifest = settings.cell
    journal, _ = Journal.open(Identity(manifest.bytes, settings.id, 0), reader, indexed={RecordKind.ACCEPT})
    where = journal.locate(RecordKind.ACCEPT, slot)
    reader.close()
    assert where is not None
    path = Path(settings.dir) / where.file
    data = bytearray(path.read_bytes())
    data[where.offset + at] ^= mask
    path.write_bytes(data)


@pytest.mark.parametrize(("at", "mask"), [(70, 1), (9, 1), (9, 255)], ids=["payload", "one bit of a header", "more of a header"])
async def test_different_records_of_all_replicas_are_recovered(tmp_path: Path, at: int, mask: int) -> None:
    """Nothing that was acknowledged is lost, every replica applies the same, and the next start finds nothing to repair."""
    cell = make(tmp_path, 3)
    async with running(*cell) as replicas:
        master = await master_of(replicas)
        for number in range(WRITES):
            await master.submit(command(b"%d" % number, b"value"))
        await until(lambda: len({replica.node.replica.applied for replica in replicas}) == 1)
        chain = replicas[0].node.replica.applier.chain.hex()
        through = replicas[0].node.replica.applied
    for index, settings in enumerate(cell):
        for slot in range(2 + index, through, 3):
            if mask == 1 or slot % 9 == 2 + index:
                rot(settings, slot, at, mask)
    async with running(*cell) as replicas:
        master = await master_of(replicas)
        page = api.decode_answer(await master.query(api.encode(api.Range(b"", b""))))
        assert isinstance(page, api.Page)
        assert len(page.entries) == WRITES
        await until(lambda: all(not replica.node.replica.is_repairing and replica.node.replica.applied > through for replica in replicas))
        assert len({replica.node.replica.applier.chain for replica in replicas}) == 1
    for settings in cell:
        reader = Directory(Path(settings.dir))
        problems = verify(reader)
        reader.close()
        assert problems
        assert {problem.kind for problem in problems} == {"repaired"}
    assert chain


async def test_rot_that_a_peer_asks_for_is_repaired_while_running(tmp_path: Path) -> None:
    """Old values are on the disk alone; one that rotted is fetched from somebody else."""
    cell = make(tmp_path, 3)
    async with running(*cell) as replicas:
        master = await master_of(replicas)
        for number in range(WRITES):
            await master.submit(command(b"%d" % number, b"value"))
        await until(lambda: len({replica.node.replica.applied for replica in replicas}) == 1)
        one = replicas[0].node
        where = one.commit.journal.locate(RecordKind.ACCEPT, 5)
        assert where is not None
        del one.replica.core.acc[5]  # as when it was dropped from memory
        one.damages.found_at(0, where.place)
        turns = replicas[0]._turns
        assert turns is not None
        turns.wake()
        await until(lambda: not one.replica.is_repairing)
        assert one.replica.core.acc[5] == replicas[1].node.replica.core.acc[5]
        newest = one.commit.journal.locate(RecordKind.ACCEPT, 5)
        await until(lambda: not one.commit.is_busy)
        assert newest is not None
        assert newest.place != where.place
        one.damages.found_at(0, where.place)
        assert one.damages.found == 1


class BadSectors:
    """Files of which the system gives some bytes back no more, as it does where a disk has bad sectors."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._bad: dict[int, list[tuple[int, int]]] = {}
        self._pread = os.pread
        monkeypatch.setattr(os, "pread", self.read)

    def add(self, path: Path, start: int, end: int) -> None:
        self._bad.setdefault(path.stat().st_ino, []).append((start, end))

    def read(self, descriptor: int, length: int, offset: int) -> bytes:
        if any(start < offset + length and offset < end for start, end in self._bad.get(os.fstat(descriptor).st_ino, ())):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return self._pread(descriptor, length, offset)


async def test_sectors_that_cannot_be_read_are_repaired_at_a_start_and_while_running(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk loses sectors more often than it forges them: neither stops a replica where the others have what it lost."""
    bad, cell = BadSectors(monkeypatch), make(tmp_path, 3)
    async with running(*cell) as replicas:
        master = await master_of(replicas)
        for number in range(WRITES):
            await master.submit(command(b"%d" % number, b"v" * 4_096))
        await until(lambda: len({replica.node.replica.applied for replica in replicas}) == 1)
        one = replicas[0].node
        where = one.commit.journal.locate(RecordKind.ACCEPT, 5)
        assert where is not None
        path = Path(cell[0].dir) / where.file
        bad.add(path, where.offset, where.offset + 1)
        held = one.replica.core.acc.pop(5)  # as when it was dropped from memory
        assert one.damages.read(0, 5) == (0, b"")  # a peer asks for it
        turns = replicas[0]._turns
        assert turns is not None
        turns.wake()
        await until(lambda: not one.replica.is_repairing)
        assert one.replica.core.acc[5] == held
        where = one.commit.journal.locate(RecordKind.ACCEPT, 15)
        assert where is not None
        bad.add(path, where.offset + 100, where.offset + 101)
        bad.add(Path(cell[0].dir) / NAMES[0], 0, 1)
    async with running(*cell) as replicas:
        one = replicas[0].node
        await master_of(replicas)
        await until(lambda: not one.replica.is_repairing)
        await until(lambda: len({replica.node.replica.applied for replica in replicas}) == 1)
        assert len({replica.node.replica.applier.chain for replica in replicas}) == 1
        assert {each.kind for each in one.commit.journal.found} == {UNREADABLE}
    reader = Directory(Path(cell[0].dir))
    problems = verify(reader)
    reader.close()
    assert {problem.kind for problem in problems} == {"repaired"}


def test_a_beginning_that_cannot_be_read_is_a_failed_disk() -> None:
    """That no state is lost for certain keeps a supervisor from putting a new member in its place."""
    state = encode_state(State(1 << 16, 0, 5, 5, [(6, 1 << 16, b"vote")]))
    for kind, refused in ((UNREADABLE, DiskFailed), ("header", StateDamaged)):
        lost = [Damage(3, 80, 4_096, kind, "nothing", 0, None, 5)]
        with pytest.raises(refused):
            recovered(Recovered(encode_copies(Copies()), [], [], None, lost, begins_later=True), "here")
        behind = Record(STATE, 5, 1 << 16, state)
        assert recovered(Recovered(encode_copies(Copies()), [behind], [], None, lost, begins_later=True), "here").chosen == 5


@pytest.mark.parametrize("kind", KINDS)
def test_the_grid_of_three_replicas_and_four_records_recovers_whole(kind: str) -> None:
    """A share of its 2,401 cases; `python -m tests.server.damaged grid` has all."""
    for pattern in Random(kind).sample(list(patterns()), 8):
        recovers(pattern, kind)


@pytest.mark.parametrize("kind", KINDS)
def test_five_replicas_that_are_all_damaged_recover_whole(kind: str) -> None:
    """Each record is intact at one of them at the least."""
    random = Random(kind)
    for _ in range(3):
        pattern = tuple(random.randrange(1, 31) for _ in SLOTS)
        recovers(pattern, kind, replicas=5)


@pytest.mark.parametrize("kind", KINDS)
def test_five_replicas_that_are_all_damaged_once_more_recover_whole(kind: str) -> None:
    """What was repaired before makes nothing doubtful that can be read: else no replica would give the others what one of them lost."""
    recovers_again(kind)


def test_any_flipped_bit_of_a_replica_is_made_good_or_named() -> None:
    """A share of log, snapshots and promise copies; `python -m tests.server.damaged bits` flips all."""
    flips = list(bits())
    assert {name.partition("/")[0].partition("-")[0] for name, _, _ in flips} == {"promise", "snap", "wal"}
    went_on = [starts(*flip) for flip in Random(1).sample(flips, 1_000)]
    assert sum(went_on) > 900
