"""A process knows what it has open, and believes in a lock for exactly as long as it may."""

from typing import Any

from gaios import errors, lock_api
from gaios.lock_api import Acquired
from gaios.sim.cell import Cell
from gaios.sim.faults import MS, S
from gaios.sim.history import DONE, UNKNOWN
from gaios.sim.locks.history import CLOSED, EXPIRED, KILLED
from gaios.sim.locks.process import Handle, Process, Session
from tests.sim.locks.worked import done, process
from tests.sim.small import until


def opened(cell: Cell, one: Process, lease_ms: int = 1_000) -> tuple[Session, Handle]:
    session = done(cell, one, one.open_session(lease_ms, 500 * MS))
    assert isinstance(session, Session)
    answer = done(cell, one, session.do(lock_api.Open, None, "/l", lock_api.MAY_CREATE, lock_delay_ms=300))
    handle = session.handles[answer.handle] = Handle(answer.handle, "/l", answer.stat.instance, 300)
    return session, handle


def held(cell: Cell, one: Process) -> tuple[Session, Handle]:
    session, handle = opened(cell, one)
    acquired = done(cell, one, session.do(lock_api.Acquire, handle))
    assert isinstance(acquired, Acquired)
    assert acquired.sequencer is not None
    assert session.believe(handle, acquired.sequencer)
    return session, handle


def test_a_session_is_kept_alive_and_every_answer_moves_its_end() -> None:
    cell, one = process()
    session, _ = opened(cell, one)
    until(cell, lambda: session.life.kept > 5)
    assert session.life.promised_ns > cell.world.now_ns
    assert not session.is_over


def test_a_belief_ends_when_the_lock_is_given_back() -> None:
    cell, one = process()
    session, handle = held(cell, one)
    began_ns = cell.world.now_ns
    cell.world.run(began_ns + 2 * S)
    assert session.is_sure(handle)
    session.give_up(handle)
    (belief,) = one.records.beliefs
    assert (belief.from_ns, belief.until_ns, belief.lock_delay_ms) == (began_ns, began_ns + 2 * S, 300)
    session.give_up(handle)
    assert len(one.records.beliefs) == 1


def test_a_process_that_slept_for_longer_than_its_lease_believed_until_that_was_over() -> None:
    cell, one = process()
    session, handle = held(cell, one)
    one.client.stall(3 * S)
    woken_ns = cell.world.now_ns + 3 * S
    until(cell, lambda: session.is_over)
    (belief,) = one.records.beliefs
    assert belief.until_ns == session.life.promised_ns < woken_ns - S
    assert session.life.how == EXPIRED
    assert not session.believe(handle, lock_api.Sequencer("/l", shared=False, generation=0, revision=1))


def test_what_a_session_is_told_is_written_down_and_ends_a_belief() -> None:
    cell, one = process()
    session, handle = held(cell, one)
    until(cell, lambda: bool(session.life.hints))
    assert session.life.hints[0].notice is None, "it is told of the master first"
    done(cell, one, session.do(lock_api.DeleteNode, handle))
    until(cell, lambda: handle.held is None)
    notice = session.life.hints[-1].notice
    assert notice is not None
    assert (notice.handle, notice.what) == (handle.number, lock_api.HANDLE_INVALID)
    assert isinstance(done(cell, one, session.look(handle)), errors.HandleInvalid)


def test_a_holder_asks_again_after_a_fail_over() -> None:
    cell, one = process()
    session, handle = held(cell, one)
    until(cell, lambda: bool(session.life.hints))
    before = len(session.life.hints)
    next(seat for seat in cell.seats.values() if seat.is_serving).stop(power=False)
    until(cell, lambda: len(session.life.hints) > before)
    until(cell, lambda: any(isinstance(asked.request, lock_api.GetSequencer) for asked in one.records.asked))
    assert session.life.hints[-1].notice is None
    assert session.is_sure(handle) or session.lease.state != 1


def test_a_closed_session_is_over_at_once() -> None:
    cell, one = process()
    session, _ = held(cell, one)
    cell.world.run(cell.world.now_ns + S)
    done(cell, one, one.close_session(session))
    assert (session.life.how, one.sessions, len(one.records.beliefs)) == (CLOSED, {}, 1)
    assert [type(asked.request).__name__ for asked in one.records.asked] == ["OpenSession", "Open", "Acquire", "CloseSession"]
    assert all(asked.outcome == DONE and asked.slot for asked in one.records.asked)


def test_an_abandoned_session_ends_by_itself_and_a_command_hears_of_it() -> None:
    cell, one = process()
    session, handle = held(cell, one)
    one.abandon(session)
    machines: list[Any] = [seat.node.replica.applier.machine for seat in cell.seats.values() if seat.node is not None]
    until(cell, lambda: not any(machine.sessions() for machine in machines))
    assert session.life.how == KILLED
    assert isinstance(done(cell, one, session.do(lock_api.Release, handle)), errors.SessionExpired)


def test_a_killed_process_leaves_its_calls_unknown_and_its_beliefs_behind() -> None:
    cell, one = process()
    session, handle = held(cell, one)
    one.ask(lock_api.Release(session.number, session.token, handle.number))
    cell.world.run(cell.world.now_ns + 1)
    one.kill()
    assert one.records.asked[-1].outcome == UNKNOWN
    assert one.records.asked[-1].whose != (0, 0, 0), "it was sent"
    assert (session.life.how, len(one.records.beliefs)) == (KILLED, 1)
    another = done(cell, one, one.open_session(1_000, 0))
    assert isinstance(another, Session)
