"""A lock for readers, who share it, and writers, who do not.

It is one lock in its two modes, so the cell's queue decides: whoever comes first is served first, readers that stand together go in
together, and no writer starves behind readers.  [CHUBBY §2.4]
"""

from gaios.client.held import OnJeopardy
from gaios.client.lock_sessions import Session
from gaios.client.locks import Lock


class RWLock:
    """Made by `Cell.rwlock`."""

    def __init__(self, session: Session, name: str) -> None:
        self._session = session
        self._name = name

    def read(self, *, wait: float | None = None, lock_delay: float = 0.0, on_jeopardy: OnJeopardy = "cancel") -> Lock:
        """To be held together with other readers; as `Cell.lock` with `shared`."""
        return self._session.lock(self._name, shared=True, wait=wait, lock_delay=lock_delay, on_jeopardy=on_jeopardy)

    def write(self, *, wait: float | None = None, lock_delay: float = 0.0, on_jeopardy: OnJeopardy = "cancel") -> Lock:
        """To be held alone; as `Cell.lock`."""
        return self._session.lock(self._name, wait=wait, lock_delay=lock_delay, on_jeopardy=on_jeopardy)
