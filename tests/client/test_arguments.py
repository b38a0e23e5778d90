"""Claims about what callers give."""

from typing import Any, cast

import pytest

from gaios import api
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


def test_a_multiop_takes_text_as_every_other_call_does() -> None:
    text: Any = cast("Any", api)
    assert arguments.operation(text.Put("é", "v")) == api.Put("é".encode(), b"v")
    assert arguments.operation(text.Get("a", "b", 3)) == api.Get(b"a", b"b", 3)
    assert arguments.operation(text.Delete("a")) == api.Delete(b"a")
    assert arguments.operation(text.Increment("a", 2)) == api.Increment(b"a", 2)
    assert arguments.test(text.Test("a", "value", "==", "x", "b")) == api.Test(b"a", "value", "==", b"x", b"b")
    assert arguments.test(api.Test(b"a", "version", ">", 2)) == api.Test(b"a", "version", ">", 2)


@pytest.mark.parametrize(
    "wrong", [("put", "a", "b"), api.Test(b"a", "absent"), None, api.Put(cast("Any", 5), b""), api.Put(b"a", cast("Any", None))]
)
def test_what_is_no_operation_is_named(wrong: Any) -> None:
    with pytest.raises(InvalidCommand, match=r"not (of )?(tuple|Test|NoneType|int)"):
        arguments.operation(wrong)


@pytest.mark.parametrize("wrong", [("a", "absent"), api.Put(b"a", b""), "absent"])
def test_what_is_no_test_is_named(wrong: Any) -> None:
    with pytest.raises(InvalidCommand, match=r"not of (tuple|Put|str)"):
        arguments.test(wrong)


@pytest.mark.parametrize("wrong", [1.5, "1", True, None])
def test_an_increment_is_by_a_whole_number(wrong: Any) -> None:
    assert arguments.whole(-5) == -5
    with pytest.raises(InvalidCommand, match="by a whole number, not by"):
        arguments.whole(wrong)
    with pytest.raises(InvalidCommand, match="by a whole number, not by"):
        arguments.operation(api.Increment(b"a", wrong))


@pytest.mark.parametrize("wrong", [-1, float("nan"), 1e10, "1", None])
def test_a_time_out_is_a_number_of_seconds(wrong: Any) -> None:
    assert arguments.seconds(0) == 0
    with pytest.raises(ConfigurationError):
        arguments.seconds(wrong)
