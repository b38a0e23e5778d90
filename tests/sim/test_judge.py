"""Each kind of bad history is named by its checker: the true records of a run, with one of them told otherwise."""

from collections.abc import Callable, Mapping
from copy import copy
from functools import cache

import pytest

from gaios import api
from gaios.sim import judge as judged
from gaios.sim.checkers.persist_then_say import Remembered, Said
from gaios.sim.faults import S
from gaios.sim.history import DONE, REFUSED, Applied, Call, Executed, Lease, Violation
from gaios.sim.judge import judge
from gaios.sim.observations import Observations
from tests.sim.small import worked

Finals = dict[int, tuple[int, Mapping[bytes, bytes]]]


@cache
def true_run() -> tuple[Observations, list[bytes], Finals]:
    """A run without faults: what it wrote down, its keys, and every replica's end."""
    cell, workload = worked(4, operations=60, watchers=1)
    cell.world.run(cell.world.now_ns + S)
    workload.finish_watches()
    finals: Finals = {}
    for replica, seat in cell.seats.items():
        seat.lease.end(cell.world.now_ns)
        assert seat.node is not None
        page = api.decode_answer(seat.node.replica.applier.machine.query(api.encode(api.Range(b"", b""))))
        assert isinstance(page, api.Page)
        finals[replica] = (seat.life, {entry.key: entry.value for entry in page.entries})
    return cell.observations, workload.registers + workload.counters, finals


class Told:
    """The true run's records, to be told otherwise."""

    def __init__(self) -> None:
        true, self.keys, finals = true_run()
        self.seen = copy(true)
        for name in ("applied", "executed", "leases", "calls", "watches", "starts", "broken"):
            setattr(self.seen, name, list(getattr(true, name)))
        self.seen._levels = dict(true._levels)
        self.finals = dict(finals)

    def properties(self) -> set[str]:
        found, undecided = judge(self.seen, self.keys, self.finals)
        assert not undecided
        return {violation.property for violation in found}

    def last_applied(self, **fields: object) -> None:
        """Change what the third replica says of its last slot."""
        at = max(at for at, applied in enumerate(self.seen.applied) if applied.replica == 3)
        self.seen.applied[at] = self.seen.applied[at]._replace(**fields)  # type: ignore[arg-type]

    def call(self, fits: Callable[[Call], bool], **fields: object) -> Call:
        """Change the last call of a kind; what it was."""
        at = max(at for at, call in enumerate(self.seen.calls) if fits(call))
        was = self.seen.calls[at]
        self.seen.calls[at] = was._replace(**fields)  # type: ignore[arg-type]
        return was


def is_done_write(call: Call) -> bool:
    return call.outcome == DONE and isinstance(call.request, api.MultiOp) and bool(call.request.then) and not call.request.guard


def is_read_of_one(call: Call) -> bool:
    return isinstance(call.reply, api.Page) and len(call.reply.entries) == 1


def test_a_true_run_is_not_accused() -> None:
    told = Told()
    assert len(told.seen.calls) == 60
    assert told.seen.leases
    assert told.seen.watches
    assert not told.properties()


# -- one wrong record each ---------------------------------------------------------------------------------------------------


def test_replicas_that_chose_differently_are_named() -> None:
    told = Told()
    told.last_applied(value=b"another")
    assert told.properties() == {"agreement"}


def test_replicas_whose_states_differ_are_named() -> None:
    told = Told()
    told.last_applied(checksum=1)
    assert told.properties() == {"agreement"}


def test_an_epoch_that_goes_back_is_named() -> None:
    told = Told()
    told.last_applied(epoch=0)
    assert told.properties() == {"epoch monotone"}


def test_a_revision_that_goes_back_is_named() -> None:
    told = Told()
    told.last_applied(revision=0)
    assert told.properties() == {"revisions monotone"}


def test_two_leases_at_once_are_named() -> None:
    told = Told()
    lease = max(told.seen.leases, key=lambda held: held.until_ns - held.from_ns)
    told.seen.leases.append(Lease(lease.replica % 3 + 1, lease.ballot + 1, lease.from_ns, lease.until_ns))
    assert told.properties() == {"lease exclusivity"}


def test_a_bound_that_was_exceeded_is_named() -> None:
    told = Told()
    told.seen.level(2, "waiting entries", 9, 8)
    assert told.properties() == {"bounded queues"}


def test_a_word_that_was_forgotten_is_named() -> None:
    told = Told()
    told.seen.starts.append(Remembered(1, 2, Said(ballot=9), 8, 0, {}))
    assert told.properties() == {"persist, then say"}


def test_an_execution_too_many_is_named() -> None:
    """The same command once more, by the same life; a command where the log has none, or has no slot at all."""
    told = Told()
    told.seen.executed.append(told.seen.executed[-1]._replace())
    assert told.properties() == {"exactly once"}
    first = min(applied.slot for applied in told.seen.applied)
    for slot in (first, 10_000):
        told = Told()
        told.seen.executed.append(Executed(1, 1, slot, 0))
        assert told.properties() == {"exactly once"}


def test_a_state_that_does_not_follow_the_log_is_named() -> None:
    told = Told()
    life, state = told.finals[2]
    told.finals[2] = (life, {**state, told.keys[0]: b"rotten"})
    assert told.properties() == {"durability"}


def test_an_acknowledged_write_that_a_replica_lost_is_named() -> None:
    """The end of one replica's log is missing, though it says nothing else."""
    told = Told()
    slot = told.call(is_done_write).slot
    told.seen.applied = [applied for applied in told.seen.applied if applied.replica != 2 or applied.slot < slot]
    assert told.properties() == {"durability"}


def test_a_watch_with_a_gap_is_named() -> None:
    told = Told()
    (watch,) = told.seen.watches
    told.seen.watches = [watch._replace(events=watch.events[:3] + watch.events[4:])]
    assert told.properties() == {"watch completeness"}


def test_an_answer_that_the_log_does_not_explain_is_named() -> None:
    """Of a write: its results say nothing to the search."""
    told = Told()
    told.call(is_done_write, reply=api.MultiOpResult(False, 1, ()))
    assert "linearizability by witness" in told.properties()


def test_a_refusal_that_took_effect_is_named() -> None:
    told = Told()
    told.call(is_done_write, outcome=REFUSED, reply=None, slot=0, nth=0, error="planted")
    assert "linearizability by witness" in told.properties()


def test_a_value_out_of_nowhere_is_named_by_the_search_and_the_witness() -> None:
    """Neither trusts what the other does."""
    told = Told()
    read = told.call(is_read_of_one)
    assert isinstance(read.reply, api.Page)
    (entry,) = read.reply.entries
    wrong = api.Entry(entry.key, b"77777", entry.version, entry.create_revision, entry.mod_revision)
    told.call(is_read_of_one, reply=api.Page((wrong,), False, read.reply.revision))
    assert told.properties() == {"linearizability", "linearizability by witness"}


# -- together ----------------------------------------------------------------------------------------------------------------


def test_a_witness_that_misses_what_the_search_finds_is_itself_accused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two checkers that share no reasoning watch each other."""
    told = Told()
    read = told.call(is_read_of_one)
    assert isinstance(read.reply, api.Page)
    told.call(is_read_of_one, reply=api.Page((), False, read.reply.revision))
    monkeypatch.setattr(judged, "witness", lambda *_: [])
    assert told.properties() == {"linearizability", "checkers agree"}


def test_a_replica_that_stopped_is_all_that_is_said() -> None:
    """What follows from it would bury it."""
    told = Told()
    told.seen.broken.append(Violation("no replica stops by itself", "planted"))
    told.finals.clear()
    told.last_applied(epoch=0)
    assert told.properties() == {"no replica stops by itself"}


def test_a_replica_that_is_down_at_the_end_is_judged_by_the_others() -> None:
    """Its state is nobody's to know."""
    told = Told()
    del told.finals[2]
    assert not told.properties()


def test_a_run_of_nothing_is_not_accused() -> None:
    assert judge(Observations(), [], {}) == ([], 0)


def test_records_of_a_run_are_left_alone() -> None:
    """A report counts them afterwards."""
    told = Told()
    before: tuple[list[Applied], list[Call]] = (list(told.seen.applied), list(told.seen.calls))
    told.properties()
    assert (told.seen.applied, told.seen.calls) == before
