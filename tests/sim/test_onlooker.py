"""What an onlooker writes down is what the process said, believed and remembered."""

import pytest

from gaios.log import Copies, Recovered
from gaios.log.reign import Reign
from gaios.log.steps import Steps
from gaios.server.commit import GroupCommit
from gaios.sim.checkers.bounded_queues import bounded_queues
from gaios.sim.checkers.persist_then_say import persist_then_say
from gaios.sim.clock import Clock
from gaios.sim.dice import Dice
from gaios.sim.faults import S
from gaios.sim.history import Lease
from gaios.sim.museum import method
from gaios.sim.observations import Observations
from gaios.sim.onlooker import LeaseWatch, lease_end
from tests.sim.test_seat import master_of, quiet


def test_a_loop_that_leaves_undone_what_is_due_is_counted() -> None:
    """A deadline in the past, turn after turn: a process that burns its processor, and a master that takes every tick for a late one."""
    with method(Reign, "due_ns", lambda sound: lambda self, *, proposes=True: 1)():
        cell = quiet()
        cell.world.run(S)
    assert "turns in a row that leave undone what is due" in bounded_queues(cell.observations.levels())[0].detail
    cell = quiet()
    cell.world.run(S)
    assert not bounded_queues(cell.observations.levels())


def test_a_lease_becomes_one_interval_however_often_it_is_renewed() -> None:
    seen = Observations()
    clock = Clock(Dice(1), 0)
    watch = LeaseWatch(seen, 1, clock)
    start = clock.read(0)
    assert not watch.see(100, 7, start + 500)
    assert not watch.see(300, 7, start + 800)
    assert watch.see(900, 0, 0), "it lapsed while nobody looked"
    assert seen.leases == [Lease(1, 7, 100, 800)]
    watch.see(1_000, 8, start + 2_000)
    assert watch.end(1_500), "it ended with its process"
    assert seen.leases[1] == Lease(1, 8, 1_000, 1_500)
    assert not watch.end(1_600)


def test_a_lease_ends_when_the_core_says_so() -> None:
    cell = quiet()
    cell.world.run(S)
    master = master_of(cell)
    assert master.node is not None
    participant = master.node.replica.core
    end = lease_end(participant)
    assert participant.holds_lease(end - 1)
    assert not participant.holds_lease(end)


def test_a_lease_that_lapsed_in_a_pause_ends_by_the_voters_who_granted_it() -> None:
    """Who wakes may learn of other voters first: of their grants it had none (seed 3041 of the swarm)."""
    cell = quiet()
    cell.world.run(S)
    seat = master_of(cell)
    assert seat.node is not None
    seat.pause(S, "take")
    cell.world.run(S + S // 2)
    core = seat.node.replica.core
    until_ns = seat.clock.when(lease_end(core))
    core.config, core.voters = 1, 0b1110_0000
    cell.world.run(3 * S)
    seat.onlooker.ended()
    held = max(lease.until_ns for lease in cell.observations.leases if lease.replica == seat.replica and lease.from_ns < until_ns)
    assert held == until_ns < 2 * S, "not when it woke"


def test_every_promise_is_compared_with_what_is_durable_when_it_leaves() -> None:
    """No crash is needed to find a promise that left too early: the onlooker asks what a power cut would leave."""
    cell = quiet()
    cell.world.run(S)
    starts = cell.observations.starts
    assert len(starts) > 3, "three starts, and a look at each promise"
    assert starts[-1].said.ballot > 0
    assert not persist_then_say(starts, {})
    early = method(GroupCommit, "add", lambda sound: lambda self, output: [*output.after, *sound(self, output)])
    with early():
        hasty = quiet()
        hasty.world.run(S)
    assert persist_then_say(hasty.observations.starts, {})


def test_a_promise_that_is_not_written_down_is_found_without_a_crash() -> None:
    with method(Steps, "_write_copies", lambda sound: lambda self: sound(self) if not self.core.promised else None)():
        cell = quiet()
        cell.world.run(S)
    assert persist_then_say(cell.observations.starts, {})


def test_what_is_known_to_be_chosen_is_written_down_once_some_replica_knows_it() -> None:
    cell = quiet()
    cell.world.run(S)
    core = max((seat.node.replica.core for seat in cell.seats.values() if seat.node is not None), key=lambda each: each.chosen)
    assert cell.observations.chosen == {slot: core.acc[slot] for slot in range(1, core.chosen + 1)} != {}
    first = dict(cell.observations.chosen)
    master_of(cell).stop(power=True)
    cell.world.run(3 * S)
    assert {slot: held for slot, held in cell.observations.chosen.items() if slot in first} == first, "in another reign, too"
    assert len(cell.observations.chosen) > len(first)


def test_what_a_start_finds_lost_is_written_down_as_lost() -> None:
    """Of no newer ballot than it says; where it says nothing, than what it had promised."""
    seat = quiet().seats[1]
    found = Recovered(Copies(), promised=7, chosen=1, accepted={1: (5, b"")}, faulty={2: 6}, silent_through=3)
    seat.onlooker._remember(found)
    assert seat.observations.starts[-1].accepted == {1: (5, b""), 2: (6, None), 3: (7, None)}


@pytest.mark.parametrize("rots", [True, False])
def test_a_start_without_the_snapshots_of_its_log_is_a_finding_unless_they_rotted(rots: bool) -> None:
    """[SAFETY 26] It fetches one, so that nothing else would show that its log was cut too early."""
    cell = quiet()
    cell.world.run(S)
    seat = cell.seats[1]
    seat.disk.has_rotted = rots
    seat.onlooker._bereft("start", 9)
    assert [each.property for each in cell.observations.broken] == ([] if rots else ["no replica stops by itself"])
