"""Lost replicas of a local cell are replaced: when, which first, and what if it cannot be done. Whole cells: tests/system/."""

import asyncio
import contextlib
import io
from collections.abc import Collection, Mapping
from pathlib import Path

import pytest

from gaios.errors import ConfigurationError
from gaios.server import local, replacing
from gaios.server.logs import Logger
from gaios.server.replacing import AGAIN_S, RETRY_S, VARIABLE, Patience, Replicas
from tests.server.parts import places
from tests.servers import PATIENCE_S


def test_a_person_has_time_to_bring_the_state_back() -> None:
    patience = Patience(60)
    assert patience.due([3], 0) is None
    assert patience.due([3], 59) is None
    assert patience.due([], 60) is None
    assert patience.due([3], 61) is None, "it was back"
    assert patience.due([3], 121) == 3


def test_whoever_has_been_lost_for_longest_comes_first() -> None:
    patience = Patience(10)
    patience.due([4], 0)
    patience.due([2, 4], 1)
    assert patience.due([2, 4], 20) == 4
    patience.replaced(4, 20)
    assert patience.due([2], 20) == 2


def test_what_failed_is_tried_again_later_and_the_others_meanwhile() -> None:
    patience = Patience(10)
    patience.due([2, 4], 0)
    assert patience.due([2, 4], 10) == 2
    patience.failed(2, 10)
    assert patience.due([2, 4], 10) == 4
    patience.failed(4, 11)
    assert patience.due([2, 4], 9 + RETRY_S) is None
    assert patience.due([2, 4], 10 + RETRY_S) == 2


def test_a_place_whose_new_member_is_lost_soon_is_left_to_a_person_for_an_hour() -> None:
    patience = Patience(10)
    patience.due([3], 0)
    patience.replaced(3, 10)
    patience.due([], 11)
    patience.due([3], 12)
    assert patience.due([3], 9 + AGAIN_S) is None
    assert patience.due([3], 10 + AGAIN_S) == 3


@pytest.mark.parametrize(("told", "seconds"), [("", 60), ("0", 0), ("7", 7)])
def test_the_variable_says_after_how_long(told: str, seconds: int) -> None:
    assert replacing.after_s({VARIABLE: told}) == seconds
    assert replacing.after_s({}) == 60


@pytest.mark.parametrize("told", ["-1", "1.5", "soon", "٣", "99999999999"])
def test_a_variable_that_makes_no_sense_is_refused(told: str) -> None:
    with pytest.raises(ConfigurationError, match=VARIABLE):
        replacing.after_s({VARIABLE: told})


@pytest.fixture
def cell(tmp_path: Path) -> local.LocalCell:
    """Of three that nobody starts."""
    return local.create(tmp_path / "cell", places(3))


async def watched(
    cell: local.LocalCell, lost: Mapping[int, int], until: str, *, stopped: Collection[int] = (), back: Collection[int] = ()
) -> str:
    """What is logged while these are lost, up to this event; those that are `back` start once more."""
    stream = io.StringIO()

    async def is_lost_again(replica: int) -> bool:
        return replica not in back

    log = Logger(stream=stream, cell="local")
    watching = asyncio.ensure_future(replacing.watch(cell.dir, 1, lambda: Replicas(lost, stopped), is_lost_again, log))
    try:
        async with asyncio.timeout(PATIENCE_S):
            while until not in stream.getvalue():  # noqa: ASYNC110 (a log has no event)
                await asyncio.sleep(0.01)
    finally:
        watching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watching
    return stream.getvalue()


async def test_what_cannot_be_done_says_why_and_changes_nothing(cell: local.LocalCell, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody runs: the real command finds no majority."""
    monkeypatch.setattr(replacing, "LOOK_S", 0.01)
    monkeypatch.setattr(replacing, "TIMEOUT_S", 0.5)
    monkeypatch.setenv("GAIOS_ENDPOINTS", "127.0.0.1:1")
    said = await watched(cell, {2: 2}, "lost_not_replaced")
    assert "replica=2" in said
    assert str(cell.founders[0].client) in said, "it asks this cell, whatever the environment says"
    assert local.member_in(cell.replica_dir(2)) == 2


async def test_a_new_member_that_does_not_vote_yet_is_waited_for(cell: local.LocalCell, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its process runs, so nobody is lost any more; the command that waits is given again all the same."""
    monkeypatch.setattr(replacing, "LOOK_S", 0.01)
    monkeypatch.setattr(replacing, "RETRY_S", 0.01)
    lost = {2: 2}
    calls: list[tuple[int, int]] = []

    async def replace(where: Path, replica: int, old: int) -> str:
        calls.append((replica, old))
        if len(calls) < 3:
            (where / f"replica-{replica}" / "manifest.toml").write_text("member = 4\n")
            lost.clear()
            return "member 4 has not caught up yet"
        return ""

    monkeypatch.setattr(replacing, "_replace", replace)
    said = await watched(cell, lost, "lost_replaced")
    assert calls == [(2, 2)] * 3, "not the new one is to go"
    assert "has not caught up" in said


def replaced(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Who is replaced from now on, each at once."""
    monkeypatch.setattr(replacing, "LOOK_S", 0.01)
    calls: list[int] = []

    async def replace(_: Path, replica: int, __: int) -> str:
        calls.append(replica)
        return ""

    monkeypatch.setattr(replacing, "_replace", replace)
    return calls


async def test_whom_a_person_stopped_is_left_alone(cell: local.LocalCell, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = replaced(monkeypatch)
    await watched(cell, {1: 1, 2: 2}, "lost_replaced", stopped=[1])
    assert 1 not in calls


async def test_whose_state_is_back_is_not_replaced(cell: local.LocalCell, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = replaced(monkeypatch)
    said = await watched(cell, {1: 1, 2: 2}, "lost_replaced", back=[1])
    assert "lost_is_back" in said
    assert calls == [2]
