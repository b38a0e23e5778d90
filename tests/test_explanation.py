"""What `gaios explain` is told, as bytes."""

import pytest

from gaios import lock_api
from gaios.errors import InvalidCommand, ProtocolError
from gaios.explanation import LOST, SESSION_EXPIRED, Charge, Explain, Explanation, Grant, Moment, Reign, SessionFact
from tests.hostile import damaged

AT = Moment(7, 65_537, 1_700_000_000_000)
SESSION = SessionFact(2, "host:1", "me", 1_000, AT, 3, 500, (Charge(AT, 3, 500, 500, 2),), AT, LOST, 1, ("/e",))
GRANT = Grant("/a", 5, False, 2, 4, AT, AT, SESSION_EXPIRED, 0, 900, 1_900)
FULL = Explanation(1, 9, 0, 900, 12, (SESSION,), (GRANT,), (Reign(AT),), True, 1_900, 3)


def test_questions_and_answers_travel() -> None:
    for asked in (Explain(2), Explain(path="/a", revision=5)):
        assert lock_api.decode_question(lock_api.encode(asked)) == asked
    for answer in (FULL, Explanation(0, 0, 0, 0, 1)):
        assert lock_api.decode_answer(lock_api.encode(answer)) == answer


def test_damaged_bytes_are_refused_or_read_as_something_else() -> None:
    """Never an exception of another kind."""
    for data in damaged([lock_api.encode(FULL)], seed=1, inputs=20_000):
        try:
            lock_api.decode_answer(data)
        except ProtocolError:
            continue
    with pytest.raises(InvalidCommand):
        lock_api.decode_question(lock_api.encode(FULL))
