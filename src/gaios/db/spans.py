"""Keys of a range, in order, past the reserved ones."""

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

from gaios.api import RESERVED_PREFIX, prefix_end

RESERVED_END = prefix_end(RESERVED_PREFIX)


def between(keys: Any, key: bytes, end: bytes) -> Iterator[bytes]:  # noqa: ANN401 (sortedcontainers ships no types)
    """Those from `key` up to `end`, which is not among them; an empty end is none. Reserved ones are passed over."""
    if key >= RESERVED_END or (end and end <= RESERVED_PREFIX):
        return all_between(keys, key, end)
    return chain(all_between(keys, key, RESERVED_PREFIX), all_between(keys, RESERVED_END, end))


def all_between(keys: Any, key: bytes, end: bytes) -> Iterator[bytes]:  # noqa: ANN401 (as above)
    """The same, with the reserved ones."""
    if not end:
        found: Iterable[bytes] = keys.irange(key)
    elif key < end:
        found = keys.irange(key, end, (True, False))
    else:
        found = ()
    return iter(found)
