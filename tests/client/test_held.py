"""Claims about a held lock that its users in test_locks.py and test_nodes.py do not show."""

import pytest

from gaios.client import held as held_module
from gaios.client.handle import Handle
from gaios.client.held import Held
from gaios.client.lease import Lease, State
from gaios.errors import LockLost
from gaios.lock_api import Opened, Sequencer, Stat, holder_key

END_NS = 10**9


def make(monkeypatch: pytest.MonkeyPatch, now_ns: int = 0, **options: str) -> Held:
    monkeypatch.setattr(held_module, "boottime_ns", lambda: now_ns)
    opened = Opened(5, False, Stat(1, 1, 1, 1, 0, 0, 0, False, False, ("", "", "")))
    handle = Handle(None, Lease(1, 2, b"", 1_000, END_NS, 0), "/locks/job", opened)  # type: ignore[arg-type]
    return Held("/locks/job", Sequencer("/locks/job", False, 0, 7), handle, **options)  # type: ignore[arg-type]


async def test_it_is_lost_once_and_says_the_first_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    held = make(monkeypatch)
    told: list[int] = []
    held.when_lost(lambda: told.append(1))
    held.happened(State.SAFE)
    held.check()
    held.happened(None)
    held.happened(State.EXPIRED)
    assert told == [1]
    assert held.lost.is_set()
    with pytest.raises(LockLost, match=r"0\.7.*deleted"):
        held.check()


async def test_whoever_listens_late_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    held = make(monkeypatch, END_NS)
    held.begins()
    told: list[int] = []
    held.when_lost(lambda: told.append(1))
    assert told == [1]


async def test_one_that_waits_for_the_verdict_is_not_lost_in_jeopardy(monkeypatch: pytest.MonkeyPatch) -> None:
    held = make(monkeypatch, END_NS, on_jeopardy="wait")
    held.happened(State.JEOPARDY)
    assert not held.lost.is_set()
    with pytest.raises(LockLost, match="jeopardy"):
        held.check()
    held.happened(State.EXPIRED)
    assert held.lost.is_set()


def test_its_guard_names_the_holders_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """[SAFETY 23] Which is there while this handle holds the lock, and was created by this grant."""
    test = make(monkeypatch).guard()
    assert (test.key, test.field, test.op, test.to) == (holder_key("/locks/job", 5), "create_revision", "==", 7)
