"""Programs: what a pause stops, and what goes on."""

import asyncio
from contextvars import Context
from typing import Any

import pytest

from gaios import errors
from gaios.client.outside import OUTSIDE, boottime_ns
from gaios.sim.world import World
from gaios.testing.programs import PROGRAM, Call, Program


class Queue:
    """The simplest scheduler."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.world = World(0)
        self.program: Program[Any] = Program(self.world, 3, "p", self.calls.append, Context())
        self.done: list[int] = []

    def is_paused_at(self, time_ns: int) -> bool:
        self.world.run(time_ns)
        return self.program.is_paused

    def call(self, number: int) -> Call:
        return Call(self.program, self.program.context, self.done.append, (number,))


def test_a_paused_programs_calls_wait_in_order() -> None:
    queue = Queue()
    queue.call(1)()
    queue.program.pause(100)
    for number in (2, 3):
        queue.call(number)()
    assert queue.done == [1]
    assert queue.is_paused_at(99)
    assert not queue.is_paused_at(100)
    assert queue.done == [1]
    for call in queue.calls:
        call()
    assert queue.done == [1, 2, 3]


def test_of_two_pauses_the_longer_one_counts() -> None:
    queue = Queue()
    queue.program.pause(100)
    queue.world.run(50)
    queue.program.pause(10)
    assert queue.is_paused_at(99)
    queue.program.pause(1_000)
    assert queue.is_paused_at(1_098)
    assert not queue.is_paused_at(1_099)


def test_a_pause_that_was_ended_early_does_not_end_the_next() -> None:
    queue = Queue()
    queue.program.pause(100)
    queue.program.resume()
    queue.world.run(50)
    queue.program.pause(100)
    assert queue.is_paused_at(149)
    assert not queue.is_paused_at(150)


def test_what_was_cancelled_while_it_waited_is_not_run() -> None:
    loop = asyncio.new_event_loop()
    queue = Queue()
    call = queue.call(1)
    call.handle = asyncio.Handle(call, (), loop)
    queue.program.pause(100)
    call()
    call.handle.cancel()
    queue.world.run(100)
    assert queue.calls == [call]
    call()
    assert queue.done == []
    assert "append" in repr(call)
    loop.close()


def test_a_program_has_a_machine_of_its_own() -> None:
    """Its clock drifts within the bound, goes on through pauses, and is what the client reads; its dice are the seed's."""
    queue, again = Queue(), Queue()
    program = queue.program
    before = program.context.run(boottime_ns)
    program.pause(10**12)
    queue.world.run(10**12)
    assert abs(program.context.run(boottime_ns) - before - 10**12) <= 10**12 * 500 // 10**6
    assert program.context.run(PROGRAM.get) is program
    assert PROGRAM.get() is None
    outside = program.context.run(OUTSIDE.get)
    assert outside.name() == "p"
    assert outside.random_bytes(8) == again.program.context.run(OUTSIDE.get).random_bytes(8)
    assert program.end == 1_004


async def test_only_what_was_started_is_waited_for() -> None:
    with pytest.raises(errors.InvariantViolated, match="p"):
        await Queue().program
