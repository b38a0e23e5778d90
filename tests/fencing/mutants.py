"""Adapters with a planted bug: what a test says of the sound one, it must deny of these."""

import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import pytest

from gaios.errors import Error


def mutant(module: ModuleType, sound: str, broken: str) -> Any:
    """That module, with one place of its text changed. The sound module stays as it is."""
    text = inspect.getsource(module)
    assert text.count(sound) == 1, f"{module.__name__} has {sound!r} {text.count(sound)} times"
    name = f"{module.__name__}_mutant"
    made = ModuleType(name)
    made.__file__ = module.__file__
    # Annotations of msgspec and typing look a class's module up.
    sys.modules[name] = made
    try:
        exec(compile(text.replace(sound, broken), str(module.__file__), "exec"), made.__dict__)
    finally:
        del sys.modules[name]
    return made


@contextmanager
def bites() -> Iterator[None]:
    """The claim inside fails, or meets an error where none belongs."""
    with pytest.raises((AssertionError, pytest.fail.Exception, Error)):
        yield


def never_decreases(tokens: list[str], key: Callable[[str], Any]) -> None:
    """What was accepted, in the order in which it took effect, never goes back to an older holder."""
    order = [key(token) for token in tokens]
    assert order == sorted(order), tokens
