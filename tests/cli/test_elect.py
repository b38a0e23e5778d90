"""elect runs a command while it leads, and shows who leads.  [INTERFACE `elect`]"""

import asyncio
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

import gaios
from gaios.cli import elect
from gaios.cli.elect import write_leader
from gaios.client.recipes.election import Leader
from gaios.client.sync import connect
from gaios.errors import LockLost
from gaios.lock_api import Sequencer
from tests.cli.conftest import Done
from tests.client.cellar import Cellar, wait
from tests.client.clocks import Clock
from tests.client.fake import FakeCell
from tests.servers import PATIENCE_S

Cli = Callable[..., Done]
GAIOS = Path(sys.executable).with_name("gaios")


def test_the_command_leads_and_its_code_comes_back(cellar: Cellar, cli: Cli) -> None:
    """And others see it lead, with what it says of itself."""
    looks = f"{sys.executable} -c \"import gaios.sync; c = gaios.sync.connect('{cellar.fake.endpoints}').__enter__(); "
    looks += "l = c.election('shard').leader(); print(l.value.decode(), l.sequencer); c.close()\""
    done = cli("elect", "shard", "--value", "10.0.0.7:80", "--", "sh", "-c", f"echo $GAIOS_SEQUENCER; {looks}; exit 7")
    assert done.code == 7, done
    sequencer, seen = done.out.decode().splitlines()
    assert sequencer.startswith("0.")
    assert seen == f"10.0.0.7:80 {sequencer}"
    with connect(cellar.fake.endpoints) as cell:
        assert cell.election("shard").leader() is None


def test_who_is_not_elected_in_time_is_124(cellar: Cellar, cli: Cli) -> None:
    with connect(cellar.fake.endpoints) as cell, cell.election("shard").lead():
        for wait_s in ("0", "0.1"):
            done = cli("elect", "shard", "--wait", wait_s, "--json", "--", "false")
            assert (done.code, done.out, done.error["type"]) == (124, b"", "NotAcquired")


def test_where_there_is_no_cell_it_is_125(cli: Cli, cellar: Cellar) -> None:
    done = cli("elect", "shard", "--endpoints", "127.0.0.1:1", "--timeout", "0.2", "--json", "--", "true")
    assert (done.code, done.error["type"]) == (125, "Unavailable")


@pytest.mark.parametrize(
    "words",
    [
        ("shard",),
        ("shard", "--"),
        ("~", "--", "true"),
        ("shard", "--wait", "-1", "--", "true"),
        ("shard", "--observe", "--", "true"),
        ("shard", "--observe", "--again"),
        ("shard", "--observe", "--value", "v"),
        (),
    ],
    ids=str,
)
def test_wrong_usage_is_2(cli: Cli, cellar: Cellar, words: tuple[str, ...]) -> None:
    done = cli("elect", *words)
    assert (done.code, done.out) == (2, b"")
    assert done.err


def test_a_lost_leadership_is_125_or_another_campaign(cellar: Cellar, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """With --again, until the command ends by itself."""
    runs: list[str] = []

    async def run(command: tuple[str, ...], held: object) -> int:
        runs.append(str(held.sequencer))  # type: ignore[attr-defined]
        if len(runs) < 3:
            raise LockLost(path="/p", sequencer=runs[-1], reason="it was a test")
        return 5

    monkeypatch.setattr(elect, "run", run)
    monkeypatch.setattr(elect, "AGAIN_S", 0.001)
    done = cli("elect", "shard", "--json", "--", "true")
    assert (done.code, done.error["type"]) == (125, "LockLost")
    done = cli("elect", "shard", "--again", "--", "true")
    assert done.code == 5
    assert done.err.count("is lost") == 1
    revisions = [int(each.partition(".")[2]) for each in runs]
    assert revisions == sorted(set(revisions))


async def test_the_command_of_a_lost_leader_is_ended(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """[SAFETY 22]"""
    clock = Clock(monkeypatch)
    async with FakeCell(3) as fake, gaios.connect(fake.endpoints) as cell:
        sleeper = (sys.executable, "-c", "import time; open('up', 'w').close(); time.sleep(600)")
        monkeypatch.chdir(tmp_path)
        leading = asyncio.ensure_future(elect._lead(cell.election("shard"), sleeper, "a", None))
        async with asyncio.timeout(PATIENCE_S):
            while not (tmp_path / "up").exists():  # noqa: ASYNC110 (another process makes it)
                await asyncio.sleep(0.01)
        clock.sleep(13)
        cell._shell._ring()
        with pytest.raises(LockLost):
            await asyncio.wait_for(leading, PATIENCE_S)


def test_observers_are_shown_who_leads_until_interrupted(cellar: Cellar, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Leader | None] = []
    write = elect.write_leader

    def written(leader: Leader | None, *, json: bool) -> None:
        write(leader, json=json)
        seen.append(leader)
        if len(seen) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(elect, "write_leader", written)

    def lead() -> None:
        with connect(cellar.fake.endpoints) as cell:
            wait(lambda: len(seen) == 1)
            with cell.election("shard").lead("10.0.0.7"):
                wait(lambda: len(seen) == 2)

    leading = threading.Thread(target=lead)
    leading.start()
    done = cli("elect", "shard", "--observe", "--json")
    leading.join(PATIENCE_S)
    assert done.code == 130
    first, second, third = done.lines
    assert first == third == {"sequencer": None, "value": None}
    assert second["value"] == "10.0.0.7"
    assert second["sequencer"].startswith("0.")


def test_people_are_shown_one_line_a_leader(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    write_leader(Leader(b"a", Sequencer("/p", False, 0, 7)), json=False)
    write_leader(None, json=False)
    assert capfdbinary.readouterr().out == b"0.7\ta\n-\n"
