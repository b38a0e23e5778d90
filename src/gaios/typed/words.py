"""Commands and queries: their bytes, and what comes back.

    ["Deposit","alice",5]          its class's name, then its fields in order

Rule 1. One value has one text: other bytes that would read the same are refused, so that all replicas refuse or take the same.
Rule 2. The fields of a command that was ever submitted stay as they are, for it stands in the log. What is new is a new command.
Rule 3. At apply, a refusal's text is ours alone: it is remembered as an answer, and every replica must say the same, whatever library
reads.
"""

import re
from functools import cache
from typing import Any, Final, Generic, TypeVar, cast

import msgspec

from gaios.errors import ConfigurationError, InvalidCommand, ProtocolError, Unknown
from gaios.typed import forms

R = TypeVar("R")
_TAG: Final = re.compile(rb'\["([A-Za-z0-9_.]+)"[,\]]')


class Command(msgspec.Struct, Generic[R], array_like=True, tag=True, forbid_unknown_fields=True):
    """Subclass `Command[R]` with fields: a change that replies with an R. Its class's name is its name in the log."""

    def check(self) -> None:
        """Raise `InvalidCommand` where its fields make no sense at any state. Called before it is submitted, proposed and carried out."""


class Query(msgspec.Struct, Generic[R], array_like=True, tag=True, forbid_unknown_fields=True):
    """Subclass `Query[R]` with fields: a question that an R answers. It changes nothing."""

    def check(self) -> None:
        """As `Command.check`."""


class Upgrade(Command[int], tag="gaios.Upgrade"):
    """From here on in the log, a machine is of this version. Replies with the version that is in force then.

    Submit it when every replica's program knows that version: one that does not stops where the log says this, and has to be
    upgraded before it goes on.
    """

    version: int


Word = Command[Any] | Query[Any]


def encode(word: Word) -> bytes:
    """The bytes of a command or query.

    Raises:
        InvalidCommand: it is neither, a field is not of its type, or its own `check` refused it.
    """
    given: object = word
    if not isinstance(given, Command | Query):
        what = f"what is submitted is a gaios.Command, what is asked a gaios.Query, not {type(given).__name__}"
        raise InvalidCommand(reason=f"{what}; of a cell that keeps the database call put, get, multiop and so on")
    try:
        data = forms.encode(word)
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise InvalidCommand(reason=f"{name_of(type(word))} cannot be sent: {error}") from None
    if decode(type(word), data) != word:
        raise InvalidCommand(reason=f"{name_of(type(word))} cannot be sent: a field is not of its type")
    return data


def tag_of(data: bytes) -> str:
    """The name that a command's or query's bytes begin with; empty where there is none."""
    found = _TAG.match(data)
    return found[1].decode() if found else ""


def decode(kind: type[Word], data: bytes, *, told: bool = True) -> Any:  # noqa: ANN401 (of that kind)
    """The command or query that `encode` made these bytes of; `told`: say what is wrong with them in the library's own words, too.

    Raises:
        InvalidCommand: it did not make them of that kind.
    """
    try:
        word = _decoder(kind).decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, ValueError, RecursionError) as error:
        raise InvalidCommand(reason=f"these bytes are no {name_of(kind)}{f': {error}' if told else ''}") from None
    if forms.encode(word) != data:
        raise InvalidCommand(reason=f"these bytes are a {name_of(kind)} written in another way than ours")
    word.check()
    return word


def decode_reply(word: Word, data: bytes) -> Any:  # noqa: ANN401 (what the word says)
    """What a command's reply or a query's answer says.

    Raises:
        Unknown: the command was carried out, but its reply is no such thing.
        ProtocolError: the answer is no such thing.
    """
    try:
        return _reply_decoder(type(word)).decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, ValueError, RecursionError) as error:
        if isinstance(word, Query):
            raise ProtocolError(reason=f"the answer to {name_of(type(word))} cannot be read ({error})") from None
        raise Unknown(reason=f"it was carried out, but the reply to {name_of(type(word))} cannot be read ({error})") from None


@cache
def name_of(kind: type[Word]) -> str:
    """The name under which a command or query travels."""
    return str(kind.__struct_config__.tag)


@cache
def reply_of(kind: type[Word]) -> Any:  # noqa: ANN401 (a type)
    """The R of a subclass of `Command[R]` or `Query[R]`.

    Raises:
        ConfigurationError: it names none.
    """
    for each in kind.__mro__:
        for base in getattr(each, "__orig_bases__", ()):
            if getattr(base, "__origin__", None) in {Command, Query} and not isinstance(base.__args__[0], TypeVar):
                return type(None) if base.__args__[0] is None else base.__args__[0]
    base = "Command" if issubclass(kind, Command) else "Query"
    raise ConfigurationError(reason=f"{kind.__name__} does not say what comes back", hint=f"class {kind.__name__}(gaios.{base}[int])")


@cache
def _decoder(kind: type[Word]) -> msgspec.json.Decoder[Word]:
    return cast("msgspec.json.Decoder[Word]", msgspec.json.Decoder(kind))


@cache
def _reply_decoder(kind: type[Word]) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(reply_of(kind))
