"""Who shares its processors with peers lets them finish while clients come in crowds, and at no other time."""

import asyncio
import os
from pathlib import Path
from threading import Event, Thread
from types import SimpleNamespace
from typing import Any

import pytest

from gaios.server import courtesy
from gaios.server.courtesy import CROWD, Courtesy, be_courteous, set_policy, shares_host
from tests.server.shells import make


class Applied:
    """A replica that says how much it applied."""

    def __init__(self) -> None:
        self.log = SimpleNamespace(applied=0, is_behind=False, applier=SimpleNamespace(entries=0))
        self.node = SimpleNamespace(replica=self.log)
        self.settings: Any = None

    def apply(self, slots: int, entries: int) -> None:
        self.log.applied += slots
        self.log.applier.entries += entries


@pytest.fixture
def policies(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Those that were set."""
    found: list[int] = []
    monkeypatch.setattr(courtesy, "set_policy", found.append)
    return found


def test_a_crowd_makes_courteous_and_a_lone_client_does_not(policies: list[int]) -> None:
    replica: Any = Applied()
    watched = Courtesy(replica)
    expected: list[int] = []
    for slots, entries, policy in (
        (600, 600, None),
        (150, 150 * CROWD, os.SCHED_BATCH),
        (150, 160 * CROWD, None),
        (150, 150 * CROWD - 1, os.SCHED_OTHER),
        (1, CROWD, os.SCHED_BATCH),
        (0, 0, os.SCHED_OTHER),
        (0, 0, None),
    ):
        replica.apply(slots, entries)
        watched.look()
        expected += [] if policy is None else [policy]
        assert policies == expected


def test_a_replay_is_no_crowd(policies: list[int]) -> None:
    replica: Any = Applied()
    watched = Courtesy(replica)
    replica.log.is_behind = True
    replica.apply(100, 100 * CROWD)
    watched.look()
    assert not policies


async def test_the_crowd_is_looked_at_again_and_again_only_where_others_gain(
    tmp_path: Path, policies: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(courtesy, "LOOK_S", 0.001)
    replica: Any = Applied()
    replica.settings = make(tmp_path / "alone")[0]
    await be_courteous(replica)  # it returns
    replica.settings = make(tmp_path / "together", 3)[0]
    task = asyncio.ensure_future(be_courteous(replica))
    for slots, entries in ((1, CROWD), (1, 1)):
        before = len(policies)
        replica.apply(slots, entries)
        while len(policies) == before:
            assert not task.done()
            await asyncio.sleep(0.001)
    task.cancel()
    assert policies[:2] == [os.SCHED_BATCH, os.SCHED_OTHER]


def test_a_policy_that_somebody_chose_stays(tmp_path: Path, policies: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getscheduler", lambda _pid: os.SCHED_IDLE)
    replica: Any = Applied()
    replica.settings = make(tmp_path, 3)[0]
    asyncio.run(be_courteous(replica))
    assert not policies


def test_hosts_are_compared_by_address(tmp_path: Path) -> None:
    together, alone = make(tmp_path / "a", 3)[1], make(tmp_path / "b")[0]
    assert shares_host(together)
    assert not shares_host(alone)


def test_a_policy_is_every_threads() -> None:
    ends = Event()
    thread = Thread(target=ends.wait)
    thread.start()
    try:
        set_policy(os.SCHED_BATCH)
        assert {os.sched_getscheduler(pid) for pid in (os.getpid(), thread.native_id or 0)} == {os.SCHED_BATCH}
    finally:
        set_policy(os.SCHED_OTHER)
        ends.set()
        thread.join()
    assert os.sched_getscheduler(0) == os.SCHED_OTHER
