"""What a person writes is taken exactly, or refused with the reason."""

from typing import Any

import pytest
from cyclopts import Token

from gaios.cli import parameters
from gaios.cli.parameters import ENDPOINTS_DEFAULT, STDIN, each, seconds, whole


def tokens(*values: str, source: str = "cli") -> tuple[Token, ...]:
    return tuple(Token(keyword="--x", value=value, source=source) for value in values)


def test_a_whole_number_is_taken_or_refused_never_rounded() -> None:
    convert = whole(-5, 10)
    assert [convert(int, tokens(written)) for written in ("0", "-5", "10", "007")] == [0, -5, 10, 7]
    for written in ("1.5", "1e3", "0x10", "", "-", "--1", "1_0", "٣", "+1", "9" * 50, STDIN):
        with pytest.raises(ValueError, match="is not a whole number"):
            convert(int, tokens(written))
    for written in ("-6", "11"):
        with pytest.raises(ValueError, match="is not between -5 and 10"):
            convert(int, tokens(written))
    assert each(convert)(tuple, tokens("1", "2")) == (1, 2)


def test_a_time_is_finite_and_above_zero() -> None:
    convert = seconds(60)
    assert convert(float, tokens("0.5")) == 0.5
    assert convert(float, tokens("60")) == 60
    for written in ("0", "-1", "61", "inf", "nan"):
        with pytest.raises(ValueError, match="above 0 and at most 60 seconds"):
            convert(float, tokens(written))
    with pytest.raises(ValueError, match="'soon' is not a number of seconds"):
        convert(float, tokens("soon"))


@pytest.mark.parametrize("written", ["127.0.0.1:7420", "a:1,b:2", "a:1, b:2", "[::1]:7420"])
def test_endpoints_are_host_and_port(written: str) -> None:
    assert parameters._endpoints(str, tokens(written)) == written


@pytest.mark.parametrize("written", ["", "a", "a:", ":1", "a:0", "a:65536", "a:1,", "a:x", "a:٣"])
def test_what_is_no_endpoint_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="is not HOST:PORT"):
        parameters._endpoints(str, tokens(written))


def test_an_empty_word_names_no_directory() -> None:
    """`--dir "$DIR"` with DIR unset made a cell in the present directory."""
    assert parameters._folder(str, tokens(".")) == "."
    with pytest.raises(ValueError, match="names no directory"):
        parameters._folder(str, tokens(""))


def test_an_empty_variable_is_an_unset_one() -> None:
    assert parameters._endpoints(str, tokens("", source="env")) == ENDPOINTS_DEFAULT


def test_the_default_endpoints_are_those_of_the_interface() -> None:
    assert ENDPOINTS_DEFAULT == "127.0.0.1:7420,127.0.0.1:7421,127.0.0.1:7422,127.0.0.1:7423,127.0.0.1:7424"


@pytest.mark.parametrize(("written", "key"), [("ä", "ä".encode()), ("\udcff", b"\xff"), (STDIN, b"-"), ("", b"")])
def test_a_key_is_the_bytes_that_the_shell_passed(written: Any, key: bytes) -> None:
    assert parameters._key(bytes, tokens(written)) == key
