"""Operations of several keys become what each key saw of them."""

import pytest

from gaios import api
from gaios.sim.checkers.linearizability import Step
from gaios.sim.history import DONE, REFUSED, UNKNOWN, Call
from gaios.sim.project import project

KEYS = [b"a", b"b"]
ENTRY = api.Entry(b"a", b"old", 1, 5, 5)


def call(request: api.MultiOp | api.Range, reply: api.MultiOpResult | api.Page | None, outcome: str = DONE) -> Call:
    return Call(1, 1, request, 3, 3, 4 if outcome == DONE else None, 0, outcome, reply)


def step(kind: str, argument: object, result: object, ended: int | None = 4) -> Step:
    return Step(1, kind, argument, result, 3, ended)


def result(succeeded: bool, *results: api.Result) -> api.MultiOpResult:
    return api.MultiOpResult(succeeded, 9, results)


LOOK = (api.Get(b"a"),)
EXPECTED = (api.Test(b"a", "value", "==", b"old"),)
CASES = {
    "a range reads every key": (
        call(api.Range(b"", b""), api.Page((ENTRY,), False, 9)),
        {b"a": [step("read", None, b"old")], b"b": [step("read", None, None)]},
    ),
    "a put writes": (call(api.MultiOp(then=(api.Put(b"a", b"x"),)), result(True, api.PutResult(9))), {b"a": [step("write", b"x", None)]}),
    "an unknown put may have written": (
        call(api.MultiOp(then=(api.Put(b"a", b"x"),)), None, UNKNOWN),
        {b"a": [step("write", b"x", None, None)]},
    ),
    "a refused put did nothing": (call(api.MultiOp(then=(api.Put(b"a", b"x"),)), None, REFUSED), {}),
    "a delete deletes": (call(api.MultiOp(then=(api.Delete(b"a"),)), result(True, api.DeleteResult(1))), {b"a": [step("delete", None, 1)]}),
    "an increment adds": (
        call(api.MultiOp(then=(api.Increment(b"a", 2),)), result(True, api.IncrementResult(7))),
        {b"a": [step("add", 2, 7)]},
    ),
    "two puts write two keys": (
        call(api.MultiOp(then=(api.Put(b"a", b"x"), api.Put(b"b", b"x"))), result(True, api.PutResult(9), api.PutResult(9))),
        {b"a": [step("write", b"x", None)], b"b": [step("write", b"x", None)]},
    ),
    "a compare-and-set that succeeded swaps": (
        call(api.MultiOp(EXPECTED, (api.Put(b"a", b"x"),), LOOK), result(True, api.PutResult(9))),
        {b"a": [step("swap", (b"old", b"x"), True)]},
    ),
    "one that failed saw what was there": (
        call(api.MultiOp(EXPECTED, (api.Put(b"a", b"x"),), LOOK), result(False, api.GetResult((ENTRY,)))),
        {b"a": [step("read", None, b"old")]},
    ),
    "one of unknown outcome may have swapped": (
        call(api.MultiOp((api.Test(b"a", "absent"),), (api.Put(b"a", b"x"),), LOOK), None, UNKNOWN),
        {b"a": [step("swap", (None, b"x"), None, None)]},
    ),
    "a guard on another key is a read of it": (
        call(api.MultiOp(EXPECTED, (api.Put(b"b", b"x"),), LOOK), result(True, api.PutResult(9))),
        {b"a": [step("read", None, b"old")], b"b": [step("write", b"x", None)]},
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_each_operation_becomes_its_keys_steps(name: str) -> None:
    made, expected = CASES[name]
    assert project([made], KEYS) == {key: expected.get(key, []) for key in KEYS}


def test_a_revision_compared_with_stands_for_the_value_that_was_read_at_it() -> None:
    looked = call(api.Range(b"a"), api.Page((ENTRY,), False, 9))
    compared = call(api.MultiOp((api.Test(b"a", "mod_revision", "==", 5),), (api.Put(b"a", b"x"),), LOOK), result(True, api.PutResult(9)))
    assert project([looked, compared], KEYS)[b"a"][1] == step("swap", (b"old", b"x"), True)
