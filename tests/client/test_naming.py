"""Claims about paths that name a cell.  [CHUBBY §2.3]"""

from typing import Any

import pytest

from gaios.client import Cell, naming
from gaios.client.naming import cell_of, split
from gaios.errors import InvalidCommand, NotThisCell, Unavailable
from tests.client.fake import CELL, NAME, FakeCell

OURS = ["local", NAME, CELL.hex()]


@pytest.mark.parametrize(
    ("path", "parts"),
    [("/ls/local", ("local", "/")), ("/ls/a/", ("a", "/")), ("/ls/a/b/c", ("a", "/b/c")), ("/ls/a//b", ("a", "//b"))],
)
def test_a_path_has_a_cell_and_what_is_in_it(path: str, parts: tuple[str, str]) -> None:
    assert split(path) == parts
    assert cell_of(path) == parts[0]


@pytest.mark.parametrize("path", ["", "/", "/ls", "/ls/", "/ls//a", "ls/local/a", "/l/local"])
def test_whatever_names_no_cell_is_refused(path: str) -> None:
    with pytest.raises(InvalidCommand):
        split(path)


def test_a_name_alone_is_of_this_cell() -> None:
    assert cell_of("jobs/nightly") == "local"


@pytest.mark.parametrize("named", OURS)
async def test_a_cell_answers_to_its_name_and_its_id(cell: Cell, named: str) -> None:
    async with cell.lock(f"/ls/{named}/svc/db") as held:
        assert held.path == "/svc/db"
        assert await cell.check(str(held.sequencer), f"/ls/{named}/svc/db")
        assert [node.path for node in await cell.nodes(f"/ls/{named}/svc")] == ["/svc/db"]
        assert len((await cell.explain(lock=f"/ls/{named}/svc/db")).grants) == 1
    async with cell.open(f"/ls/{named}/svc/file", create=True, contents=b"x") as node:
        assert (await node.read()).contents == b"x"


async def test_another_cells_path_is_refused_and_the_error_says_which_cell_this_is(cell: Cell, fake: FakeCell) -> None:
    """Before anything is sent that could be carried out."""
    submits = fake.submits

    async def lock() -> None:
        async with cell.lock("/ls/other/job"):
            pytest.fail("not reached")

    async def node() -> None:
        async with cell.open("/ls/other/job", create=True):
            pytest.fail("not reached")

    for call in (
        lock,
        node,
        lambda: cell.nodes("/ls/other"),
        lambda: cell.check("0.5", "/ls/other/job"),
        lambda: cell.explain(lock="/ls/other/job"),
    ):
        refused: Any = call
        with pytest.raises(NotThisCell) as raised:
            await refused()
        error = raised.value
        assert (error.named, error.name, error.id) == ("other", NAME, CELL.hex())
        assert f"/ls/{NAME}/" in error.hint
    assert fake.submits == submits


async def test_it_is_asked_once_and_any_replica_tells(cell: Cell, fake: FakeCell) -> None:
    """Also while there is no master, and with some replicas away."""
    fake.master = 0
    await fake.replicas[0].stop()
    with pytest.raises(NotThisCell):
        await cell.nodes("/ls/other")
    for replica in fake.replicas[1:]:
        await replica.stop()
    with pytest.raises(NotThisCell):
        await cell.nodes("/ls/other", timeout=0.1)


async def test_where_nobody_tells_it_is_unavailable(cell: Cell, fake: FakeCell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(naming, "AGAIN_S", 0.01)
    for replica in fake.replicas:
        await replica.stop()
    with pytest.raises(Unavailable):
        await cell.nodes("/ls/other", timeout=0.2)
    await fake.replicas[2].start()
    with pytest.raises(NotThisCell):
        await cell.nodes("/ls/other")
