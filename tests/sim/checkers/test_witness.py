"""Histories known to be good and bad, and bad ones that a search key by key cannot see.  [SAFETY 30]"""

from gaios import api
from gaios.sim.checkers.witness import Chosen, replay, witness
from gaios.sim.history import DONE, REFUSED, UNKNOWN, Call, Violation


def put(*keys: bytes, value: bytes = b"v") -> api.MultiOp:
    return api.MultiOp(then=tuple(api.Put(key, value) for key in keys))


ONE, TWO = put(b"a", value=b"1"), put(b"a", b"b", value=b"2")
LOG = [Chosen(3, 0, (1, 0, 1), ONE), Chosen(3, 1, (1, 1, 1), TWO)]
REPLAYED = replay(LOG)
STATES = REPLAYED.states


def write(number: int, chosen: Chosen, began: int, ended: int | None, outcome: str = DONE) -> Call:
    reply = REPLAYED.replies[chosen.slot, chosen.nth] if outcome == DONE else None
    assert isinstance(chosen.command, api.MultiOp)
    return Call(number, 1, chosen.command, began, began, ended, ended or 0, outcome, reply, chosen.whose, chosen.slot, chosen.nth)


def read(number: int, revision: int, began: int, ended: int, entries: tuple[api.Entry, ...] | None = None) -> Call:
    found = tuple(STATES[revision][key] for key in sorted(STATES[revision])) if entries is None else entries
    page = api.Page(found, more=False, revision=revision)
    return Call(number, 2, api.Range(b"", b""), began, began, ended, ended, DONE, page)


FIRST, SECOND = write(1, LOG[0], 1, 4), write(2, LOG[1], 2, 5)


def judge(*calls: Call, log: list[Chosen] = LOG) -> list[Violation]:
    return witness(calls, log, REPLAYED)


def test_a_history_that_the_log_explains_passes() -> None:
    """A read beside writes may see either revision; answers may come in any order while operations overlap."""
    assert not judge(read(3, 1, 1, 2), FIRST, SECOND, read(4, 2, 3, 4), read(5, 3, 6, 7))


def test_a_read_of_a_state_that_never_was_is_found() -> None:
    """Half of a MultiOp: each key alone is fine, so that only this check can see it."""
    torn = (STATES[3][b"a"],)
    assert "read" in judge(FIRST, SECOND, read(3, 3, 6, 7, torn))[0].detail
    assert "never made" in judge(FIRST, SECOND, read(3, 9, 6, 7, torn))[0].detail


def test_a_stale_read_is_found() -> None:
    found = judge(FIRST, SECOND, read(3, 2, 6, 7))
    assert [violation.detail for violation in found] == ["call 3 began after call 2 was answered, and stands before it in the log"]


def test_a_read_that_goes_back_behind_another_read_is_found() -> None:
    late = write(2, LOG[1], 2, 9)
    assert judge(FIRST, late, read(3, 3, 5, 6), read(4, 2, 7, 8))


def test_a_write_that_stands_before_one_that_was_answered_earlier_is_found() -> None:
    assert judge(write(1, LOG[0], 6, 7), write(2, LOG[1], 1, 2))


def test_an_acknowledged_write_that_stands_elsewhere_or_nowhere_is_found() -> None:
    assert "took effect at 3.0" in judge(FIRST._replace(nth=7), SECOND)[0].detail
    assert "took effect nowhere" in judge(FIRST._replace(whose=(9, 9, 9)), SECOND)[0].detail


def test_a_wrong_reply_is_found() -> None:
    assert "the log at 3.0 says" in judge(FIRST._replace(reply=api.MultiOpResult(True, 7)), SECOND)[0].detail


def test_a_refused_write_that_took_effect_is_found() -> None:
    refused = write(1, LOG[0], 1, 4, REFUSED)
    assert "and took effect at slot 3.0" in judge(refused, SECOND)[0].detail


def test_an_unknown_write_may_have_taken_effect() -> None:
    assert not judge(write(1, LOG[0], 1, None, UNKNOWN), SECOND)


def test_a_command_that_no_client_stands_by_is_found() -> None:
    """A retry under another number acts twice: every answer looks right, and the log holds one command too many."""
    assert "is no operation that a client stands by" in judge(SECOND)[0].detail
