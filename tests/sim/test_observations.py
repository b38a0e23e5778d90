"""What a run writes down is what happened, once, by true time."""

import pytest

from gaios import api, entry
from gaios.errors import NotANumber
from gaios.log import codec
from gaios.machine import Context
from gaios.paxos import core
from gaios.sim.checkers.persist_then_say import Said
from gaios.sim.clock import Clock
from gaios.sim.dice import Dice
from gaios.sim.history import Applied, Executed, Lease, Level
from gaios.sim.observations import LeaseWatch, Observations, ObservedDatabase, Speech
from tests.sim.small import Asked, put, served


def test_a_level_keeps_the_highest_of_each() -> None:
    """A bound that was once exceeded was exceeded, however low the queue is at the end.  [SAFETY 28]"""
    seen = Observations()
    for value in (3, 9, 4):
        seen.level(1, "waiting", value, 8)
    seen.level(2, "waiting", 1, 8)
    seen.level(1, "reads", 0, 8)
    assert seen.levels() == [Level(1, "waiting", 9, 8), Level(2, "waiting", 1, 8), Level(1, "reads", 0, 8)]


def test_a_database_writes_down_what_it_carries_out_even_what_it_refuses() -> None:
    """An execution that ends in an error is one too: a retry must not make another."""
    seen = Observations()
    machine = ObservedDatabase(seen, 2)
    machine.boot = 5
    machine.apply(api.encode(api.MultiOp(then=(api.Put(b"a", b"text"),))), Context(7, 1, 0, 1))
    with pytest.raises(NotANumber):
        machine.apply(api.encode(api.MultiOp(then=(api.Increment(b"a"),))), Context(8, 0, 0, 1))
    assert seen.executed == [Executed(2, 5, 7, 1), Executed(2, 5, 8, 0)]


def test_every_replica_writes_down_every_slot_that_it_applies() -> None:
    """Of a real cell, with what the checkers compare: values, chain, checksum and epoch."""
    cell = served()
    asked = Asked(cell.clients[0], put(b"a", b"1"))
    cell.world.run(cell.world.now_ns + 10**9)
    assert asked.told
    by_replica: dict[int, list[Applied]] = {1: [], 2: [], 3: []}
    for applied in cell.observations.applied:
        by_replica[applied.replica].append(applied)
    first = [applied[3:] for applied in by_replica[1]]
    assert [slot for slot, *_ in first] == list(range(1, len(first) + 1))
    assert any(api.encode(put(b"a", b"1")) == found.command for applied in by_replica[1] for found in entry.entries(applied.value))
    assert by_replica[1][-1].revision > api.FIRST_REVISION
    assert [[applied[3:] for applied in by_replica[replica]] for replica in (2, 3)] == [first, first]
    assert len({applied.chain for applied in by_replica[1]}) == len(first)
    assert all(applied.at_ns <= cell.world.now_ns and applied.boot == 1 for applied in cell.observations.applied)


# -- speech ------------------------------------------------------------------------------------------------------------------


def frame(*messages: codec.Message) -> bytes:
    return codec.encode(1, 1, 0, list(messages))


BALLOT = 65_536 + 1
"""Round 1, of member 1."""
HIGHER = 2 * 65_536 + 1


def test_a_replica_has_said_the_most_that_left_it() -> None:
    """What a start must remember: later, smaller words take nothing back.  [SAFETY 5, 11]"""
    speech = Speech()
    assert speech.said() == Said()
    speech.hear(frame((core.ACCEPTED, BALLOT, 0, 4), (core.ACCEPTED, HIGHER, 0, 5)))
    speech.hear(frame((core.ACCEPTED, BALLOT, 0, 5), (core.GRANT, BALLOT, 0, 10, 900), (core.GRANT, BALLOT, 0, 20, 500)))
    assert speech.said() == Said(HIGHER, 900, {4: BALLOT, 5: HIGHER})


def test_a_promise_says_its_ballot_and_each_value_in_it() -> None:
    speech = Speech()
    speech.hear(frame((core.PROMISE, HIGHER, 0, 3, {4: (BALLOT, b"x")}, {})))
    assert speech.said() == Said(HIGHER, 0, {4: BALLOT})


def test_what_binds_nobody_is_not_said() -> None:
    """An Accept may leave before its record is durable: a start that has forgotten it broke no word."""
    speech = Speech()
    speech.hear(frame((core.ACCEPT, BALLOT, 0, 4, b"x"), (core.LEARN, BALLOT, 0, 3), (core.FETCH, 2)))
    assert speech.said() == Said()


def test_what_was_said_does_not_change_afterwards() -> None:
    """A start is compared with what had been said before it."""
    speech = Speech()
    speech.hear(frame((core.ACCEPTED, BALLOT, 0, 4)))
    before = speech.said()
    speech.hear(frame((core.ACCEPTED, HIGHER, 0, 4)))
    assert before == Said(BALLOT, 0, {4: BALLOT})


# -- leases ------------------------------------------------------------------------------------------------------------------


def lease_watch(drift_ppm: int = 0) -> tuple[Observations, Clock, LeaseWatch]:
    seen, clock = Observations(), Clock(Dice(1), 1_000, drift_ppm)
    return seen, clock, LeaseWatch(seen, 2, clock)


def test_a_lease_that_is_renewed_is_one_interval() -> None:
    seen, clock, watch = lease_watch()
    watch.see(100, BALLOT, clock.read(500))
    watch.see(200, BALLOT, clock.read(700))
    watch.see(300, BALLOT, clock.read(600))
    assert watch.end(650)
    assert seen.leases == [Lease(2, BALLOT, 100, 650)]


def test_a_lease_ends_by_true_time_not_by_the_clock() -> None:
    """Two leases are compared on one time line; each replica counts on its own clock.  [SAFETY 10]"""
    seen, clock, watch = lease_watch(drift_ppm=-500)
    second = 10**9
    watch.see(0, BALLOT, clock.read(0) + second)
    watch.end(10 * second)
    (lease,) = seen.leases
    assert lease.until_ns == clock.when(clock.read(0) + second) > second


def test_a_lease_that_lapsed_unseen_is_told_and_ends_at_its_own_end() -> None:
    """Whoever was paused past its lease held none in between, though nobody looked."""
    seen, clock, watch = lease_watch()
    assert not watch.see(100, BALLOT, clock.read(200))
    assert watch.see(500, BALLOT, clock.read(900))
    assert seen.leases == [Lease(2, BALLOT, 100, 200)]
    assert watch.end(600)
    assert seen.leases[1] == Lease(2, BALLOT, 500, 600)


def test_another_ballot_and_none_end_a_lease() -> None:
    seen, clock, watch = lease_watch()
    watch.see(100, BALLOT, clock.read(900))
    assert not watch.see(200, HIGHER, clock.read(900))
    assert not watch.see(300, HIGHER, clock.read(900))
    watch.see(400, 0, 0)
    assert seen.leases == [Lease(2, BALLOT, 100, 200), Lease(2, HIGHER, 200, 400)]
    assert not watch.end(500)


def test_who_holds_no_lease_ends_none() -> None:
    seen, clock, watch = lease_watch()
    assert not watch.end(100)
    watch.see(100, BALLOT, clock.read(200))
    assert not watch.end(300), "it had lapsed before the process died"
    assert seen.leases == [Lease(2, BALLOT, 100, 200)]
