"""What is written down is what happened."""

from typing import NamedTuple

from gaios import api, lock_api
from gaios.machine import Context
from gaios.sim.history import REBUILT, Executed, Level
from gaios.sim.observations import Observations, ObservedService


def test_levels_keep_the_highest() -> None:
    seen = Observations()
    for value in (3, 9, 4):
        seen.level(1, "queue", value, 10)
    assert seen.levels() == [Level(1, "queue", 9, 10)]


class Participant(NamedTuple):
    """As far as it is asked."""

    chosen: int
    acc: dict[int, tuple[int, bytes]]


def test_of_what_replicas_know_to_be_chosen_the_lowest_ballot_is_kept() -> None:
    """One that skipped a slot by a snapshot, or goes on behind it, says nothing of it."""
    seen = Observations()
    assert seen.known(Participant(2, {1: (5, b"a"), 2: (7, b"b"), 3: (7, b"c")}), 0) == 2
    assert seen.known(Participant(3, {1: (4, b"a"), 2: (6, b"b")}), 1) == 3
    assert seen.known(Participant(3, {1: (6, b"a"), 2: (9, b"b"), 3: (8, b"c")}), 0) == 3
    assert seen.chosen == {1: (5, b"a"), 2: (6, b"b"), 3: (8, b"c")}


def test_the_observed_service_is_the_service_and_counts() -> None:
    seen = Observations()
    service = ObservedService(seen, 2)
    service.boot = 4
    reply, events = service.apply(api.encode(api.MultiOp(then=(api.Put(b"k", b"v"),))), Context(5, 1, 0, 9))
    assert api.decode_reply(reply).revision == 2  # type: ignore[union-attr]
    assert [event.key for event in events] == [b"k"]
    assert seen.executed == [Executed(2, 4, 5, 1)]


def test_charges_are_counted_apart_from_what_clients_ask() -> None:
    seen = Observations()
    service = ObservedService(seen, 2)
    service.apply_own(lock_api.encode(lock_api.Charge(0, b"")), Context(6, 0, 0, 9))
    assert (seen.executed, seen.charged) == ([], [Executed(2, 0, 6, 0)])


def test_a_database_made_anew_is_of_another_life() -> None:
    service = ObservedService(Observations(), 2)
    service.boot = 4
    service.restore(list(service.snapshot()))
    assert service.boot == 4 + REBUILT
