"""Histories known to be good and bad.  [SAFETY 30]"""

from gaios.sim.checkers.durability import acknowledged_in_log, dropped_is_on_disk, states_follow_log

LOG = {(1, 0): b"put a", (2, 0): b"put b", (2, 1): b"put c"}


def test_acknowledged_writes_that_are_everywhere_pass() -> None:
    assert not acknowledged_in_log([(1, 1, 0, b"put a"), (2, 2, 1, b"put c")], {1: LOG, 2: LOG})


def test_an_acknowledged_write_that_one_replica_lost_is_found() -> None:
    found = acknowledged_in_log([(2, 2, 1, b"put c")], {1: LOG, 2: {(1, 0): b"put a"}})
    assert [violation.detail for violation in found] == ["call 2 was acknowledged at slot 2.1; replica 2 has nothing there"]


def test_an_acknowledged_write_that_was_replaced_is_found() -> None:
    assert "another command" in acknowledged_in_log([(1, 1, 0, b"put z")], {1: LOG})[0].detail


def test_states_that_follow_the_log_pass() -> None:
    assert not states_follow_log({b"a": b"1"}, {1: {b"a": b"1"}, 2: {b"a": b"1"}})


def test_a_lost_an_invented_and_a_changed_key_are_found() -> None:
    expected = {b"a": b"1", b"b": b"2"}
    assert len(states_follow_log(expected, {1: {b"a": b"1"}})) == 1
    assert len(states_follow_log(expected, {1: {**expected, b"c": b"3"}})) == 1
    assert len(states_follow_log(expected, {1: {b"a": b"1", b"b": b"3"}})) == 1


def test_what_is_not_in_memory_and_is_on_the_disk_passes() -> None:
    assert not dropped_is_on_disk({1: b"a", 2: b""}, {1: {1: b"a", 2: b""}, 2: {}})


def test_a_dropped_value_that_is_not_on_the_disk_or_another_one_is_found() -> None:
    found = dropped_is_on_disk({1: b"a", 2: b""}, {1: {1: b"b"}, 2: {2: None}})
    assert [violation.detail for violation in found] == [
        "replica 1 dropped slot 1, and its disk has another value of it",
        "replica 2 dropped slot 2, and its disk has nothing of it",
    ]
