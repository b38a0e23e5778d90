"""Calls of several keys become the steps of each key, without a word too many or too few."""

from gaios import api
from gaios.sim.checkers.linearizability import Step
from gaios.sim.history import DONE, REFUSED, UNKNOWN, Call
from gaios.sim.project import project

KEYS = [b"a", b"b"]
LOOK = (api.Get(b"a"),)


def entry(key: bytes, value: bytes, revision: int = 5) -> api.Entry:
    return api.Entry(key, value, 1, revision, revision)


def call(request: api.MultiOp | api.Range, reply: api.MultiOpResult | api.Page | None = None, outcome: str = "", number: int = 1) -> Call:
    """One from 10 to 20, or one whose outcome nobody knows."""
    outcome = outcome or (UNKNOWN if reply is None else DONE)
    return Call(number, 1, request, 10, 0, None if outcome == UNKNOWN else 20, 0, outcome, reply)


def steps(*calls: Call) -> dict[bytes, list[tuple[object, ...]]]:
    """Kind, argument and result of each step, and its end when there is none."""
    return {
        key: [(step.kind, step.argument, step.result, *(() if step.ended else (None,))) for step in found]
        for key, found in project(calls, KEYS).items()
        if found
    }


def put(key: bytes, value: bytes) -> api.MultiOp:
    return api.MultiOp(then=(api.Put(key, value),))


def test_a_step_stands_where_its_call_stood() -> None:
    assert project([call(put(b"a", b"1"), api.MultiOpResult(True, 5, (api.PutResult(5),)), number=7)], KEYS) == {
        b"a": [Step(7, "write", b"1", None, 10, 20)],
        b"b": [],
    }


def test_a_refused_call_is_no_step() -> None:
    """It is known to have had no effect: as a step it could explain a value that it never wrote."""
    assert not steps(call(put(b"a", b"1"), outcome=REFUSED))


def test_a_write_of_unknown_outcome_stays_open() -> None:
    assert steps(call(put(b"a", b"1"))) == {b"a": [("write", b"1", None, None)]}


def test_a_read_of_a_range_is_a_read_of_every_key_absent_ones_included() -> None:
    """That a key was missing is something that a client saw."""
    page = api.Page((entry(b"b", b"2"),), False, 5)
    assert steps(call(api.Range(b"", b""), page)) == {b"a": [("read", None, None)], b"b": [("read", None, b"2")]}
    assert steps(call(api.Range(b"b"), page)) == {b"b": [("read", None, b"2")]}


def test_a_read_without_an_answer_says_nothing() -> None:
    assert not steps(call(api.Range(b"a")))


def test_each_operation_of_several_is_a_step_of_its_key() -> None:
    request = api.MultiOp(then=(api.Put(b"a", b"1"), api.Increment(b"b", 2)))
    reply = api.MultiOpResult(True, 5, (api.PutResult(5), api.IncrementResult(9)))
    assert steps(call(request, reply)) == {b"a": [("write", b"1", None)], b"b": [("add", 2, 9)]}
    assert steps(call(request)) == {b"a": [("write", b"1", None, None)], b"b": [("add", 2, None, None)]}


def test_a_deletion_says_whether_there_was_a_key() -> None:
    request = api.MultiOp(then=(api.Delete(b"a"),))
    assert steps(call(request, api.MultiOpResult(True, 5, (api.DeleteResult(0),)))) == {b"a": [("delete", None, 0)]}
    assert steps(call(request)) == {b"a": [("delete", None, None, None)]}


def test_a_compare_and_set_that_succeeded_or_may_have_is_a_swap() -> None:
    swap = api.MultiOp((api.Test(b"a", "value", "==", b"1"),), (api.Put(b"a", b"2"),), LOOK)
    assert steps(call(swap, api.MultiOpResult(True, 5, (api.PutResult(5),)))) == {b"a": [("swap", (b"1", b"2"), True)]}
    assert steps(call(swap)) == {b"a": [("swap", (b"1", b"2"), None, None)]}
    fresh = api.MultiOp((api.Test(b"a", "absent"),), (api.Put(b"a", b"2"),), LOOK)
    assert steps(call(fresh)) == {b"a": [("swap", (None, b"2"), None, None)]}


def test_one_that_failed_is_a_read_of_what_it_found() -> None:
    """Its answer shows the value; that is more than "another than expected"."""
    swap = api.MultiOp((api.Test(b"a", "value", "==", b"1"),), (api.Put(b"a", b"2"),), LOOK)
    assert steps(call(swap, api.MultiOpResult(False, 5, (api.GetResult((entry(b"a", b"9"),)),)))) == {b"a": [("read", None, b"9")]}
    assert steps(call(swap, api.MultiOpResult(False, 5, (api.GetResult(()),)))) == {b"a": [("read", None, None)]}


def test_a_comparison_with_a_revision_is_one_with_the_value_that_was_read_there() -> None:
    """The search knows values only; the revision was learned from some read of the same history."""
    seen = call(api.Range(b"a"), api.Page((entry(b"a", b"old", 3),), False, 8), number=1)
    swap = api.MultiOp((api.Test(b"a", "mod_revision", "==", 3),), (api.Put(b"a", b"2"),), LOOK)
    assert steps(seen, call(swap, number=2))[b"a"][1] == ("swap", (b"old", b"2"), None, None)


def test_a_guard_of_one_key_and_a_put_of_another_is_a_read_and_a_write() -> None:
    """And only a write where nobody knows whether it happened: the read was told to nobody."""
    request = api.MultiOp((api.Test(b"a", "value", "==", b"1"),), (api.Put(b"b", b"2"),), LOOK)
    done = api.MultiOpResult(True, 5, (api.PutResult(5),))
    assert steps(call(request, done)) == {b"a": [("read", None, b"1")], b"b": [("write", b"2", None)]}
    assert steps(call(request)) == {b"b": [("write", b"2", None, None)]}
    found = api.MultiOpResult(False, 5, (api.GetResult((entry(b"a", b"9"),)),))
    assert steps(call(request, found)) == {b"a": [("read", None, b"9")]}


def test_an_answer_that_does_not_fit_its_request_says_nothing() -> None:
    """A machine that answers nonsense must be named by the witness, not hidden by a judge that fell over it."""
    nothing = api.MultiOpResult(True, 5, ())
    request = api.MultiOp(then=(api.Put(b"a", b"1"), api.Increment(b"b", 2)))
    expected = {b"a": [("write", b"1", None)], b"b": [("add", 2, None)]}
    assert steps(call(request, nothing)) == expected
    assert steps(call(request, api.MultiOpResult(True, 5, (api.DeleteResult(1),) * 3))) == expected
    swap = api.MultiOp((api.Test(b"a", "value", "==", b"1"),), (api.Put(b"a", b"2"),), LOOK)
    assert not steps(call(swap, api.MultiOpResult(False, 5, ())))
    assert not steps(call(swap, api.MultiOpResult(False, 5, (api.PutResult(5),))))
