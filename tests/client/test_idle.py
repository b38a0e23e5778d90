"""Claims about handles of locks that are kept open between uses."""

import pytest

from gaios.client import idle
from gaios.client.idle import IdleHandles, Key
from tests.client.test_handle import Owner, make

A: Key = ("/locks/a", 0)


def test_a_name_that_is_used_once_keeps_nothing_open() -> None:
    """It would cost one command more than to close it."""
    kept = IdleHandles()
    assert not kept.wants(A)
    assert kept.wants(A)
    assert not kept.wants(("/locks/a", 5)), "another lock-delay is another handle"


def test_what_is_kept_is_given_out_once() -> None:
    kept, handle = IdleHandles(), make(Owner())
    assert kept.keep(A, handle) is None
    assert kept.take(A) is handle
    assert kept.take(A) is None


def test_two_of_one_lock_are_one_too_many() -> None:
    kept, first, second = IdleHandles(), make(Owner()), make(Owner())
    kept.wants(A)
    assert kept.keep(A, first) is None
    assert not kept.wants(A)
    assert kept.keep(A, second) is second


def test_the_least_lately_used_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """[SAFETY 28]"""
    monkeypatch.setattr(idle, "KEPT_MAX", 2)
    kept, handles = IdleHandles(), [make(Owner()) for _ in range(3)]
    assert kept.keep(A, handles[0]) is None
    assert kept.keep(("/locks/b", 0), handles[1]) is None
    assert kept.take(A) is handles[0]
    assert kept.keep(A, handles[0]) is None
    assert kept.keep(("/locks/c", 0), handles[2]) is handles[1]
    assert len(kept) == 2


def test_names_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """[SAFETY 28]"""
    monkeypatch.setattr(idle, "RECENT_MAX", 2)
    kept = IdleHandles()
    kept.wants(A)
    kept.wants(("/locks/b", 0))
    assert kept.wants(A)
    kept.wants(("/locks/c", 0))
    assert not kept.wants(("/locks/b", 0))


def test_one_that_is_good_for_nothing_is_dropped() -> None:
    kept, handle = IdleHandles(), make(Owner())
    kept.keep(A, handle)
    kept.drop(handle)
    kept.drop(handle)
    assert kept.take(A) is None
