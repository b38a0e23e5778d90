"""Five real processes that are killed, and what they recorded: every transition is one that the text allows.  [DESIGN §3; SAFETY 5, 30]"""

import os
import signal
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from gaios.paxos import core
from gaios.server import control, local
from gaios.trace import check
from tests.server.parts import places
from tests.server.shells import until
from tests.system.test_kill import Writers, kill, master
from tests.trace.tapes import CAME, all_places, tapes

WAIT_S = 60.0
ALWAYS = {"B", "P1a", "P1b", "P1c", "P2a-again", "P2a", "P2b", "P3", "L", "L1", "L2", "L3"}
"""Rules without which no cell elects a master and takes writes."""


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    """Where the cell's replicas record."""
    return tmp_path / "recordings"


@pytest.fixture
def cell(tmp_path: Path, recordings: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[local.LocalCell]:
    """A supervised cell of five, recorded, and stopped at the end whatever happened to it."""
    monkeypatch.setenv("GAIOS_RECORD", str(recordings))
    made = local.create(tmp_path / "cell", places(5))
    control.detach(made)
    yield made
    control.stop(made)


@pytest.mark.timeout(400)
async def test_what_five_killed_processes_recorded_is_legal_and_an_altered_message_is_not(
    cell: local.LocalCell, recordings: Path, carried_out: Callable[[str, Mapping[str, int]], None]
) -> None:
    """The master and another are killed, one is paused beyond its lease, then all five are killed at once."""
    async with Writers(cell) as writers:
        await writers.go_on(WAIT_S)
        first = await master(cell)
        kill(cell, first, first % 5 + 1)
        await writers.go_on(WAIT_S)
        await until(lambda: all(control.pid_of(cell, replica) for replica in cell.ids), WAIT_S)
        paused = control.pid_of(cell, await master(cell))
        os.kill(paused, signal.SIGSTOP)
        await writers.go_on(WAIT_S)
        os.kill(paused, signal.SIGCONT)
        kill(cell, *cell.ids)
        await writers.go_on(WAIT_S)
    control.stop(cell)

    report = check([str(recordings)])
    carried_out("five processes", report.coverage)
    assert not report.violations, str(report.violations[0])
    assert report.unverified == 0
    assert report.members == [1, 2, 3, 4, 5]
    assert report.boots >= 10
    assert report.slots > 3 * 4
    assert {label for label, count in report.coverage.items() if count} >= ALWAYS

    place = next(each for each in all_places(tapes(recordings), CAME) if each.entry[4][0][0] == core.ACCEPT)
    place.entry[4][0][4] = b"\1" * 16
    place.tape.keep()
    (found,) = check([str(recordings)]).violations
    assert found[:3] == (place.tape.name, place.number, "V1 every message was sent")
