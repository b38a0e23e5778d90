"""What an answer proves: retries keep their identity, and `Unknown` is said exactly when something sent may still take effect."""

import pytest

from gaios.client.core import CHANGE, STATUS
from gaios.client.tuning import CALLS_MAX, MS, PAYLOAD_BYTES_MAX, WINDOW
from gaios.entry import Identity, Kind
from gaios.errors import (
    CommandTooLong,
    Compacted,
    Error,
    InvalidCommand,
    NotANumber,
    NotMaster,
    Overloaded,
    Unavailable,
    Unknown,
    UnknownSession,
)
from gaios.transport import Kind as Frame
from gaios.transport import Status
from tests.client.script import A, B, C, Script

FULL = Overloaded(what="the queue", limit=1, unit="entries")


def test_a_write_registers_first_and_carries_the_identity_it_got() -> None:
    script = Script(A)
    number = script.write(b"put")
    script.welcome(A, serving=True)
    ((_, request, registration),) = script.submits()
    assert registration.kind == Kind.REGISTER
    script.answer(A, request, slot=9, index=4)
    ((_, request, command),) = script.submits()
    assert (request, command.identity, command.sequence, command.acknowledged, command.command) == (number, Identity(9, 4), 1, 0, b"put")
    script.answer(A, request, body=b"reply")
    assert script.outcomes == {number: b"reply"}


def test_reads_need_no_session() -> None:
    script = Script(A)
    number = script.read(b"get")
    script.welcome(A, serving=True)
    assert [what for _, kind, what in script.take() if kind == Frame.READ] == [(number, b"get")]
    script.answer(A, number, body=b"found")
    assert script.outcomes == {number: b"found"}


def test_commands_are_pipelined_and_acknowledge_what_was_answered() -> None:
    script = Script().at_home()
    first, second, third = script.write(b"1"), script.write(b"2"), script.write(b"3")
    assert [entry.sequence for _, _, entry in script.submits()] == [2, 3, 4]
    script.answer(A, second)
    script.answer(A, third)
    script.write(b"4")
    script.answer(A, first)
    script.write(b"5")
    assert [(entry.sequence, entry.acknowledged) for _, _, entry in script.submits()] == [(5, 1), (6, 4)]


@pytest.mark.parametrize("how", ["lost", "in doubt", "not master", "overloaded"])
def test_a_retry_has_the_same_identity_and_sequence(how: str) -> None:
    """Exactly once rests on it.  [SAFETY 19]"""
    script = Script().at_home()
    number = script.write(b"w")
    ((_, _, before),) = script.submits()
    if how == "lost":
        script.lose(A)
    elif how == "in doubt":
        script.answer(A, number, Status.IN_DOUBT)
    elif how == "not master":
        script.answer(A, number, Status.NOT_MASTER, NotMaster(replica=1, master=B))
    else:
        script.answer(A, number, Status.OVERLOADED, FULL)
    if how != "overloaded":
        script.advance(20 * MS)
        script.welcome(B, serving=True)
    script.advance(30 * MS)
    ((endpoint, request, after),) = script.submits()
    assert (endpoint, request, after) == (A if how == "overloaded" else B, number, before)
    script.answer(endpoint, number, body=b"done")
    assert script.outcomes == {number: b"done"}


def test_never_sent_is_certainly_not_done() -> None:
    script = Script(A)
    number = script.write(within=300 * MS)
    script.lose(A, "connection refused")
    script.advance(400 * MS)
    outcome = script.outcomes[number]
    assert isinstance(outcome, Unavailable)
    assert outcome.definite
    assert outcome.waited_ms == 300
    assert "connection refused" in str(outcome)


def test_sent_and_never_answered_is_unknown() -> None:
    script = Script().at_home()
    number = script.write(within=300 * MS)
    script.advance(400 * MS)
    outcome = script.outcomes[number]
    assert isinstance(outcome, Unknown)
    assert not outcome.definite
    assert "gaios explain --operation 7.0:2 --dir DIR" in outcome.hint


def test_only_attempt_refused_is_certainly_not_done() -> None:
    """NOT_MASTER says that this attempt had no effect, and there was no other."""
    script = Script(A).at_home()
    number = script.write(within=300 * MS)
    script.answer(A, number, Status.NOT_MASTER, NotMaster(replica=1))
    script.lose(A)
    script.advance(400 * MS)
    assert isinstance(script.outcomes[number], Unavailable)


@pytest.mark.parametrize("status", [Status.NOT_MASTER, Status.OVERLOADED])
def test_a_refusal_proves_nothing_of_an_earlier_attempt(status: Status) -> None:
    """The first attempt's connection was lost; that it may take effect at the old master is not undone by the new one's refusal."""
    script = Script().at_home()
    number = script.write(within=400 * MS)
    script.lose(A)
    script.advance(20 * MS)
    script.welcome(B, serving=True)
    script.answer(B, number, status, FULL if status == Status.OVERLOADED else NotMaster(replica=2))
    script.lose(B)
    script.advance(500 * MS)
    assert isinstance(script.outcomes[number], Unknown)


def test_an_invalid_command_is_refused_for_certain_unless_an_attempt_was_lost() -> None:
    script = Script().at_home()
    number = script.write()
    script.answer(A, number, Status.INVALID, InvalidCommand(reason="r"))
    assert isinstance(script.outcomes[number], InvalidCommand)
    number = script.write()
    script.lose(A)
    script.advance(20 * MS)
    script.welcome(B, serving=True)
    script.answer(B, number, Status.INVALID, InvalidCommand(reason="r"))
    assert isinstance(script.outcomes[number], Unknown)


def test_the_machines_refusal_is_the_answer_even_after_a_lost_attempt() -> None:
    """The exactly-once table gives every attempt the same answer."""
    script = Script().at_home()
    number = script.write()
    script.lose(A)
    script.advance(20 * MS)
    script.welcome(B, serving=True)
    script.answer(B, number, Status.REFUSED, NotANumber(key=b"k", reason="text"))
    assert isinstance(script.outcomes[number], NotANumber)


def test_a_full_table_is_a_reason_to_wait_not_an_answer() -> None:
    """The cell refuses at apply when a client leaves too many answers; nothing was carried out or remembered."""
    script = Script().at_home()
    number = script.write()
    script.submits()
    script.answer(A, number, Status.REFUSED, FULL)
    script.advance(30 * MS)
    assert len(script.submits()) == 1
    assert number not in script.outcomes


def test_an_unknown_session_on_the_only_attempt_registers_anew() -> None:
    script = Script().at_home(slot=7)
    number = script.write(b"w")
    script.submits()
    script.answer(A, number, Status.UNKNOWN_SESSION, UnknownSession(slot=7, index=0))
    ((_, request, registration),) = script.submits()
    assert registration.kind == Kind.REGISTER
    script.answer(A, request, slot=20)
    ((_, request, again),) = script.submits()
    assert (request, again.identity, again.sequence, again.command) == (number, Identity(20, 0), 1, b"w")


def test_an_unknown_session_after_a_sent_attempt_is_unknown() -> None:
    """It may have been carried out before the cell forgot us.  [SAFETY 19]"""
    script = Script().at_home()
    number = script.write()
    script.lose(A)
    script.advance(20 * MS)
    script.welcome(B, serving=True)
    script.answer(B, number, Status.UNKNOWN_SESSION, UnknownSession(slot=7, index=0))
    assert isinstance(script.outcomes[number], Unknown)


def test_an_unknown_session_waits_for_an_attempt_that_is_still_open() -> None:
    """The paused old master answers after all: done. Or it declines: then nothing was, and the command goes on under a new identity."""
    for status, done in ((Status.DONE, True), (Status.NOT_MASTER, False)):
        script = Script().at_home()
        number = script.write()
        script.advance(500 * MS)
        script.welcome(B, serving=True)
        script.answer(B, number, Status.UNKNOWN_SESSION, UnknownSession(slot=7, index=0))
        assert number not in script.outcomes
        script.take()
        script.answer(A, number, status, b"" if done else NotMaster(replica=1))
        script.advance(30 * MS)
        assert (number in script.outcomes) is done
        assert [entry.kind for _, _, entry in script.submits()] == ([] if done else [Kind.REGISTER])


def test_a_cell_that_forgets_at_once_is_not_asked_in_a_tight_loop() -> None:
    script = Script().at_home()
    script.write(within=1_000 * MS)
    attempts = 0
    for _ in range(2_000):
        for _, request, entry in script.submits():
            if entry.kind == Kind.REGISTER:
                script.answer(A, request, slot=50 + attempts)
            else:
                attempts += 1
                script.answer(A, request, Status.UNKNOWN_SESSION, UnknownSession(slot=7, index=0))
        script.advance(MS)
    assert 2 < attempts < 30


def test_an_answer_that_was_not_kept_is_unknown() -> None:
    """Carried out, but what came of it cannot be told any more."""
    script = Script().at_home()
    number = script.write()
    script.answer(A, number, Status.STALE)
    assert isinstance(script.outcomes[number], Unknown)


def test_a_status_of_a_later_version_proves_nothing() -> None:
    script = Script().at_home()
    number = script.write(within=200 * MS)
    script.answer(A, number, 200)
    script.advance(300 * MS)
    assert isinstance(script.outcomes[number], Unknown)


def test_an_answer_counts_from_wherever_it_comes() -> None:
    """The old master was paused, a new one was asked too: the first answer is the outcome, the second is nobody's."""
    script = Script().at_home()
    number = script.write()
    script.advance(500 * MS)
    script.welcome(B, serving=True)
    assert [endpoint for endpoint, _, _ in script.submits()] == [A, B]
    script.answer(A, number, body=b"old master's")
    assert script.outcomes == {number: b"old master's"}
    script.answer(B, number, body=b"new master's")
    assert script.outcomes == {number: b"old master's"}


def test_a_read_is_sent_again_after_everything_and_ends_with_what_was_refused() -> None:
    script = Script().at_home()
    number = script.read()
    script.answer(A, number, Status.UNAVAILABLE)
    script.advance(60 * MS)
    script.pong(A, serving=True)
    assert len(script.take(Frame.READ)) == 2
    script.answer(A, number, Status.REFUSED, Compacted(revision=1, compacted=5))
    assert isinstance(script.outcomes[number], Compacted)
    number = script.read(within=200 * MS)
    script.answer(A, number, Status.OVERLOADED, FULL)
    script.lose(A)
    script.advance(300 * MS)
    assert isinstance(script.outcomes[number], Overloaded)


def test_an_unanswered_read_is_certainly_not_done() -> None:
    """A read has no effect to doubt."""
    script = Script().at_home()
    number = script.read(within=100 * MS)
    script.advance(200 * MS)
    assert isinstance(script.outcomes[number], Unavailable)


def test_the_window_bounds_what_is_under_way_and_frees_in_order() -> None:
    script = Script().at_home()
    numbers = [script.write() for _ in range(WINDOW + 3)]
    assert len(script.submits()) == WINDOW
    script.answer(A, numbers[1])
    assert script.submits() == []
    script.answer(A, numbers[0])
    assert [request for _, request, _ in script.submits()] == numbers[WINDOW : WINDOW + 2]


def test_more_calls_than_the_bound_are_overload() -> None:
    script = Script(A)
    for _ in range(CALLS_MAX):
        script.core.call(script.now, 16, b"", script.now + MS)
    with pytest.raises(Overloaded, match="16384 calls"):
        script.write()
    script.advance(2 * MS)
    script.write()


def test_more_bytes_than_the_bound_are_overload_and_a_giant_is_too_long() -> None:
    """A frame that no replica takes would cost the connection and everybody on it."""
    script = Script(A)
    with pytest.raises(CommandTooLong):
        script.write(b"x" * (PAYLOAD_BYTES_MAX + 1))
    for _ in range(32):
        script.write(b"x" * PAYLOAD_BYTES_MAX)
    with pytest.raises(Overloaded, match="bytes of calls"):
        script.write(b"x")


def test_nothing_is_kept_of_calls_that_ended_while_there_was_no_master() -> None:
    """A long outage must not fill the memory.  [SAFETY 28]"""
    script = Script(A)
    for _ in range(20):
        for _ in range(500):
            script.core.call(script.now, 16, b"", script.now + 10 * MS)
        script.advance(20 * MS)
    calls = script.core._calls
    assert len(calls._queue) + len(calls._blocked) + len(calls._deadlines) < 5_000
    assert calls._bytes == 0


def test_a_cancelled_write_leaves_the_session_whole() -> None:
    """Its number counts as resolved: the next command's mark tells the cell to drop it should it still come."""
    script = Script().at_home()
    gone = script.write(b"gone")
    script.core.cancel(script.now, gone)
    script.write(b"next")
    assert [(entry.sequence, entry.acknowledged) for _, _, entry in script.submits()] == [(2, 1), (3, 2)]
    script.answer(A, gone, body=b"late")
    assert gone not in script.outcomes


def test_status_asks_one_replica_once() -> None:
    script = Script().at_home()
    asked = {endpoint: script.core.call(script.now, STATUS, b"", script.now + 1_000 * MS, endpoint) for endpoint in (A, B, C)}
    script.step()
    assert script.dialled == [B, C]
    script.welcome(B, master=A)
    assert [(endpoint, kind) for endpoint, kind, _ in script.take()] == [(A, Frame.STATUS), (B, Frame.STATUS)]
    script.answer(A, asked[A], body=b"{}")
    script.lose(C, "connection refused")
    script.advance(1_100 * MS)
    assert script.outcomes[asked[A]] == b"{}"
    for endpoint, reason in ((B, ""), (C, "connection refused")):
        outcome = script.outcomes[asked[endpoint]]
        assert isinstance(outcome, Unavailable)
        assert reason in str(outcome)


def test_a_broken_refusal_costs_the_connection_only() -> None:
    script = Script().at_home()
    number = script.write()
    script.answer(A, number, Status.INVALID, b"not an error")
    assert script.closed == [A]
    assert number not in script.outcomes


def test_registration_is_tried_again_after_every_refusal() -> None:
    refusals: tuple[tuple[Status, Error | bytes], ...] = (
        (Status.OVERLOADED, FULL),
        (Status.INVALID, InvalidCommand(reason="r")),
        (Status.IN_DOUBT, b""),
        (Status.NOT_MASTER, b""),
    )
    script = Script(A)
    number = script.write()
    script.welcome(A, serving=True)
    for status, body in refusals:
        ((_, request, registration),) = script.submits()
        assert registration.kind == Kind.REGISTER
        script.answer(A, request, status, body)
        script.advance(70 * MS)
        script.pong(A, serving=True)
    script.answer(A, script.submits()[0][1], slot=3)
    script.answer(A, number, body=b"done")
    assert script.outcomes == {number: b"done"}


def test_a_change_of_the_members_that_was_sent_is_unknown_until_it_is_answered() -> None:
    """It goes to one master, once: what is lost on the way there or back may have been chosen, or may yet be.  [SAFETY 18, 20]"""

    def ask(script: Script, within: int = 400 * MS) -> int:
        number = script.core.call(script.now, CHANGE, b"members", script.now + within, A)
        script.step()
        return number

    script = Script().at_home()
    number = ask(script)
    assert len(script.take(Frame.CHANGE)) == 1
    script.lose(A)
    assert isinstance(script.outcomes[number], Unknown), "its connection was lost"
    script = Script().at_home()
    number = ask(script)
    script.advance(500 * MS)
    assert isinstance(script.outcomes[number], Unknown), "nobody answered in time"
    for status in (Status.IN_DOUBT, 200):
        script = Script().at_home()
        number = ask(script)
        script.answer(A, number, status)
        assert isinstance(script.outcomes[number], Unknown), "what came proves nothing"
    script = Script().at_home()
    number = ask(script)
    script.answer(A, number, Status.NOT_MASTER, NotMaster(replica=1))
    assert isinstance(script.outcomes[number], NotMaster), "it was refused, and was nowhere else"
    script = Script(A)
    number = ask(script)
    script.lose(A, "connection refused")
    assert isinstance(script.outcomes[number], Unavailable), "it was never sent"
