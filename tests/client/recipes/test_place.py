"""A recipe's name says where it stands, and two recipes never meet."""

from typing import Any

import pytest

from gaios.client.recipes.place import NAME_BYTES_MAX, place
from gaios.errors import InvalidCommand


def test_files_and_keys_stand_below_the_kind() -> None:
    found = place("queue", "mail/out")
    assert found.title == "queue mail/out"
    assert found.path == "/recipes/queue/mail/out"
    assert found.key == b"recipes/queue/mail/out"
    assert found.below("claims") == "/recipes/queue/mail/out/~claims"
    assert found.keys("item") == b"recipes/queue/mail/out//item/"


def test_what_is_below_one_recipe_is_not_below_another() -> None:
    """`a` and `a/item` are two queues."""
    one, two = place("queue", "a"), place("queue", "a/item")
    assert not two.keys("item").startswith(one.keys("item"))
    assert not two.path.startswith(one.below(""))


@pytest.mark.parametrize(
    "name", ["", "/a", "a//b", "a/", ".", "a/..", "~a", "a/~b", "a\0", "\ud800", b"a", None, "x" * (NAME_BYTES_MAX + 1)]
)
def test_what_is_no_name_is_refused(name: Any) -> None:
    with pytest.raises(InvalidCommand):
        place("queue", name)
