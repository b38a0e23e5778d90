"""Claims about a handle that its users in test_locks.py and test_nodes.py do not show."""

import asyncio
from typing import Any

import pytest

from gaios.client import handle as handle_module
from gaios.client.handle import Handle, News
from gaios.client.lease import AskAgain, Lease, State
from gaios.errors import Overloaded, ProtocolError, Unavailable, UnknownHandle
from gaios.lock_api import HANDLE_INVALID, Acquired, GetSequencer, LockCommand, LockQuestion, Notice, Opened, Sequencer, Stat
from tests.servers import until

LEASE = Lease(1, 2, b"t", 1_000, 10**9, 0)
SEQUENCER = Sequencer("/a", False, 0, 7)


class Owner:
    """A session that answers what it is told to."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.asked: list[Any] = []
        self.is_over = False

    async def ask(self, command: LockCommand, _timeout: float | None = None) -> Any:
        return await self.look(command)  # type: ignore[arg-type]

    async def look(self, question: LockQuestion, _timeout: float | None = None) -> Any:
        self.asked.append(type(question).__name__)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def check_lives(self, _lease: Lease) -> None:
        pass


def make(owner: Owner) -> Handle:
    stat = Stat(5, 1, 0, 1, 0, 0, 0, False, False, ("", "", ""))
    return Handle(owner, LEASE, "/a", Opened(9, True, stat))


async def test_a_place_in_the_queue_that_is_gone_is_taken_again() -> None:
    """Whoever is woken asks how it is; neither holding nor waiting, it acquires anew."""
    owner = Owner(Acquired(None, waits=True), Acquired(None), Acquired(SEQUENCER))
    handle = make(owner)
    task = asyncio.ensure_future(handle.granted(shared=False, wait=True))
    await until(lambda: owner.asked)
    handle.told(AskAgain())
    assert await task == SEQUENCER
    assert owner.asked == ["Acquire", GetSequencer.__name__, "Acquire"]


async def test_an_answer_to_something_else_is_told() -> None:
    with pytest.raises(ProtocolError):
        await make(Owner("nonsense")).granted(shared=False, wait=False)


async def test_verifying_tells_the_loss_only_when_it_is_certain() -> None:
    for answer, is_lost in ((Acquired(SEQUENCER), False), (Acquired(None), True), (UnknownHandle(session=2, handle=9), True)):
        handle = make(Owner(answer))
        lost: list[State | None] = []
        handle.lost = lost.append
        await handle.verify()
        assert lost == [None] * is_lost
    owner = Owner(Unavailable(waited_ms=1, reason="nobody"))
    owner.is_over = True
    handle = make(owner)
    handle.lost = lambda _: pytest.fail("nobody knows")
    await handle.verify()


async def test_verifying_says_nothing_of_a_later_grant() -> None:
    """A handle that is kept is given back, and granted its lock again, while the answer about the former grant is on its way."""
    owner = Owner(Acquired(None))
    handle = make(owner)
    former: list[State | None] = []
    handle.lost = former.append
    look, go = owner.look, asyncio.Event()

    async def late(question: LockQuestion, _timeout: float | None = None) -> Any:
        answer = await look(question)
        await go.wait()
        return answer

    owner.look = late  # type: ignore[method-assign]
    asking = asyncio.ensure_future(handle.verify())
    await until(lambda: not owner.answers)
    later: list[State | None] = []
    handle.lost = later.append
    go.set()
    await asking
    assert (former, later) == ([], [])


async def test_an_overloaded_cell_is_asked_again_whether_the_lock_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    """It said nothing of the lock: a holder that stopped asking would go on with a lock that it has lost."""
    monkeypatch.setattr(handle_module, "AGAIN_S", 0)
    handle = make(Owner(Overloaded(what="a queue", limit=1, unit="entries"), Acquired(None)))
    lost: list[State | None] = []
    handle.lost = lost.append
    await handle.verify()
    assert lost == [None]


def test_it_hands_on_what_it_is_told() -> None:
    handle = make(Owner())
    lost: list[State | None] = []
    heard: list[News] = []
    handle.lost, handle.listener = lost.append, heard.append
    news: list[News] = [State.JEOPARDY, Notice(9, HANDLE_INVALID), State.EXPIRED]
    for each in news:
        handle.told(each)
    assert heard == news
    assert lost == [State.JEOPARDY, None, State.EXPIRED]
    assert handle.news.is_set()
