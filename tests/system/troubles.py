"""What befalls disks and members, in a loop, with real processes under load: `python -m tests.system.troubles KIND [ROUNDS]`.

It is not in the gate. Kinds:

    power      a whole cell on an ext4 of its own loses its power at once, un-synced blocks and all; as root
    disks      a replica's directory is wiped, rolled back or cloned; it is refused, and a new member comes in its place
    members    each member in turn is replaced, as fast as the cell allows
    sizes      a cell of one grows to three, five and seven, one member at a time, and shrinks to one again, each time another one

Four clients write all the while. In the end nothing that was acknowledged may be missing, nothing was carried out twice, and all
replicas have the same state.  [SAFETY 1, 2, 3, 5, 8, 18]
"""

import argparse
import asyncio
import os
import random
import shutil
import signal
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import msgspec

from gaios.server import control, local
from tests.docs.conftest import free_port
from tests.server.parts import places
from tests.server.shells import get
from tests.storage.powercut import Machine
from tests.system.test_kill import Writers, check, kill
from tests.system.test_lost_disks import TOLD_S, Process, elsewhere, follower, votes
from tests.system.test_sizes import MOST, gaios, resized

REPLICAS = 5
QUIET_S = 1.0
"""Load between two troubles."""
ENOUGH = 50
"""Slots."""
IMAGE_BYTES = 2 << 30
SNAPSHOTS = {"GAIOS_LOG_SNAPSHOT_SLOTS": "2000", "GAIOS_LOG_SNAPSHOT_STAGGER_MS": "200"}
"""So many, and so soon at all replicas, that they are proved before the next member goes: who comes fetches one."""


async def replaced(cell: local.LocalCell, replica: int) -> float:
    """A new member votes in its place; how long that took."""
    began = time.monotonic()
    await gaios("member", "replace", str(replica), "--dir", str(cell.dir), "--timeout", "300")
    return time.monotonic() - began


def processes(cell: local.LocalCell) -> list[int]:
    """Whoever was started for this cell, and runs."""
    found = []
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(FileNotFoundError, ProcessLookupError):
            if str(cell.dir).encode() in place.read_bytes():
                found.append(int(place.parent.name))
    return found


async def power(cell: local.LocalCell, rounds: int, machine: Machine) -> None:
    """All at once: nothing is written any more, and then nobody runs."""
    async with Writers(cell) as writers:
        for number in range(rounds):
            await writers.go_on()
            await asyncio.sleep(QUIET_S * random.random())
            machine.off()
            while running := processes(cell):
                for pid in running:
                    with suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                await asyncio.sleep(0.05)
            await asyncio.to_thread(machine.on)
            began = time.monotonic()
            await asyncio.to_thread(control.detach, cell)
            await writers.go_on()
            print(f"cut {number + 1}: writes go on after {time.monotonic() - began:.1f} s", flush=True)
        await writers.go_on()
    await check(cell, writers)
    print(f"{rounds} power cuts of all five; {writers.counted} increments, {len(writers.acknowledged)} keys: all are there", flush=True)


async def applied(cell: local.LocalCell, replica: int) -> int:
    """How far a replica is."""
    admin = next(each.admin for each in cell.founders if each.id == replica)
    return int(msgspec.json.decode((await get(admin, "/status"))[1])["applied"])


async def wiped(cell: local.LocalCell, victim: int, writers: Writers) -> None:
    """Nothing is left."""
    control.stop(cell, [victim])
    shutil.rmtree(cell.replica_dir(victim))
    await (await Process.serve(cell.manifest, victim, cell.replica_dir(victim))).refused()
    await writers.go_on()


async def rolled_back(cell: local.LocalCell, victim: int, writers: Writers) -> None:
    """A copy of the running directory comes back later."""
    where = cell.replica_dir(victim)
    kept = where.with_name("kept")
    shutil.copytree(where, kept)
    before = await applied(cell, victim)
    while await applied(cell, victim) < before + ENOUGH:
        await writers.go_on()  # what it acknowledged meanwhile, others remember
    await asyncio.sleep(TOLD_S)
    kill(cell, victim)
    control.stop(cell, [victim])
    shutil.rmtree(where)
    kept.rename(where)
    await (await Process.serve(cell.manifest, victim, where)).refused()


async def cloned(cell: local.LocalCell, victim: int, writers: Writers) -> None:
    """Two processes run on two copies."""
    where = cell.replica_dir(victim)
    clone = where.with_name("clone")
    control.stop(cell, [victim])
    shutil.copytree(where, clone)
    original = await Process.serve(cell.manifest, victim, where)
    await votes(cell, victim)
    second = await Process.serve(elsewhere(cell, victim, where.with_name("clone.toml")), victim, clone)
    await second.refused()
    await writers.go_on()
    with suppress(ProcessLookupError):
        original.process.kill()  # it was told, and has stopped; or it goes on alone, as the one that others recorded
    await original.process.communicate()
    shutil.rmtree(clone)


async def disks(cell: local.LocalCell, rounds: int) -> None:
    """One replica after the other."""
    kinds = (wiped, rolled_back, cloned)
    async with Writers(cell) as writers:
        for number in range(rounds):
            await writers.go_on()
            await asyncio.sleep(QUIET_S)
            victim, kind = await follower(cell), kinds[number % len(kinds)]
            await kind(cell, victim, writers)
            print(f"replica {victim} {kind.__name__}, refused, and replaced after {await replaced(cell, victim):.1f} s", flush=True)
            cell = local.find(cell.dir) or cell
    await check(cell, writers)
    print(f"{rounds} disks; {writers.counted} increments, {len(writers.acknowledged)} keys: all are there", flush=True)


async def members(cell: local.LocalCell, rounds: int) -> None:
    """Round and round."""
    async with Writers(cell) as writers:
        for number in range(rounds):
            await writers.go_on()
            replica = number % REPLICAS + 1
            print(f"replica {replica} has a new member after {await replaced(cell, replica):.1f} s", flush=True)
            cell = local.find(cell.dir) or cell
    await check(cell, writers)
    print(f"{rounds} members; {writers.counted} increments, {len(writers.acknowledged)} keys: all are there", flush=True)


async def sizes(cell: local.LocalCell, rounds: int) -> None:
    """Up and down."""
    async with Writers(cell) as writers:
        await writers.go_on()
        for number in range(rounds):
            cell = await resized(cell, writers, number)
    await check(cell, writers)
    print(f"{rounds} times to {MOST} and back; {writers.counted} increments, {len(writers.acknowledged)} keys: all are there", flush=True)


def main() -> None:
    """One kind."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=("power", "disks", "members", "sizes"))
    parser.add_argument("rounds", type=int, nargs="?", default=20)
    arguments = parser.parse_args()
    os.environ.update(SNAPSHOTS)
    with tempfile.TemporaryDirectory(prefix="gaios-troubles-") as place:
        machine = Machine(Path(place), IMAGE_BYTES) if arguments.kind == "power" else None
        if machine is not None:
            machine.fresh()
        where = local.founders(1, free_port()) if arguments.kind == "sizes" else places(REPLICAS)
        cell = local.create((machine.mounted if machine is not None else Path(place)) / "cell", where)
        control.detach(cell)
        try:
            if machine is not None:
                asyncio.run(power(cell, arguments.rounds, machine))
            else:
                asyncio.run({"disks": disks, "members": members, "sizes": sizes}[arguments.kind](cell, arguments.rounds))
        finally:
            control.stop(local.find(cell.dir) or cell)
            if machine is not None:
                while processes(cell):
                    time.sleep(0.05)
                machine.down()


if __name__ == "__main__":
    main()
