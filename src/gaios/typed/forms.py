"""Of what types commands, queries, replies and states may be.  [SAFETY 27]

Rule 1. It is an allow-list: numbers without a fraction, text, bytes, truth values, None, enumerations, literals, lists, tuples, dicts,
structs, dataclasses, and unions of these. What may differ between two processes is not on it: floats, sets, times, anything.
Rule 2. A dict keeps the order in which it was filled, and so do its bytes: a handler can see that order, so it is part of the state.
Sorted, it would be another one on a replica that was restored from a snapshot.
Rule 3. No type refers to itself: how deep a value may be is known, so that reading it does not depend on how deep the stack is.
"""

from typing import Any, Final

import msgspec
from msgspec import inspect

from gaios.errors import ConfigurationError

_PLAIN: Final = (
    inspect.NoneType,
    inspect.BoolType,
    inspect.IntType,
    inspect.StrType,
    inspect.BytesType,
    inspect.EnumType,
    inspect.LiteralType,
)
_WITH_FIELDS: Final = (inspect.StructType, inspect.DataclassType, inspect.NamedTupleType, inspect.TypedDictType)
_WHY: Final[dict[type[inspect.Type], str]] = {
    inspect.FloatType: "a float: two machines may round differently; count in the smallest unit, as an int",
    inspect.SetType: "a set: its order differs from process to process; use a dict with values of None or True, or a list",
    inspect.FrozenSetType: "a frozenset: its order differs from process to process; use a tuple",
    inspect.AnyType: "Any: what it may hold cannot be checked",
    inspect.DecimalType: "a Decimal: its arithmetic depends on the process's context; count in the smallest unit, as an int",
    inspect.DateTimeType: "a time: say milliseconds, as an int; a command's own time is context.time_ms",
}


def check(kind: Any, what: str) -> None:  # noqa: ANN401 (any type)
    """Refuse a type that may not be replicated; `what` names it for the reader.

    Raises:
        ConfigurationError: it, or something inside it, is not on the list.
    """
    try:
        found = inspect.type_info(kind)
    except (TypeError, NameError) as error:
        raise ConfigurationError(
            reason=f"{what} cannot be read: {error}", hint="name types that the module defines before this one"
        ) from None
    _check(found, what, ())


def _check(found: inspect.Type, where: str, above: tuple[type, ...]) -> None:
    if isinstance(found, inspect.Metadata):
        _check(found.type, where, above)
    elif isinstance(found, _WITH_FIELDS):
        if found.cls in above:
            raise ConfigurationError(
                reason=f"{where} refers to itself", hint="keep such things in a dict, and let them name each other by key"
            )
        for field in found.fields:
            _check(field.type, f"{where}.{field.name}", (*above, found.cls))
    elif isinstance(found, inspect.UnionType):
        for each in found.types:
            _check(each, where, above)
    elif isinstance(found, inspect.ListType | inspect.VarTupleType):
        _check(found.item_type, f"{where}[…]", above)
    elif isinstance(found, inspect.TupleType):
        for at, each in enumerate(found.item_types):
            _check(each, f"{where}[{at}]", above)
    elif isinstance(found, inspect.DictType):
        _check(found.key_type, f"a key of {where}", above)
        _check(found.value_type, f"{where}[…]", above)
    elif not isinstance(found, _PLAIN):
        why = _WHY.get(type(found), f"of a kind that cannot be replicated ({type(found).__name__.removesuffix('Type').lower()})")
        raise ConfigurationError(reason=f"{where} is {why}")


encode: Final = msgspec.json.Encoder().encode
"""A value's bytes: JSON without spaces, fields in their order, dicts in theirs; integers of any size."""
