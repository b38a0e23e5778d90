"""The embedding program's session: what each answer proves, and what is tried again."""

import asyncio
from collections.abc import Callable

import pytest

from gaios import entry, errors
from gaios.log import Answer, Status
from gaios.server import embed
from gaios.server.embed import Session
from tests.server.shells import until

DONE = Answer(Status.DONE, 3, 1, b"reply")
NOT_MASTER = Answer(Status.NOT_MASTER, 0, 0, errors.pack(errors.NotMaster(replica=1, master="h:2")))
IN_DOUBT = Answer(Status.IN_DOUBT, 0, 0, errors.pack(errors.Unknown(reason="r")))
OVERLOADED = Answer(Status.OVERLOADED, 0, 0, errors.pack(errors.Overloaded(what="q", limit=1, unit="u")))
FORGOTTEN = Answer(Status.UNKNOWN_SESSION, 0, 0, errors.pack(errors.UnknownSession(slot=3, index=1)))

FULL = Answer(Status.INVALID, 0, 0, errors.pack(errors.DiskFull(replicas="1", reserve=True)))


class Log:
    """Answers by a script; registrations are always done. None: never answers."""

    def __init__(self, *script: Answer | None) -> None:
        self.script = list(script)
        self.commands: list[entry.Entry] = []
        self.open: list[asyncio.Future[Answer]] = []
        """Those that were never answered."""

    def ask(self, data: bytes) -> "asyncio.Future[Answer]":
        future = asyncio.get_running_loop().create_future()
        sent = entry.check_submitted(data)
        if sent.kind == entry.Kind.REGISTER:
            future.set_result(DONE)
            return future
        self.commands.append(sent)
        answer = self.script.pop(0)
        if answer is not None:
            future.set_result(answer)
        else:
            self.open.append(future)
        return future


async def test_a_command_is_done_under_the_sessions_identity() -> None:
    log = Log(DONE, DONE)
    session = Session(log.ask)
    assert await session.submit(b"a", 60) == b"reply"
    await session.submit(b"b", 60)
    assert [(sent.identity, sent.sequence, sent.acknowledged) for sent in log.commands] == [((3, 1), 1, 0), ((3, 1), 2, 1)]


async def test_doubt_is_settled_by_the_same_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    """[SAFETY 19, 20]: the same sequence, whatever happened in between, so it is carried out once."""
    monkeypatch.setattr(embed, "RETRY_S", 0.001)
    log = Log(IN_DOUBT, NOT_MASTER, OVERLOADED, DONE)
    assert await Session(log.ask).submit(b"a", 60) == b"reply"
    assert {(sent.identity, sent.sequence) for sent in log.commands} == {((3, 1), 1)}


@pytest.mark.parametrize(
    ("script", "kind"),
    [
        ((NOT_MASTER,), errors.NotMaster),
        ((FORGOTTEN,), errors.UnknownSession),
        ((IN_DOUBT, FORGOTTEN), errors.Unknown),
        ((FULL,), errors.DiskFull),
        ((IN_DOUBT, FULL), errors.Unknown),
        ((IN_DOUBT,) * 100, errors.Unknown),
        ((OVERLOADED,) * 100, errors.Overloaded),
        ((None,), errors.Unknown),
        ((Answer(Status.REFUSED, 4, 0, errors.pack(errors.NotANumber(key=b"k", reason="r"))),), errors.NotANumber),
    ],
)
async def test_what_cannot_be_settled_says_what_is_known(
    script: tuple[Answer | None, ...], kind: type[errors.Error], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embed, "RETRY_S", 0.01)
    with pytest.raises(kind) as raised:
        await Session(Log(*script).ask).submit(b"a", 0.1)
    assert raised.value.definite == (kind is not errors.Unknown)


async def test_a_forgotten_session_is_made_anew() -> None:
    log = Log(FORGOTTEN, DONE)
    session = Session(log.ask)
    with pytest.raises(errors.UnknownSession):
        await session.submit(b"a", 60)
    assert await session.submit(b"a", 60) == b"reply"
    assert [sent.sequence for sent in log.commands] == [1, 1]


async def test_the_acknowledged_mark_stops_at_the_oldest_open_command() -> None:
    """An answer that may still be asked for again must be kept by the cell."""
    opened: list[asyncio.Future[Answer]] = []
    log = Log()

    def later(data: bytes) -> "asyncio.Future[Answer]":
        if entry.check_submitted(data).kind == entry.Kind.REGISTER:
            return log.ask(data)
        log.commands.append(entry.check_submitted(data))
        opened.append(asyncio.get_running_loop().create_future())
        return opened[-1]

    ask: Callable[[bytes], asyncio.Future[Answer]] = later
    session = Session(ask)
    first, second = (asyncio.ensure_future(session.submit(b"a", 60)) for _ in range(2))
    await until(lambda: len(opened) == 2)
    opened[1].set_result(DONE)
    await second
    third = asyncio.ensure_future(session.submit(b"a", 60))
    await until(lambda: len(opened) == 3)
    assert [sent.acknowledged for sent in log.commands] == [0, 0, 0]
    opened[0].set_result(DONE)
    opened[2].set_result(DONE)
    await asyncio.gather(first, third)


async def test_commands_of_a_forgotten_session_do_not_touch_the_next_one() -> None:
    """Numbers begin anew with a registration: what is still open under the old one must not be acknowledged, or ended, under the new."""
    log = Log(None, None, FORGOTTEN, DONE, DONE)
    session = Session(log.ask)
    old = [asyncio.ensure_future(session.submit(b"old", 60)) for _ in range(2)]
    await until(lambda: len(log.open) == 2)
    with pytest.raises(errors.UnknownSession):
        await session.submit(b"refused", 60)
    assert await session.submit(b"first of the new", 60) == b"reply"
    for future in log.open:
        future.set_exception(TimeoutError())  # as when the deadline has come
    assert await asyncio.gather(*old, return_exceptions=True) == [Anything(errors.Unknown)] * 2
    assert await session.submit(b"second", 60) == b"reply"
    assert [(sent.sequence, sent.acknowledged) for sent in log.commands] == [(1, 0), (2, 0), (3, 0), (1, 0), (2, 1)]


class Anything:
    """Equal to any object of a class."""

    def __init__(self, kind: type[object]) -> None:
        self.kind = kind

    def __eq__(self, other: object) -> bool:
        return isinstance(other, self.kind)

    def __hash__(self) -> int:
        return hash(self.kind)
