"""A record's digest says all of it; its costs are counted one way."""

from struct import Struct

import pytest

from gaios.api import Entry, Event
from gaios.db.bounds import RECORD_MEMORY_BYTES, RECORD_WIRE_BYTES
from gaios.db.records import cost, digest, digest_numbers, digest_put, entry, memory, successor, tombstone, within

RECORD = Event(b"key", b"value", 2, 3, 4)


@pytest.mark.parametrize(
    "other",
    [
        Event(b"kez", b"value", 2, 3, 4),
        Event(b"key", b"valuf", 2, 3, 4),
        Event(b"key", b"value", 1, 3, 4),
        Event(b"key", b"value", 2, 2, 4),
        Event(b"key", b"value", 2, 3, 5),
        Event(b"keyv", b"alue", 2, 3, 4),
        Event(b"ke", b"yvalue", 2, 3, 4),
        Event(b"keyvalue", b"", 2, 3, 4),
    ],
)
def test_records_that_differ_have_other_digests(other: Event) -> None:
    """Also where only the border between key and value moved."""
    assert digest(other) != digest(RECORD)


def test_a_digest_is_the_same_for_ever() -> None:
    """Replicas of two versions compare them: this number may change only with `Database.version`."""
    assert digest(RECORD) == 16_924_990_467_183_225_779
    assert digest_put(b"key", b"value", 2, 3, 4) == digest(RECORD)
    assert digest(tombstone(b"key", 4)) == 18_438_498_443_972_405_951
    assert digest_numbers(Struct("<QQ"), 1, 2) == 18_110_323_628_208_699_528


def test_a_delete_is_no_empty_value() -> None:
    """A tombstone has no version; a put of nothing has one."""
    assert digest(tombstone(b"key", 4)) != digest(Event(b"key", b"", 1, 4, 4))


def test_a_put_follows_the_last_record_of_its_key() -> None:
    """It goes on from a put, and begins anew after a delete."""
    assert successor(None, b"key", b"v", 5) == successor(tombstone(b"key", 4), b"key", b"v", 5) == Event(b"key", b"v", 1, 5, 5)
    assert successor(RECORD, b"key", b"v", 5) == Event(b"key", b"v", 3, 3, 5)


def test_costs_count_key_value_and_a_fixed_part() -> None:
    """A delete has no value."""
    assert cost(RECORD) == cost(entry(RECORD)) == 8 + RECORD_WIRE_BYTES
    assert memory(RECORD) == 8 + RECORD_MEMORY_BYTES
    assert cost(tombstone(b"key", 4)) == 3 + RECORD_WIRE_BYTES
    assert memory(tombstone(b"key", 4)) == 3 + RECORD_MEMORY_BYTES


def test_an_entry_is_a_put_as_a_reader_sees_it() -> None:
    """Without its value if only keys were asked for."""
    assert entry(RECORD) == Entry(b"key", b"value", 2, 3, 4)
    assert entry(RECORD, keys_only=True) == Entry(b"key", b"", 2, 3, 4)


@pytest.mark.parametrize(
    ("key", "end", "inside"),
    [
        (b"b", None, True),
        (b"a", None, False),
        (b"a", b"c", True),
        (b"b", b"b\x00", True),
        (b"a", b"b", False),
        (b"b", b"", True),
        (b"c", b"", False),
        (b"", b"", True),
        (b"", b"a", False),
        (b"c", b"a", False),
    ],
)
def test_a_range_holds_what_lies_between(key: bytes, end: bytes | None, inside: bool) -> None:
    """From its key on, below its end; b"" has nothing above it."""
    assert within(b"b", key, end) is inside
