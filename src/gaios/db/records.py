"""One change of one key, as the database keeps it: an `api.Event`.

Rule 1. A record is written once and shared: by its key's history, by the log of revisions, by watchers' buffers.
Rule 2. Its digest covers all that it says: equal digests and unequal records are one chance in 2**64, unless somebody means it. It is
there against damage and divergence, and no proof against forgery.
"""

from struct import Struct

from xxhash import xxh3_64_intdigest

from gaios.api import Entry, Event
from gaios.db.bounds import RECORD_MEMORY_BYTES, RECORD_WIRE_BYTES

MASK = (1 << 64) - 1
_FIELDS = Struct("<QQQI").pack
_NUMBERS_SEED = 1
"""Sets the digest of the state's numbers apart from any record's."""


def digest(record: Event) -> int:
    """A number below 2**64 for a record; the database's checksum is the sum of them."""
    key, value = record.key, record.value
    head = _FIELDS(record.mod_revision, record.create_revision, record.version, len(key))
    return xxh3_64_intdigest(head + key if value is None else head + key + value)


def digest_put(key: bytes, value: bytes, version: int, create_revision: int, revision: int) -> int:
    """The same for a put that is no record yet."""
    return xxh3_64_intdigest(_FIELDS(revision, create_revision, version, len(key)) + key + value)


def digest_numbers(numbers: Struct, *values: int) -> int:
    """A number below 2**64 for what the state holds beside its records."""
    return xxh3_64_intdigest(numbers.pack(*values), _NUMBERS_SEED)


def cost(record: Event | Entry) -> int:
    """Bytes that a record or entry counts for in a MultiOp, a page of history or a buffer: more than it takes on the wire."""
    value = record.value
    return len(record.key) + (0 if value is None else len(value)) + RECORD_WIRE_BYTES


def memory(record: Event) -> int:
    """Bytes that a record is taken to need in memory."""
    value = record.value
    return len(record.key) + (0 if value is None else len(value)) + RECORD_MEMORY_BYTES


def entry(record: Event, *, keys_only: bool = False) -> Entry:
    """A put's record as a reader sees it."""
    assert record.value is not None
    value = b"" if keys_only else record.value
    return Entry(record.key, value, record.version, record.create_revision, record.mod_revision)


def successor(before: Event | None, key: bytes, value: bytes, revision: int) -> Event:
    """The record of a put, after the key's last one."""
    if before is None or before.value is None:
        return Event(key, value, 1, revision, revision)
    return Event(key, value, before.version + 1, before.create_revision, revision)


def tombstone(key: bytes, revision: int) -> Event:
    """The record of a delete."""
    return Event(key, None, 0, 0, revision)


def within(candidate: bytes, key: bytes, end: bytes | None) -> bool:
    """Is it the key, or in the range?"""
    if end is None:
        return candidate == key
    return key <= candidate and (not end or candidate < end)
