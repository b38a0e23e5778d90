"""A request of a former holder does not get to the application, nor beside one of the new holder."""

import asyncio
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from gaios.fencing import asgi
from gaios.fencing.asgi import FencingMiddleware, Receive, Scope, Send
from gaios.fencing.sql import Guard
from gaios.fencing.stores import FileStore, MemoryStore, SqlStore, Store
from gaios.fencing.token import Token
from tests.fencing.mutants import bites, mutant, never_decreases

OLD, NEW = "0.812", "1.4"
WAIT_S = 60.0


class Response(NamedTuple):
    status: int
    body: Any


class Application:
    """It keeps the tokens of the changes that it made, in their order; a change may wait in the middle for `gate`."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.scopes: list[Scope] = []
        self.gates: dict[str, Any] = {}
        self.entered = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scopes.append(scope)
        if scope["type"] != "http":
            return
        token = str(scope.get("gaios.token"))
        if token in self.gates:
            self.entered.set()
            await self.gates[token].wait()
        self.done.append(token)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b'"done"'})


async def ask(app: Any, method: str = "POST", *tokens: str, path: str = "/accounts/7", name: bytes = b"gaios-sequencer") -> Response:
    """One request, as a server hands it over."""
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [(b"host", b"localhost"), *((name, token.encode("latin-1")) for token in tokens)]
    scope = {"type": "http", "asgi": {"version": "3.0"}, "method": method, "path": path, "root_path": "", "headers": headers}
    await app(scope, receive, send)
    start, body = sent
    assert start["type"] == "http.response.start"
    assert body["type"] == "http.response.body"
    if start["status"] != 200:
        told = dict(start["headers"])
        assert told[b"content-type"] == b"application/json"
        assert int(told[b"content-length"]) == len(body["body"])
    return Response(start["status"], json.loads(body["body"]))


@pytest.fixture(params=["memory", "file", "sql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param == "memory":
        return MemoryStore()
    if request.param == "file":
        return FileStore(tmp_path)

    def connect() -> Any:
        return closing(sqlite3.connect(tmp_path / "fences.db", timeout=WAIT_S))

    with connect() as connection:
        Guard().create(connection.cursor())
    return SqlStore(connect)


async def old_after_new_is_refused(module: Any, store: Any) -> None:
    """The claim, as a function: it has to fail of a mutant."""
    app = Application()
    wrapped = module.FencingMiddleware(app, store=store)
    assert (await ask(wrapped, "POST", OLD)).status == 200
    assert (await ask(wrapped, "POST", NEW)).status == 200
    refused = await ask(wrapped, "POST", OLD)
    assert refused.status == 412
    assert {name: refused.body[name] for name in ("error", "what", "seen", "given")} == {
        "error": "Fenced",
        "what": "/accounts/7",
        "seen": NEW,
        "given": OLD,
    }
    assert (await ask(wrapped, "PUT", NEW)).status == 200
    assert app.done == [OLD, NEW, NEW]


class Watched:
    """A store that tells when a token was checked."""

    def __init__(self, store: Store, token: str) -> None:
        self.store, self.token, self.blocking = store, token, store.blocking
        self.checked = asyncio.Event()
        self.loop = asyncio.get_running_loop()

    def check(self, resource: str, token: Token) -> None:
        self.store.check(resource, token)
        if str(token) == self.token:
            self.loop.call_soon_threadsafe(self.checked.set)


async def new_waits_for_old(module: Any, store: Store, method: str = "POST") -> None:
    """The old holder's request is inside the application when the new holder's comes."""
    app = Application()
    app.gates[OLD] = asyncio.Event()
    watched = Watched(store, NEW)
    wrapped = module.FencingMiddleware(app, store=watched, patience_s=WAIT_S)
    async with asyncio.timeout(WAIT_S):
        old = asyncio.create_task(ask(wrapped, "POST", OLD))
        await app.entered.wait()
        new = asyncio.create_task(ask(wrapped, method, NEW))
        await watched.checked.wait()
        # From now on the old holder gets nothing more in, though its first request goes on.
        assert (await ask(wrapped, "POST", OLD)).status == 412
        app.gates[OLD].set()
        assert (await old).status == 200
        assert (await new).status == 200
    assert app.done == [OLD, NEW]


async def test_an_old_token_after_a_newer_one_is_refused_and_nothing_changed(store: Store) -> None:
    """[SAFETY 23]; an equal token is one holder's next request."""
    await old_after_new_is_refused(asgi, store)


@pytest.mark.parametrize("method", ["POST", "GET"])
async def test_a_new_holder_waits_for_what_the_old_one_has_under_way(store: Store, method: str) -> None:
    """Rule 2. A read waits too: else it would not see the change that is about to be made."""
    await new_waits_for_old(asgi, store, method)


async def test_a_middleware_that_lets_everybody_in_is_noticed() -> None:
    with bites():
        await old_after_new_is_refused(
            mutant(
                asgi,
                "except Fenced as error:\n                await _refuse(send, 412, error)",
                "except Fenced:\n                await self._app(scope, receive, send)",
            ),
            MemoryStore(),
        )


@pytest.mark.parametrize(
    ("sound", "broken"),
    [("if other < token]", "if other > token]"), ("        running[ended] = token\n", "        running[ended] = Token(9, 9)\n")],
)
async def test_a_middleware_that_does_not_wait_is_noticed(sound: str, broken: str) -> None:
    with bites():
        await new_waits_for_old(mutant(asgi, sound, broken), MemoryStore())


async def test_equal_tokens_run_side_by_side() -> None:
    """One holder may send many requests at once."""
    app = Application()
    # Nobody gets past it alone.
    app.gates[NEW] = asyncio.Barrier(2)
    wrapped = FencingMiddleware(app)
    async with asyncio.timeout(WAIT_S):
        both = await asyncio.gather(ask(wrapped, "POST", NEW), ask(wrapped, "POST", NEW))
    assert [each.status for each in both] == [200, 200]


async def test_a_request_of_an_old_holder_that_never_ends_is_told() -> None:
    """Waiting has a bound; nothing was changed, and the old token stays locked out.  [SAFETY 28]"""
    app = Application()
    app.gates[OLD] = asyncio.Event()
    wrapped = FencingMiddleware(app, patience_s=0)
    async with asyncio.timeout(WAIT_S):
        old = asyncio.create_task(ask(wrapped, "POST", OLD))
        await app.entered.wait()
        answer = await ask(wrapped, "POST", NEW)
        assert answer.status == 503
        assert answer.body["error"] == "OlderRunning"
        assert app.done == []
        assert (await ask(wrapped, "POST", OLD)).status == 412
        app.gates[OLD].set()
        await old
        assert (await ask(wrapped, "POST", NEW)).status == 200


async def test_requests_that_were_given_up_hold_nobody_up() -> None:
    """A server cancels the application when its client goes."""
    app = Application()
    app.gates[OLD] = asyncio.Event()
    wrapped = FencingMiddleware(app)
    async with asyncio.timeout(WAIT_S):
        old = asyncio.create_task(ask(wrapped, "POST", OLD))
        await app.entered.wait()
        new = asyncio.create_task(ask(wrapped, "POST", NEW))
        await asyncio.sleep(0)
        old.cancel()
        assert (await new).status == 200
    assert app.done == [NEW]
    assert not wrapped._running


async def test_many_holders_at_once_never_go_back(store: Store) -> None:
    """In the order of changes, tokens only grow; each request was carried out, or refused."""
    app = Application()
    wrapped = FencingMiddleware(app, store=store)
    tokens = [f"0.{number}" for number in (1, 5, 2, 4, 3, 5, 1, 4, 2, 3) * 3]
    async with asyncio.timeout(WAIT_S):
        answers = await asyncio.gather(*(ask(wrapped, "POST", token) for token in tokens))
    assert {answer.status for answer in answers} <= {200, 412}
    assert len(app.done) == sum(answer.status == 200 for answer in answers)
    never_decreases(app.done, Token.parse)
    assert app.done.count("0.5") == 6


async def test_a_change_without_a_token_is_refused() -> None:
    """Else leaving the header out would be the way around."""
    app = Application()
    wrapped = FencingMiddleware(app)
    for method in ("POST", "PUT", "PATCH", "DELETE", "WHATEVER"):
        assert (await ask(wrapped, method)).status == 428
    assert not app.scopes


async def test_a_read_needs_no_token_and_claims_with_one() -> None:
    app = Application()
    wrapped = FencingMiddleware(app)
    assert (await ask(wrapped, "GET")).status == 200
    assert (await ask(wrapped, "GET", NEW)).status == 200
    assert (await ask(wrapped, "POST", OLD)).status == 412
    assert (await ask(wrapped, "GET", OLD)).status == 412
    assert (await ask(wrapped, "GET")).status == 200
    assert (await ask(FencingMiddleware(app, reads=()), "GET")).status == 428


@pytest.mark.parametrize(
    "tokens", [("",), ("newest",), ("1",), ("1.2.3",), ("-1.2",), ("1.2, 1.3",), (NEW, NEW), (OLD, NEW), ("\xff",), ("1" * 100_000 + ".1",)]
)
async def test_what_is_no_token_is_refused(tokens: tuple[str, ...]) -> None:
    """Two of them as well: proxies disagree on which one counts."""
    app = Application()
    answer = await ask(FencingMiddleware(app), "POST", *tokens)
    assert answer.status == 400
    assert answer.body["error"] == "InvalidToken"
    assert len(json.dumps(answer.body)) < 1000
    assert not app.scopes


async def test_the_headers_name_is_read_in_any_case() -> None:
    assert (await ask(FencingMiddleware(Application()), "POST", f" {NEW}\t", name=b"GAIOS-Sequencer")).status == 200


async def test_a_resource_is_what_the_caller_says() -> None:
    """One lock may guard many paths, and some need no lock."""
    app = Application()

    def account(scope: Scope) -> str | None:
        parts = scope["path"].split("/")
        return "/".join(parts[:3]) if parts[1] == "accounts" else None

    wrapped = FencingMiddleware(app, resource=account)
    assert (await ask(wrapped, "POST", NEW, path="/accounts/7/deposit")).status == 200
    assert (await ask(wrapped, "POST", OLD, path="/accounts/7/withdraw")).status == 412
    assert (await ask(wrapped, "POST", OLD, path="/accounts/8/withdraw")).status == 200
    assert (await ask(wrapped, "POST", path="/login")).status == 200


async def test_the_application_hears_the_token() -> None:
    """Rule 3: several processes guard the change itself by it. The server's own scope stays as it was."""
    app = Application()
    await ask(FencingMiddleware(app), "POST", NEW)
    assert app.scopes[0]["gaios.token"] == Token.parse(NEW)


@pytest.mark.parametrize("kind", ["lifespan", "websocket"])
async def test_what_is_no_request_passes(kind: str) -> None:
    """An application is started and stopped through the same door."""
    app = Application()

    async def nothing(*_: Any) -> Any:
        return {}

    await FencingMiddleware(app)({"type": kind}, nothing, nothing)
    assert app.scopes == [{"type": kind}]


async def test_a_store_that_fails_lets_nobody_in(tmp_path: Path) -> None:
    """Rule 1: the server answers 500."""
    app = Application()
    broken: list[tuple[Store, type[Exception]]] = [
        (FileStore(tmp_path / "missing"), FileNotFoundError),
        (SqlStore(lambda: closing(sqlite3.connect(tmp_path / "empty.db"))), sqlite3.OperationalError),
    ]
    for store, error in broken:
        with pytest.raises(error):
            await ask(FencingMiddleware(app, store=store), "POST", NEW)
    assert not app.scopes


async def test_a_full_store_is_told() -> None:
    """[SAFETY 28]"""
    app = Application()
    answer = await ask(FencingMiddleware(app, store=MemoryStore(resources_max=0)), "POST", NEW)
    assert answer.status == 503
    assert answer.body["error"] == "Overloaded"
    assert not app.scopes
