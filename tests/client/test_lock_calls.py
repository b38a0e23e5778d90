"""The lock service's methods of a `Cell`."""

from typing import Any

import pytest

from gaios.client import Cell
from gaios.errors import ConfigurationError, InvalidCommand


async def test_what_stands_in_the_lock_service_can_be_listed(cell: Cell) -> None:
    async with cell.lock("jobs/nightly") as held:
        (directory,) = await cell.nodes()
        assert (directory.path, directory.stat.directory) == ("/locks", True)
        (jobs,) = await cell.nodes("/ls/local/locks")
        (node,) = await cell.nodes(f"/ls/local{jobs.path}")
        assert node.path == "/locks/jobs/nightly"
        assert [revision for _, revision in node.holders] == [held.sequencer.revision]


@pytest.mark.parametrize("wrong", [{"lease": 0.5}, {"lease": 61}, {"grace": -1}], ids=str)
async def test_a_session_that_makes_no_sense_is_refused(cell: Cell, wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        cell.session(**wrong)


@pytest.mark.parametrize(("text", "name"), [("1.2", None), ("12", "job"), ("1.x", "job"), ("", "job"), ("²." + "1", "job")])
async def test_a_text_that_is_no_sequencer_is_refused(cell: Cell, text: str, name: str | None) -> None:
    with pytest.raises(InvalidCommand, match="sequencer"):
        await cell.check(text, name)


async def test_sessions_that_were_closed_are_forgotten(cell: Cell) -> None:
    """A client that has one for each job does not grow.  [SAFETY 28]"""
    for _ in range(5):
        async with cell.session() as session, session.lock("job"):
            pass
    assert len(cell._sessions) == 1
