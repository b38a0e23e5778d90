"""Facts as sentences."""

from typing import Any

import pytest

from gaios import api, lock_api
from gaios import explanation as told
from gaios.entry import Identity
from gaios.explain import words
from gaios.explain.operation import Attempt, Operation, Story
from gaios.explain.replay import Replay
from gaios.explain.words import Told
from gaios.explanation import Explain, Explanation, Grant, Moment
from gaios.log import Bounds, Status
from tests.explain.parts import EPOCH, Log
from tests.locks.parts import TOKEN

AT = Moment(9, EPOCH, 0)


def facts(log: Log, **asked: Any) -> Explanation:
    found = lock_api.decode_answer(log.machine.query(lock_api.encode(Explain(**asked))))
    assert isinstance(found, Explanation)
    return found


def of_session(log: Log, session: int) -> Told:
    return words.of_session(session, facts(log, session=session))


def of_lock(log: Log, path: str) -> Told:
    return words.of_lock(path, facts(log, path=path))


def of_sequencer(log: Log, path: str, revision: int, generation: int = 0) -> Told:
    return words.of_sequencer(path, generation, revision, facts(log, path=path, revision=revision))


def of_operation(log: Log, operation: Operation) -> Told:
    replay = Replay(operation)
    replay.feed(log.records)
    assert replay.story is not None
    return words.of_operation(replay.story)


def said(found: Told) -> list[tuple[int, str]]:
    return [(line.at.slot if line.at is not None else 0, line.text) for line in found.chain]


def test_a_lost_lock_is_told_from_the_last_keepalive_on() -> None:
    """[SAFETY 21, 23] The session, its lease's arithmetic, the fail-over between, the lock-delay, and who had the lock next."""
    log = Log()
    session, _, revision = log.hold("/job", lease_ms=10_000, lock_delay_ms=4_000)
    other, handle, _ = log.hold("/another", lease_ms=60_000)
    waits = log.do(lock_api.Open(other, TOKEN, "/job")).handle
    log.do(lock_api.Acquire(other, TOKEN, waits))
    log.charge(2_500, session, other)
    log.charge(2_500, other)
    log.reign(2 * 65_536 + 3)
    log.charge(0)
    log.charge(7_501, other)
    log.charge(4_000, other)
    expired = [
        (1, "member 1 is master from here on: epoch 1.1"),
        (3, f"session {session} (client of /job) is opened with a lease of 10000 ms"),
        (5, f"session {session} (client of /job) gets the lock /ls/local/job, with sequencer revision {revision}"),
        (11, f"charge 1 lists session {session}: its lease counts from 2500 ms of the sessions' clock, through 12500 ms"),
        (12, f"charge 2 lists 1 other session and not {session}, and adds 2500 ms: 2500 ms of 10000 ms"),
        (13, "member 3 is master from here on: epoch 2.3"),
        (14, "charge 3, the first of its reign, charges 0 ms: the clock stood while there was no master"),
        (15, f"charge 4 lists 1 other session and not {session}, and adds 7501 ms: 10001 ms, more than 10000 ms"),
        (15, f"session {session} is over; it had 1 handle"),
        (15, f"the lock /ls/local/job, sequencer revision {revision}, is lost: session {session} has expired; for 4000 ms more nobody gets it: a lock-delay"),  # noqa: E501
    ]  # fmt: skip
    found = of_session(log, session)
    assert found.known
    assert found.verdict == (
        f"session {session} expired in slot 15: more than its lease of 10000 ms, 10001 ms, was charged since it was heard from"
    )
    assert said(found) == expired
    found = of_sequencer(log, "/job", revision)
    assert found.verdict == f"the grant 0.{revision} of the lock /ls/local/job ended in slot 15: session {session} expired"
    assert said(found)[: len(expired)] == expired
    ((slot, text),) = said(found)[len(expired) :]
    assert slot == 16
    assert text.startswith(f"session {other} gets the lock /ls/local/job")
    found = of_lock(log, "/job")
    assert found.verdict.startswith(f"the lock /ls/local/job is held by session {other} since slot 16, sequencer 0.")
    assert len(found.chain) == 3
    del handle


@pytest.mark.parametrize(
    ("command", "verdict"),
    [
        (lock_api.Release, "its holder released it"),
        (lock_api.Close, "its holder closed the handle"),
        (lock_api.CloseSession, "its holder's client closed session 2"),
        (lock_api.DeleteNode, "session 2 deleted the node"),
    ],
)
def test_whatever_ended_a_grant_is_named(command: Any, verdict: str) -> None:
    log = Log()
    session, handle, revision = log.hold("/job")
    assert of_sequencer(log, "/job", revision).verdict.endswith(f"is in force: session {session} holds it")
    log.do(command(session, TOKEN, *(() if command is lock_api.CloseSession else (handle,))))
    found = of_sequencer(log, "/job", revision)
    assert found.verdict.endswith(f"ended in slot {log.slot}: {verdict}")
    assert [slot for slot, _ in said(found)] == [5, log.slot]


def test_a_session_that_lives_or_was_closed() -> None:
    log = Log()
    session, _, _ = log.hold("/job", lease_ms=5_000)
    assert of_session(log, session).verdict.endswith("lives: no charge was logged since it was opened")
    log.charge(1_000, session)
    log.charge(1_500)
    assert of_session(log, session).verdict.endswith("lives: 1500 ms of its lease of 5000 ms are charged, 3500 ms are left")
    log.do(lock_api.CloseSession(session, TOKEN))
    assert of_session(log, session).verdict == f"session {session} was closed by its client, in slot {log.slot}"


def test_a_lock_that_is_free_says_for_whom() -> None:
    log = Log()
    assert not of_lock(log, "/job").known
    assert "was never held" in of_lock(log, "/job").verdict
    first, handle, _ = log.hold("/job", lock_delay_ms=4_000)
    log.do(lock_api.Release(first, TOKEN, handle))
    assert of_lock(log, "/job").verdict == "the lock /ls/local/job is free"
    log.do(lock_api.Acquire(first, TOKEN, handle, shared=True))
    other, wants, _ = log.hold("/other", lease_ms=60_000)
    mine = log.do(lock_api.Open(other, TOKEN, "/job")).handle
    log.do(lock_api.Acquire(other, TOKEN, mine))
    assert "is shared by sessions" in of_lock(log, "/job").verdict
    assert of_lock(log, "/job").verdict.endswith("; 1 wait for it")
    log.charge(0)
    log.charge(1_001, other)
    assert of_lock(log, "/job").verdict == (
        "the lock /ls/local/job is free, and nobody gets it for 4000 ms more: a lock-delay; 1 wait for it"
    )  # fmt: skip
    del wants


def test_what_is_not_known_is_said_to_be_unknown() -> None:
    log = Log()
    assert of_session(log, 99) == Told(False, "session 99 does not exist yet: the newest revision is 1", [])
    log.hold("/job")
    begins = "nothing is kept of session 3: what is kept begins with slot 3, and the oldest is forgotten first"
    assert of_session(log, 3) == Told(False, f"{begins}; a replica's log may tell more: gaios explain --dir DIR", [])
    known = facts(log, session=3)
    assert words.of_session(3, known, words.Read(0)) == Told(False, begins, [])
    assert words.of_session(3, known, words.Read(7)).verdict.endswith(
        "this log is read from slot 8 on, and what came before is not there any more"
    )
    assert "another generation's: this cell was restored 0 times" in of_sequencer(log, "/job", 5, generation=1).verdict
    assert not of_sequencer(log, "/job", 3).known
    empty = Explanation(0, 0, 0, 0, 50)
    assert words.of_session(7, empty, words.Read(0)).verdict == "nothing is kept of session 7: nothing of the lock service is in this log"
    asked = words.of_session(7, empty).verdict
    assert "has applied nothing of the lock service since it started" in asked
    assert asked.endswith("gaios explain --dir DIR")


def test_what_is_left_out_is_named() -> None:
    grant = Grant("/job", 7, False, 3, 4, None, AT, told.SESSION_EXPIRED, 0, 100, 0)
    life = told.SessionFact(3, "", "", 1_000, None, 5, 900, (told.Charge(AT, 9, 10, 1_950, 0),), AT, told.LOST, 2, ("/e",))
    found = words.of_session(3, Explanation(1, 9, 0, 2_000, 50, (life,), (grant,), more=True))
    texts = [text for _, text in said(found)]
    assert "charge 5, which listed session 3 last, is not kept; the sessions' clock showed 900 ms" in texts
    assert "3 charges before the next one are left out" in texts
    assert "older grants than these 1 are left out" in texts
    assert "ephemeral node /ls/local/e goes with it" in texts
    assert "session 3 gets the lock /ls/local/job, with sequencer revision 7" in texts
    assert [line.at for line in found.chain[:4]] == [None] * 4
    bare = words.of_session(3, Explanation(1, 9, 0, 2_000, 50, (told.SessionFact(3, "", "", 1_000, None, 5, 900, (), AT, told.LOST),)))
    assert bare.verdict == "session 3 expired in slot 9: more than its lease of 1000 ms was charged since it was heard from"


def put(key: bytes, value: bytes, *guard: api.Test) -> api.MultiOp:
    return api.MultiOp(guard=guard, then=(api.Put(key, value),))


CHANGED = "slot 4 changed it last, at revision 3"


@pytest.mark.parametrize(
    ("test", "why"),
    [
        (api.Test(b"k", "mod_revision", "==", 7), f"it wants mod_revision == 7 of 'k', which is 3; {CHANGED}"),
        (api.Test(b"k", "create_revision", ">", 2), f"it wants create_revision > 2 of 'k', which is 2; {CHANGED}"),
        (api.Test(b"k", "absent"), f"it wants absent of 'k', which is there since revision 2; {CHANGED}"),
        (api.Test(b"k", "value", "==", b"w"), f"it wants value == 'w' of 'k', which is 'v'; {CHANGED}"),
        (api.Test(b"k", "version", ">", 2), f"it wants version > 2 of 'k', which is 2; {CHANGED}"),
        (api.Test(b"none", "present"), "it wants present of 'none', which is not there"),
        (api.Test(b"a", "absent", end=b"z"), "a test of absent over the keys from 'a' to 'z' does not hold"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_guard_that_failed_says_what_it_met(test: api.Test, why: str) -> None:
    log = Log()
    log.do(put(b"k", b"u"))
    log.do(put(b"k", b"v"))
    log.do(put(b"k", b"w", test))
    found = of_operation(log, Operation(log.me, log.sequence))
    assert found.verdict == f"operation {log.me.slot}.0:3 was carried out in slot 5, and the answer was no"
    assert said(found)[-1] == (5, f"MultiOp, entry 0 of the slot, fails its guard: {why}")


def test_an_operation_that_was_carried_out_and_sent_again() -> None:
    log = Log()
    log.do(put(b"k", b"v"))
    log.put(log.command(put(b"k", b"v"), sequence=1))
    found = of_operation(log, Operation(log.me, 1))
    assert found.verdict == "operation 2.0:1 was carried out in slot 3"
    assert said(found) == [
        (2, "client 2.0 is registered"),
        (3, "MultiOp, entry 0 of the slot, is carried out at revision 2"),
        (4, "MultiOp, entry 0 of the slot, stands here once more: it gets the first one's answer, and changes nothing"),
    ]


def test_an_operation_that_was_refused() -> None:
    log = Log()
    session, handle, _ = log.hold("/job")
    log.do(lock_api.CloseSession(session, TOKEN))
    log.put(log.command(lock_api.Acquire(session, TOKEN, handle)))
    found = of_operation(log, Operation(log.me, log.sequence))
    assert found.verdict.startswith(f"operation 2.0:5 was refused in slot {log.slot}, and changed nothing: session {session} is over")
    assert said(found)[-1][1].startswith(f"Acquire of session {session}, entry 0 of the slot, is refused: session {session} is over")


def test_an_operation_of_a_client_that_was_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gaios.explain.replay.Bounds", lambda: Bounds(sessions=1))
    log = Log(Bounds(sessions=1))
    old = log.me
    log.register()
    log.put(log.command(put(b"k", b"v"), sequence=1, identity=old))
    found = of_operation(log, Operation(old, 1))
    assert found.verdict == "operation 2.0:1 changed nothing: the cell does not know client 2.0; register again"
    assert said(found)[1] == (3, "client 2.0 is forgotten by the exactly-once table: others were used since, and it is full")


def test_an_operation_that_is_not_there() -> None:
    log = Log()
    found = of_operation(log, Operation(log.me, 8))
    assert not found.known
    assert found.verdict.startswith("operation 2.0:8 is not in this log through slot 2: it was not carried out by then")
    found = of_operation(log, Operation(log.me._replace(index=3), 8))
    assert found.verdict == "there is no client 2.3 in this log through slot 2"


def test_an_attempt_that_a_deposed_master_left_behind_is_told_to_do_nothing() -> None:
    """[PML §5.3] It is no repetition of one that was carried out."""
    left = Attempt(AT, 0, 0, Status.NOT_MASTER, False, "Close", session=7)
    story = Story(Operation(Identity(1, 0), 1), registered=AT, attempts=[left])
    assert "bound to an earlier reign" in words.of_operation(story).chain[-1].text
