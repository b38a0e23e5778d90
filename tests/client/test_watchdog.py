"""Claims about an event loop that stands still while locks are held; the clock is a test's."""

import asyncio
import warnings
from typing import Any

import pytest

from gaios.client import watchdog
from gaios.client.watchdog import Watchdog

LEASE_MS = 1_000


@pytest.fixture
async def late(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How late every look is, in ns; the looks themselves come at once."""
    by, now = [0], [0]
    loop = asyncio.get_running_loop()

    def call_later(seconds: float, what: Any, *arguments: Any) -> asyncio.Handle:
        now[0] += int(seconds * 1e9) + by[0]
        return loop.call_soon(what, *arguments)

    monkeypatch.setattr(watchdog, "boottime_ns", lambda: now[0])
    monkeypatch.setattr(loop, "call_later", call_later)
    return by


async def turns(count: int = 5) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_a_stall_of_a_third_of_the_lease_is_warned_of_once(late: list[int], recwarn: pytest.WarningsRecorder) -> None:
    """[SAFETY 22] KeepAlives leave from this loop."""
    warnings.simplefilter("always")
    dog = Watchdog(LEASE_MS)
    dog.begin()
    await turns()
    assert not recwarn.list
    late[0] = LEASE_MS * 1_000_000 // 3
    await turns()
    late[0] = 0
    await turns()
    dog.end()
    dog.begin()
    late[0] = LEASE_MS * 1_000_000
    await turns()
    dog.end()
    (warned,) = recwarn.list
    assert warned.category is RuntimeWarning
    assert "stood still" in str(warned.message)


async def test_without_locks_nobody_looks(late: list[int], recwarn: pytest.WarningsRecorder) -> None:
    dog = Watchdog(LEASE_MS)
    dog.begin()
    dog.begin()
    dog.end()
    dog.end()
    late[0] = LEASE_MS * 1_000_000
    await turns()
    assert not recwarn.list
