"""The load generator must measure what it says, and stop when an operation fails."""

import asyncio

import pytest

from gaios import errors
from gaios.cli.load import closed_loop


async def nothing() -> None:
    return None


async def test_every_client_waits_for_its_answer_before_it_asks_again() -> None:
    """Closed loop: there are never more operations under way than clients."""
    under_way = most = 0
    counts: list[int] = []

    async def operation(count: int) -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        counts.append(count)
        await asyncio.sleep(0.005)
        under_way -= 1

    readings: list[int] = []

    async def cpu() -> float:
        readings.append(len(counts))
        return [1.5, 4.0][len(readings) - 1]

    run = await closed_loop([operation] * 3, 0.2, cpu, warm_up_s=0.05)
    assert most == 3
    assert counts[:6] == [0, 0, 0, 1, 1, 1]
    # A client has at most one operation each 5 ms, plus the one that the measured time began in.
    assert 0 < len(run.latencies_ns) <= 3 * (run.seconds / 0.0049 + 1)
    assert min(run.latencies_ns) >= 4_900_000
    assert run.seconds >= 0.19
    assert run.cpu_seconds == 2.5
    assert 3 < readings[0] < readings[1], "the first reading comes after the warm-up, the second after the measured time"


async def test_a_reading_that_is_missing_leaves_the_cpu_unknown() -> None:
    async def operation(_: int) -> None:
        await asyncio.sleep(0.01)

    assert (await closed_loop([operation], 0.05, nothing, warm_up_s=0)).cpu_seconds is None


async def test_a_failing_operation_ends_the_run() -> None:
    """Figures of a cell that fails would be figures of nothing."""

    async def operation(_: int) -> None:
        await asyncio.sleep(0.01)
        raise errors.Unknown(reason="r")

    with pytest.raises(ExceptionGroup) as caught:
        await closed_loop([operation], 1e6, nothing)
    assert caught.group_contains(errors.Unknown)
