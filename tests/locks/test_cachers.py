"""Claims about who may keep what, by hand; the rules that rest on it are test_gate.py's."""

import pytest

from gaios import caching
from gaios.lock_api import Notice
from gaios.locks import cachers as room
from gaios.locks.cachers import FAR, MS, Cachers

LEASE_MS = 1_000
LEASE_NS = LEASE_MS * MS


class Bench:
    """Sessions 1 and 2 keep /f, 2 keeps /g too."""

    def __init__(self) -> None:
        self.told: list[tuple[int, str]] = []
        self.cachers = Cachers(self.tell)
        for session, path in ((1, "/f"), (2, "/f"), (2, "/g")):
            assert self.cachers.add(0, session, LEASE_MS, path)

    def tell(self, session: int, notice: Notice) -> int:
        assert notice.what == caching.INVALIDATE
        self.told.append((session, notice.name))
        return len(self.told)


def test_a_node_is_kept_then_waited_for_then_neither() -> None:
    bench = Bench()
    cachers = bench.cachers
    assert not cachers.is_waited_for(0, frozenset(("/f",)))
    cachers.forget(frozenset(("/f", "/h")))
    assert bench.told == [(1, "/f"), (2, "/f")]
    cachers.forget(frozenset(("/f",)))
    assert len(bench.told) == 2, "nobody keeps it any more"
    assert [cachers.is_waited_for(0, frozenset((path,))) for path in ("/f", "/g")] == [True, False]
    assert cachers.is_waited_for(0, None)
    assert not cachers.acknowledged(1, 0)
    assert cachers.acknowledged(1, 1)
    assert not cachers.acknowledged(1, 1)
    assert not cachers.acknowledged(3, 9)
    assert cachers.is_waited_for(0, frozenset(("/f",)))
    assert cachers.acknowledged(2, 2)
    assert not cachers.is_waited_for(0, None)


def test_everything_is_one_notice_and_is_waited_for_with_each_node() -> None:
    bench = Bench()
    cachers = bench.cachers
    cachers.forget(None)
    assert bench.told == [(1, ""), (2, "")]
    assert cachers.is_waited_for(0, frozenset(("/elsewhere",)))
    cachers.forget(None)
    assert len(bench.told) == 2
    cachers.acknowledged(1, 2)
    cachers.acknowledged(2, 2)
    assert not cachers.is_waited_for(0, None)


def test_nobody_is_waited_for_after_its_lease() -> None:
    bench = Bench()
    cachers = bench.cachers
    assert cachers.due_ns() == FAR
    cachers.listed(5, [1, 2, 3])
    cachers.forget(frozenset(("/g",)))
    assert cachers.due_ns() == 5 + LEASE_NS
    cachers.drop_lapsed(4 + LEASE_NS)
    assert cachers.is_waited_for(4 + LEASE_NS, frozenset(("/g",)))
    assert not cachers.is_waited_for(5 + LEASE_NS, frozenset(("/g",)))
    assert not cachers.is_waited_for(5 + LEASE_NS, None)
    cachers.drop_lapsed(5 + LEASE_NS)
    assert cachers.due_ns() == FAR
    cachers.forget(frozenset(("/f",)))
    assert bench.told == [(2, "/g"), (1, "/f")], "it comes back as one that keeps nothing"


def test_who_is_dropped_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """[SAFETY 28] Room that it took is free again, whichever way it went."""
    monkeypatch.setattr(room, "CACHED_TOTAL_MAX", 3)
    bench = Bench()
    cachers = bench.cachers
    assert not cachers.add(0, 3, LEASE_MS, "/h")
    cachers.forget(frozenset(("/g",)))
    assert cachers.add(0, 3, LEASE_MS, "/h")
    assert not cachers.add(0, 3, LEASE_MS, "/i")
    cachers.drop(2)
    cachers.drop(2)
    assert not cachers.is_waited_for(0, None)
    assert cachers.add(0, 3, LEASE_MS, "/i")
    assert not cachers.add(0, 3, LEASE_MS, "/j")
    cachers.forget(None)
    for path in ("/f", "/h", "/i"):
        assert cachers.add(0, 1, LEASE_MS, path)
    assert not cachers.add(0, 1, LEASE_MS, "/j")
    cachers.clear()
    assert cachers.add(0, 1, LEASE_MS, "/j")
    assert cachers.due_ns() == FAR


def test_one_session_keeps_so_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """[SAFETY 28]"""
    monkeypatch.setattr(room, "CACHED_MAX", 2)
    cachers = Bench().cachers
    assert not cachers.add(0, 2, LEASE_MS, "/h")
    assert cachers.add(0, 2, LEASE_MS, "/g")
    assert cachers.add(0, 1, LEASE_MS, "/h")


def test_what_is_kept_again_after_it_was_told_is_waited_for_by_the_later_notice() -> None:
    bench = Bench()
    cachers = bench.cachers
    cachers.forget(frozenset(("/g",)))
    cachers.add(0, 2, LEASE_MS, "/g")
    cachers.forget(frozenset(("/g",)))
    assert bench.told == [(2, "/g"), (2, "/g")]
    assert not cachers.acknowledged(2, 1)
    assert cachers.is_waited_for(0, frozenset(("/g",)))
    assert cachers.acknowledged(2, 2)
    assert not cachers.is_waited_for(0, frozenset(("/g",)))


def test_who_is_listed_but_acknowledges_nothing_is_waited_for_no_longer_than_its_lease() -> None:
    """[SAFETY 24] The lease that it had when it was told: charges after that extend it by an answer, and that tells it."""
    bench = Bench()
    cachers = bench.cachers
    cachers.forget(frozenset(("/f",)))
    cachers.listed(LEASE_NS // 2, [1, 2])
    assert cachers.due_ns() == LEASE_NS
    assert cachers.is_waited_for(LEASE_NS - 1, frozenset(("/f",)))
    assert not cachers.is_waited_for(LEASE_NS, frozenset(("/f",)))
    assert not cachers.is_waited_for(LEASE_NS, None)


def test_what_is_told_later_is_waited_for_as_long_as_the_lease_goes_then() -> None:
    bench = Bench()
    cachers = bench.cachers
    cachers.forget(frozenset(("/f",)))
    cachers.listed(LEASE_NS // 2, [1, 2])
    cachers.forget(frozenset(("/g",)))
    assert cachers.is_waited_for(LEASE_NS, frozenset(("/g",)))
    assert cachers.is_waited_for(LEASE_NS, None)
    cachers.drop_lapsed(LEASE_NS)
    assert cachers.due_ns() == LEASE_NS // 2 + LEASE_NS
    assert not cachers.is_waited_for(LEASE_NS // 2 + LEASE_NS, None)


def test_who_lives_and_does_not_acknowledge_is_told_to_forget_everything_and_keeps_nothing_before_it_does() -> None:
    """[SAFETY 24] Else it would be waited for with each of its nodes, and charges that end one session after the other stay quiet."""
    bench = Bench()
    cachers = bench.cachers
    cachers.forget(frozenset(("/f",)))
    cachers.listed(LEASE_NS // 2, [1, 2])
    assert cachers.acknowledged(1, 1)
    cachers.drop_lapsed(LEASE_NS)
    assert bench.told == [(1, "/f"), (2, "/f"), (2, "")]
    assert [cachers.is_waited_for(LEASE_NS, frozenset((path,))) for path in ("/f", "/g", "/h")] == [False, True, False]
    assert not cachers.add(LEASE_NS, 2, LEASE_MS, "/h")
    assert cachers.add(LEASE_NS, 1, LEASE_MS, "/h")
    cachers.forget(frozenset(("/g",)))
    assert len(bench.told) == 3
    assert not cachers.acknowledged(2, 2)
    assert not cachers.add(LEASE_NS, 2, LEASE_MS, "/h")
    assert cachers.acknowledged(2, 3)
    assert cachers.add(LEASE_NS, 2, LEASE_MS, "/h")
    assert not cachers.is_waited_for(LEASE_NS, None)


def test_who_kept_nothing_else_owes_its_word_too() -> None:
    bench = Bench()
    cachers = bench.cachers
    cachers.forget(frozenset(("/f",)))
    cachers.listed(LEASE_NS // 2, [1, 2])
    cachers.drop_lapsed(LEASE_NS)
    assert bench.told == [(1, "/f"), (2, "/f"), (2, "")]
    assert not cachers.add(LEASE_NS, 1, LEASE_MS, "/f")
    assert not cachers.acknowledged(1, 1), "nobody waits for that any more"
    assert cachers.add(LEASE_NS, 1, LEASE_MS, "/f")
