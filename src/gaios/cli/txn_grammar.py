"""The language of `gaios txn`: JSON text to a MultiOp.  [INTERFACE, `txn`]

    {"guard": [TEST…], "then": [OP…], "else": [OP…]}
    TEST   {"key": K, "is": "present" | "absent", "end"?: E}
           {"key": K, "field": "value" | "version" | "mod_revision" | "create_revision", "op": "==" | "!=" | "<" | ">", "to": X, "end"?: E}
    OP     {"op": "put", "key": K, "value": V}          {"op": "get", "key": K, "end"?: E, "limit"?: N}
           {"op": "delete", "key": K, "end"?: E}        {"op": "increment", "key": K, "by"?: N}
    K E V  text, or {"b64": "…"}

Rule 1. What is not in this grammar is refused, and the refusal names where: `then[2].value`. A key that is not known, or stands twice in
one object, is refused: half-understood commands are the ones that destroy data.
Rule 2. Numbers are whole and within 64 bits.
Rule 3. How long keys and values may be is checked where every client's commands are.
"""

import difflib
import json
from base64 import b64decode
from collections.abc import Callable, Iterable
from typing import Any, Final, TypeVar

from gaios import api
from gaios.errors import InvalidCommand, TooManyOperations

_FIELDS: Final = ("value", "version", "mod_revision", "create_revision")
_COMPARISONS: Final = ("==", "!=", "<", ">")
_OPERATIONS: Final = ("put", "get", "delete", "increment")
_NUMBER_MIN: Final = -api.NUMBER_MAX - 1
_DIGITS_MAX: Final = 100
"""Longer ones are refused before they are read: that takes long. Shorter ones are refused with the place where they stand."""
_Made = TypeVar("_Made")
TEXT_BYTES_MAX: Final = 8 * api.COMMAND_BYTES_MAX
"""A character takes at most six bytes in JSON (`\\u001f`), and the names around it some more."""


class _Repeated(ValueError):
    """A key that stands twice in one object."""


def parse(text: bytes) -> api.MultiOp:
    """The MultiOp that this text describes.

    Raises:
        InvalidCommand: it does not follow the grammar; the reason names the offending element.
        TooManyOperations: more than `OPERATIONS_MAX` entries in guard, then or else.
    """
    if len(text) > TEXT_BYTES_MAX:
        raise InvalidCommand(reason=f"the text is longer than {TEXT_BYTES_MAX} bytes")
    root = _object(_json(text), "", required=(), optional=("guard", "then", "else"))
    return api.MultiOp(
        guard=tuple(_each(root, "guard", _test)),
        then=tuple(_each(root, "then", _operation)),
        otherwise=tuple(_each(root, "else", _operation)),
    )


def _json(text: bytes) -> object:
    try:
        return json.loads(text.decode("utf-8-sig"), object_pairs_hook=_unique, parse_constant=_constant, parse_int=_integer)
    except UnicodeDecodeError as error:
        raise InvalidCommand(reason=f"not UTF-8 at byte {error.start}") from None
    except json.JSONDecodeError as error:
        raise InvalidCommand(reason=f"not JSON at line {error.lineno}, column {error.colno}: {error.msg}") from None
    except _Repeated as error:
        raise InvalidCommand(reason=str(error)) from None
    except RecursionError:
        raise InvalidCommand(reason="lists and objects stand too deep within each other") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        names = [name for name, _ in pairs]
        message = f"{next(name for name in names if names.count(name) > 1)!r} stands twice in one object"
        raise _Repeated(message)
    return made


def _integer(digits: str) -> int:
    if len(digits) > _DIGITS_MAX:
        raise InvalidCommand(reason=f"a number has {len(digits)} digits; numbers go from {_NUMBER_MIN} to {api.NUMBER_MAX}")
    return int(digits)


def _constant(name: str) -> float:
    raise InvalidCommand(reason=f"{name} is not a number that a transaction can hold")


def _each(root: dict[str, Any], name: str, make: Callable[[object, str], _Made]) -> list[_Made]:
    found = root.get(name, [])
    if not isinstance(found, list):
        raise _wrong(name, f"expected a list, found {_kind(found)}")
    if len(found) > api.OPERATIONS_MAX:
        raise TooManyOperations(where=name, count=len(found), limit=api.OPERATIONS_MAX)
    return [make(element, f"{name}[{at}]") for at, element in enumerate(found)]


def _test(found: object, where: str) -> api.Test:
    names = _object(found, where, required=("key",), optional=("is", "field", "op", "to", "end"))
    key, end = _bytes(names["key"], f"{where}.key"), _end(names, where)
    if "is" in names:
        if extra := [name for name in ("field", "op", "to") if name in names]:
            raise _wrong(f"{where}.{extra[0]}", "does not go with 'is'")
        return api.Test(key, _choice(names["is"], f"{where}.is", ("present", "absent")), end=end)
    for name in ("field", "op", "to"):
        if name not in names:
            raise _wrong(where, f"needs {name!r}" if any(other in names for other in ("field", "op", "to")) else "needs 'is' or 'field'")
    field = _choice(names["field"], f"{where}.field", _FIELDS)
    operator = _choice(names["op"], f"{where}.op", _COMPARISONS)
    to = _bytes(names["to"], f"{where}.to") if field == "value" else _number(names["to"], f"{where}.to", 0)
    return api.Test(key, field, operator, to, end)


def _operation(found: object, where: str) -> api.Operation:
    if not isinstance(found, dict):
        raise _wrong(where, f"expected an object, found {_kind(found)}")
    if "op" not in found:
        raise _wrong(where, f"needs 'op': {_listed(_OPERATIONS)}")
    operator = _choice(found["op"], f"{where}.op", _OPERATIONS)
    if operator == "put":
        names = _object(found, where, required=("op", "key", "value"), optional=())
        return api.Put(_bytes(names["key"], f"{where}.key"), _bytes(names["value"], f"{where}.value"))
    if operator == "get":
        names = _object(found, where, required=("op", "key"), optional=("end", "limit"))
        limit = _number(names.get("limit", 0), f"{where}.limit", 0)
        return api.Get(_bytes(names["key"], f"{where}.key"), _end(names, where), limit)
    if operator == "delete":
        names = _object(found, where, required=("op", "key"), optional=("end",))
        return api.Delete(_bytes(names["key"], f"{where}.key"), _end(names, where))
    names = _object(found, where, required=("op", "key"), optional=("by",))
    return api.Increment(_bytes(names["key"], f"{where}.key"), _number(names.get("by", 1), f"{where}.by", _NUMBER_MIN))


def _object(found: object, where: str, *, required: tuple[str, ...], optional: tuple[str, ...]) -> dict[str, Any]:
    if not isinstance(found, dict):
        raise _wrong(where, f"expected an object, found {_kind(found)}")
    for name in found:
        if name not in required and name not in optional:
            nearest = difflib.get_close_matches(name, (*required, *optional), n=1)
            known = f"did you mean {nearest[0]!r}?" if nearest else f"known are {_listed((*required, *optional))}"
            raise _wrong(where, f"unknown name {name!r}; {known}")
    for name in required:
        if name not in found:
            raise _wrong(where, f"needs {name!r}")
    return found


def _end(names: dict[str, Any], where: str) -> bytes | None:
    return _bytes(names["end"], f"{where}.end") if "end" in names else None


def _bytes(found: object, where: str) -> bytes:
    if isinstance(found, str):
        try:
            return found.encode()
        except UnicodeEncodeError:
            raise _wrong(where, "holds half a surrogate pair; write such bytes as {'b64': …}") from None
    if isinstance(found, dict) and list(found) == ["b64"] and isinstance(found["b64"], str):
        try:
            return b64decode(found["b64"], validate=True)
        except ValueError as error:
            raise _wrong(f"{where}.b64", f"is not base64: {error}") from None
    raise _wrong(where, f"expected text or {{'b64': …}}, found {_kind(found)}")


def _number(found: object, where: str, minimum: int) -> int:
    if not isinstance(found, int) or isinstance(found, bool):
        raise _wrong(where, f"expected a whole number, found {_kind(found)}")
    if not minimum <= found <= api.NUMBER_MAX:
        raise _wrong(where, f"expected a number from {minimum} to {api.NUMBER_MAX}")
    return found


def _choice(found: object, where: str, choices: tuple[str, ...]) -> str:
    if not isinstance(found, str) or found not in choices:
        raise _wrong(where, f"expected {_listed(choices)}, found {found!r}" if isinstance(found, str) else f"expected {_listed(choices)}")
    return found


def _wrong(where: str, what: str) -> InvalidCommand:
    return InvalidCommand(reason=f"{where}: {what}" if where else what)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(map(repr, names))


def _kind(found: object) -> str:
    if found is None:
        return "null"
    names = {bool: "true or false", int: "a number", float: "a number with a fraction", str: "text", list: "a list", dict: "an object"}
    return names.get(type(found), type(found).__name__)
