"""Ranges of keys."""

from sortedcontainers import SortedList

from gaios.api import RESERVED_PREFIX
from gaios.db.spans import RESERVED_END, all_between, between

INSIDE = RESERVED_PREFIX + b"x"
KEYS = SortedList([b"", b"a", b"b", INSIDE, RESERVED_END, b"\xff\xff"])


def test_a_range_holds_its_first_key_and_not_its_end() -> None:
    assert list(all_between(KEYS, b"a", b"b")) == [b"a"]
    assert list(all_between(KEYS, b"b", b"a")) == []
    assert list(all_between(KEYS, b"", b"")) == list(KEYS)


def test_reserved_keys_are_passed_over() -> None:
    assert list(between(KEYS, b"", b"")) == [key for key in KEYS if key != INSIDE]
    assert list(between(KEYS, RESERVED_END, b"")) == list(KEYS[KEYS.index(RESERVED_END) :])
