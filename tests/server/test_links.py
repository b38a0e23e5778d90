"""Links among replicas: lanes, bounds, reconnection, silence."""

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
import uvloop

from gaios.server import config, links
from gaios.server.links import Link
from gaios.server.replica import Replica
from gaios.transport import Hello, Listener, encode_peer
from tests.server.parts import free_ports
from tests.server.shells import CLOCK, LONG, lines, make, master_of_all, quiet, running, until
from tests.server.test_clients import Transport
from tests.servers import PATIENCE_S, serving


def link(address: tuple[str, int] = ("127.0.0.1", 1), greet: bytes = b"") -> Link:
    me = Hello(role="peer", cell=bytes(16), member=1, boot=1)
    return Link(member=2, replica=2, address=address, hello=lambda: me, greet=lambda: greet, refused=lambda _: None, log=quiet())


async def welcomed() -> tuple[Link, Transport]:
    made, transport = link(), Transport()
    made.connection_made(cast("Any", transport))
    listener = Listener(bytes(16))
    listener.feed(transport.written.pop())
    made.data_received(listener.accept(replica=2, member=2, boot=1))
    assert made.is_up
    return made, transport


async def greeted(reader: asyncio.StreamReader) -> Listener:
    """A listener that has heard a HELLO. `ConnectionResetError`: the dialler was gone before; who reads on then never lets the loop go."""
    listener = Listener(bytes(16))
    while listener.hello is None:
        data = await reader.read(1 << 16)
        if not data:
            raise ConnectionResetError
        listener.feed(data)
    return listener


async def test_the_first_frame_says_who_the_members_are() -> None:
    """Who was away while all whom it knew were replaced hears of them nowhere else."""
    made, transport = link(greet=b"news"), Transport()
    made.connection_made(cast("Any", transport))
    listener = Listener(bytes(16))
    listener.feed(transport.written.pop())
    made.data_received(listener.accept(replica=2, member=2, boot=1))
    made.send(b"beat", urgent=True)
    assert transport.written == [encode_peer(b"news"), b"beat"]


async def test_nothing_is_said_before_the_welcome() -> None:
    made, transport = link(), Transport()
    made.send(b"early", urgent=True)
    made.connection_made(cast("Any", transport))
    opening = transport.written.copy()
    made.send(b"early", urgent=True)
    assert transport.written == opening
    assert made.dropped == 2


async def test_urgent_frames_pass_those_that_wait_for_a_slow_peer() -> None:
    """[SAFETY 28]: leases have their own lane."""
    made, transport = await welcomed()
    made.pause_writing()
    made.send(b"value 1", urgent=False)
    made.send(b"beat", urgent=True)
    made.send(b"value 2", urgent=False)
    assert transport.written == [b"beat"]
    made.resume_writing()
    assert transport.written == [b"beat", b"value 1", b"value 2"]


async def test_what_waits_for_a_slow_peer_is_bounded() -> None:
    made, transport = await welcomed()
    made.pause_writing()
    made.send(bytes(links.WAITING_BYTES), urgent=False)
    made.send(b"one too many", urgent=False)
    transport.size = links.HIGH_BYTES + links.URGENT_BYTES
    made.send(b"beat", urgent=True)
    assert (made.frames, made.dropped) == (1, 2)
    made.connection_lost(None)
    made.resume_writing()
    assert transport.written == []


async def test_a_peer_of_another_number_is_not_spoken_to() -> None:
    made, transport = link(), Transport()
    made.connection_made(cast("Any", transport))
    listener = Listener(bytes(16))
    listener.feed(transport.written.pop())
    made.data_received(listener.accept(replica=3, member=3, boot=1))
    assert not made.is_up
    assert transport.aborted


async def test_where_a_peer_of_another_number_is_stands_once_in_its_sentence() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        listener = await greeted(reader)
        writer.write(listener.accept(replica=4, member=4, boot=1))
        await reader.read()

    async with serving(answer) as where:
        made = link(config.address(where))
        running = asyncio.ensure_future(made.run())
        await until(lambda: made.problem)
        running.cancel()
        assert made.problem == f"{where} belongs to member 4, not to member 2"
        await asyncio.wait({running})


async def test_a_silent_peer_is_given_up() -> None:
    made, transport = await welcomed()
    now = asyncio.get_running_loop().time()
    made.beat(now + links.SILENCE_S - 0.1)
    assert len(transport.written) == 1
    made.beat(now + links.SILENCE_S + 0.1)
    assert transport.aborted


async def test_a_link_comes_back_when_its_peer_does(tmp_path: Path) -> None:
    settings = make(tmp_path, 3)
    async with running(settings[0], settings[1]) as (first, _):
        await until(lambda: first.links[2].is_up)
        assert not first.links[3].is_up
        async with running(settings[2]) as (third,):
            await until(lambda: first.links[3].is_up and third.links[1].is_up)
        await until(lambda: not first.links[3].is_up)
        async with running(settings[2]):
            await until(lambda: first.links[3].is_up)
        assert first.links[3].connects >= 2
        assert "peer_link_up" in lines(first)


async def test_a_peer_that_is_not_there_is_dialled_again_and_again_without_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(links, "BACKOFF_S_MAX", 0.02)
    monkeypatch.setattr(links, "BACKOFF_S", 0.01)
    loop, dialled = asyncio.get_running_loop(), 0
    dial = loop.create_connection

    async def counted(*arguments: Any) -> Any:
        nonlocal dialled
        dialled += 1
        return await dial(*arguments)

    monkeypatch.setattr(loop, "create_connection", counted)
    made = link(("127.0.0.1", free_ports(1)[0]))
    task = asyncio.ensure_future(made.run())
    await until(lambda: dialled > 5)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert cast("Any", made._log)._stream.getvalue().count("peer_link_down") == 1
    assert made.problem.endswith(": connection refused"), "status quotes it, whichever loop runs"


async def test_a_peer_in_whose_place_another_member_is_is_dialled_more_and_more_seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    """It was replaced where it was, and is spoken to for a while yet: its successor must not be bothered twenty times a second."""
    waits: list[float] = []

    async def wait_for(hurried: Any, wait_s: float) -> None:
        hurried.close()
        waits.append(wait_s)
        await asyncio.sleep(0)

    monkeypatch.setattr("gaios.server.links.asyncio.wait_for", wait_for)

    async def successor(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        listener = await greeted(reader)
        writer.write(listener.accept(replica=2, member=6, boot=1))
        with contextlib.suppress(ConnectionResetError):
            await reader.read()
        writer.close()

    async with serving(successor) as address:
        task = asyncio.ensure_future(link(config.address(address)).run())
        await until(lambda: len(waits) > 10)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert max(waits) >= links.BACKOFF_S_MAX / 2


@pytest.mark.parametrize("factory", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
@pytest.mark.parametrize("member", [2, 6])
def test_a_link_that_is_ended_at_whatever_moment_of_a_dial_leaves_nothing_open(
    member: int, factory: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    """Its member left the cell, or the replica stops: whoever was dialled hears the end, of a connection without a HELLO, too."""
    begun: set[object] = set()
    ended: dict[object, bool] = {}

    async def peer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        whose, heard = writer.get_extra_info("peername"), False
        begun.add(whose)
        try:
            listener = await greeted(reader)
            heard = True
            writer.write(listener.accept(replica=2, member=member, boot=1))
            await reader.read()
        finally:
            ended[whose] = heard
            writer.close()

    async def main() -> None:
        async with serving(peer) as address:
            for turns in range(16):
                made = link(config.address(address))
                task = asyncio.ensure_future(made.run())
                for _ in range(turns):
                    await asyncio.sleep(0)
                task.cancel()
                await asyncio.wait({task})
                assert not made.is_up
            _, last = await asyncio.open_connection(*config.address(address))
            last.close()  # once this one is known, all before it are
            await until(lambda: last.get_extra_info("sockname") in ended and begun == ended.keys())
        del ended[last.get_extra_info("sockname")]
        assert set(ended.values()) == {False, True}

    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(main())


async def test_a_listener_that_never_welcomes_is_given_up() -> None:
    """A paused process takes connections and says nothing."""

    async def ignore(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with serving(ignore) as address:
        made = link(config.address(address))
        task = asyncio.ensure_future(made.run())
        await until(lambda: made._transport is not None)
        made.beat(asyncio.get_running_loop().time() + links.SILENCE_S + 0.1)
        await until(lambda: "the peer is silent" in cast("Any", made._log)._stream.getvalue())
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_an_inbound_connection_that_is_silent_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gaios.server.doors.SILENCE_S", 0.1)
    monkeypatch.setattr("gaios.server.doors.PING_S", 0.05)
    (settings, *_) = make(tmp_path, 3)
    async with running(settings):
        reader, writer = await asyncio.open_connection(*config.address(settings.me.peer))
        async with asyncio.timeout(PATIENCE_S):
            with contextlib.suppress(ConnectionResetError):
                await reader.read()
        writer.close()
        with contextlib.suppress(ConnectionResetError):
            await writer.wait_closed()


async def test_leases_go_on_while_a_follower_is_away(tmp_path: Path) -> None:
    """A majority renews them: they end later and later, long before they would run out."""

    def end(master: Replica) -> int:
        now = CLOCK()
        return now + master.node.replica.lease_ns(now)

    settings = make(tmp_path, 3, log=LONG)
    async with running(*settings) as replicas:
        master = await master_of_all(replicas)
        reigns = sum(replica.node.replica.reigns for replica in replicas)
        away = next(replica for replica in replicas if replica is not master)
        await away.stop()
        for _ in range(20):
            before = end(master)
            await until(lambda: end(master) > before)  # noqa: B023 (awaited at once)
        assert master.node.replica.is_serving
        assert sum(replica.node.replica.reigns for replica in replicas) == reigns
