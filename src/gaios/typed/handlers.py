"""What a typed machine's class says about itself: its state, and a handler for each command and query.

Rule 1. Whatever is wrong with it is said when it is defined, not when its first command comes.
"""

from collections.abc import Callable
from typing import Any, Final, NamedTuple, TypeVar, get_origin, get_type_hints, overload

from gaios.errors import ConfigurationError
from gaios.machine import Context
from gaios.typed import forms
from gaios.typed.words import Command, Query, Upgrade, Word, name_of, reply_of

F = TypeVar("F", bound=Callable[..., Any])
_MARK: Final = "__gaios_version__"
_NOT_PLAIN: Final = 0x20 | 0x80 | 0x200
"""Flags of code that does not run when it is called: generators, coroutines, both."""


class Handler(NamedTuple):
    """One method that carries out a command, or answers a query."""

    kind: type[Word]
    run: Callable[..., Any]
    """Called with the machine, the command, and the context if `wants_context`."""
    wants_context: bool
    version: int


class Definition(NamedTuple):
    """All that a class says."""

    state: Any
    """The state's type."""
    queries: dict[str, Handler]
    commands: list[dict[str, Handler]]
    """By version, from 1 at index 0: who carries out what while that is in force."""


@overload
def handler(method: F, /) -> F: ...
@overload
def handler(*, version: int) -> Callable[[F], F]: ...
def handler(method: Any = None, /, *, version: int = 1) -> Any:
    """Mark a method that carries out a command, or answers a query; its annotations say which.

        (self, command: Deposit) -> int
        (self, command: Deposit, context: gaios.Context) -> int
        (self, query: Balance) -> int

    Args:
        method: the method.
        version: of the machine, from which on this one is used: another handler of the same command then serves older versions.
    """

    def mark(marked: F) -> F:
        setattr(marked, _MARK, version)
        return marked

    return mark if method is None else mark(method)


def definition_of(cls: type, version: int) -> Definition:
    """Read and check a class's handlers and state.

    Raises:
        ConfigurationError: it is not what a machine needs.
    """
    state = _state_of(cls)
    found: dict[tuple[str, int], tuple[str, Handler]] = {}
    for name in dir(cls):
        method = getattr(cls, name, None)
        if not hasattr(method, _MARK):
            continue
        each = _handler_of(f"{cls.__name__}.{name}", method, version)
        tag = name_of(each.kind)
        before = next((other for other, (_, known) in found.items() if other[0] == tag and known.kind is not each.kind), None)
        if before is not None:
            raise ConfigurationError(
                reason=f"{cls.__name__} handles two different classes named {tag}", hint="rename one: it is its name in the log"
            )
        if (tag, each.version) in found:
            other, _ = found[tag, each.version]
            raise ConfigurationError(
                reason=f"{cls.__name__}.{other} and {cls.__name__}.{name} both handle {tag}",
                hint="remove one, or say from which version on it is used: @gaios.handler(version=2)",
            )
        found[tag, each.version] = name, each
    if not found:
        raise ConfigurationError(
            reason=f"{cls.__name__} has no handlers",
            hint="mark a method: @gaios.handler def deposit(self, command: Deposit) -> int; a machine of bytes defines apply instead",
        )
    queries = {tag: each for (tag, _), (_, each) in found.items() if issubclass(each.kind, Query)}
    commands: list[dict[str, Handler]] = []
    for current in range(1, version + 1):
        here = sorted((each.version, tag) for (tag, _), (_, each) in found.items() if tag not in queries and each.version <= current)
        commands.append({tag: found[tag, since][1] for since, tag in here})
    return Definition(state, queries, commands)


def _state_of(cls: type) -> Any:  # noqa: ANN401 (a type)
    try:
        state = get_type_hints(cls).get("state")
    except NameError as error:
        raise ConfigurationError(
            reason=f"the state of {cls.__name__} cannot be read: {error}", hint="define its type in the module"
        ) from None
    if state is None:
        raise ConfigurationError(reason=f"{cls.__name__} does not say what its state is", hint="annotate it in the class: state: Accounts")
    forms.check(state, f"{cls.__name__}.state")
    if "state" in vars(cls):
        raise ConfigurationError(
            reason=f"{cls.__name__}.state has a value in the class, which all its machines would share",
            hint="annotate it only, and give the fields of its type defaults",
        )
    first_of(state, cls.__name__)
    return state


def first_of(state: Any, name: str) -> Any:  # noqa: ANN401 (a type; a value of it)
    """A new machine's state.

    Raises:
        ConfigurationError: there is none without arguments.
    """
    try:
        return (get_origin(state) or state)()
    except TypeError as error:
        raise ConfigurationError(
            reason=f"{name} cannot begin: {error}", hint="its state is made without arguments: give every field a default"
        ) from None


def _handler_of(where: str, method: Any, version: int) -> Handler:  # noqa: ANN401 (whatever was marked)
    code = getattr(method, "__code__", None)
    if code is None or code.co_flags & _NOT_PLAIN:
        raise ConfigurationError(reason=f"{where} is no plain method", hint="a handler runs at once: it is not async, and yields nothing")
    names = code.co_varnames[: code.co_argcount]
    try:
        hints = get_type_hints(method)
    except NameError as error:
        raise ConfigurationError(
            reason=f"the annotations of {where} cannot be read: {error}", hint="define its types in the module"
        ) from None
    kind = hints.get(names[1]) if len(names) > 1 else None
    if not (isinstance(kind, type) and issubclass(kind, Command | Query)) or kind in {Command, Query}:
        raise ConfigurationError(
            reason=f"{where} does not say what it handles",
            hint="annotate its first argument with a subclass of gaios.Command or gaios.Query",
        )
    since = getattr(method, _MARK)
    _check_arguments(where, kind, [(name, hints.get(name)) for name in names[2:]], code.co_kwonlyargcount)
    if kind is Upgrade:
        raise ConfigurationError(reason=f"{where} handles gaios.Upgrade, which machines do by themselves", hint="override `upgraded`")
    if issubclass(kind, Query) and since != 1:
        raise ConfigurationError(reason=f"{where} answers a query, which has no versions: it is not in the log")
    if type(since) is not int or not 1 <= since <= version:
        raise ConfigurationError(
            reason=f"{where} is for version {since!r}, but the class says that it is version {version}", hint=f"version = {since}"
        )
    reply = reply_of(kind)
    if "return" not in hints or hints["return"] != reply:
        said = _shown(hints["return"]) if "return" in hints else "nothing"
        raise ConfigurationError(reason=f"{where} says that it returns {said}, but a {kind.__name__} is answered by {_shown(reply)}")
    forms.check(kind, kind.__name__)
    forms.check(reply, f"the reply to {kind.__name__}")
    return Handler(kind, method, len(names) > 2, since)


def _check_arguments(where: str, kind: type[Word], rest: list[tuple[str, Any]], keywords: int) -> None:
    if issubclass(kind, Query):
        if rest or keywords:
            raise ConfigurationError(reason=f"{where} takes more than a query: that is all there is, for nothing is in the log")
    elif keywords or [hint for _, hint in rest] not in ([], [Context]):
        raise ConfigurationError(
            reason=f"{where} takes more than a command", hint="(self, command: …), or (self, command: …, context: gaios.Context)"
        )


def _shown(kind: Any) -> str:  # noqa: ANN401 (a type)
    return kind.__name__ if isinstance(kind, type) else str(kind)
