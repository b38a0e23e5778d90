"""The recipes are a cell's methods; what makes no sense is refused before anything is asked."""

from collections.abc import Callable
from typing import Any

import pytest

from gaios.client import Cell
from gaios.errors import ConfigurationError, InvalidCommand

WRONG: dict[str, Callable[[Any], object]] = {
    "once": lambda cell: cell.once("~", every=1),
    "barrier": lambda cell: cell.barrier(""),
    "counter": lambda cell: cell.counter(7),
    "rwlock": lambda cell: cell.rwlock("/a").read(),
    "singleton": lambda cell: cell.singleton("/a"),
    "cached": lambda cell: cell.cached(7),
    "on_change": lambda cell: cell.on_change(7),
}


@pytest.mark.parametrize("recipe", WRONG)
def test_what_is_no_name_is_refused_at_once(recipe: str) -> None:
    """Nothing is asked: this cell is not even open."""
    with pytest.raises((InvalidCommand, ConfigurationError)):
        WRONG[recipe](Cell("127.0.0.1:1"))


def test_recipes_may_be_made_before_the_client_is_open() -> None:
    """A decorator stands at the beginning of a module."""
    cell = Cell("127.0.0.1:1")
    made = [cell.singleton("nightly"), cell.on_change("k"), cell.rwlock("book").write(), cell.once("report", every=1)]
    assert [type(each).__name__ for each in made] == ["Singleton", "OnChange", "Lock", "Once"]
