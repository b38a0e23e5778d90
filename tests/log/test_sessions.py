"""Claims about the exactly-once table.  [SAFETY 19]"""

import pytest

from gaios.entry import Identity
from gaios.errors import Overloaded, ProtocolError
from gaios.log.answers import Answer, Status
from gaios.log.sessions import Bounds, Session, Sessions

ONE, TWO, THREE = Identity(1, 0), Identity(2, 0), Identity(2, 1)


def table(limit: int = 2, answers: int = 4, answer_bytes: int = 10, table_bytes: int = 1_000) -> Sessions:
    return Sessions(Bounds(sessions=limit, answers=answers, answer_bytes=answer_bytes, table_bytes=table_bytes))


def known(sessions: Sessions, identity: Identity) -> Session:
    session = sessions.find(identity)
    assert session is not None
    return session


def test_a_stranger_is_not_known() -> None:
    """An identity that was never registered finds nothing."""
    assert table().find(ONE) is None


def test_an_answer_is_recalled_until_it_is_acknowledged() -> None:
    """A retry gets the same answer; what the client has seen is forgotten."""
    sessions = table()
    sessions.register(ONE)
    session = known(sessions, ONE)
    assert sessions.recall(session, 1, 0) is None
    sessions.remember(session, 1, Answer(Status.DONE, 5, 0, b"x"))
    assert sessions.recall(session, 1, 0) == Answer(Status.DONE, 5, 0, b"x")
    assert sessions.recall(session, 2, 1) is None
    assert sessions.recall(session, 1, 0) == Answer(Status.STALE)
    assert session.answers == {}


def test_acknowledging_far_ahead_costs_no_loop() -> None:
    """A hostile mark of 2**63 is one step, not 2**63."""
    sessions = table()
    sessions.register(ONE)
    session = known(sessions, ONE)
    sessions.remember(session, 3, Answer(Status.DONE))
    session.acknowledge(1 << 63)
    assert session.answers == {}


def test_acknowledgements_never_go_back() -> None:
    """An older retry carries an older mark."""
    session = Session(ONE)
    session.acknowledge(5)
    session.acknowledge(3)
    assert session.acknowledged == 5


def test_the_longest_unused_client_is_evicted() -> None:
    """By use along the log, never by time."""
    sessions = table(limit=2)
    sessions.register(ONE)
    sessions.register(TWO)
    known(sessions, ONE)
    sessions.register(THREE)
    assert sessions.find(TWO) is None
    assert sessions.find(ONE) is not None
    assert len(sessions) == 2


def test_a_large_answer_is_remembered_only_as_given() -> None:
    """The table is bounded in bytes too."""
    sessions = table(answer_bytes=3)
    sessions.register(ONE)
    session = known(sessions, ONE)
    sessions.remember(session, 1, Answer(Status.DONE, 7, 1, b"four"))
    assert sessions.recall(session, 1, 0) == Answer(Status.STALE, 7, 1)


def test_a_client_that_acknowledges_nothing_is_stopped() -> None:
    """At most so many answers are kept for one client."""
    sessions = table(answers=2)
    sessions.register(ONE)
    session = known(sessions, ONE)
    sessions.remember(session, 1, Answer(Status.DONE))
    assert sessions.recall(session, 2, 0) is None
    sessions.remember(session, 2, Answer(Status.DONE))
    assert sessions.recall(session, 2, 0) == Answer(Status.DONE), "a retry is no further answer"
    with pytest.raises(Overloaded, match="unacknowledged answers"):
        sessions.recall(session, 3, 0)
    assert sessions.recall(session, 3, 1) is None


def test_a_snapshot_restores_the_same_table() -> None:
    """Identities, marks, answers and the order of use."""
    sessions = table(limit=3)
    for identity in (ONE, TWO, THREE):
        sessions.register(identity)
    session = known(sessions, ONE)
    session.acknowledge(4)
    sessions.remember(session, 6, Answer(Status.DONE, 9, 0, b"b"))
    sessions.remember(session, 5, Answer(Status.REFUSED, 8, 0, b"a"))
    again = table(limit=3)
    again.restore(sessions.snapshot())
    assert list(again.snapshot()) == list(sessions.snapshot())
    again.register(Identity(9, 9))
    assert again.find(TWO) is None


def test_a_snapshot_is_of_its_call() -> None:
    """[PML §5.5] Sessions are used, registered and forgotten while its chunks are asked for."""
    sessions = table(limit=3)
    for identity in (ONE, TWO, THREE):
        sessions.register(identity)
        sessions.remember(known(sessions, identity), 1, Answer(Status.DONE, 9, 0, b"b"))
    expected = list(sessions.snapshot())
    first, second = sessions.snapshot(), sessions.snapshot()
    found = [next(first)]
    for identity in (ONE, TWO, ONE):
        session = known(sessions, identity)
        sessions.recall(session, 2, 1)
        sessions.remember(session, len(found) + 2, Answer(Status.DONE, 9, 0, b"later"))
    sessions.register(Identity(9, 9))
    assert [*found, *first] == expected == list(second)
    assert list(sessions.snapshot()) != expected
    assert sessions._kept == []
    forgotten = sessions.snapshot()
    del forgotten
    assert sessions._kept == []


def test_no_other_bytes_are_a_table() -> None:
    """And what is refused changes nothing."""
    sessions = table(limit=3)
    sessions.register(ONE)
    for chunks in ([b""], [b"\x01"], [*sessions.snapshot(), b"\x90"]):
        with pytest.raises(ProtocolError):
            sessions.restore(chunks)
    assert ONE in sessions


def test_answers_of_all_clients_together_are_bounded() -> None:
    """The longest unused client makes room; what was acknowledged no longer counts."""
    sessions = table(limit=9, table_bytes=25)
    for identity in (ONE, TWO, THREE):
        sessions.register(identity)
    sessions.remember(known(sessions, ONE), 1, Answer(Status.DONE, body=bytes(10)))
    sessions.remember(known(sessions, TWO), 1, Answer(Status.DONE, body=bytes(10)))
    assert sessions.recall(known(sessions, TWO), 2, 1) is None
    sessions.remember(known(sessions, THREE), 1, Answer(Status.DONE, body=bytes(10)))
    assert len(sessions) == 3
    sessions.remember(known(sessions, THREE), 2, Answer(Status.DONE, body=bytes(10)))
    assert sessions.find(ONE) is None
    assert len(sessions) == 2
    again = table(limit=9, table_bytes=25)
    again.restore(sessions.snapshot())
    again.remember(known(again, THREE), 3, Answer(Status.DONE, body=bytes(10)))
    assert again.find(TWO) is None
