"""Locks as their users see them: `async with cell.lock(name) as held`.  [CHUBBY §2.4]"""

from gaios import lock_api
from gaios.client.grant import Grant, check_wait
from gaios.client.handle import Handle
from gaios.client.held import Held, OnJeopardy
from gaios.client.lock_session import LOCKS
from gaios.client.locking import Locking
from gaios.client.naming import PREFIX, split
from gaios.errors import ConfigurationError, InvalidCommand
from gaios.lock_api import LOCK_DELAY_MS_MAX, CheckSequencer, Sequencer

__all__ = ["Held", "Lock", "OnJeopardy", "check_of", "delay_ms", "path_of"]


class Lock(Grant[Held]):
    """A lock of the cell, to be held by `async with`; made by `Cell.lock`."""

    def __init__(
        self,
        locking: Locking,
        path: str,
        *,
        name: str = "",
        shared: bool = False,
        wait: float | None = None,
        lock_delay: float = 0.0,
        on_jeopardy: OnJeopardy = "cancel",
    ) -> None:
        """`name`: as its user wrote it, where that may name a cell."""
        super().__init__(locking, on_jeopardy=on_jeopardy)
        check_wait(wait)
        self.path = path
        self._name, self._shared, self._wait, self._lock_delay_ms = name, shared, wait, delay_ms(lock_delay)

    async def _take(self) -> tuple[Held, Handle]:
        await self._locking.naming.check(self._name, self._session.timeout)
        handle, sequencer = await self._locking.acquire(
            self.path, shared=self._shared, wait_s=self._wait, lock_delay_ms=self._lock_delay_ms
        )
        return Held(self.path, sequencer, handle, on_jeopardy=self._on_jeopardy), handle

    async def _give_back(self, handle: Handle) -> None:
        await self._locking.give_back(handle, self._lock_delay_ms)


def delay_ms(lock_delay: float) -> int:
    """A lock-delay of so many seconds. Raises `ConfigurationError`: it makes no sense."""
    if not 0 <= lock_delay * 1_000 <= LOCK_DELAY_MS_MAX:
        raise ConfigurationError(reason=f"a lock-delay has 0 to {LOCK_DELAY_MS_MAX // 1_000} seconds, not {lock_delay!r}")
    return int(lock_delay * 1_000)


def check_of(sequencer: Sequencer | str, name: str | None, *, shared: bool) -> CheckSequencer:
    """The question whether a grant is held.

    Raises:
        InvalidCommand: the text is no `GENERATION.REVISION`, or it is not said of which lock.
    """
    if isinstance(sequencer, Sequencer):
        return CheckSequencer(sequencer)
    generation, dot, revision = sequencer.partition(".")
    if name is None or not (dot and _is_number(generation) and _is_number(revision)):
        raise InvalidCommand(reason=f"a sequencer is GENERATION.REVISION of the lock that `name` says, not {sequencer!r} of {name!r}")
    return CheckSequencer(Sequencer(path_of(name), shared, int(generation), int(revision)))


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 20


def path_of(name: str) -> str:
    """Where a lock of this name stands: `/locks/NAME`, or as a whole path of `/ls/…` says, whichever cell that names.

    Raises:
        InvalidCommand: it is no name.
    """
    if not isinstance(name, str):
        raise InvalidCommand(reason=f"the name of a lock is text, not {type(name).__name__}")
    if name.startswith(PREFIX):
        _, path = split(name)
    elif name.startswith("/"):
        raise InvalidCommand(reason=f"{name!r} is no lock's name: write a name, as in jobs/nightly, or a path that begins with /ls/")
    elif {"", ".", ".."}.intersection(name.split("/")):
        raise InvalidCommand(reason=f"{name!r} is no lock's name: between two slashes stands something, and neither . nor ..")
    else:
        path = f"{LOCKS}/{name}"
    if len(path.encode(errors="surrogatepass")) > lock_api.PATH_BYTES_MAX:
        raise InvalidCommand(reason=f"{name[:40]!r}… is longer than a path may be")
    return path
