"""The words of caching, as bytes."""

import pytest

from gaios import caching
from gaios.errors import InvalidCommand, ProtocolError


def test_questions_and_answers_come_back() -> None:
    asked = caching.encode(caching.Cached(b"question"))
    assert asked.startswith(caching.CACHED_PREFIX)
    assert caching.decode_cached(asked) == b"question"
    assert caching.decode_may_cache(caching.encode(caching.MayCache(True, b"answer"))) == (True, b"answer")


def test_whatever_else_is_a_typed_error() -> None:
    for data in (b"", b"\xc1", caching.CACHED_PREFIX, caching.encode(caching.Found(there=True))):
        with pytest.raises(InvalidCommand):
            caching.decode_cached(data)
        with pytest.raises(ProtocolError):
            caching.decode_may_cache(data)
