"""Operations are drawn as the mix says, with values of their own, and compare with what was seen."""

from collections import Counter

import pytest

from gaios import api
from gaios.sim.dice import Dice
from gaios.sim.operations import Mix, Operations, Request


def drawn(count: int = 400, *, mix: Mix | None = None, keys: int = 4, value_bytes: int = 0, compacts: float = 0.0) -> list[Request]:
    operations = Operations(Dice(1), mix or Mix(), keys=keys, value_bytes=value_bytes, compacts=compacts)
    return [operations.draw(number) for number in range(count)]


def kind(request: Request) -> str:
    if isinstance(request, api.MultiOp):
        return ("guarded " if request.guard else "") + " ".join(type(operation).__name__ for operation in request.then)
    return type(request).__name__


def test_every_kind_is_drawn_by_its_weight() -> None:
    kinds = Counter(kind(request) for request in drawn())
    assert {"Put", "Range", "Increment", "Delete", "guarded Put", "Put Put"} == kinds.keys()
    assert kinds["Range"] > kinds["Put"] > kinds["Delete"]


def test_what_weighs_nothing_is_not_drawn() -> None:
    only = Mix(put=1, get=0, get_counter=0, range=0, increment=0, delete=0, cas=0, several=0)
    assert {kind(request) for request in drawn(mix=only)} == {"Put"}


@pytest.mark.parametrize("weights", [{"put": -1}, dict.fromkeys(Mix.__struct_fields__, 0)])
def test_a_mix_must_draw_something(weights: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="weights"):
        Mix(**weights)


def test_values_are_unique_and_as_long_as_asked() -> None:
    requests = [request for request in drawn(value_bytes=64) if isinstance(request, api.MultiOp)]
    values = [{operation.value for operation in request.then if isinstance(operation, api.Put)} for request in requests]
    assert all(len(value) == 64 for several in values for value in several)
    assert sum(map(len, values)) == len(set().union(*values)) > 50


def test_a_compare_and_set_compares_with_what_was_seen_last() -> None:
    cas = Mix(put=0, get=0, get_counter=0, range=0, increment=0, delete=0, cas=1, several=0)
    operations = Operations(Dice(2), cas, keys=1)
    operations.learn(api.Page((api.Entry(b"r0", b"seen", 1, 7, 7),), False, 7))
    guards = Counter((test.field, test.to) for number in range(200) for test in operations.draw(number).guard)  # type: ignore[union-attr]
    assert {("value", b"seen"), ("mod_revision", 7)} < guards.keys()
    assert len(guards) == 3, "and sometimes with its absence"


def test_history_is_dropped_up_to_what_was_answered() -> None:
    operations = Operations(Dice(3), Mix(), keys=1, compacts=1.0)
    operations.learn(api.MultiOpResult(True, 40, ()))
    revisions = {request.revision for request in (operations.draw(number) for number in range(100)) if isinstance(request, api.Compact)}
    assert max(revisions) == 40
    assert min(revisions) >= api.FIRST_REVISION
