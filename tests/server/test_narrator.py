"""A replica's log file tells each change once."""

import io
import json

from gaios.log import Room
from gaios.server.logs import Logger
from gaios.server.narrator import Narrator
from tests.server.parts import HandCell


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
