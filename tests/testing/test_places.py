"""Replicas of a test's cell."""

import asyncio

from gaios.locks import LockService
from gaios.testing import SimulatedCell
from tests.typed.bank import Bank


def test_a_place_has_the_tests_machine_or_ours() -> None:
    assert isinstance(SimulatedCell(replicas=1)._places[1].make_machine(), LockService)
    assert SimulatedCell(replicas=1, machine=Bank)._places[1].make_machine().checksum() == Bank().checksum()


def test_a_clock_that_is_made_wrong_is_wrong_at_once() -> None:
    """What the replica waits for by its clock comes sooner: a master whose clock runs ten times as fast beats ten times as often."""
    cell = SimulatedCell(replicas=3)

    async def main() -> None:
        master = cell._places[await cell.master()]

        async def turns() -> int:
            before = master.onlooker._turns
            await asyncio.sleep(5)
            return master.onlooker._turns - before

        usual = await turns()
        cell.skew(master.replica, 9_000_000)
        assert await turns() > 3 * usual

    cell.run(main())
