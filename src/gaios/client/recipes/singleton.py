"""A function that runs at most once at a time, whoever calls it: its body is that of a lock."""

import functools
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Concatenate, ParamSpec, TypeVar

from gaios.client.held import Held
from gaios.client.locks import Lock

P = ParamSpec("P")
R = TypeVar("R")


class Singleton:
    """A decorator, made by `Cell.singleton`: each call acquires the lock, and hands `held` to the function as its first argument."""

    def __init__(self, lock: Callable[[], Lock]) -> None:
        self.lock = lock

    def __call__(self, function: Callable[Concatenate[Held, P], Awaitable[R]]) -> Callable[P, Coroutine[Any, Any, R]]:
        """The function without its first argument."""

        @functools.wraps(function)
        async def alone(*arguments: P.args, **named: P.kwargs) -> R:
            async with self.lock() as held:
                return await function(held, *arguments, **named)

        return alone
