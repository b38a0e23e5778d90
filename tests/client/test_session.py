"""A session's mark never passes a command that somebody still waits for."""

import random

from gaios.client.session import Session
from gaios.client.tuning import WINDOW
from gaios.entry import Identity


def test_the_mark_is_the_highest_number_through_which_all_are_resolved() -> None:
    session = Session(Identity(7, 1))
    assert [session.take() for _ in range(4)] == [1, 2, 3, 4]
    for sequence, mark in ((2, 0), (4, 0), (1, 2), (3, 4)):
        session.resolve(sequence)
        assert session.acknowledged == mark
        session.check()


def test_the_window_is_counted_from_the_oldest_that_is_open() -> None:
    """The cell keeps an answer for each number above the mark; there may not be more than it has room for.  [SAFETY 19, 28]"""
    session = Session(Identity(7, 1))
    while session.has_room():
        session.take()
    assert session.newest == WINDOW
    session.resolve(2)
    assert not session.has_room()
    session.resolve(1)
    assert session.has_room()


def test_any_order_of_resolution_ends_with_everything_acknowledged() -> None:
    dice = random.Random(0)
    session = Session(Identity(1, 0))
    is_open: list[int] = []
    for _ in range(5_000):
        if session.has_room() and dice.random() < 0.6:
            is_open.append(session.take())
        elif is_open:
            session.resolve(is_open.pop(dice.randrange(len(is_open))))
        assert session.acknowledged < min(is_open, default=session.newest + 1)
        session.check()
    for sequence in is_open:
        session.resolve(sequence)
    assert session.acknowledged == session.newest
