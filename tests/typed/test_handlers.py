"""A class that says something wrong about itself is told so where it stands."""

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest

import gaios
from gaios import errors
from gaios.machine import Context
from gaios.typed.handlers import definition_of
from tests.typed.bank import Accounts, Balance, Bank, Deposit, NewBank, Withdraw


class Weigh(gaios.Command[int]):
    grams: float


class Measure(gaios.Command[float]):
    pass


def deposit(self: Any, command: Deposit) -> int:
    return 0


def context_too(self: Any, command: Deposit, context: Context) -> int:
    return 0


def unannotated(self: Any, command) -> int:  # type: ignore[no-untyped-def]  # noqa: ANN001 (what it tests)
    return 0


def nothing(self: Any) -> int:
    return 0


def of_a_number(self: Any, command: int) -> int:
    return 0


def of_any(self: Any, command: gaios.Command[int]) -> int:
    return 0


def too_much(self: Any, command: Deposit, at: int) -> int:
    return 0


def keyword(self: Any, command: Deposit, *, context: Context) -> int:
    return 0


def query_with_context(self: Any, query: Balance, context: Context) -> int | None:
    return 0


def other_reply(self: Any, command: Deposit) -> str:
    return ""


def no_reply(self: Any, command: Deposit):  # type: ignore[no-untyped-def]  # noqa: ANN201 (what it tests)
    return 0


def undefined(self: Any, command: "Deposed") -> int:  # type: ignore[name-defined]  # noqa: F821 (what it tests)
    return 0


async def later(self: Any, command: Deposit) -> int:
    return 0


def yields(self: Any, command: Deposit) -> Iterator[int]:
    yield 0


async def yields_later(self: Any, command: Deposit) -> AsyncIterator[int]:
    yield 0


def weigh(self: Any, command: Weigh) -> int:
    return 0


def measure(self: Any, command: Measure) -> float:
    return 0


def upgrade(self: Any, command: gaios.Upgrade) -> int:
    return 0


def define(*methods: Callable[..., Any], state: Any = Accounts, version: int = 1, marks: tuple[int, ...] = ()) -> type:
    since = dict(enumerate(marks))
    marked = {f"m{at}": gaios.handler(version=since.get(at, 1))(each) for at, each in enumerate(methods)}
    return type("Made", (gaios.Machine,), {"__annotations__": {"state": state}, "version": version, **marked})


@pytest.mark.parametrize(
    ("method", "message"),
    [
        (unannotated, "m0 does not say what it handles"),
        (nothing, "m0 does not say what it handles"),
        (of_a_number, "m0 does not say what it handles"),
        (of_any, "m0 does not say what it handles"),
        (too_much, "takes more than a command"),
        (keyword, "takes more than a command"),
        (query_with_context, "takes more than a query"),
        (other_reply, "says that it returns str, but a Deposit is answered by int"),
        (no_reply, "says that it returns nothing, but a Deposit is answered by int"),
        (undefined, "Deposed"),
        (later, "is no plain method"),
        (yields, "is no plain method"),
        (yields_later, "is no plain method"),
        (weigh, r"Weigh\.grams is a float"),
        (measure, "the reply to Measure is a float"),
        (upgrade, "machines do by themselves"),
    ],
)
def test_a_handler_says_what_it_takes_and_returns(method: Callable[..., Any], message: str) -> None:
    with pytest.raises(errors.ConfigurationError, match=message):
        define(method)


def test_one_command_has_one_handler() -> None:
    with pytest.raises(errors.ConfigurationError, match=r"m0 and Made\.m1 both handle Deposit"):
        define(deposit, context_too)


def test_two_classes_of_one_name_are_not_told_apart_in_the_log() -> None:
    def another() -> Any:
        class Deposit(gaios.Command[int]):
            pass

        return Deposit

    def other(self: Any, command: Any) -> int:
        return 0

    other.__annotations__["command"] = another()
    with pytest.raises(errors.ConfigurationError, match="two different classes named Deposit"):
        define(deposit, other)


def test_a_machine_has_handlers_and_a_state() -> None:
    with pytest.raises(errors.ConfigurationError, match="has no handlers"):
        define()
    with pytest.raises(errors.ConfigurationError, match="does not say what its state is"):
        type("Made", (gaios.Machine,), {"m": gaios.handler(deposit)})
    with pytest.raises(errors.ConfigurationError, match=r"Made\.state is a set"):
        define(deposit, state=set[int])
    with pytest.raises(errors.ConfigurationError, match="all its machines would share"):
        type("Made", (gaios.Machine,), {"__annotations__": {"state": Accounts}, "state": Accounts(), "m": gaios.handler(deposit)})
    with pytest.raises(errors.ConfigurationError, match=r"cannot begin.*account"):
        define(deposit, state=Withdraw)
    with pytest.raises(errors.ConfigurationError, match="Unheard"):
        define(deposit, state="Unheard")


@pytest.mark.parametrize("mark", [0, 3, "2", True])
def test_a_handlers_version_is_one_of_the_machines(mark: Any) -> None:
    with pytest.raises(errors.ConfigurationError, match="the class says that it is version 2"):
        define(deposit, version=2, marks=(mark,))


def test_a_query_has_no_versions() -> None:
    def query(self: Any, query: Balance) -> int | None:
        return 0

    query.__annotations__["query"] = Balance
    with pytest.raises(errors.ConfigurationError, match="no versions"):
        define(deposit, query, version=2, marks=(1, 2))


def test_each_version_has_its_handlers() -> None:
    """Inherited ones included; what a later version replaces serves the earlier ones on."""
    definition = definition_of(NewBank, 2)
    first, second = definition.commands
    assert first == definition_of(Bank, 1).commands[0]
    assert {tag: each.version for tag, each in second.items()} == {"Deposit": 1, "Withdraw": 2, "Close": 2}
    assert set(definition.queries) == {"Balance", "First"}
    assert first["Deposit"].wants_context
    assert not first["Withdraw"].wants_context
