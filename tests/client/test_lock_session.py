"""Claims about a session that its locks do not show: see test_locks.py for those that they do."""

import asyncio
from typing import Any

import pytest

import gaios
from gaios.client import Cell, lock_session
from gaios.client.held import Held
from gaios.client.lock_session import LockSession
from gaios.client.locking import Locking
from gaios.client.naming import Naming
from gaios.errors import LockLost, Overloaded, Unavailable
from gaios.lock_api import LockCommand
from tests.client.fake import FakeCell
from tests.servers import until


async def test_tasks_that_begin_together_open_one_session() -> None:
    async with FakeCell(1) as fake, gaios.connect(fake.endpoints) as cell:

        async def hold(number: int) -> None:
            async with cell.lock(f"job-{number}"):
                pass

        await asyncio.gather(*(hold(number) for number in range(20)))
        assert len(await cell.sessions()) == 1


async def test_opening_fails_for_all_who_wait_and_is_tried_again_by_the_next() -> None:
    async with FakeCell(1) as fake, gaios.connect(fake.endpoints, timeout=0.2) as cell:
        fake.master = 0

        async def hold(number: int) -> None:
            async with cell.lock(f"job-{number}"):
                pass

        outcomes = await asyncio.gather(*(hold(number) for number in range(3)), return_exceptions=True)
        assert all(isinstance(outcome, gaios.Error) for outcome in outcomes)
        fake.master = 1
        async with gaios.connect(fake.endpoints) as patient:
            session = patient.session()
            async with session.lock("job"):
                pass


async def test_a_handle_that_cannot_be_closed_is_closed_when_the_cell_answers_again() -> None:
    """Leaving a lock does not wait longer than a call may take; nobody else waits for ever."""
    async with FakeCell(1) as fake, gaios.connect(fake.endpoints) as cell, gaios.connect(fake.endpoints) as other:
        patient = LockSession.of(cell._shell, timeout=60, lease_s=60, grace_s=45, client="")
        locking = Locking(patient, Naming(cell._shell))
        handle, sequencer = await locking.acquire("/locks/job", shared=False, wait_s=None, lock_delay_ms=0)
        assert await other.check(sequencer)
        fake.replicas[0].is_frozen = True
        patient.timeout = 0.2
        await locking.give_back(handle, 0)
        assert fake.machine._index.nodes["/locks/job"].holders
        fake.replicas[0].thaw()
        patient.timeout = 60
        await until(lambda: "/locks/job" not in fake.machine._index.nodes)
        await patient.close()


async def test_an_overloaded_cell_is_asked_again_to_close_a_handle(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is certain that nothing was done, and so it is not done yet: the lock would be held until the session ends."""
    monkeypatch.setattr(lock_session, "AGAIN_S", 0)
    async with FakeCell(1) as fake, gaios.connect(fake.endpoints) as cell:
        session = LockSession.of(cell._shell, timeout=60, lease_s=60, grace_s=45, client="")
        handle, _ = await Locking(session, Naming(cell._shell)).acquire("/locks/job", shared=False, wait_s=None, lock_delay_ms=0)
        ask, refusals = session.ask, [Overloaded(what="a queue", limit=1, unit="entries")]

        async def asked(command: LockCommand, within_s: float | None = None) -> Any:
            if refusals:
                raise refusals.pop()
            return await ask(command, within_s)

        monkeypatch.setattr(session, "ask", asked)
        await session.close_handle(handle)
        assert not refusals
        assert not any(node.holders for node in fake.machine._index.nodes.values())
        await session.close()


async def test_a_closed_session_opens_nothing() -> None:
    async with FakeCell(1) as fake, gaios.connect(fake.endpoints) as cell:
        session = cell.session()
        await session.close()
        await session.close()
        with pytest.raises(Unavailable, match="closed"):
            async with session.lock("job"):
                raise AssertionError
        assert isinstance(cell, Cell)


@pytest.mark.parametrize("end", ["close", "expire"])
async def test_who_was_granted_a_lock_while_its_session_ended_has_lost_it(end: str) -> None:
    """It listens to the handle a moment too late to be told."""
    async with FakeCell(1) as fake, gaios.connect(fake.endpoints) as cell:
        session = cell.session()
        handle, sequencer = await session.locking.acquire("/locks/job", shared=False, wait_s=None, lock_delay_ms=0)
        held = Held("/locks/job", sequencer, handle)
        if end == "close":
            await session.close()
        else:
            session.inner.expire(handle.lease)
        held.begins()
        assert held.lost.is_set()
        with pytest.raises(LockLost, match="its session is over"):
            held.check()
