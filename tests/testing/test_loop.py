"""An event loop whose time is the world's."""

import asyncio
import contextvars
import socket
import time
from collections.abc import Coroutine
from typing import Any

import pytest

from gaios import errors
from gaios.sim.dice import Dice
from gaios.sim.faults import NetworkFaults
from gaios.sim.network import Network
from gaios.sim.world import World
from gaios.testing.loop import TURN_NS, SimulatedLoop


def run(main: Coroutine[Any, Any, Any], limit_s: int = 10_000) -> World:
    """In a world without a cell."""
    world = World(0)
    loop = SimulatedLoop(world, Network(world, Dice(0), NetworkFaults()), {})
    loop.limit(limit_s * 10**9)
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(main)
    return world


def test_waiting_takes_no_time() -> None:
    order: list[str] = []

    async def sleeper(seconds: float) -> None:
        await asyncio.sleep(seconds)
        order.append(f"{seconds:g} at {asyncio.get_running_loop().time():.2f}")

    async def main() -> None:
        await asyncio.gather(*map(sleeper, (5_000, 0.5, 20, 0.5)))

    began = time.monotonic()
    run(main())
    assert time.monotonic() - began < 60
    assert order == ["0.5 at 0.50", "0.5 at 0.50", "20 at 20.00", "5000 at 5000.00"]


def test_a_program_that_polls_does_not_hold_the_world_up() -> None:
    async def main() -> None:
        world_event = asyncio.Event()
        asyncio.get_running_loop().call_later(0.01, world_event.set)
        turns = 0
        while not world_event.is_set():
            turns += 1
            await asyncio.sleep(0)
        assert turns == pytest.approx(10_000_000 / TURN_NS, rel=0.01)

    run(main())


def test_a_cancelled_timer_does_not_ring_and_a_time_out_does() -> None:
    async def main() -> None:
        rung: list[int] = []
        loop = asyncio.get_running_loop()
        loop.call_later(1, rung.append, 1).cancel()
        loop.call_soon(rung.append, 2).cancel()
        loop.call_later(2, rung.append, 3)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(5):
                await loop.create_future()
        assert rung == [3]
        assert 5 <= loop.time() < 5.001

    run(main())


def test_the_end_of_the_world_is_an_error() -> None:
    async def main() -> None:
        await asyncio.Event().wait()

    with pytest.raises(TimeoutError, match="not over after 3 simulated seconds"):
        run(main(), limit_s=3)


def test_sets_of_tasks_have_one_order() -> None:
    """Asyncio keeps tasks in sets; hashed by address, each run would have another order."""

    async def main() -> None:
        loop = asyncio.get_running_loop()
        tasks = {loop.create_task(asyncio.sleep(number)) for number in range(50)}
        assert [hash(task) for task in tasks] == sorted(hash(task) for task in tasks)
        futures = {loop.create_future() for _ in range(50)}
        assert [hash(future) for future in futures] == sorted(hash(future) for future in futures)
        for task in tasks:
            task.cancel()

    run(main())


def test_what_goes_to_a_thread_is_run_at_once() -> None:
    """When a real thread is done is nobody's to say."""
    here = contextvars.ContextVar("here", default=0)

    async def main() -> None:
        here.set(7)
        began = asyncio.get_running_loop().time()
        assert await asyncio.to_thread(lambda: here.get() + 1) == 8
        with pytest.raises(ZeroDivisionError):
            await asyncio.to_thread(lambda: 1 // 0)
        assert asyncio.get_running_loop().time() - began < 0.01

    run(main())


def test_the_real_world_is_refused() -> None:
    async def main() -> None:
        with pytest.raises(errors.ConfigurationError, match="is no replica of this world"):
            await asyncio.open_connection("127.0.0.1", 80)
        with socket.socket() as listening:
            listening.bind(("127.0.0.1", 0))
            listening.listen()
            listening.setblocking(False)
            with pytest.raises(errors.ConfigurationError, match="real socket"):
                await asyncio.get_running_loop().sock_accept(listening)

    run(main())
