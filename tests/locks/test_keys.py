"""A key says what it is about, and what belongs together stands together."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaios import lock_api
from gaios.locks import keys

NAMES = st.text(st.characters(codec="utf-8", exclude_characters="/\x00"), min_size=1, max_size=5)
PATHS = st.lists(NAMES, min_size=1, max_size=4).map(lambda names: "/" + "/".join(names))
NUMBERS = st.integers(1, (1 << 63) - 1)


@given(PATHS, NUMBERS, NUMBERS)
def test_every_key_is_read_as_it_was_made(path: str, one: int, other: int) -> None:
    assert keys.path_of(keys.node(path)) == keys.path_of(keys.delay(path)) == keys.path_of(keys.contents(path)) == path
    assert keys.number_of(keys.session(one)) == keys.number_of(keys.charge(one)) == one
    assert keys.handle_of(keys.handle(path, one, other)) == (path, one, other)
    assert keys.path_and_number_of(keys.holder(path, one)) == keys.path_and_number_of(keys.waiter(path, one)) == (path, one)


@given(PATHS, PATHS)
def test_a_directorys_children_are_one_range(path: str, other: str) -> None:
    """Key order is number of names, then name: siblings are neighbours.  [CHUBBY §2.10]"""
    start, end = keys.children(path)
    assert (start <= keys.node(other) < end) == (keys.parent_of(other) == path)
    start, end = keys.children("/")
    assert (start <= keys.node(other) < end) == (keys.parent_of(other) == "/")


def test_children_after_a_name() -> None:
    start, end = keys.children("/a", after="b")
    assert [name for name in "abcd" if start <= keys.node(f"/a/{name}") < end] == ["c", "d"]


@pytest.mark.parametrize(("path", "depth"), [("/", 0), ("/a", 1), ("/a/b", 2)])
def test_depth_counts_names(path: str, depth: int) -> None:
    assert keys.depth(path) == depth


def test_names_and_parents() -> None:
    assert (keys.parent_of("/a"), keys.parent_of("/a/b"), keys.name_of("/a/b")) == ("/", "/a", "b")


def test_a_short_key_is_none() -> None:
    for parse, key in (
        (keys.number_of, keys.session(1)),
        (keys.path_and_number_of, keys.holder("", 1)),
        (keys.handle_of, keys.handle("", 1, 2)),
    ):
        with pytest.raises(ValueError, match="gaios"):
            parse(key[:-1])


def test_clients_know_a_holders_key() -> None:
    assert keys.holder is lock_api.holder_key
