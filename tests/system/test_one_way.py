"""Messages lost one way, on real sockets: a link that swallows bytes in one direction.  [SAFETY 9]"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec

from gaios import api
from gaios.server import config
from gaios.server.replica import Replica
from tests.server.shells import CLOCK, FAST, make, master_of, master_of_all, running, until
from tests.servers import serving


class Wire:
    """A proxy in front of one peer port, for one dialler: `deaf` swallows what the dialler says, `mute` what the listener answers."""

    def __init__(self, target: str) -> None:
        self._target = config.address(target)
        self.deaf = self.mute = False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Carry what comes on one connection."""
        try:
            far_reader, far_writer = await asyncio.open_connection(*self._target)
        except OSError:
            writer.close()
            return
        try:
            await asyncio.gather(self._pump(reader, far_writer, "deaf"), self._pump(far_reader, writer, "mute"))
        finally:
            far_writer.transport.abort()
            with contextlib.suppress(OSError):
                await far_writer.wait_closed()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, fault: str) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(1 << 16):
                if not getattr(self, fault):
                    writer.write(data)
        writer.close()


@contextlib.asynccontextmanager
async def wired(tmp_path: Path, replicas: int) -> AsyncIterator[tuple[list[Replica], dict[tuple[int, int], Wire]]]:
    """A cell whose replicas reach each other over wires: (from, to)."""
    settings = make(tmp_path, replicas)
    wires: dict[tuple[int, int], Wire] = {}
    changed = []
    async with contextlib.AsyncExitStack() as stack:
        for mine in settings:
            places = []
            for place in mine.replica:
                peer = place.peer
                if place.id != mine.id:
                    wire = wires[mine.id, place.id] = Wire(place.peer)
                    peer = await stack.enter_async_context(serving(wire.serve))
                places.append(msgspec.structs.replace(place, peer=peer))
            changed.append(msgspec.structs.replace(mine, replica=tuple(places), listen_peer=mine.me.peer))
        yield await stack.enter_async_context(running(*changed)), wires


def put(number: int) -> bytes:
    return api.encode(api.MultiOp(then=(api.Put(b"k", b"%d" % number),)))


async def test_a_master_that_nobody_hears_gives_way(tmp_path: Path) -> None:
    """It hears everything and reaches nobody: its reign ends like in a crash, and the others elect."""
    async with wired(tmp_path, 3) as (replicas, wires):
        first = await master_of_all(replicas)
        await first.submit(put(1))
        me = first.settings.id
        for (here, _), wire in wires.items():
            wire.deaf = here == me
        rest = [replica for replica in replicas if replica is not first]
        second = await master_of(rest)
        await second.submit(put(2))
        await until(lambda: not first.node.replica.is_serving)
        for wire in wires.values():
            wire.deaf = False
        await until(lambda: first.node.replica.applied == second.node.replica.applied and first.links[second.settings.id].is_up)
        second = await master_of_all(replicas)
        reigns = sum(replica.node.replica.reigns for replica in replicas)
        await CLOCK.passes(2 * FAST.term_ms * 1_000_000)
        assert second.node.replica.is_serving
        assert sum(replica.node.replica.reigns for replica in replicas) == reigns


async def test_a_master_that_hears_nobody_gives_way(tmp_path: Path) -> None:
    async with wired(tmp_path, 3) as (replicas, wires):
        first = await master_of_all(replicas)
        me = first.settings.id
        for (_, there), wire in wires.items():
            wire.deaf = there == me
        for (here, _), wire in wires.items():
            wire.mute = here == me
        second = await master_of([replica for replica in replicas if replica is not first])
        await second.submit(put(1))
        await until(lambda: not first.node.replica.is_serving)


async def test_a_follower_cut_off_one_way_deposes_nobody(tmp_path: Path) -> None:
    """Whoever cannot be answered cannot disturb: its polls change nothing."""
    async with wired(tmp_path, 3) as (replicas, wires):
        first = await master_of_all(replicas)
        lonely = next(replica for replica in replicas if replica is not first)
        reigns = sum(replica.node.replica.reigns for replica in replicas)
        for (_, there), wire in wires.items():
            wire.deaf = there == lonely.settings.id
        polls = lonely.node.replica.polls
        await until(lambda: lonely.node.replica.polls > polls + 3)
        await first.submit(put(1))
        assert first.node.replica.is_serving
        for wire in wires.values():
            wire.deaf = False
        await until(lambda: lonely.node.replica.applied == first.node.replica.applied)
        assert sum(replica.node.replica.reigns for replica in replicas) == reigns
