"""A former holder's write is refused at the cell."""

import pytest

from gaios import api
from gaios.api import Put
from gaios.client import Cell
from gaios.client.recipes.fenced import fenced
from gaios.errors import StaleSequencer


async def test_a_write_under_a_lock_that_is_held_is_carried_out(cell: Cell) -> None:
    async with cell.lock("job") as held:
        assert (await fenced(cell, held, [Put(b"k", b"v")])).succeeded
    entry = await cell.get("k")
    assert entry is not None
    assert entry.value == b"v"


async def test_a_former_holder_is_refused_and_changes_nothing(cell: Cell) -> None:
    """[SAFETY 23] Also while the next one holds it."""
    async with cell.lock("job") as former:
        pass
    with pytest.raises(StaleSequencer, match=str(former.sequencer)) as caught:
        await fenced(cell, former, [Put(b"k", b"v")])
    assert caught.value.definite
    async with cell.lock("job"):
        with pytest.raises(StaleSequencer):
            await fenced(cell, former, [Put(b"k", b"v")])
    assert await cell.get("k") is None


async def test_another_guard_that_fails_is_no_loss_of_the_lock(cell: Cell) -> None:
    async with cell.lock("job", shared=True) as held:
        assert not (await fenced(cell, held, [Put(b"k", b"v")], guard=[api.Test(b"k", "present")])).succeeded
