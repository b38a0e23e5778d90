"""Damage of directories, case by case: the grid of PAR, and every bit of a small replica. Sampled in the gate; whole by

    python -m tests.server.damaged grid | bits          some minutes each; how many cases, and the first that fails

Grid (PAR, FAST'18): three replicas, four records; each record is damaged at any of them but not at all: 7⁴ = 2,401 cases. All start anew,
and every replica comes to the same log, with nothing lost.
Bits: one replica's log, snapshots and promise copies; each start either has what was written, or says what is damaged.
"""

import sys
from collections.abc import Iterator
from functools import cache
from itertools import product

from gaios import errors
from gaios.locks import LockService
from gaios.log import Options, RecordKind
from gaios.server.node import Node
from tests.server.parts import CELL, MS, HandCell, MemoryDisk, S
from tests.server.test_snapshots import SHORT, Client

Pattern = tuple[int, ...]
"""For each of four records the replicas that damage it, as a bit mask: never all of them."""
SLOTS = (3, 4, 6, 9)
KINDS = ("payload", "bit of a header", "header", "nothing there")


@cache
def _lived(replicas: int) -> tuple[dict[int, dict[str, bytes]], bytes, int]:
    """The files of some replicas, their log's hash, and how far it goes."""
    cell = HandCell(replicas, options=Options(cache_bytes=1))
    Client(cell).put(14)
    cell.run(S)
    replica = cell.nodes[1].replica
    assert {node.replica.applier.chain for node in cell.nodes.values()} == {replica.applier.chain}
    return (
        {member: {name: bytes(data) for name, data in disk.files.items()} for member, disk in cell.disks.items()},
        replica.applier.chain,
        replica.applied,
    )


def patterns() -> Iterator[Pattern]:
    """All of the grid."""
    yield from product(range(7), repeat=4)


def recovers(pattern: Pattern, kind: str, replicas: int = 3) -> None:
    """Damage, start, run; raises where anything is lost."""
    files, chain, applied = _lived(replicas)
    cell = HandCell(replicas, options=Options(cache_bytes=1))
    for member in cell.members:
        cell.disks[member].files = {name: bytearray(data) for name, data in files[member].items()}
        journal = cell.start(member).commit.journal
        cell.disks[member].files = {name: bytearray(data) for name, data in files[member].items()}
        for slot, damaged in zip(SLOTS, pattern, strict=True):
            if damaged >> (member - 1) & 1:
                _damage(cell.disks[member], journal.locate(RecordKind.ACCEPT, slot), kind)
    assert chain not in _restarted(cell, applied, (pattern, kind)), "a reign began behind it"


def recovers_again(kind: str) -> None:
    """Five replicas are damaged and repaired; then one loses a value, and each other an unknown record behind it; raises if it is lost."""
    files, _, applied = _lived(5)
    cell = HandCell(5, options=Options(cache_bytes=1))
    for member in cell.members:
        cell.disks[member].files = {name: bytearray(data) for name, data in files[member].items()}
        cell.start(member)
    for rotten in ({2: 7, 1: 3, 3: 4, 4: 5, 5: 6}, {2: 8, 1: 11, 3: 12, 4: 13, 5: 14}):
        for member, slot in rotten.items():
            where = cell.nodes[member].commit.journal.locate(RecordKind.ACCEPT, slot)
            _damage(cell.disks[member], where, "payload" if member == 2 else kind)
        _restarted(cell, applied, (rotten, kind))
        applied = cell.nodes[1].replica.applied


def _restarted(cell: HandCell, applied: int, case: object) -> set[bytes]:
    """All start anew, and mend what is damaged: the hash of what they come to, one for all."""
    for member in cell.members:
        cell.start(member)
    for _ in range(40):
        cell.run(100 * MS)
        if all(node.replica.applied > applied and not node.replica.is_repairing for node in cell.nodes.values()):
            break
    chains = {node.replica.applier.chain for node in cell.nodes.values()}
    assert len(chains) == 1, case
    for node in cell.nodes.values():
        assert node.replica.applied > applied, (case, node.status(0))
        assert not node.replica.core.faulty, case
    return chains


def _damage(disk: MemoryDisk, where: object, kind: str) -> None:
    assert where is not None
    data, at = disk.files[where.file], where.offset  # type: ignore[attr-defined]
    if kind == "payload":
        data[at + 66] ^= 1
    elif kind == "bit of a header":
        data[at + 9] ^= 1
    elif kind == "header":
        data[at : at + 40] = bytes(range(40))
    else:
        data[at : where.place.end] = bytes(where.place.end - at)  # type: ignore[attr-defined]


@cache
def _small() -> tuple[dict[str, bytes], dict[int, bytes]]:
    """One replica's files, and the chosen values."""
    cell = HandCell(3, options=SHORT, segment_bytes=2_048)
    Client(cell).put(45, 20)
    cell.run(S)
    files = {name: bytes(data) for name, data in cell.disks[1].files.items()}
    return files, {slot: value for slot, (_, value) in cell.nodes[2].replica.core.acc.items()}


def bits() -> Iterator[tuple[str, int, int]]:
    """Each bit of what was written: file, byte, bit."""
    files, _ = _small()
    for name in sorted(files):
        yield from ((name, at, bit) for at in range(len(files[name].rstrip(b"\0"))) for bit in range(8))


def starts(name: str, at: int, bit: int) -> bool:
    """Flip it and start: whether the start went on; raises where it has anything that was not written."""
    files, values = _small()
    disk = MemoryDisk()
    disk.files = {file: bytearray(data) for file, data in files.items()}
    disk.files[name][at] ^= 1 << bit
    try:
        node = Node.start(
            cell=CELL,
            member=1,
            members={1: 1, 2: 2, 3: 3},
            clients={},
            reader=disk,
            machine=LockService(),
            nonce=1,
            now=S,
            wall_ms=1,
            options=SHORT,
            segment_bytes=2_048,
        )
        node.drain(S)
    except errors.Error:
        return False
    core = node.replica.core
    for slot, (_, value) in core.acc.items():
        assert slot > core.chosen or values.get(slot, value) == value, (name, at, bit, slot)
    for slot in range(max(core.truncated, node.replica.applied) + 1, core.chosen + 1):
        assert slot in core.acc or slot in core.faulty, (name, at, bit, slot)
    return True


def main(what: str) -> int:
    """All cases."""
    if what == "grid":
        cases = list(patterns())
        for number, pattern in enumerate(cases):
            recovers(pattern, KINDS[number % len(KINDS)])
        sys.stdout.write(f"{len(cases)} of {len(cases)} recovered\n")
    else:
        went_on = [starts(*each) for each in bits()]
        sys.stdout.write(f"{sum(went_on)} starts of {len(went_on)} went on, the others said what is damaged\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
