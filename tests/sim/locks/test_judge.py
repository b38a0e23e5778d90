"""All checkers of the lock service look at a run's records, and each of them can refuse."""

from collections.abc import Callable

import pytest

from gaios import lock_api
from gaios.locks import keys, records
from gaios.sim.checkers.witness import replay
from gaios.sim.effective import effective, read
from gaios.sim.faults import S
from gaios.sim.history import Final
from gaios.sim.locks.history import Hint, Recalled, Records
from gaios.sim.locks.judge import judge_locks
from gaios.sim.locks.replay import LockLog
from gaios.sim.locks.state import Session
from gaios.sim.run import finals
from tests.sim.locks.worked import working


class Run:
    """A good run's records, to be spoilt."""

    def __init__(self) -> None:
        cell, work = working(3)
        cell.world.run(12 * S)
        work.rest()
        cell.world.run(20 * S)
        for worker in work.workers:
            worker.process.kill()
        cell.world.run(25 * S)
        seen = cell.observations
        self.records: Records = seen.locks
        self.records.bound_ns = cell.world.now_ns
        chosen = {applied.slot: applied.value for applied in seen.applied}
        self.first_ns: dict[int, int] = {}
        for applied in seen.applied:
            self.first_ns.setdefault(applied.slot, applied.at_ns)
        self.log: LockLog = replay(effective(read(sorted(chosen.items())), seen)).locks
        self.finals: dict[int, Final] = finals(cell)
        self.end_ns = cell.world.now_ns

    def judged(self) -> set[str]:
        found, undecided = judge_locks(self.records, self.log, self.first_ns, self.finals, self.end_ns)
        assert not undecided
        return {violation.property for violation in found}


def a_second_holder(run: Run) -> None:
    belief = run.records.beliefs[0]
    run.records.beliefs.append(belief._replace(client=9, handle=9, shared=False, grant=(0, belief.grant[1] + 1)))


def no_delay(run: Run) -> None:
    granted = run.log.grants[0]
    granted.was_lost, granted.handle, granted.shared = True, 9, False
    life = next(life for life in run.records.lives if life.session == granted.session)
    life.promised_ns = 1 << 60
    run.log.ended.pop(life.session, None)


def an_early_end(run: Run) -> None:
    life = next(life for life in run.records.lives if run.log.ended[life.session].was_lost)
    life.promised_ns = run.first_ns[run.log.ended[life.session].slot] + 1


def too_much_time(run: Run) -> None:
    run.log.charges[0] = run.log.charges[0]._replace(elapsed_ms=1)


def a_forgotten_session(run: Run) -> None:
    run.log.model.sessions[2] = Session(b"", 1_000, 0)


def an_event_of_nothing(run: Run) -> None:
    life = run.records.lives[0]
    life.hints.append(Hint(1 << 60, 1 << 60, lock_api.Notice(1, 1, "", 3)))


def another_answer(run: Run) -> None:
    at = next(at for at, asked in enumerate(run.records.asked) if isinstance(asked.reply, lock_api.Changed))
    run.records.asked[at] = run.records.asked[at]._replace(reply=lock_api.Changed(1, done=False))


def other_contents(run: Run) -> None:
    for at, asked in enumerate(run.records.asked):
        if isinstance(asked.reply, lock_api.ContentsAndStat) and asked.reply.contents is not None:
            run.records.asked[at] = asked._replace(reply=lock_api.ContentsAndStat(b"never", asked.reply.stat))


def a_stale_cache(run: Run) -> None:
    asked = next(asked for asked in run.records.asked if isinstance(asked.reply, lock_api.ContentsAndStat))
    assert isinstance(asked.request, lock_api.GetContentsAndStat)
    assert isinstance(asked.reply, lock_api.ContentsAndStat)
    path = run.log.handles[asked.request.handle][0].path
    answer = lock_api.ContentsAndStat(b"never", asked.reply.stat)
    run.records.recalled.append(Recalled(0, 1, path, asked.request, answer, asked.began, asked.began + 1, asked.ended_ns, asked.ended_ns))


def test_a_good_run_is_not_accused() -> None:
    assert Run().judged() == set()


@pytest.mark.parametrize(
    ("spoil", "accused"),
    [
        (a_second_holder, "lock exclusivity"),
        (no_delay, "lock-delay"),
        (an_early_end, "session leases"),
        (too_much_time, "session clock"),
        (a_forgotten_session, "lock service by witness"),
        (an_event_of_nothing, "events complete"),
        (another_answer, "lock service by witness"),
        (other_contents, "linearizability"),
        (a_stale_cache, "cache linearizable"),
    ],
)
def test_each_checker_can_refuse(spoil: Callable[[Run], None], accused: str) -> None:
    run = Run()
    spoil(run)
    assert accused in run.judged()


def test_what_is_left_at_the_end_is_found() -> None:
    run = Run()
    reserved = run.finals[1].reserved
    left = {**reserved, keys.session(2): (records.encode(records.Session(b"d" * 16, 1_000, False, "", "", 0)), 2)}
    run.finals[1] = run.finals[1]._replace(reserved=left)
    assert "nothing left" in run.judged()
