"""Two replicas are compared to the first slot where they part, and to the keys that differ."""

from gaios import api
from gaios.explain.difference import Bracket, Key, Traced, bracket, first_revision, keys, newest
from gaios.log.sums import Sum
from tests.explain.parts import Log


def sums(*states: int, chains: str = "") -> dict[int, Sum]:
    """What slots 1, 2, … came to; chains are all the same unless told otherwise."""
    return {slot: Sum(slot, chains[slot - 1 : slot].encode(), state, 0) for slot, state in enumerate(states, 1)}


def test_what_lies_between_two_compared_slots_is_a_bracket() -> None:
    one, other = sums(1, 2, 3, 4), sums(1, 2, 9, 9)
    assert bracket(one, other) == Bracket(2, 3)
    del other[3]
    assert bracket(one, other) == Bracket(2, 4)
    assert bracket(one, one) == Bracket(4, 0)
    assert bracket(sums(), one) == Bracket(0, 0)


def test_the_first_slot_of_two_logs_is_found_whatever_their_states_are() -> None:
    for differs in range(5):
        other = "x" * differs + "y" * (4 - differs)
        expected = Bracket(differs, differs + 1, logs_differ=True) if differs < 4 else Bracket(4, 0)
        assert bracket(sums(1, 2, 3, 4, chains="xxxx"), sums(1, 2, 3, 4, chains=other)) == expected


def test_a_log_that_is_applied_again_has_a_sum_of_every_slot() -> None:
    log = Log()
    log.do(api.MultiOp(then=(api.Put(b"k", b"v"),)))
    log.do(api.MultiOp(then=(api.Put(b"k", b"w"),)))
    traced = Traced()
    traced.feed(log.records)
    assert sorted(traced.sums) == [1, 2, 3, 4]
    assert traced.sums[4] == log.applier.sum()
    earlier = Traced(through=3)
    earlier.feed(log.records)
    assert earlier.through == 3
    assert newest(earlier.machine.database.records())[b"k"][0] == b"v"
    assert earlier.sums[3] == traced.sums[3]
    log.put(log.command(api.MultiOp(then=(api.Put(b"k", b"x"),))), mark=False)
    log.put(log.command(api.MultiOp(then=(api.Put(b"k", b"y"),))))
    between = Traced(through=5)
    between.feed(log.records)
    assert between.through == 5


def test_keys_that_differ_are_named_with_both_sides() -> None:
    one = {b"a": (b"1", 2), b"b": (b"1", 3), b"c": (b"1", 4)}
    other = {b"a": (b"1", 2), b"b": (b"2", 3), b"d": (b"1", 9)}
    found = keys(one, other)
    assert found == [Key(b"b", (b"1", 3), (b"2", 3)), Key(b"c", (b"1", 4), None), Key(b"d", None, (b"1", 9))]
    assert first_revision(found) == 3
    assert first_revision([]) == 0


def test_a_deleted_key_stands_nowhere() -> None:
    log = Log()
    log.do(api.MultiOp(then=(api.Put(b"k", b"v"),)))
    log.do(api.MultiOp(then=(api.Delete(b"k"),)))
    assert newest(log.machine.database.records()) == {}
