"""Addresses are understood, or refused with an example."""

import random
from typing import Any

import pytest

from gaios.client.endpoints import parse, split
from gaios.errors import ConfigurationError


def test_text_and_lists_are_taken_and_each_address_once() -> None:
    assert parse("a:1,b:2") == ["a:1", "b:2"]
    assert parse(" a:1 , b:2,,a:1") == ["a:1", "b:2"]
    assert parse(["a:1", "b:2"]) == ["a:1", "b:2"]
    assert parse(endpoint for endpoint in ("a:1",)) == ["a:1"]


def test_hosts_and_ports_are_split() -> None:
    assert split("localhost:7420") == ("localhost", 7420)
    assert split("[::1]:7420") == ("::1", 7420)
    assert split("127.0.0.1:65535") == ("127.0.0.1", 65_535)


@pytest.mark.parametrize("endpoint", ["", "a", "a:", ":1", "a:0", "a:65536", "a:1x", "::1:7420", "[]:1", "a:-1", "a:¹"])
def test_anything_else_is_refused_with_an_example(endpoint: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse([endpoint])
    assert "127.0.0.1:7420" in caught.value.hint


@pytest.mark.parametrize("endpoints", ["", ",", [], [7]])
def test_none_at_all_is_refused(endpoints: str) -> None:
    with pytest.raises(ConfigurationError):
        parse(endpoints)


def test_fuzz_only_our_error_is_raised() -> None:
    dice = random.Random(3)
    for _ in range(100_000):
        text = "".join(dice.choices("a1:,.[] \u00b2", k=dice.randrange(9)))
        try:
            for endpoint in parse(text):
                split(endpoint)
        except ConfigurationError:
            pass


@pytest.mark.parametrize("nothing", [None, 7420])
def test_what_is_neither_text_nor_a_list_is_named(nothing: Any) -> None:
    """As of a variable that is not set."""
    with pytest.raises(ConfigurationError, match="endpoints are text or a list of texts, not"):
        parse(nothing)
