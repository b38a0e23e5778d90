"""Claims about what callers give."""

from typing import Any, cast

import pytest

from gaios.client import arguments
from gaios.errors import ConfigurationError, InvalidCommand


def test_text_is_encoded_and_bytes_are_taken() -> None:
    assert (arguments.as_bytes("é"), arguments.as_bytes(b"x")) == ("é".encode(), b"x")
    for wrong in (1, None, "\ud800"):
        with pytest.raises(InvalidCommand):
            arguments.as_bytes(cast("Any", wrong))


def test_a_range_is_named_in_one_way() -> None:
    assert arguments.span("a", None, prefix=False) == (b"a", None)
    assert arguments.span("a", "b", prefix=False) == (b"a", b"b")
    assert arguments.span("a", None, prefix=True) == (b"a", b"b")
    assert arguments.ends(None, None, None) == (b"", b"")
    assert arguments.ends("a", None, None) == (b"a", b"")
    assert arguments.ends(None, None, "a") == (b"a", b"b")
    with pytest.raises(InvalidCommand):
        arguments.span("a", "b", prefix=True)
    with pytest.raises(InvalidCommand):
        arguments.ends("a", None, "b")


@pytest.mark.parametrize("wrong", [-1, float("nan"), 1e10, "1", None])
def test_a_time_out_is_a_number_of_seconds(wrong: Any) -> None:
    assert arguments.seconds(0) == 0
    with pytest.raises(ConfigurationError):
        arguments.seconds(wrong)
