"""Commands and queries as bytes."""

from typing import Any

import pytest

import gaios
from gaios import errors
from gaios.typed import decode_reply, encode
from gaios.typed.words import decode, name_of, reply_of, tag_of
from tests.typed.bank import Balance, Deposit


class Silent(gaios.Command):  # type: ignore[type-arg]  # what it tests
    pass


class Nothing(gaios.Command[None]):
    pass


class Inherits(Deposit):
    pass


def test_a_command_has_one_text() -> None:
    data = encode(Deposit("alice", 5))
    assert data == b'["Deposit","alice",5]'
    assert tag_of(data) == name_of(Deposit) == "Deposit"
    assert decode(Deposit, data) == Deposit("alice", 5)
    assert encode(Nothing()) == b'["Nothing"]'
    assert name_of(gaios.Upgrade) == "gaios.Upgrade"


@pytest.mark.parametrize("data", [b"", b"[", b"[]", b'["', b'["a', b'["a"', b'["a" ', b"[1]", b'["a b"]', b'{"a":1}', b'["\xff"]'])
def test_what_has_no_name_has_none(data: bytes) -> None:
    assert not tag_of(data)


@pytest.mark.parametrize("fields", [("alice", "5"), ("alice", 5.0), (b"alice", 5), ("\ud800", 5), ("alice", object()), ("alice", 10**5000)])
def test_fields_of_other_types_are_refused_where_they_are_said(fields: Any) -> None:
    """A struct does not check its own fields; nothing leaves before that is done."""
    with pytest.raises(errors.InvalidCommand, match="Deposit"):
        encode(Deposit(*fields))


def test_a_commands_own_check_is_asked_first() -> None:
    with pytest.raises(errors.InvalidCommand, match="1 or more"):
        encode(Deposit("alice", -1))


def test_what_comes_back_is_known() -> None:
    assert reply_of(Deposit) is int
    assert reply_of(Inherits) is int
    assert reply_of(Nothing) is type(None)
    assert reply_of(Balance) == int | None
    with pytest.raises(errors.ConfigurationError, match="Silent does not say what comes back"):
        reply_of(Silent)


def test_a_reply_that_is_none_leaves_the_outcome_unknown() -> None:
    """It was carried out all the same.  [SAFETY 20]"""
    assert decode_reply(Deposit("a", 1), b"6") == 6
    with pytest.raises(errors.Unknown, match="carried out"):
        decode_reply(Deposit("a", 1), b'"6"')
    with pytest.raises(errors.ProtocolError, match="Balance"):
        decode_reply(Balance("a"), b"[")


@pytest.mark.parametrize("wrong", ["text", {"account": "alice"}, Deposit, None])
def test_what_is_no_command_is_named(wrong: Any) -> None:
    with pytest.raises(errors.InvalidCommand, match=r"a gaios\.Command, .* not (str|dict|StructMeta|NoneType)"):
        encode(wrong)
