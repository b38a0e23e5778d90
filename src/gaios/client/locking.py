"""A session's locks: a handle for each, acquired and given back, and kept open for the next time.  [CHUBBY §2.4]

Rule 1. Whatever ends an acquire early closes its handle: nobody is left in a queue, or with a grant that nobody knows of.
Rule 2. `wait_s` bounds all of it, also the opening of session and handle.
"""

import asyncio
from functools import partial

from gaios import lock_api
from gaios.client.handle import Handle, News
from gaios.client.idle import IdleHandles, Key
from gaios.client.lease import State
from gaios.client.lock_session import LOCKS, LockSession
from gaios.client.naming import Naming
from gaios.errors import HandleInvalid, NotAcquired, SessionExpired, UnknownHandle, UnknownLockSession
from gaios.lock_api import Notice, Sequencer


class Locking:
    """One session's."""

    def __init__(self, session: LockSession, naming: Naming) -> None:
        self.session, self.naming = session, naming
        self._idle = IdleHandles()
        self.watchdog = session.watchdog

    async def acquire(self, path: str, *, shared: bool, wait_s: float | None, lock_delay_ms: int) -> tuple[Handle, Sequencer]:
        """Take a lock; waits for `wait_s` at most (None: for ever). The handle is the caller's to `give_back`.

        Raises:
            NotAcquired: it was not free in time.
            SessionExpired: the session ended while it waited.
            Error: what the cell refused with, or that it did not answer.
        """
        try:
            async with asyncio.timeout(wait_s or None):
                found = await self._acquire(path, lock_delay_ms, shared=shared, wait=wait_s is None or wait_s > 0)
        except TimeoutError:
            why = "" if self.session.lease is not None else "the cell did not answer"
            raise NotAcquired(path=path, waited_ms=int((wait_s or 0.0) * 1_000), why=why) from None
        if found is None:
            raise NotAcquired(path=path, waited_ms=0)
        return found

    async def _acquire(self, path: str, lock_delay_ms: int, *, shared: bool, wait: bool) -> tuple[Handle, Sequencer] | None:
        kept = self._idle.take((path, lock_delay_ms))
        if kept is not None:
            try:
                return await self._grant(kept, shared=shared, wait=wait)
            except (HandleInvalid, UnknownHandle):
                pass  # somebody deleted the node, and nobody has told yet
            except (SessionExpired, UnknownLockSession):
                if self.session.lease is not kept.lease:
                    raise  # while it waited
                self.session.expire(kept.lease)
        is_brief = path.startswith(LOCKS + "/")
        wanted = lock_api.Open(0, b"", path, lock_api.MAY_CREATE, ephemeral=is_brief, lock_delay_ms=lock_delay_ms)
        return await self._grant(await self.session.open(wanted), shared=shared, wait=wait)

    async def _grant(self, handle: Handle, *, shared: bool, wait: bool) -> tuple[Handle, Sequencer] | None:
        sequencer = None
        try:
            sequencer = await handle.granted(shared=shared, wait=wait)
        finally:
            if sequencer is None:
                self.session.put_away(handle)
        return None if sequencer is None else (handle, sequencer)

    async def give_back(self, handle: Handle, lock_delay_ms: int) -> None:
        """Release a lock. What the cell does not answer in time goes on in the background, as long as the session lives."""
        key = handle.path, lock_delay_ms
        if self._idle.wants(key) and self.session.lease is handle.lease and not self.session.is_over:
            handle.lost = None
            task = self.session.in_background(self._release(handle, key))
            await asyncio.wait([task], timeout=self.session.timeout)
        else:
            await self.session.close_handle(handle)

    async def _release(self, handle: Handle, key: Key) -> None:
        lease = handle.lease
        if await self.session.insist(lock_api.Release(lease.session, lease.token, handle.number), lease):
            handle.listener = partial(self._dropped, handle)
            if handle.lease is self.session.lease:
                oldest = self._idle.keep(key, handle)
                if oldest is not None:
                    self.session.put_away(oldest)
        else:
            self.session.put_away(handle)

    def _dropped(self, handle: Handle, news: News) -> None:
        """A handle that is kept was told something."""
        if news == State.EXPIRED or (isinstance(news, Notice) and news.what == lock_api.HANDLE_INVALID):
            self._idle.drop(handle)
            self.session.put_away(handle)
