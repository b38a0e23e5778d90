"""A replica's log file tells each change once."""

import io
import json
from collections.abc import Callable
from typing import Any

from gaios.log import Options, Room
from gaios.server.logs import Logger
from gaios.server.narrator import Narrator
from gaios.storage import Piece, Problem
from gaios.storage.copies import NAMES as PROMISES
from gaios.storage.snapshot import name
from tests.server.parts import HandCell, S
from tests.server.test_scrub import OFTEN, scrubbing
from tests.server.test_snapshots import Client


def test_role_and_room_are_told_once_each_time_they_change() -> None:
    cell = HandCell(1)
    out = io.StringIO()
    narrator = Narrator(cell.nodes[1], Logger(level="info", format="json", replica=1, stream=out))
    narrator.look(cell.now)
    cell.elect()
    for _ in range(2):
        narrator.look(cell.now)
    for room in (Room.SHORT, Room.SHORT, Room.NONE, Room.PLENTY):
        cell.nodes[1].replica.space.tell(cell.now, room)
        narrator.look(cell.now)
    told = [json.loads(line)["event"] for line in out.getvalue().splitlines()]
    assert told == ["seeks_master", "became_master", "disk_full", "disk_full_no_reserve", "disk_has_room"]


def events(cell: HandCell, member: int) -> Callable[[], list[dict[str, Any]]]:
    """What a replica's log file tells since the last call."""
    out = io.StringIO()
    narrator = Narrator(cell.nodes[member], Logger(level="info", format="json", replica=member, stream=out))

    def told() -> list[dict[str, Any]]:
        narrator.look(cell.now)
        lines = [json.loads(line) for line in out.getvalue().splitlines()]
        out.seek(0)
        out.truncate()
        return [line for line in lines if line["event"].startswith("damage")]

    return told


def test_damage_is_told_once_where_it_is_found_and_once_when_it_is_repaired() -> None:
    """Whoever reads the log files knows of a disk that did it twice: found while running, and by a start."""
    cell = scrubbing()
    told = events(cell, 1)
    assert told() == []
    journal = cell.nodes[1].commit.journal
    where = next(found for slot in range(5, 40) if (found := journal.locate(2, slot)) and found.segment in journal.sealed)
    cell.disks[1].files[where.file][where.offset + 70] ^= 1
    cell.disks[1].files[PROMISES[0]][90] ^= 1
    cell.run(S)
    lines = told()
    assert [(line["event"], line["level"], line["file"]) for line in lines] == [
        ("damage_found", "warning", PROMISES[0]), ("damage_repaired", "info", PROMISES[0]),
        ("damage_found", "warning", where.file), ("damage_repaired", "info", where.file),
    ]  # fmt: skip
    damaged, mended = lines[2:]
    assert (damaged["when"], damaged["slots"], damaged["start"] <= where.offset < damaged["end"]) == ("running", 1, True)
    assert (mended["start"], mended["end"]) == (damaged["start"], damaged["end"])
    cell.run(S)
    assert told() == []
    cell.start(1)
    cell.run(S)
    assert events(cell, 1)() == [], "a start does not tell again what was repaired before"
    journal = cell.nodes[1].commit.journal
    other = next(found for slot in range(5, 40) if (found := journal.locate(2, slot)) and found.file != where.file)
    cell.disks[1].files[other.file][other.offset + 70] ^= 1
    cell.start(1)
    told = events(cell, 1)
    cell.run(S)
    begun, ended = told()
    assert (begun["event"], begun["when"], begun["file"], begun["records"]) == ("damage_found", "start", other.file, 1)
    assert "detail" in begun
    assert (ended["event"], ended["file"]) == ("damage_repaired", other.file)


def test_a_snapshot_that_rots_is_told_and_that_it_is_there_again() -> None:
    cell = HandCell(3, options=Options(snapshot_slots=20, snapshot_stagger_ms=50), limits=OFTEN)
    Client(cell).put(50)
    cell.run(3 * S)
    told = events(cell, 1)
    assert told() == []
    slot = cell.nodes[1].snapshots.kept[-1].handle.slot
    file = name(slot)
    cell.disks[1].files[file][60] ^= 1
    cell.nodes[1].scrubbed(cell.now, Piece(0, Problem(file, 48, "header", "no intact frame begins here")))
    (line,) = told()
    assert (line["event"], line["file"], line["detail"]) == ("damage_found", file, f"{file}, byte 48: no intact frame begins here")
    cell.run(3 * S)
    (line,) = told()
    assert (line["event"], line["file"]) == ("damage_repaired", file)
    cell.disks[1].files[file][60] ^= 1
    cell.start(1)
    (line,) = events(cell, 1)()
    assert (line["event"], line["when"], line["file"]) == ("damage_found", "start", file)


def test_a_promise_copy_that_a_start_writes_anew_is_told() -> None:
    cell = HandCell(3)
    cell.elect()
    del cell.disks[2].files[PROMISES[1]]
    cell.start(2)
    told = events(cell, 2)()
    assert [(line["event"], line["file"]) for line in told] == [("damage_found", PROMISES[1]), ("damage_repaired", PROMISES[1])]
    assert (told[0]["when"], told[0]["detail"]) == ("start", "the file is not there")


def test_a_master_tells_of_each_member_that_is_missing_once_and_when_it_is_back() -> None:
    """[PML §6.3]: nobody noticed for long that one of five took no part."""
    cell = HandCell(3)
    out = io.StringIO()
    master = cell.elect()
    other = master % 3 + 1
    node = cell.nodes[master]
    narrator = Narrator(node, Logger(level="info", format="json", replica=master, stream=out))
    granted = [member for member in (1, 2, 3) if member != other]
    node.problems = {other: "h:1: refused"}

    def pass_seconds(seconds: int, members: list[int]) -> None:
        for _ in range(seconds):
            cell.now += 1_000_000_000
            for member in members:
                node.replica.gauge.granted(cell.now, member)
            narrator.look(cell.now)

    pass_seconds(10, granted)
    pass_seconds(3, [1, 2, 3])
    told = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [each["event"] for each in told] == ["became_master", "member_missing", "member_back"]
    missing = told[1]
    assert (missing["level"], missing["peer"], missing["reason"], missing["problem"]) == ("warning", other, "unreachable", "h:1: refused")
    assert 2_000 <= missing["for_ms"] <= 4_000, "within seconds"


def test_where_a_fetched_snapshot_came_from_is_told_once() -> None:
    cell, out = HandCell(1), io.StringIO()
    narrator, snapshots = Narrator(cell.nodes[1], Logger(level="info", format="json", replica=1, stream=out)), cell.nodes[1].snapshots
    narrator.look(cell.now)
    snapshots.fetched, snapshots.fetches = (40, 1, 12), 1
    for _ in range(2):
        narrator.look(cell.now)
    (told,) = [line for line in map(json.loads, out.getvalue().splitlines()) if line["event"] == "snapshot_fetched"]
    assert (told["slot"], told["parts_from_peers"], told["parts_from_store"]) == (40, 1, 12)
