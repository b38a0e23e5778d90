"""Changes are made from what is known, once.  [SAFETY 18]"""

import asyncio
from typing import Any

import pytest

import gaios
from gaios.client.core import CHANGE
from gaios.configuration import decode, founders
from gaios.errors import InvalidCommand, Unknown
from tests.client.test_members import told

FIRST = founders({1: 1, 2: 2})


class Fake(gaios.client.aio.Cell):
    """A cell whose log is one configuration; `doubtful` changes are carried out and answered with doubt."""

    def __init__(self) -> None:
        super().__init__("c:1")
        self.known, self.doubtful, self.changes = FIRST, False, 0
        self._shell.call = self._call  # type: ignore[method-assign,assignment]

    async def _tell(self) -> dict[str, Any]:
        known = told(self.known.number, role="master", client="c:1", ballot=1, settled=True, configuration=self.known.encode().hex())
        return {"c:1": known}

    async def _call(self, kind: int, payload: bytes, _timeout: float, _endpoint: str = "") -> bytes:
        assert kind == CHANGE
        asked = decode(payload)
        if asked.number != self.known.number + 1:
            raise InvalidCommand(reason="look again")
        self.known, self.changes = asked, self.changes + 1
        if self.doubtful:
            raise Unknown(reason="mastership was lost")
        return b""


@pytest.mark.parametrize("doubtful", [False, True])
def test_each_change_is_made_once_also_in_doubt(doubtful: bool) -> None:
    cell = Fake()
    cell.doubtful = doubtful

    async def act() -> None:
        added = await cell.add_member(3, client="c:3", peer="p:3", admin="a:3")
        assert (added.member, added.number, cell.changes) == (3, 1, 1)
        again = await cell.add_member(3, client="c:3", peer="p:3", admin="a:3")
        assert (again.member, cell.changes) == (3, 1), "a learner is invited anew"
        replaced = await cell.replace_member(2)
        assert (replaced.member, cell.changes) == (4, 2)

    asyncio.run(act())


def test_what_makes_no_sense_is_refused() -> None:
    cell = Fake()
    with pytest.raises(InvalidCommand, match="place"):
        asyncio.run(cell.add_member(1, client="c:1", peer="p:1", admin="a:1"))
    with pytest.raises(InvalidCommand, match="no member"):
        asyncio.run(cell.remove_member(7))
