"""Sockets that break, hang, lie and come late leave the shell whole."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

import pytest
import uvloop

from gaios.client import shell as shells
from gaios.client.aio import connect
from gaios.client.core import READ
from gaios.client.outside import boottime_ns
from gaios.client.shell import Shell
from gaios.errors import Unavailable
from gaios.transport import MAGIC, Listener, encode, encode_goodbye, refuse
from tests.client.fake import CELL, FakeCell, told
from tests.servers import PATIENCE_S, serving, until


@contextlib.asynccontextmanager
async def listening(answer: Callable[[bytes], bytes | None]) -> AsyncIterator[str]:
    """A server that answers each piece of bytes with these, or by closing."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65_536):
            said = answer(data)
            if said is None:
                break
            writer.write(said)
            await writer.drain()
        writer.close()

    async with serving(serve) as endpoint:
        yield endpoint


def greeting(data: bytes) -> bytes:
    """A good WELCOME."""
    listener = Listener(CELL)
    listener.feed(data)
    return listener.accept(serving=True)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (lambda _: b"HTTP/1.1 400 Bad Request\r\n\r\n", "the stream opens with"),
        (lambda _: None, "closed by the replica"),
        (lambda _: b"", "no greeting within 1000 ms"),
        (lambda _: MAGIC + b"\xff" * 9, "a frame claims"),
        (lambda _: refuse(Unavailable(waited_ms=0, reason="busy")), "busy"),
        (lambda data: greeting(data) + encode(77, b""), "a frame of kind 77"),
        (lambda data: greeting(data) + encode_goodbye(Unavailable(waited_ms=0, reason="it stops")), "it stops"),
    ],
)
async def test_whatever_a_listener_says_is_a_reason_not_a_crash(answer: Callable[[bytes], bytes | None], reason: str) -> None:
    async with listening(answer) as endpoint, connect(endpoint) as cell:
        assert isinstance(await told(lambda timeout: cell.get("k", timeout=timeout), reason), Unavailable)


async def test_a_name_that_does_not_resolve_is_a_reason() -> None:
    async with connect("no-such-host.invalid:7420") as cell:
        with pytest.raises(Unavailable):
            await cell.get("k", timeout=0.3)


async def test_closing_while_it_dials_leaves_nothing_behind() -> None:
    """`filterwarnings = error` fails this test for an open socket or a pending task."""
    async with FakeCell(3) as fake:
        fake.replicas[0].is_frozen = True
        for _ in range(20):
            shell = Shell([replica.address for replica in fake.replicas])
            shell.start()
            call = asyncio.ensure_future(shell.call(READ, b"", PATIENCE_S))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            await shell.close()
            with pytest.raises(Unavailable, match="this client was closed"):
                await call
        await until(lambda: not fake.connections())
    assert len(asyncio.all_tasks()) == 1


async def test_an_idle_client_does_nothing() -> None:
    """No timers, no pings: a thousand idle clients cost a cell nothing."""
    async with FakeCell(3) as fake, connect(fake.endpoints, timeout=PATIENCE_S) as cell:
        await cell.put("k", "v")
        core = cell._shell.core
        await until(lambda: len(fake.connections()) == 1 and core.deadline_ns() > boottime_ns() + 5_000_000_000)
        before = fake.pieces
        await asyncio.sleep(0.3)
        assert fake.pieces == before


async def test_large_values_cross_in_both_directions() -> None:
    async with FakeCell(1) as fake, connect(fake.endpoints, timeout=PATIENCE_S) as cell:
        value = bytes(range(256)) * 4_096
        await asyncio.gather(*(cell.put(f"k{number}", value) for number in range(8)))
        found = await cell.range(prefix="k")
        assert [entry.value for entry in found] == [value] * 8


@pytest.mark.parametrize("factory", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def test_closing_at_whatever_moment_of_a_dial_is_done_at_once(
    factory: Callable[[], asyncio.AbstractEventLoop], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The faster loop never tells the end of a connection whose dial was cancelled after TCP was there: nobody may wait for it."""
    monkeypatch.setattr(shells, "CLOSE_S", 1e6)

    async def main() -> None:
        async with FakeCell(5) as fake:
            for turns in range(12):
                shell = Shell([replica.address for replica in fake.replicas])
                shell.start()
                for _ in range(turns):
                    await asyncio.sleep(0)
                async with asyncio.timeout(PATIENCE_S):
                    await shell.close()
            await until(lambda: not fake.connections())

    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(main())
