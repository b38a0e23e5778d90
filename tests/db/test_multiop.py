"""A MultiOp is one step: guard, then one list, in order, all or nothing.  [PML §5.6]"""

from typing import Any

import pytest

from gaios import api, errors
from gaios.db import bounds
from gaios.db import multiop as module
from gaios.db.audit import audit
from gaios.db.multiop import carry_out, epoch_record
from gaios.db.store import Store

K = b"key"


def store_with(**entries: bytes) -> Store:
    """A revision an entry, from 2 on."""
    store = Store()
    for key, value in entries.items():
        store.put(key.encode(), value)
    return store


def run(store: Store, *operations: api.Operation, guard: tuple[api.Test, ...] = ()) -> Any:
    return carry_out(store, 65_537, api.MultiOp(guard, operations, (api.Get(b"no"),)))[0]


def holds(store: Store, test: api.Test) -> bool:
    succeeded: bool = carry_out(store, 65_537, api.MultiOp(guard=(test,)))[0].succeeded
    return succeeded


@pytest.mark.parametrize(
    ("test", "expected"),
    [
        (api.Test(b"a", "present"), True),
        (api.Test(b"z", "present"), False),
        (api.Test(b"a", "absent"), False),
        (api.Test(b"z", "absent"), True),
        (api.Test(b"a", "value", "==", b"1"), True),
        (api.Test(b"a", "value", "!=", b"1"), False),
        (api.Test(b"a", "value", "<", b"10"), True),
        (api.Test(b"a", "value", ">", b"0"), True),
        (api.Test(b"a", "version", "==", 1), True),
        (api.Test(b"a", "create_revision", "==", 2), True),
        (api.Test(b"b", "mod_revision", ">", 2), True),
        (api.Test(b"b", "mod_revision", "<", 3), False),
        # An absent key fails a test of its value, whatever the operator, and has 0 in the others.
        (api.Test(b"z", "value", "==", b""), False),
        (api.Test(b"z", "value", "!=", b"1"), False),
        (api.Test(b"z", "version", "==", 0), True),
        (api.Test(b"z", "mod_revision", "<", 1), True),
        (api.Test(b"z", "create_revision", ">", 0), False),
        # A range: every existing key of it; present needs one, absent none.
        (api.Test(b"a", "value", "==", b"1", b"b"), True),
        (api.Test(b"a", "value", "==", b"1", b"c"), False),
        (api.Test(b"a", "version", "==", 1, b""), True),
        (api.Test(b"x", "value", "==", b"1", b""), True),
        (api.Test(b"x", "version", ">", 9, b""), True),
        (api.Test(b"b", "present", end=b""), True),
        (api.Test(b"x", "present", end=b""), False),
        (api.Test(b"x", "absent", end=b""), True),
        (api.Test(b"a", "absent", end=b"b"), False),
        (api.Test(b"c", "absent", end=b"a"), True),
        (api.Test(api.EPOCH_KEY, "value", "==", b"65537"), True),
        (api.Test(api.EPOCH_KEY, "value", "==", b"65538"), False),
        (api.Test(api.EPOCH_KEY, "present"), True),
        (api.Test(api.EPOCH_KEY, "mod_revision", "==", 0), True),
        (api.Test(b"\x00", "present", end=b"\x01"), False),
    ],
)
def test_a_guard_tests_exactly_what_the_noun_says(test: api.Test, expected: bool) -> None:
    """Single key or range, present or absent, each operator, the epoch."""
    assert holds(store_with(a=b"1", b=b"2"), test) is expected


def test_all_tests_must_hold() -> None:
    """An empty guard does; one that fails runs the other list."""
    store = store_with(a=b"1")
    assert run(store, guard=()).succeeded
    result = run(store, api.Put(b"a", b"2"), guard=(api.Test(b"a", "present"), api.Test(b"b", "present")))
    assert result == api.MultiOpResult(False, 2, (api.GetResult(()),))


def test_operations_see_those_before_them() -> None:
    """Puts, deletes and increments of the same MultiOp, single and in ranges."""
    store = store_with(a=b"1", c=b"3")
    result = run(
        store,
        api.Put(b"b", b"2"),
        api.Get(b"a", b"z"),
        api.Delete(b"a"),
        api.Get(b"a"),
        api.Get(b"", b"", 1),
        api.Increment(b"b", 5),
        api.Delete(b"b", b"d"),
        api.Get(b"", b""),
        api.Put(b"c", b"new"),
        api.Get(b"c", b""),
    )
    a, b, c = api.Entry(b"a", b"1", 1, 2, 2), api.Entry(b"b", b"2", 1, 4, 4), api.Entry(b"c", b"3", 1, 3, 3)
    assert result.results == (
        api.PutResult(4),
        api.GetResult((a, b, c)),
        api.DeleteResult(1),
        api.GetResult(()),
        api.GetResult((b,), more=True),
        api.IncrementResult(7),
        api.DeleteResult(2),
        api.GetResult(()),
        api.PutResult(4),
        api.GetResult((api.Entry(b"c", b"new", 1, 4, 4),)),
    )
    audit(store)


def test_a_revision_has_one_event_a_key_ordered_by_key() -> None:
    """The last change stands; its version counts all; what came and went is a delete."""
    store = store_with(a=b"1")
    operations = (api.Put(b"z", b""), api.Put(b"a", b"x"), api.Put(b"a", b"y"), api.Put(b"m", b"1"), api.Delete(b"m"))
    result, events = carry_out(store, 0, api.MultiOp(then=operations))
    assert result.revision == 3
    assert events == [api.Event(b"a", b"y", 3, 2, 3), api.Event(b"m", None, 0, 0, 3), api.Event(b"z", b"", 1, 3, 3)]
    assert store.current(b"m") is None
    audit(store)


def test_a_key_deleted_and_put_again_begins_anew() -> None:
    """Within one MultiOp too."""
    store = store_with(a=b"1")
    run(store, api.Delete(b"a"), api.Put(b"a", b"2"))
    assert store.current(b"a") == api.Event(b"a", b"2", 1, 3, 3)
    audit(store)


def test_a_key_that_was_deleted_before_is_seen_when_it_is_put_again() -> None:
    """In its place in a range, and gone from it when it is deleted again."""
    store = store_with(a=b"1", c=b"3", b=b"2")
    run(store, api.Delete(b"b"))
    put, first, gone, second = run(store, api.Put(b"b", b"new"), api.Get(b"", b""), api.Delete(b"b"), api.Get(b"", b"")).results
    assert put == api.PutResult(6)
    assert [entry.value for entry in first.entries] == [b"1", b"new", b"3"]
    assert gone == api.DeleteResult(1)
    assert [entry.value for entry in second.entries] == [b"1", b"3"]
    audit(store)


@pytest.mark.parametrize("operations", [(), (api.Get(b"a"),), (api.Delete(b"z"), api.Delete(b"x", b""))])
def test_what_changes_nothing_makes_no_revision(operations: tuple[api.Operation, ...]) -> None:
    """Reads, and deletes that find nothing."""
    store = store_with(a=b"1")
    result, events = carry_out(store, 0, api.MultiOp(then=operations))
    assert (result.revision, store.revision, events) == (2, 2, [])


def test_a_put_of_the_same_value_is_a_change() -> None:
    """Who watches learns that it was written."""
    store = store_with(a=b"1")
    assert run(store, api.Put(b"a", b"1")).revision == 3


def test_an_increment_counts_in_decimal_text() -> None:
    """An absent key is 0; zero is a change too."""
    store = store_with(a=b"41", old=b"-007")
    assert run(store, api.Increment(b"a"), api.Increment(b"new", -3), api.Increment(b"old", 0)).results == (
        api.IncrementResult(42),
        api.IncrementResult(-3),
        api.IncrementResult(-7),
    )
    assert [entry.value for entry in run(store, api.Get(b"", b"")).results[0].entries] == [b"42", b"-3", b"-7"]


@pytest.mark.parametrize(
    ("value", "by"),
    [(value, 1) for value in (b"", b"x", b"1.0", b" 1", b"1 ", b"+1", b"1_0", b"--1", b"-", b"0x1", "٣".encode(), b"9" * 21, b"1\n")]
    + [(b"%d" % api.NUMBER_MAX, 1), (b"%d" % api.NUMBER_MIN, -1), (b"%d" % (api.NUMBER_MAX + 1), -5), (b"1", api.NUMBER_MAX)],
)
def test_an_increment_of_anything_else_fails_and_changes_nothing(value: bytes, by: int) -> None:
    """Also what came before it in its MultiOp.  [PML §5.6]"""
    store = store_with(a=value, b=b"1")
    before = (store.total, store.revision, store.parts())
    with pytest.raises(errors.NotANumber):
        run(store, api.Put(b"b", b"2"), api.Delete(b"", b"b"), api.Put(b"a", value), api.Increment(b"a", by))
    assert (store.total, store.revision, store.parts()) == before
    audit(store)


@pytest.mark.parametrize("value", [api.NUMBER_MAX - 1, api.NUMBER_MIN])
def test_an_increment_may_reach_the_last_number(value: int) -> None:
    """Signed 64 bits, both ends included."""
    assert run(store_with(a=b"%d" % value), api.Increment(b"a")).results == (api.IncrementResult(value + 1),)


@pytest.mark.parametrize("limit", [9, 10, 11])
def test_a_limit_cuts_and_says_so(limit: int) -> None:
    """One below, at, and above the number of keys."""
    store = store_with(**{f"k{number}": b"" for number in range(10)})
    got = run(store, api.Get(b"k", b"l", limit)).results[0]
    assert (len(got.entries), got.more) == (min(limit, 10), limit < 10)


@pytest.mark.parametrize("count", [19, 20, 21])
def test_a_multiop_changes_a_bounded_number_of_keys(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A range's delete can reach any number; the events of a revision are one unit of a watch.  [SAFETY 28]"""
    monkeypatch.setattr(module, "CHANGES_MAX", 20)
    store = store_with(**{f"k{number:03}": b"" for number in range(count)})
    before = store.total
    if count <= 20:
        assert run(store, api.Delete(b"", b"")).results == (api.DeleteResult(count),)
    else:
        with pytest.raises(errors.TooMuchWork, match="change more than 20 keys"):
            run(store, api.Delete(b"", b""))
        assert store.total == before


@pytest.mark.parametrize("extra", [0, 1])
def test_a_multiop_changes_a_bounded_number_of_bytes(extra: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted once a key, however often it is put."""
    monkeypatch.setattr(module, "CHANGE_BYTES_MAX", 2 * (1 + 10 + bounds.RECORD_WIRE_BYTES))
    store = Store()
    operations = (api.Put(b"a", b"x" * 10), api.Put(b"a", b"y" * 10), api.Put(b"b", b"z" * (10 + extra)))
    if extra:
        with pytest.raises(errors.TooMuchWork, match="bytes"):
            run(store, *operations)
    else:
        assert run(store, *operations).revision == 2


def test_a_multiop_returns_a_bounded_number_of_bytes() -> None:
    """Two pages of values fit, a third does not; nothing of it happens."""
    store = store_with(a=b"v" * (api.VALUE_BYTES_MAX - 100))
    assert len(run(store, api.Get(b"a"), api.Get(b"a")).results) == 2
    with pytest.raises(errors.TooMuchWork, match="return"):
        run(store, api.Put(b"b", b""), api.Get(b"a"), api.Get(b"a"), api.Get(b"a"))
    assert store.revision == 2


@pytest.mark.parametrize("tests", [2, 3])
def test_a_multiop_looks_at_a_bounded_number_of_keys(tests: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Guards and operations together, however often they look at the same."""
    monkeypatch.setattr(module, "SCAN_KEYS_MAX", 10)
    store = store_with(**{f"k{number}": b"" for number in range(5)})
    command = api.MultiOp(guard=(api.Test(b"", "version", "==", 1, b""),) * tests)
    if tests == 2:
        assert carry_out(store, 0, command)[0].succeeded
    else:
        with pytest.raises(errors.TooMuchWork, match="look at"):
            carry_out(store, 0, command)


def test_before_the_first_epoch_there_is_no_epoch_entry() -> None:
    """Epochs begin above 0."""
    assert epoch_record(0) is None
    assert epoch_record(65_537) == api.Event(api.EPOCH_KEY, b"65537", 1, 0, 0)
