"""A command line in this process, on a cell that is one database in memory."""

import io
import json
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import pytest

import gaios
from gaios import api, errors
from gaios.cli.run import run
from gaios.db import Database
from gaios.machine import Context


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


class FakeCell:
    """The client's surface on a real database, with `failure` raised instead where it is set."""

    def __init__(self) -> None:
        self.database = Database()
        self.failure: BaseException | None = None
        self.calls = 0
        self.connected: list[tuple[Any, float]] = []
        self.told: Any = None
        self._slot = 0

    def carry_out(self, command: api.Command) -> Any:
        self.calls += 1
        if self.failure is not None:
            raise self.failure
        self._slot += 1
        api.check(command)
        return self.database.carry_out(command, Context(self._slot, 0, 0, 65_537))[0]

    async def multiop(
        self, guard: Sequence[api.Test] = (), then: Sequence[api.Operation] = (), otherwise: Sequence[api.Operation] = (), **_: Any
    ) -> Any:
        return self.carry_out(api.MultiOp(tuple(guard), tuple(then), tuple(otherwise)))
