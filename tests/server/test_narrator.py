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
    narrator.look()
    cell.elect()
    for _ in range(2):
        narrator.look()
    for room in (Room.SHORT, Room.SHORT, Room.NONE, Room.PLENTY):
        cell.nodes[1].replica.space.tell(cell.now, room)
        narrator.look()
    told = [json.loads(line)["event"] for line in out.getvalue().splitlines()]
    assert told == ["seeks_master", "became_master", "disk_full", "disk_full_no_reserve", "disk_has_room"]
