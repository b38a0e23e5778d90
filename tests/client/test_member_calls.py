"""Changes are made from what is known, once.  [SAFETY 18]"""

import asyncio
from typing import Any

import msgspec
import pytest

import gaios
from gaios.client.core import CHANGE
from gaios.client.status import Member
from gaios.configuration import decode, founders
from gaios.errors import Error, InvalidCommand, Unavailable, Unknown
from tests.client.test_members import told

FIRST = founders({1: 1, 2: 2})


class Fake(gaios.client.aio.Cell):
    """A cell whose log is one configuration; `doubtful` changes are carried out and answered with doubt."""

    def __init__(self) -> None:
        super().__init__("c:1")
        self.known, self.doubtful, self.changes = FIRST, False, 0
        self._shell.call = self._call  # type: ignore[method-assign,assignment]

    async def _tell(self) -> dict[str, Any]:
        rows = tuple(
            Member(
                id=each.place,
                member=each.number,
                votes=each.votes,
                client=each.client or f"c:{each.place}",
                peer=each.peer or f"p:{each.place}",
                admin=each.admin or f"a:{each.place}",
            )
            for each in self.known.members
        )
        known = told(self.known.number, role="master", client="c:1", ballot=1, settled=True, configuration=self.known.encode().hex())
        return {"c:1": msgspec.structs.replace(known, members=rows)}

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


class Doubtful(Fake):
    """A change is asked for, and nobody learns what became of it: then there is no master, or nobody answers, or it is refused."""

    def __init__(self, then: str) -> None:
        super().__init__()
        self.then, self.asked = then, 0

    async def _tell(self) -> dict[str, Any]:
        answers = await super()._tell()
        if self.asked and self.then == "silence":
            raise Unavailable(waited_ms=0, reason="no replica answers")
        if self.asked and self.then == "no master":
            return {where: msgspec.structs.replace(each, role="replica", settled=False) for where, each in answers.items()}
        return answers

    async def _call(self, kind: int, payload: bytes, _timeout: float, _endpoint: str = "") -> bytes:
        assert kind == CHANGE
        assert decode(payload).number == 1
        self.asked += 1
        if self.asked == 1:
            raise Unknown(reason="mastership was lost")
        raise InvalidCommand(reason="look again") if self.then == "refused" else Unavailable(waited_ms=1, reason="no lease")


@pytest.mark.parametrize("then", ["no master", "silence", "refused", "unavailable"])
def test_a_change_in_doubt_is_unknown_whatever_comes_then(then: str) -> None:
    """`Unavailable` and `InvalidCommand` would say that nothing was sent that could still take effect.  [SAFETY 20]"""
    with pytest.raises(Unknown, match="configuration 1 was asked for"):
        asyncio.run(Doubtful(then).remove_member(2, timeout=0.3))


class Overtaken(Fake):
    """The change in doubt was not carried out: the configuration of its number is another's; then nothing is settled any more."""

    async def _tell(self) -> dict[str, Any]:
        answers = await super()._tell()
        return {where: msgspec.structs.replace(each, settled=self.known.number == 0) for where, each in answers.items()}

    async def _call(self, kind: int, payload: bytes, _timeout: float, _endpoint: str = "") -> bytes:
        self.known = self.known.added(7, client="c:7", peer="p:7", admin="a:7")
        raise Unknown(reason="mastership was lost")


def test_doubt_ends_with_another_configuration_of_that_number() -> None:
    """A number is given once, so what was asked for under it will never be."""
    with pytest.raises(Unavailable):
        asyncio.run(Overtaken().remove_member(2, timeout=0.3))


def test_what_the_master_does_not_take_yet_is_asked_again() -> None:
    """It has a change under way that its replicas do not tell of yet: nobody is refused for that."""
    cell = Fake()
    asked = []

    async def call(kind: int, payload: bytes, within: float, endpoint: str = "") -> bytes:
        asked.append(payload)
        if len(asked) == 1:
            raise Unavailable(waited_ms=0, reason="the change to configuration 1 is not settled: ask again")
        return await cell._call(kind, payload, within, endpoint)

    cell._shell.call = call  # type: ignore[method-assign,assignment]
    asyncio.run(cell.remove_member(2))
    assert (len(asked), cell.changes) == (2, 1)


@pytest.mark.parametrize(
    ("error", "again"), [(Unavailable(waited_ms=1, reason="no lease"), True), (InvalidCommand(reason="no such member"), False)]
)
def test_without_doubt_a_refusal_stays_one_and_one_for_good_is_told_at_once(error: Error, again: bool) -> None:
    """Who waited for another answer to what no master will ever take waited for the whole time-out."""
    cell, asked = Fake(), 0

    async def refuse(*_: object) -> bytes:
        nonlocal asked
        asked += 1
        raise error

    cell._shell.call = refuse  # type: ignore[method-assign,assignment]
    with pytest.raises(type(error)):
        asyncio.run(cell.remove_member(2, timeout=0.2))
    assert (asked > 1) is again


def test_a_learner_at_another_address_is_replaced_and_not_ignored() -> None:
    cell = Fake()

    async def act() -> None:
        first = await cell.replace_member(2, client="c:9", peer="p:9", admin="a:9")
        assert (await cell.replace_member(2, client="c:9", peer="p:9", admin="a:9")).member == first.member
        assert (await cell.replace_member(2)).member == first.member, "no address: that learner's invitation anew"
        again = await cell.replace_member(2, client="c:8", peer="p:8", admin="a:8")
        there = cell.known.at(2)
        assert there is not None
        assert (there.number, there.peer, again.member) == (first.member + 1, "p:8", first.member + 1)

    asyncio.run(act())


def test_a_named_member_is_replaced_once() -> None:
    """Whoever gives the command again finds who came then: a learner with its invitation, a voter without."""
    cell = Fake()

    async def act() -> None:
        first = await cell.replace_member(2, member=2)
        again = await cell.replace_member(2, member=2)
        assert (first.member, again.member, cell.changes) == (3, 3, 1)
        assert again.invitation
        cell.known = cell.known.promoted(3)
        voter = await cell.replace_member(2, member=2)
        assert (voter.member, voter.invitation, cell.changes) == (3, "", 1)
        assert (await cell.replace_member(2, member=3)).member == 4

    asyncio.run(act())


def test_an_address_of_another_member_is_refused() -> None:
    cell = Fake()

    async def act() -> None:
        with pytest.raises(InvalidCommand, match="replica 1 is at p:1"):
            await cell.add_member(3, client="c:3", peer="p:1", admin="a:3")
        with pytest.raises(InvalidCommand, match="replica 1 is at c:1"):
            await cell.replace_member(2, client="c:2", peer="p:2", admin="c:1")
        with pytest.raises(InvalidCommand, match="given twice"):
            await cell.add_member(3, client="c:3", peer="c:3", admin="a:3")
        assert cell.changes == 0
        await cell.replace_member(2, client="c:2", peer="p:2", admin="a:2")  # where the old one was

    asyncio.run(act())
