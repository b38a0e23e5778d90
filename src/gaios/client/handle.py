"""An open node of a session: its lock, and who has to know what happens to it.  [CHUBBY §2.3, §2.6]

Rule 1. Whoever waits for the lock is woken by `LOCK_ACQUIRED`, and by every reason to ask again; then the cell is asked whether it has it.
Rule 2. An acquire that was given up may still be carried out. Its user releases or closes the handle before anything else is done with
the lock: nobody is left in a queue, or with a grant that nobody knows of.
"""
# ruff: noqa: ASYNC109 (a call's time-out is the core's business: its outcome depends on what was sent by then)
# ruff: noqa: ANN401 (what belongs to a command, or to a question)

import asyncio
from collections.abc import Callable
from typing import Any, Final, Protocol

from gaios import lock_api
from gaios.client.lease import AskAgain, Lease, State
from gaios.client.results import expect
from gaios.errors import Error, HandleInvalid, Overloaded, Unavailable, UnknownHandle
from gaios.lock_api import Acquired, LockCommand, LockQuestion, Notice, Opened, Sequencer

AGAIN_S: Final = 0.5
"""Between attempts to ask or close what the cell did not answer."""
NO_ANSWER: Final = (Unavailable, Overloaded)
"""These say nothing of the handle: ask again."""
News = State | AskAgain | Notice
"""What a handle is told."""


class Owner(Protocol):
    """What a handle needs of its session."""

    async def ask(self, command: LockCommand, timeout: float | None = None) -> Any:
        """One command; its reply."""

    async def look(self, question: LockQuestion, timeout: float | None = None) -> Any:
        """One question; its answer."""

    def check_lives(self, lease: Lease) -> None:
        """Raise unless the session is the one of that lease."""

    @property
    def is_over(self) -> bool:
        """Nothing can be asked any more."""


class Handle:
    """See the module."""

    __slots__ = ("_owner", "created", "lease", "listener", "lost", "news", "number", "path", "stat")

    def __init__(self, owner: Owner, lease: Lease, path: str, opened: Opened) -> None:
        self._owner = owner
        self.lease = lease
        """Of the session that opened it."""
        self.path = path
        self.number, self.created, self.stat = opened.handle, opened.created, opened.stat
        self.news = asyncio.Event()
        """Something may have happened to the lock: ask the cell."""
        self.lost: Callable[[State | None], None] | None = None
        """Called by the holder's wish: JEOPARDY, SAFE, EXPIRED; None: the handle is invalid."""
        self.listener: Callable[[News], None] | None = None
        """Called with all that the handle is told."""

    async def granted(self, *, shared: bool, wait: bool) -> Sequencer | None:
        """Take the lock; None when it is not free and nobody wants to `wait`.

        Raises:
            SessionExpired: the session ended meanwhile.
            Error: what the cell refused with, or that it did not answer.
        """
        owner, lease = self._owner, self.lease
        while True:
            owner.check_lives(lease)
            self.news.clear()
            acquired = expect(Acquired, await owner.ask(lock_api.Acquire(lease.session, lease.token, self.number, shared, wait)))
            while True:
                if acquired.sequencer is not None or not wait:
                    return acquired.sequencer
                if not acquired.waits:
                    break
                await self.news.wait()
                self.news.clear()
                acquired = await self.look_patiently()

    async def look_patiently(self) -> Acquired:
        """What this handle holds of the lock, or how it waits; asked until the cell answers."""
        owner, lease = self._owner, self.lease
        while True:
            owner.check_lives(lease)
            try:
                acquired = await owner.look(lock_api.GetSequencer(lease.session, lease.token, self.number))
            except NO_ANSWER:
                if owner.is_over:
                    raise
                await asyncio.sleep(AGAIN_S)
            else:
                return expect(Acquired, acquired)

    async def verify(self) -> None:
        """What told of the lock's loss may be lost: is it still held?"""
        lost = self.lost
        try:
            sequencer = (await self.look_patiently()).sequencer
        except (HandleInvalid, UnknownHandle):
            sequencer = None
        except Error:
            return  # the session's end is told otherwise
        if lost is not None and lost is self.lost and sequencer is None:
            # Else it is about a grant that was given back meanwhile.
            lost(None)

    def told(self, news: News) -> None:
        """Something happened to it, or to its session."""
        if not isinstance(news, State) or news == State.EXPIRED:
            self.news.set()
        if self.lost is not None:
            if isinstance(news, State):
                self.lost(news)
            elif isinstance(news, Notice) and news.what == lock_api.HANDLE_INVALID:
                self.lost(None)
        if self.listener is not None:
            self.listener(news)
