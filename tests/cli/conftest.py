"""A command line in this process, on a cell that is one database in memory."""

import asyncio
import io
import json
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple, Self

import pytest

import gaios
from gaios import api
from gaios.cli.run import run
from gaios.client.aio import Cell
from gaios.client.status import CellStatus
from gaios.db import Database
from gaios.machine import Context
from tests.client.cellar import Cellar


class Done(NamedTuple):
    """What a command line left."""

    code: int
    out: bytes
    err: str

    @property
    def json(self) -> Any:
        """Standard output as one JSON value."""
        return json.loads(self.out)

    @property
    def lines(self) -> list[Any]:
        """Standard output as one JSON value a line."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def error(self) -> Any:
        """The error's object."""
        return json.loads(self.err)["error"]


class FakeCell(Cell):
    """The real client's surface on a real database, without anything in between; `failure` is raised instead where it is set."""

    def __init__(self) -> None:
        self.database = Database()
        self.failure: BaseException | None = None
        self.sent: list[Any] = []
        self.events: list[api.Event] = []
        self.watched: list[Any] = []
        self.told = CellStatus()
        self.endpoints: Any = None
        self._timeout = 0.0
        self._slot = 0

    def connect(self, endpoints: str | Iterable[str], *, timeout: float = 10.0) -> Self:
        self.endpoints, self._timeout = endpoints, timeout
        return self

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        return None

    async def _write(self, command: api.Command, timeout: float | None) -> api.Reply:  # noqa: ASYNC109 (as its base)
        api.check(command)
        await asyncio.sleep(0)
        self.sent.append(command)
        if self.failure is not None:
            raise self.failure
        self._slot += 1
        return self.database.carry_out(command, Context(self._slot, 0, 0, 65_537))[0]

    async def _read(self, question: api.Question, timeout: float | None) -> api.Answer:  # noqa: ASYNC109 (as its base)
        api.check_question(question)
        await asyncio.sleep(0)
        self.sent.append(question)
        if self.failure is not None:
            raise self.failure
        return api.decode_answer(self.database.query(api.encode(question)))

    async def status(self) -> CellStatus:
        if self.failure is not None:
            raise self.failure
        return self.told

    def watch(self, *arguments: Any, **named: Any) -> Any:
        self.watched.append((*arguments, named))

        async def told() -> Any:
            for event in self.events:
                yield event
            if self.failure is not None:
                raise self.failure

        return told()


@pytest.fixture
def cell(monkeypatch: pytest.MonkeyPatch) -> FakeCell:
    """Whatever connects gets this one."""
    monkeypatch.delenv("GAIOS_ENDPOINTS", raising=False)
    made = FakeCell()
    monkeypatch.setattr(gaios, "connect", made.connect, raising=False)
    return made


@pytest.fixture
def cellar(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cellar]:
    """A cell that answers, for commands that name none."""
    made = Cellar()
    monkeypatch.setenv("GAIOS_ENDPOINTS", made.fake.endpoints)
    yield made
    made.close()


@pytest.fixture
def cli(capfdbinary: pytest.CaptureFixture[bytes], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Done]:
    """Carry out a command line, with bytes on standard input."""

    def call(*arguments: str, stdin: bytes = b"") -> Done:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        code = run(arguments)
        captured = capfdbinary.readouterr()
        return Done(code, captured.out, captured.err.decode())

    return call
