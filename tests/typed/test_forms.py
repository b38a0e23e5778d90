"""What may not be replicated is refused by name."""

import dataclasses
import datetime as dt
import decimal
import enum
from typing import Annotated, Any, Literal, NamedTuple

import msgspec
import pytest

from gaios import errors
from gaios.typed import forms


class Colour(enum.Enum):
    RED = "red"


@dataclasses.dataclass
class Point:
    x: int
    y: int


class Pair(NamedTuple):
    left: str
    right: bytes


class Inner(msgspec.Struct):
    weights: list[dict[str, tuple[int, float]]] = []


class Outer(msgspec.Struct):
    inner: Inner | None = None


class Tree(msgspec.Struct):
    children: "list[Tree]" = []


class Lost(msgspec.Struct):
    of: "Unheard"  # type: ignore[name-defined]  # noqa: F821 (what it tests)


@pytest.mark.parametrize(
    "kind",
    [
        int,
        Annotated[int, msgspec.Meta(ge=0)],
        str | None,
        bytes,
        bool,
        Colour,
        Literal["a", 1],
        list[int],
        tuple[int, ...],
        tuple[str, bytes],
        dict[str, list[Point]],
        dict[int, Pair],
    ],
    ids=str,
)
def test_what_is_the_same_everywhere_is_allowed(kind: Any) -> None:
    forms.check(kind, "it")


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (float, "it is a float"),
        (Outer, r"it\.inner\.weights\[…\]\[…\]\[1\] is a float"),
        (set[int], "it is a set"),
        (dict[str, frozenset[str]], r"it\[…\] is a frozenset"),
        (dict[float, str], "a key of it is a float"),
        (list[Any], r"it\[…\] is Any"),
        (decimal.Decimal, "Decimal"),
        (dt.datetime, "time_ms"),
        (dt.timedelta, "cannot be replicated"),
        (Tree, r"it\.children\[…\] refers to itself"),
        (Lost, "Unheard"),
        (complex, "cannot be replicated"),
        (int | float, "it is a float"),
    ],
    ids=str,
)
def test_what_is_not_is_refused_where_it_stands(kind: Any, message: str) -> None:
    """[SAFETY 27]"""
    with pytest.raises(errors.ConfigurationError, match=message):
        forms.check(kind, "it")


def test_a_dict_keeps_its_order() -> None:
    """Its bytes are not sorted: who restores them must see what a handler saw."""
    assert forms.encode({"b": 1, "a": 2}) == b'{"b":1,"a":2}'
