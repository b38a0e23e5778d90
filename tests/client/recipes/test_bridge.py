"""Every recipe has its twin without async, with the same methods; those that are written by hand included."""

import inspect
import typing
from collections.abc import Callable

import pytest

from gaios.client import aio, grant, recipe_calls, sync
from gaios.client.bridge import Grant, Held, Part

RENAMED = {"aclose": "close"}
INNER = {"acquire", "release"}
"""Of a grant: what `with` does."""


def twins() -> list[tuple[type, type]]:
    """Each recipe's class, and its twin's."""
    found: list[tuple[type, type]] = []
    for name, method in inspect.getmembers(recipe_calls.Recipes, inspect.isfunction):
        if name.startswith("_") or not hasattr(recipe_calls.Recipes, name) or name not in vars(recipe_calls.Recipes):
            continue
        found.append((typing.get_type_hints(method)["return"], typing.get_type_hints(getattr(sync.Cell, name))["return"]))
    return found


TWINS = twins()


def public(kind: type) -> dict[str, object]:
    return {name: value for name, value in inspect.getmembers(kind) if not name.startswith("_")}


def test_there_are_recipes() -> None:
    assert len(TWINS) >= 7
    assert issubclass(aio.Cell, recipe_calls.Recipes)


@pytest.mark.parametrize(("kind", "twin"), TWINS, ids=lambda kind: kind.__name__)
def test_a_twin_has_every_method_with_the_same_parameters(kind: type, twin: type) -> None:
    """Attributes that hold functions are none."""
    assert kind.__name__ == twin.__name__
    assert issubclass(twin, Part)
    if issubclass(kind, grant.Grant):
        assert issubclass(twin, Grant)
        assert issubclass(twin.held, Held)
    for name, method in public(kind).items():
        if name in INNER:
            continue
        other = getattr(twin, RENAMED.get(name, name))
        if isinstance(method, Callable):  # type: ignore[arg-type]
            assert callable(method)
            assert [(one.name, one.kind, one.default) for one in inspect.signature(method).parameters.values()] == [
                (one.name, one.kind, one.default) for one in inspect.signature(other).parameters.values()
            ], name
            assert not inspect.iscoroutinefunction(other)
        assert "async" not in (inspect.getdoc(other) or "").replace("asyncio", ""), name
