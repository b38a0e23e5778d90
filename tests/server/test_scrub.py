"""Claims about when the disk is read again, how fast, and what comes of what is found."""

from gaios.log import Options
from gaios.log.options import FAR
from gaios.server.effects import Limits
from gaios.server.scrub import Scrubber
from gaios.storage import Identity, Piece
from gaios.storage.copies import NAMES
from tests.server.parts import CELL, MS, HandCell, MemoryDisk, S
from tests.server.test_snapshots import Client, taken

OFTEN = Limits(scrub_every_ms=100)


def test_it_reads_no_faster_than_it_may() -> None:
    """[SAFETY 28] One step at a time, and a pause as long as what was read takes at that rate."""
    scrubber = Scrubber(MemoryDisk(), Identity(CELL, 1, 0), Limits(scrub_bytes_s=1_000, scrub_every_ms=10), 0)
    assert scrubber.work(9 * MS, range(0), []) is None
    step = scrubber.work(10 * MS, range(0), [])
    assert step is not None
    assert scrubber.due_ns() == FAR
    assert scrubber.work(S, range(0), []) is None
    scrubber.done(S, Piece(500))
    assert scrubber.due_ns() == S + S // 2
    scrubber.done(2 * S, None)
    assert (scrubber.passes, scrubber.bytes, scrubber.damaged) == (1, 500, 0)
    assert scrubber.due_ns() == 2 * S


def test_it_can_be_turned_off() -> None:
    assert Scrubber(MemoryDisk(), Identity(CELL, 1, 0), Limits(scrub_bytes_s=0), 0).due_ns() == FAR


def test_the_shell_says_how_much_one_step_reads() -> None:
    cell = scrubbing()
    node = cell.nodes[1]
    sealed = node.commit.journal.sealed
    steps = {}
    for piece_bytes in (500, 1 << 18):
        limits = Limits(scrub_every_ms=1, scrub_piece_bytes=piece_bytes)
        scrubber = Scrubber(cell.disks[1], node.commit.journal.identity, limits, 0)
        now, steps[piece_bytes] = S, 0
        while not scrubber.passes:
            step = scrubber.work(now, sealed, [])
            assert step is not None
            scrubber.done(now, step())
            now, steps[piece_bytes] = now + S, steps[piece_bytes] + 1
        assert scrubber.damaged == 0
    assert steps[500] > 2 * steps[1 << 18]


def scrubbing() -> HandCell:
    """A cell that reads its disks again all the time, and keeps little in memory."""
    options = Options(snapshot_slots=1_000, cache_bytes=1)
    cell = HandCell(3, options=options, limits=OFTEN, segment_bytes=4_096)
    Client(cell).put(60)
    cell.run(S)
    return cell


def test_rot_is_found_and_repaired_while_the_cell_serves() -> None:
    """[SAFETY 15] One record after the other, at all replicas at once."""
    cell = scrubbing()
    hit = {}
    for member, node in cell.nodes.items():
        journal = node.commit.journal
        where = next(found for slot in range(5 + member, 40, 3) if (found := journal.locate(2, slot)) and found.segment in journal.sealed)
        cell.disks[member].files[where.file][where.offset + 70] ^= 1
        hit[member] = where.place
    passes = {member: node.scrubber.passes for member, node in cell.nodes.items()}
    cell.run(S)
    assert all(node.scrubber.passes > passes[member] for member, node in cell.nodes.items())
    for member, node in cell.nodes.items():
        assert node.damages.found == 1
        assert not node.replica.is_repairing
        assert not node.replica.core.faulty
        assert hit[member].covers(node.damages.places[-1])
        assert node.scrubber.damaged >= 1
    Client(cell).put(3)
    cell.run(S)
    assert len({node.replica.applied for node in cell.nodes.values()}) == 1
    for member in cell.members:
        node = cell.start(member)
        assert not node.replica.core.faulty
        cell.run(S)
    assert len({node.replica.applier.chain for node in cell.nodes.values()}) == 1


def test_a_promise_copy_that_rots_is_written_anew() -> None:
    """From what the log's end knows, both of them."""
    cell = scrubbing()
    sound = bytes(cell.disks[1].files[NAMES[0]][88:200])
    cell.disks[1].files[NAMES[0]][90] ^= 1
    cell.run(S)
    assert cell.disks[1].files[NAMES[0]][88:200] == sound
    assert cell.nodes[1].replica.boot == 1
    assert not taken(cell, 1)


def test_promise_copies_that_somebody_deleted_are_made_anew() -> None:
    """[SAFETY 2, 15] What they say is in memory while the replica runs; no start would find it otherwise."""
    for gone in (NAMES[:1], NAMES[1:], NAMES):
        cell = scrubbing()
        sound = [bytes(cell.disks[1].files[file][88:200]) for file in NAMES]
        for file in gone:
            del cell.disks[1].files[file]
        cell.run(S)
        assert [bytes(cell.disks[1].files[file][88:200]) for file in NAMES] == sound
        cell.start(1)
        cell.run(S)
        assert cell.nodes[1].replica.boot == 2
