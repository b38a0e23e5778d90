"""Histories known to be good and bad.  [SAFETY 30]"""

import pytest

from gaios import lock_api
from gaios.lock_api import Acquired, Changed, ContentsAndStat, LockCommand, LockQuestion, Notice, Opened
from gaios.sim.checkers.lock_witness import lock_witness, states_follow_model
from gaios.sim.history import DONE, REFUSED, UNKNOWN
from gaios.sim.locks.facts import of_model
from gaios.sim.locks.history import Asked, Hint, Life
from gaios.sim.locks.replay import LockLog

TOKEN = b"t" * 16
GRANT = lock_api.Sequencer("/f", shared=False, generation=0, revision=4)
COMMANDS: list[LockCommand] = [
    lock_api.OpenSession(TOKEN),  # revision 2
    lock_api.Open(2, TOKEN, "/f", lock_api.MAY_CREATE, contents=b"one"),  # 3
    lock_api.Acquire(2, TOKEN, 3),  # 4
    lock_api.SetContents(2, TOKEN, 3, b"two"),  # 5
    lock_api.Release(2, TOKEN, 3),  # 6
    lock_api.Close(2, TOKEN, 3),  # 7
]
"""Each in a slot of its own, from 2; a replica applies slot n first at n * 10 ns."""
FIRST_NS = {slot: slot * 10 for slot in range(2, 10)}
READ = lock_api.GetContentsAndStat(2, TOKEN, 3)


def carried_out() -> LockLog:
    log = LockLog()
    revision = 1
    for number, command in enumerate(COMMANDS, 2):
        revision = log.carry_out((number, 0), (1, 0, number), command, revision)
    return log


LOG = carried_out()


def calls() -> list[Asked]:
    """What is asked one after the other: call n from order 10 n to 10 n + 5, answered when its slot is applied."""
    replies = {place[0]: reply for place, reply in LOG.replies.items() if not isinstance(reply, str)}
    return [
        Asked(
            number, 1, command, number * 10, number * 10 - 5, number * 10 + 5, number * 10, DONE, replies[number], "",
            (1, 0, number), number,
        )
        for number, command in enumerate(COMMANDS, 2)
    ]  # fmt: skip


def question(request: LockQuestion, reply: object, began: int, ended_ns: int, refusal: str = "") -> Asked:
    outcome = REFUSED if refusal else DONE
    return Asked(99, 1, request, began, ended_ns - 5, began + 5, ended_ns, outcome, reply, refusal, slot=3)  # type: ignore[arg-type]


def judged(*asked: Asked, lives: list[Life] | None = None) -> list[str]:
    return [violation.detail for violation in lock_witness(asked, lives or [], LOG, FIRST_NS)]


def contents(revision: int) -> ContentsAndStat:
    version = LOG.at("/f", revision)
    assert version.stat is not None
    return ContentsAndStat(version.contents, version.stat)


def test_what_the_log_explains_passes() -> None:
    first = contents(3)
    assert (first.contents, first.stat.content_generation) == (b"one", 1)
    assert not judged(*calls())
    assert not judged(*calls(), question(READ, contents(4), 41, 45), question(READ, contents(5), 56, 60))


def test_another_reply_than_the_log_gives_is_found() -> None:
    good = calls()
    assert "Acquire was answered" in judged(*good[:2], good[2]._replace(reply=Acquired(None, waits=True)), *good[3:])[0]
    assert "says Changed" in judged(*good[:4], good[4]._replace(reply=Changed(6, done=False)), good[5])[0]
    refused = good[4]._replace(outcome=REFUSED, reply=None, refusal="UnknownHandle")
    assert "was answered UnknownHandle" in judged(*good[:4], refused, good[5])[0]


def test_a_command_that_certainly_did_nothing_and_did_is_found() -> None:
    good = calls()
    refused = good[4]._replace(outcome=REFUSED, reply=None, refusal="Unavailable", slot=0, error="Unavailable")
    assert "was refused (Unavailable), and took effect at slot 6.0" in judged(*good[:4], refused, good[5])[0]


def test_a_command_that_stands_elsewhere_or_is_nobodys_is_found() -> None:
    good = calls()
    assert "it took effect at 6.0" in judged(*good[:4], good[4]._replace(slot=8), good[5])[0]
    assert "slot 6.0 took effect, and is no command that a client stands by" in judged(*good[:4], good[5])[0]


def test_one_of_unknown_outcome_may_stand_there() -> None:
    good = calls()
    assert not judged(*good[:4], good[4]._replace(outcome=UNKNOWN, reply=None, ended=None, slot=0), good[5])


def test_a_command_that_began_after_a_later_one_was_answered_is_found() -> None:
    good = calls()
    late = good[4]._replace(outcome=UNKNOWN, reply=None, ended=None, slot=0, began=76)
    assert "lock call 6 began after lock call 7 was answered" in judged(*good[:4], late, good[5])[0]


@pytest.mark.parametrize(("revision", "began", "ended_ns"), [(3, 56, 60), (5, 41, 45)])
def test_a_read_of_what_is_gone_or_not_yet_there_is_found(revision: int, began: int, ended_ns: int) -> None:
    """Contents were replaced at revision 5, in slot 5, applied at 50 ns; its answer came at order 55."""
    assert "as it was at no moment between" in judged(*calls(), question(READ, contents(revision), began, ended_ns))[0]


def test_who_was_told_of_a_change_reads_it() -> None:
    """Nobody had an answer of it yet."""
    told = Life(2, 1, 1_000, 0, hints=[Hint(51, 52, Notice(3, lock_api.CONTENTS_MODIFIED, "", 5))])
    assert not judged(*calls(), question(READ, contents(4), 53, 54))
    assert judged(*calls(), question(READ, contents(4), 53, 54), lives=[told])


def test_one_read_is_not_older_than_another_that_was_answered_before() -> None:
    new, old = question(READ, contents(5), 50, 51), question(READ, contents(4), 56, 57)
    pending = calls()
    pending[3] = pending[3]._replace(ended=90, ended_ns=90)
    assert not judged(*pending, old._replace(began=50, ended=54))
    assert judged(*pending, new._replace(ended=52), old._replace(began=53))


@pytest.mark.parametrize(
    ("request_", "reply", "refusal", "good_at"),
    [
        (lock_api.GetSequencer(2, TOKEN, 3), Acquired(GRANT), "", (46, 47)),
        (lock_api.GetSequencer(2, TOKEN, 3), Acquired(None), "", (66, 66)),
        (lock_api.GetSequencer(2, TOKEN, 3), None, "UnknownHandle", (76, 76)),
        (lock_api.CheckSequencer(GRANT), lock_api.Checked(True, 4), "", (46, 47)),
        (lock_api.CheckSequencer(GRANT), lock_api.Checked(False, 0), "", (66, 66)),
    ],
)  # fmt: skip
def test_questions_are_answered_as_it_is(request_: LockQuestion, reply: object, refusal: str, good_at: tuple[int, int]) -> None:
    """The lock is held from revision 4 to 6; the handle is closed at 7."""
    assert not judged(*calls(), question(request_, reply, *good_at, refusal=refusal))
    bad = (66, 66) if good_at != (66, 66) else (46, 47)
    assert judged(*calls(), question(request_, reply, *bad, refusal=refusal))


def test_states_that_differ_from_the_models_are_found() -> None:
    facts = of_model(LOG.model)
    assert not states_follow_model({1: facts}, LOG)
    (found,) = states_follow_model({1: facts, 2: facts._replace(holders={("/f", 3): (2, False, 4)})}, LOG)
    assert "replica 2 ends with holders ('/f', 3): (2, False, 4), the log says None" in found.detail
    (found,) = states_follow_model({1: facts._replace(clock_ms=7)}, LOG)
    assert "clock_ms 7, the log says 0" in found.detail


def test_an_opening_tells_its_handle() -> None:
    assert isinstance(LOG.replies[3, 0], Opened)
