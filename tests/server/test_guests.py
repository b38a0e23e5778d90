"""Claims about the frames of one turn."""

import pytest

from gaios import errors
from gaios.server.guests import Guest, Guests


def test_what_a_client_is_told_in_a_turn_leaves_in_one_piece() -> None:
    guests = Guests()
    guests.came(1)
    guests.came(2)
    guests.say(2, b"a")
    guests.say(2, b"b")
    guests.say(1, b"c")
    assert list(guests.take()) == [(2, b"ab"), (1, b"c")]
    assert list(guests.take()) == []


def test_who_has_gone_is_told_nothing() -> None:
    guests = Guests()
    guests.came(1)
    guests.say(1, b"a")
    guests.gone(1)
    guests.say(1, b"b")
    guests.say_to_all(b"c")
    assert list(guests.take()) == []


def test_everybody_can_be_told_something() -> None:
    guests = Guests()
    guests.came(1)
    guests.came(2)
    guests.say_to_all(b"x")
    assert dict(guests.take()) == {1: b"x", 2: b"x"}


def test_requests_under_way_are_bounded_and_have_numbers_of_their_own() -> None:
    guest = Guest()
    assert [guest.admit(number, 2) for number in (1, 2, 3)] == [True, True, False]
    with pytest.raises(errors.ProtocolError, match="number 2"):
        guest.admit(2, 2)
    guest.open.discard(1)
    assert guest.admit(3, 2)
