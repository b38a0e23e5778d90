"""Sessions of the lock service as their users see them: locks and nodes that live and end together.  [CHUBBY §2.8]"""

from collections.abc import Iterable
from types import TracebackType
from typing import Literal, Self

from gaios.client.arguments import Value
from gaios.client.lease import State
from gaios.client.lock_session import LockSession
from gaios.client.locking import Locking
from gaios.client.locks import Lock, OnJeopardy, path_of
from gaios.client.naming import Naming
from gaios.client.node_events import Wanted
from gaios.client.opening import Create, Opening, opening
from gaios.client.outside import boottime_ns


class Session:
    """A session of its own for some locks: they live and end together. Made by `Cell.session`; use it with `async with`, or close it."""

    def __init__(self, inner: LockSession, naming: Naming) -> None:
        self.inner, self._naming = inner, naming
        self.locking = Locking(inner, naming)

    async def __aenter__(self) -> Self:
        """Itself; the session is opened with its first lock."""
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Close."""
        await self.close()

    async def close(self) -> None:
        """End it: its locks are free at once."""
        await self.inner.close()

    @property
    def state(self) -> Literal["none", "safe", "jeopardy"]:
        """Whether there is one, and how sure it is."""
        lease = self.inner.lease
        if lease is None:
            return "none"
        return "safe" if lease.state == State.SAFE and boottime_ns() < lease.end_ns else "jeopardy"

    def lock(
        self,
        name: str,
        *,
        shared: bool = False,
        wait: float | None = None,
        lock_delay: float = 0.0,
        on_jeopardy: OnJeopardy = "cancel",
    ) -> Lock:
        """As `Cell.lock`."""
        return Lock(
            self.locking, path_of(name), name=name, shared=shared, wait=wait, lock_delay=lock_delay, on_jeopardy=on_jeopardy
        )  # fmt: skip

    def open(
        self,
        path: str,
        *,
        create: Create = False,
        directory: bool = False,
        ephemeral: bool = False,
        contents: Value = b"",
        write: bool = True,
        events: Iterable[Wanted] = (),
        lock_delay: float = 0.0,
        acl: tuple[str, str, str] | None = None,
        timeout: float | None = None,
    ) -> Opening:
        """As `Cell.open`, in this session."""
        return opening(
            self.inner, self._naming, path, create=create, directory=directory, ephemeral=ephemeral, contents=contents, write=write,
            events=events, lock_delay=lock_delay, acl=acl, timeout=timeout,
        )  # fmt: skip
