"""Who went on behind a peer's snapshot, and then lost that and what names the members, learns them from the same snapshot.  [SAFETY 15, 18]"""

import pytest

from gaios.errors import Removed
from gaios.log.records import RecordKind
from gaios.storage import Identity, record
from gaios.storage.segment import OPENING_BYTES
from gaios.storage.snapshot import name
from tests.server.parts import CELL, MS, HandCell, S
from tests.server.test_snapshots import SHORT, Client, taken


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


def test_it_knows_the_members_again() -> None:
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
