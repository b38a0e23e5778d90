"""A cell in a simulated world, and what can be done to it."""

import asyncio
import functools
import inspect
import os
import subprocess
import sys
from collections.abc import Callable, Coroutine
from contextvars import ContextVar
from typing import Any

import pytest

import gaios
from gaios import errors
from gaios.sim.faults import Faults, ProcessFaults, S
from gaios.testing import SimulatedCell
from gaios.testing.examined import Examined
from tests.typed.bank import Bank


def simulate(main: Callable[[SimulatedCell], Coroutine[Any, Any, Any]], **options: Any) -> SimulatedCell:
    """Run a test's body in a cell."""
    cell = SimulatedCell(**options)
    cell.run(main(cell))
    return cell


def test_the_real_client_talks_to_real_replicas_and_time_costs_nothing() -> None:
    async def main(cell: SimulatedCell) -> None:
        async with cell.connect() as client:
            assert (await client.put("k", "v")).revision == 2
            entry = await client.get("k")
            assert entry is not None
            assert entry.value == b"v"
            status = await client.status()
            assert [replica.role for replica in status.replicas].count("master") == 1
            began = cell.now_s
            await asyncio.sleep(60)
            assert cell.now_s - began == pytest.approx(60, abs=0.001)
            assert asyncio.get_running_loop().time() == cell.now_s
            async with client.watch("k", from_revision=1) as events:
                async for event in events:
                    assert event.value == b"v"
                    break

    simulate(main)


def test_a_seed_is_a_run() -> None:
    """The same in every run, and another one for another seed; what the test draws is part of it."""

    async def main(cell: SimulatedCell) -> None:
        async with cell.connect() as client, asyncio.TaskGroup() as tasks:
            for key in "abcdefgh":
                tasks.create_task(client.increment(key, cell.dice.below(9)))
            await cell.kill_master()

    hashes = [simulate(main, seed=seed).trace_hash for seed in (1, 1, 2)]
    assert hashes[0] == hashes[1] != hashes[2]


def test_a_seed_is_the_same_run_in_every_process() -> None:
    """Whatever order sets of texts have there: else the command that a failing test prints would show something else."""
    script = """
import asyncio
from gaios.testing import SimulatedCell

cell = SimulatedCell(seed=5, replicas=3)

async def worker():
    async with cell.connect() as client:
        for _ in range(3):
            async with client.lock("l"), asyncio.TaskGroup() as tasks:
                for key in {"a", "b", "c"}:
                    tasks.create_task(asyncio.sleep(1))
                tasks.create_task(client.increment("k"))

async def main():
    workers = [cell.program(worker()) for _ in range(3)]
    await cell.kill_master()
    cell.pause(workers[0], 2)
    for each in workers:
        await each

cell.run(main())
print(cell.trace_hash)
"""
    told = [
        subprocess.run(
            [sys.executable, "-c", script], env=os.environ | {"PYTHONHASHSEED": seed}, check=True, capture_output=True, text=True
        ).stdout
        for seed in ("1", "2")
    ]
    assert told[0] == told[1]
    assert len(told[0]) == 33


def test_a_cell_outlives_its_master_and_its_minority_but_no_more() -> None:
    async def main(cell: SimulatedCell) -> None:
        async with cell.connect() as client:
            await client.put("k", "1")
            first = await cell.kill_master()
            second = await cell.kill_master()
            assert first != second
            await client.put("k", "2")
            third = await cell.kill_master()
            with pytest.raises((errors.Unavailable, errors.Unknown)):
                await client.put("k", "3", timeout=5)
            for replica in (first, second, third):
                cell.start(replica)
            await client.put("k", "4")
            with pytest.raises(errors.ConfigurationError, match="is up"):
                cell.start(first)

    simulate(main)


def test_a_wiped_replica_does_not_start() -> None:
    """[SAFETY 2, 8] Empty it could undo what it promised; the others go on."""

    async def main(cell: SimulatedCell) -> None:
        async with cell.connect() as client:
            await client.put("k", "1")
            cell.wipe(2)
            with pytest.raises(errors.StateMissing):
                cell.start(2)
            await client.put("k", "2")
            assert 2 not in [replica.id for replica in (await client.status()).replicas if replica.role != "unreachable"]

    simulate(main, replicas=3)


def test_power_takes_what_was_not_synced_and_nothing_that_was_acknowledged() -> None:
    async def main(cell: SimulatedCell) -> None:
        async with cell.connect() as client:
            for number in range(5):
                done = await client.increment("k")
                assert done.value == number + 1
                for replica in cell.replicas:
                    cell.kill(replica, power=True)
                for replica in cell.replicas:
                    cell.start(replica)

    simulate(main, replicas=3)


def test_a_paused_master_is_replaced_and_comes_back_as_a_replica() -> None:
    async def main(cell: SimulatedCell) -> None:
        async with cell.connect() as client:
            await client.put("k", "1")
            master = await cell.master()
            cell.pause(master, 20)
            began = cell.now_s
            await client.put("k", "2")
            assert cell.now_s - began < 10
            cell.resume(master)
            await asyncio.sleep(1)
            assert await cell.master() != master

    simulate(main)


def test_a_partition_cuts_the_links_between_its_sides() -> None:
    async def main(cell: SimulatedCell) -> None:
        async with cell.connect() as client:
            await client.put("k", "1")
            master = await cell.master()
            others = [replica for replica in cell.replicas if replica != master]
            cell.partition([master], others)
            await client.put("k", "2")  # the test's program still reaches both
            cell.heal()
            cell.partition([client])
            with pytest.raises((errors.Unavailable, errors.Unknown)):
                await client.put("k", "3", timeout=3)
            cell.heal()
            await client.put("k", "4")
            cell.partition(cell.replicas[:2], cell.replicas[2:4], cell.replicas[4:])
            with pytest.raises((errors.Unavailable, errors.Unknown)):
                await client.put("k", "5", timeout=3)
            cell.heal()
            await client.put("k", "6")

    simulate(main)


def test_a_one_way_partition_loses_what_the_first_side_sends() -> None:
    """[SAFETY 9] A master that hears the others, and is not heard, gives up."""

    async def main(cell: SimulatedCell) -> None:
        master = await cell.master()
        others = [replica for replica in cell.replicas if replica != master]
        cell.partition([master], others, one_way=True)
        assert set(cell._network._blocked) == {(master, other) for other in others}
        await asyncio.sleep(5)
        assert await cell.master() != master

    simulate(main)


def test_clocks_within_the_bound_are_no_matter_and_those_beyond_are_the_tests() -> None:
    async def main(cell: SimulatedCell) -> None:
        async with cell.connect() as client:
            for at, replica in enumerate(cell.replicas):
                cell.skew(replica, 500 if at % 2 else -500)
            cell.skew(client, -500)
            async with client.lock("l") as held:
                before = cell._programs[0].now_ns()
                await asyncio.sleep(60)
                held.check()
                assert cell._programs[0].now_ns() - before == pytest.approx(59.97e9, rel=1e-5)
            judged = [not cell._is_skewed]
            cell.skew(1, 100_000)
            assert [*judged, not cell._is_skewed] == [True, False]
            assert cell._places[1].clock.drift_ppm == 100_000

    simulate(main, replicas=3)


def test_a_program_that_is_paused_beyond_its_lease_finds_out_before_it_acts() -> None:
    """[SAFETY 22] Its clock went on: `check` fails first, whatever the loop has yet to say."""

    async def main(cell: SimulatedCell) -> None:
        async with cell.connect() as client:
            lock = client.lock("l")
            held = await lock.acquire(lambda: None)
            held.check()
            began = cell.now_s
            cell.pause(client, 30)
            await asyncio.sleep(0)
            assert cell.now_s - began == pytest.approx(30, abs=0.01)
            with pytest.raises(errors.LockLost):
                held.check()
            await lock.release()

    simulate(main)


def test_another_program_is_given_the_lock_of_a_paused_one() -> None:
    async def holder(cell: SimulatedCell, told: list[str]) -> None:
        async with cell.connect() as client:
            try:
                async with client.lock("l"):
                    told.append("first")
                    await asyncio.sleep(3_600)
            except errors.LockLost:
                told.append("lost")

    async def waiter(cell: SimulatedCell, told: list[str]) -> None:
        async with cell.connect() as client, client.lock("l"):
            told.append("second")

    async def main(cell: SimulatedCell) -> None:
        told: list[str] = []
        first = cell.program(holder(cell, told), "holder")
        await asyncio.sleep(1)
        second = cell.program(waiter(cell, told))
        cell.pause(first, 60)
        await second
        assert first.is_paused
        assert told == ["first", "second"]
        await first
        assert told == ["first", "second", "lost"]
        assert [program.name for program in cell._programs] == ["test", "holder", "program 2"]

    simulate(main)


def test_a_program_inherits_nothing_of_whoever_started_it() -> None:
    """The locks that a task holds are in its context: a process of its own holds none of them."""
    variable = ContextVar("variable", default="unset")
    variable.set("by a fixture")

    async def get() -> str:
        return variable.get()

    async def main(cell: SimulatedCell) -> None:
        assert await asyncio.create_task(get()) == "by a fixture"
        assert await cell.program(get()) == "unset"

    simulate(main, replicas=1)


def test_a_machine_of_ones_own_is_looked_at() -> None:
    cell = SimulatedCell(machine=Bank, replicas=3)

    async def main() -> None:
        await cell.master()
        machine = cell._places[1].node.replica.applier.machine  # type: ignore[union-attr]
        assert isinstance(machine, Examined)

    cell.run(main())


def test_faults_come_by_themselves_until_calm() -> None:
    faults = Faults(process=ProcessFaults(crash_every_ns=S, all_at_once=0.0, down_ns=S))

    async def main(cell: SimulatedCell) -> None:
        async with cell.connect() as client:
            for _ in range(30):
                await asyncio.sleep(1)
                await client.put("k", "v", timeout=60)
            assert cell._world.sometimes["a replica crashed"] > 10
            cell.calm()
            await asyncio.sleep(5)
            crashed = cell._world.sometimes["a replica crashed"]
            await asyncio.sleep(30)
            assert cell._world.sometimes["a replica crashed"] == crashed
            assert all(place.node is not None for place in cell._places.values())

    simulate(main, faults=faults)


@pytest.mark.parametrize("seed", range(4))
def test_a_swarm_of_faults_is_drawn_from_the_seed(seed: int) -> None:
    async def main(cell: SimulatedCell) -> None:
        async with cell.connect() as client:
            known = 0
            for _ in range(20):
                try:
                    known = max(known, (await client.increment("k", timeout=5)).value)
                except errors.Error:
                    await asyncio.sleep(1)
            cell.calm()
            await asyncio.sleep(15)
            entry = await client.get("k", timeout=60)
            assert known <= int(entry.value if entry is not None else 0) <= 20

    simulate(main, faults="swarm", seed=seed)


def test_what_waits_for_nothing_fails_and_says_where() -> None:
    async def main(cell: SimulatedCell) -> None:
        await asyncio.get_running_loop().create_future()

    with pytest.raises(TimeoutError, match=r"not over after 20 simulated seconds.*test_cell\.py:\d+"):
        simulate(main, replicas=1, limit_s=20)


def test_a_program_that_fails_unseen_fails_the_test() -> None:
    async def program() -> None:
        raise LookupError("of the program")

    async def main(cell: SimulatedCell, *, waits: bool) -> None:
        started = cell.program(program())
        await asyncio.sleep(1)
        if waits:
            with pytest.raises(LookupError):
                await started

    simulate(functools.partial(main, waits=True), replicas=1)
    with pytest.raises(LookupError, match="of the program"):
        simulate(functools.partial(main, waits=False), replicas=1)


def test_a_time_out_of_the_tests_own_is_just_that() -> None:
    async def main(cell: SimulatedCell) -> None:
        async with asyncio.timeout(1):
            await asyncio.sleep(2)

    with pytest.raises(TimeoutError) as raised:
        simulate(main, replicas=1)
    assert "simulated" not in str(raised.value)


def test_a_cell_that_did_wrong_fails_the_test(monkeypatch: pytest.MonkeyPatch) -> None:
    """A replica whose machine raises what it may not stops; that is no answer to anybody."""

    def broken(self: object, question: bytes) -> bytes:
        raise KeyError(question)

    async def main(cell: SimulatedCell) -> None:
        async with cell.connect() as client:
            with pytest.raises(errors.Unavailable):
                await client.get("k", timeout=2)

    monkeypatch.setattr("gaios.locks.LockService.query", broken)
    with pytest.raises(errors.InvariantViolated, match=r"no replica stops by itself.*KeyError"):
        simulate(main)


def test_what_makes_no_sense_is_refused() -> None:
    wrong: list[dict[str, Any]] = [{"replicas": 0}, {"replicas": 10}, {"faults": "some"}]
    for options in wrong:
        with pytest.raises(errors.ConfigurationError):
            SimulatedCell(**options)

    async def main(cell: SimulatedCell) -> None:
        with pytest.raises(errors.ConfigurationError):
            cell.pause(1, 0)
        for act in (
            cell.kill,
            cell.start,
            cell.wipe,
            cell.resume,
            lambda replica: cell.skew(replica, 1),
            lambda replica: cell.partition([replica]),
        ):
            for replica in (0, 4):
                with pytest.raises(errors.ConfigurationError, match="there is no replica"):
                    act(replica)
        with pytest.raises(errors.ConfigurationError, match=r"cell\.connect"):
            cell.pause(gaios.connect(cell.endpoints), 1)

    cell = simulate(main, replicas=3)
    with pytest.raises(errors.ConfigurationError, match="called by programs"):
        cell.connect()
    with pytest.raises(errors.ConfigurationError, match="one run"):
        cell.run(main(cell))


def test_its_methods_are_documented() -> None:
    """The fixture's surface is what test authors read."""
    for name, method in inspect.getmembers(SimulatedCell):
        if not name.startswith("_"):
            assert inspect.getdoc(method), name
