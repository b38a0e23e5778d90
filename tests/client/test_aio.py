"""The asyncio client against a real socket: its methods, its limits, and what it does when replicas die, freeze and change."""

import asyncio
import gc

import pytest

import gaios
from gaios.client import calling
from gaios.client.aio import Cell, connect
from gaios.errors import (
    ConfigurationError,
    NotANumber,
    Unavailable,
    Unknown,
)
from tests.client.fake import FakeCell, told
from tests.servers import PATIENCE_S, until


async def test_a_first_program_works(fake: FakeCell) -> None:
    """What the README shows."""
    async with gaios.connect(fake.endpoints, timeout=PATIENCE_S) as cell:
        done = await cell.put("greeting", "hello")
        entry = await cell.get("greeting")
        assert entry is not None
        assert (entry.key, entry.value, entry.version, entry.mod_revision) == (b"greeting", b"hello", 1, done.revision)
        assert await cell.get(b"absent") is None


async def test_one_turns_calls_leave_in_one_piece(fake: FakeCell, cell: Cell) -> None:
    """64 tasks cost the kernel one write, not 64."""
    await cell.put("k", "v")
    before = fake.loads
    await asyncio.gather(*(cell.put(f"k{number}", "v") for number in range(64)))
    assert fake.loads - before <= 3
    assert len(await cell.range()) == 65


async def test_one_endpoint_is_enough(fake: FakeCell) -> None:
    """Any replica names the master."""
    fake.master = 3
    async with connect([fake.replicas[0].address], timeout=PATIENCE_S) as cell:
        await cell.put("k", "v")


async def test_a_write_survives_its_masters_death_and_is_carried_out_once(fake: FakeCell, cell: Cell) -> None:
    """The answer was lost with the connection: the retry has the same identity, and gets the same answer.  [SAFETY 19]"""
    await cell.put("k", "v")
    fake.lose_answers = 1
    attempt = asyncio.ensure_future(cell.increment("n"))
    await until(lambda: not fake.lose_answers)
    await fake.replicas[0].stop()
    fake.master = 2
    number = await attempt
    assert number.value == 1
    assert (await cell.increment("n")).value == 2


async def test_a_frozen_master_is_left(fake: FakeCell, cell: Cell) -> None:
    """SIGSTOP breaks no connection. How soon: test_search.py, test_tuning.py."""
    await cell.put("k", "v")
    fake.replicas[0].is_frozen = True
    fake.master = 2
    await cell.put("k", "w")
    fake.replicas[0].thaw()
    assert (await cell.increment("n")).value == 1


async def test_a_change_of_master_is_followed_without_an_error(fake: FakeCell, cell: Cell) -> None:
    for number in range(30):
        fake.master = number % 3 + 1
        assert (await cell.increment("n")).value == number + 1


async def test_a_whole_cell_may_be_away_for_a_while(fake: FakeCell, cell: Cell) -> None:
    await cell.put("k", "v")
    for replica in fake.replicas:
        await replica.stop()
    attempt = asyncio.ensure_future(cell.put("k", "w"))
    await asyncio.sleep(0.3)
    for replica in fake.replicas:
        await replica.start()
    await attempt


async def test_nobody_there_is_certainly_not_done_and_says_why(fake: FakeCell) -> None:
    for replica in fake.replicas:
        await replica.stop()
    async with connect(fake.endpoints) as cell:
        assert "connection refused" in str(await told(lambda timeout: cell.put("k", "v", timeout=timeout), "connection refused"))
        with pytest.raises(Unavailable):
            await cell.status()


async def test_a_cancelled_call_harms_no_other(fake: FakeCell, cell: Cell) -> None:
    await cell.put("k", "v")
    fake.lose_answers = 20
    doomed = [asyncio.ensure_future(cell.increment("n")) for _ in range(20)]
    await until(lambda: not fake.lose_answers)
    for task in doomed:
        task.cancel()
    assert all(isinstance(result, asyncio.CancelledError) for result in await asyncio.gather(*doomed, return_exceptions=True))
    assert (await cell.increment("n")).value == 21
    (session,) = fake.applier.sessions._known.values()
    assert session.acknowledged == 21, "the cell need not keep their answers"


async def test_a_call_cancelled_in_the_turn_of_its_failure_is_silent(cell: Cell, fake: FakeCell, caplog: pytest.LogCaptureFixture) -> None:
    """An error that nobody can catch any more must not be logged as forgotten."""
    await cell.put("n", "text")
    tasks = [asyncio.ensure_future(cell.increment("n"))]
    await asyncio.sleep(0)
    (future,) = cell._shell._calls.values()
    future.add_done_callback(lambda _: tasks[0].cancel())
    with pytest.raises((asyncio.CancelledError, NotANumber)):
        await tasks[0]
    del future
    tasks.clear()
    gc.collect()
    await asyncio.sleep(0)
    assert not caplog.records


async def test_closing_ends_open_calls_at_once(fake: FakeCell) -> None:
    async with connect(fake.endpoints, timeout=PATIENCE_S) as cell:
        await cell.put("k", "v")
        fake.lose_answers = 10
        sent = asyncio.ensure_future(cell.put("k", "w"))
        await until(lambda: fake.lose_answers == 9)
        fake.master = 0
    with pytest.raises(Unknown):
        await sent
    with pytest.raises(Unavailable, match="this client was closed"):
        await cell.put("k", "x")
    with pytest.raises(Unavailable, match="this client was closed"):
        await cell.__aenter__()
    await cell.close()
    await until(lambda: not fake.connections())


async def test_a_client_that_is_not_open_says_how_to_open_it() -> None:
    with pytest.raises(ConfigurationError) as caught:
        await connect("127.0.0.1:1").put("k", "v")
    assert "async with" in caught.value.hint
    assert "gaios.sync.connect" in caught.value.hint


async def test_a_call_on_another_loop_is_refused_before_it_is_sent(cell: Cell) -> None:
    """It was sent, and failed with asyncio's own error: nobody could know what became of it.  [SAFETY 20]"""
    with pytest.raises(ConfigurationError, match="another event loop") as refused:
        await asyncio.to_thread(asyncio.run, cell.put("k", "v"))
    assert "gaios.sync.connect" in refused.value.hint
    assert await cell.get("k") is None


@pytest.mark.parametrize("timeout", [0, 0.0, -1, float("nan"), float("inf"), "5"])
def test_a_senseless_time_out_is_a_configuration_error(timeout: float) -> None:
    with pytest.raises(ConfigurationError, match="number of seconds"):
        connect("127.0.0.1:1", timeout=timeout)


async def test_status_puts_together_what_every_replica_says(fake: FakeCell, cell: Cell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calling, "STATUS_S", PATIENCE_S)
    fake.master = 2
    await fake.replicas[2].stop()
    status = await cell.status()
    assert (status.master, status.tolerates, status.ballot) == (2, 0, 65_537)
    assert [(replica.id, replica.role) for replica in status.replicas] == [(1, "replica"), (2, "master"), (3, "unreachable")]
    assert status.replicas[2].client == fake.replicas[2].address


async def test_status_finds_the_others_through_one(fake: FakeCell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calling, "STATUS_S", PATIENCE_S)
    async with connect(fake.replicas[1].address) as cell:
        assert [replica.role for replica in (await cell.status()).replicas] == ["master", "replica", "replica"]


async def test_a_frozen_replica_costs_status_one_second(fake: FakeCell, cell: Cell, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is waited for so long, and not for the client's own time-out."""
    waits: list[float] = []
    call = cell._shell.call

    async def noted(kind: int, payload: bytes, timeout: float, endpoint: str = "") -> bytes:  # noqa: ASYNC109 (as what it stands for)
        waits.append(timeout)
        return await call(kind, payload, timeout, endpoint)

    monkeypatch.setattr(cell._shell, "call", noted)
    fake.replicas[2].is_frozen = True
    began = asyncio.get_running_loop().time()
    status = await cell.status()
    assert asyncio.get_running_loop().time() - began >= 0.9
    assert set(waits) == {1.0}
    assert status.replicas[2].role == "unreachable"


async def test_where_nobody_answers_it_is_said_where_that_was(fake: FakeCell, cell: Cell) -> None:
    """`connection refused` alone names nobody."""
    for replica in fake.replicas:
        await replica.stop()
    asked = ", ".join(replica.address for replica in fake.replicas)
    for call in (cell.status, cell.members):
        with pytest.raises(Unavailable, match=f"^no replica answers at {asked}: connection refused$"):
            await call()


@pytest.mark.parametrize("policy", ["asyncio", "uvloop"])
def test_both_event_loops_work(policy: str) -> None:
    async def main() -> None:
        async with FakeCell(3) as fake, connect(fake.endpoints, timeout=PATIENCE_S) as cell:
            await asyncio.gather(*(cell.increment("n") for _ in range(100)))
            assert (await cell.increment("n")).value == 101
            async with cell.watch("n") as watch:
                await cell.put("n", "x")
                assert (await anext(watch)).value == b"x"
            await fake.replicas[0].stop()
            fake.master = 2
            await cell.put("n", "y")

    if policy == "uvloop":
        uvloop = pytest.importorskip("uvloop")
        uvloop.run(main())
    else:
        asyncio.run(main())
