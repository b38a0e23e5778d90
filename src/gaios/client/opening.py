"""Opening a node: `async with cell.open(path) as node`, or `node = await cell.open(path)`.  [CHUBBY §2.6]"""

from collections.abc import Generator, Iterable
from types import TracebackType
from typing import Any, Final, Literal

from gaios import lock_api
from gaios.client import holding
from gaios.client.arguments import Value, as_bytes, seconds
from gaios.client.lock_session import LockSession
from gaios.client.locks import delay_ms
from gaios.client.naming import Naming, split
from gaios.client.node_events import NodeEvents, Wanted, bits_of
from gaios.client.nodes import Node
from gaios.errors import ConfigurationError

Create = Literal["must"] | bool
_CREATE: Final[dict[Create, int]] = {False: 0, True: lock_api.MAY_CREATE, "must": lock_api.MUST_CREATE}


class Opening:
    """A node to be opened, by `async with` or by `await`: then `close` it."""

    def __init__(self, session: LockSession, naming: Naming, wanted: lock_api.Open, name: str, timeout: float | None) -> None:
        self._session, self._naming, self._wanted, self._name, self._timeout = session, naming, wanted, name, timeout
        self._node: Node | None = None

    def __await__(self) -> Generator[Any, None, Node]:
        """Open it."""
        return self.open().__await__()

    async def __aenter__(self) -> Node:
        """Open it."""
        if self._node is not None:
            raise ConfigurationError(reason=f"{self._name} is open here already", hint="open it anew: cell.open(path)")
        self._node = await self.open()
        return self._node

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Close it."""
        node, self._node = self._node, None
        if node is not None:
            await node.close()

    async def open(self) -> Node:
        """Open it; the caller closes it."""
        holding.check()
        await self._naming.check(self._name, self._session.timeout if self._timeout is None else self._timeout)
        events = NodeEvents()
        handle = await self._session.open(self._wanted, listener=events.told, timeout=self._timeout)
        return Node(self._session, self._name, handle, events)


def opening(
    session: LockSession,
    naming: Naming,
    path: str,
    *,
    create: Create,
    directory: bool,
    ephemeral: bool,
    contents: Value,
    write: bool,
    events: Iterable[Wanted],
    lock_delay: float,
    acl: tuple[str, str, str] | None,
    timeout: float | None,
) -> Opening:
    """As `Cell.open`."""
    if create not in _CREATE:
        raise ConfigurationError(reason=f"create is False, True or 'must', not {create!r}")
    wanted = lock_api.Open(
        0, b"", split(path)[1], _CREATE[create], directory, ephemeral, as_bytes(contents), write, bits_of(events), delay_ms(lock_delay), acl
    )  # fmt: skip
    return Opening(session, naming, wanted, path, None if timeout is None else seconds(timeout))
