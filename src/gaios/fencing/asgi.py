"""An ASGI middleware: a request that changes something comes with its lock's token, and an old one is refused.  [SAFETY 23]

    400 Bad Request              `Gaios-Sequencer` is no token, or is there twice
    412 Precondition Failed      a newer token was seen
    428 Precondition Required    the request would change something, and has no token
    503 Service Unavailable      requests of an older holder are still running, or the store is full

Rule 1. The token is remembered before the application hears of the request; when the store fails, the application never does.
Rule 2. A request waits until those of older tokens that are already with the application have ended. So within one process of one loop,
no change of an old holder follows one of a new holder.
Rule 3. Several processes share what they remember (`SqlStore`, `FileStore`), but not rule 2: a request that one has let in may end after a
newer one that another let in. Where that matters, guard the change itself by `scope["gaios.token"]`, in its own transaction.
Rule 4. A request that only reads needs no token; with one, it claims the resource for its holder.

No framework is imported: any ASGI 3 application on asyncio will do. Left out on purpose: websockets, whose messages have no headers; what
arrives over one is guarded by the application.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, MutableMapping
from contextlib import asynccontextmanager
from typing import Any, Final

from gaios.errors import Error, Fenced, InvalidToken, Overloaded
from gaios.fencing.stores import MemoryStore, Store
from gaios.fencing.token import Token

HEADER: Final = "Gaios-Sequencer"
READS: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
"""Methods that change nothing, as RFC 9110, section 9.2.1, has them."""
PATIENCE_S: Final = 30.0
"""How long a request waits for those of older tokens: what proxies give a request by default, and less."""
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


def path_of(scope: Scope) -> str:
    """A request's path, the application's root included."""
    return str(scope.get("root_path", "")) + str(scope["path"])


class FencingMiddleware:
    """Wraps an application; requests get to it only with a token at least as new as the newest of their resource."""

    def __init__(
        self,
        app: App,
        *,
        store: Store | None = None,
        resource: Callable[[Scope], str | None] = path_of,
        reads: Iterable[str] = READS,
        patience_s: float = PATIENCE_S,
    ) -> None:
        """Wrap it.

        Args:
            app: An ASGI 3 application.
            store: What remembers the newest tokens; None: a `MemoryStore`, which forgets when the process ends.
            resource: What a request's token guards, as a name; all that one lock protects has one name. None: the request is not guarded.
                Names are never forgotten, so strangers must not be able to make them up.
            reads: Methods that change nothing, and so need no token.
            patience_s: Seconds that a request waits for those of older tokens to end.
        """
        self._app, self._store, self._resource = app, store or MemoryStore(), resource
        self._reads, self._patience_s = frozenset(reads), patience_s
        self._running: dict[str, dict[asyncio.Future[None], Token]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        name = self._resource(scope) if scope["type"] == "http" else None
        if name is None:
            await self._app(scope, receive, send)
            return
        changes = scope["method"] not in self._reads
        try:
            token = _token(scope)
        except InvalidToken as error:
            await _refuse(send, 400, error)
            return
        if token is None and changes:
            await _answer(send, 428, {"error": "TokenMissing", "message": f"a change needs the token of its lock in {HEADER}"})
            return
        if token is None:
            await self._app(scope, receive, send)
            return
        async with self._turn(name, token, changes=changes):
            try:
                still = await self._admit(name, token)
            except Fenced as error:
                await _refuse(send, 412, error)
            except Overloaded as error:
                await _refuse(send, 503, error)
            else:
                if still:
                    reason = f"{still} requests of older tokens are still running; nothing was changed: try again in a moment"
                    await _answer(send, 503, {"error": "OlderRunning", "message": reason})
                else:
                    await self._app({**scope, "gaios.token": token}, receive, send)

    @asynccontextmanager
    async def _turn(self, name: str, token: Token, *, changes: bool) -> AsyncIterator[None]:
        """It runs from before the check until the application is done, so that whoever checks later sees it.  Rule 2."""
        if not changes:
            yield
            return
        ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        running = self._running.setdefault(name, {})
        running[ended] = token
        try:
            yield
        finally:
            ended.set_result(None)
            del running[ended]
            if not running:
                del self._running[name]

    async def _admit(self, name: str, token: Token) -> int:
        """Rules 1 and 2. How many requests of older tokens did not end in time."""
        if self._store.blocking:
            await asyncio.to_thread(self._store.check, name, token)
        else:
            self._store.check(name, token)
        older = [ended for ended, other in self._running.get(name, {}).items() if other < token]
        return len((await asyncio.wait(older, timeout=self._patience_s))[1]) if older else 0


def _token(scope: Scope) -> Token | None:
    wanted = HEADER.lower().encode()
    values = [value for name, value in scope["headers"] if name.lower() == wanted]
    if not values:
        return None
    return Token.parse(b", ".join(values).decode("latin-1").strip(" \t"))


async def _refuse(send: Send, status: int, error: Error) -> None:
    details = {name: value for name, value in vars(error).items() if isinstance(value, (str, int))}
    await _answer(send, status, {"error": type(error).__name__, "message": str(error), **details})


async def _answer(send: Send, status: int, body: dict[str, object]) -> None:
    data = json.dumps(body).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(data)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": data})
