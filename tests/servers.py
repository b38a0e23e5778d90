"""Servers of the tests' own that leave nothing behind, however slow the machine.

A loop hands a connection to its protocol some turns after it accepted it. A server that ends whom it knows of, and no more, leaves the rest
to the garbage collector, which complains in the middle of an innocent test.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable

ACCEPT_TURNS = 5
"""More than any loop takes from accepting a connection to `connection_made`."""
PATIENCE_S = 60.0
"""What tests wait for something that will happen: a bound for a machine that hangs, not for one that is slow."""


async def end(server: asyncio.AbstractServer, opened: Callable[[], Iterable[asyncio.WriteTransport]]) -> None:
    """Close a listener, and abort what it accepted until nothing of it is `opened` any more."""
    loop = asyncio.get_running_loop()
    if isinstance(server, asyncio.Server) and isinstance(loop, asyncio.SelectorEventLoop):
        # Whom it accepted and has not handed over when it is closed, it drops without closing the socket.
        for sock in server.sockets:
            loop.remove_reader(sock.fileno())
        for _ in range(ACCEPT_TURNS):
            await asyncio.sleep(0)
    server.close()
    for _ in range(ACCEPT_TURNS):
        await asyncio.sleep(0)
    async with asyncio.timeout(PATIENCE_S):
        while transports := list(opened()):
            for transport in transports:
                transport.abort()
            await asyncio.sleep(0)


async def until(holds: Callable[[], object]) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(PATIENCE_S):
        while not holds():  # noqa: ASYNC110 (what is waited for has no event)
            await asyncio.sleep(0.005)


@contextlib.asynccontextmanager
async def serving(serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]) -> AsyncIterator[str]:
    """`HOST:PORT` of a server that carries this out for each connection; what it was doing is given up at the end."""
    writers: set[asyncio.StreamWriter] = set()
    tasks: set[asyncio.Task[None]] = set()

    async def watched(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            await serve(reader, writer)

    async def gone(writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            await writer.wait_closed()
        writers.discard(writer)

    def came(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.add(writer)
        for task in (asyncio.ensure_future(watched(reader, writer)), asyncio.ensure_future(gone(writer))):
            tasks.add(task)
            task.add_done_callback(tasks.discard)

    server = await asyncio.start_server(came, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    try:
        yield f"{host}:{port}"
    finally:
        await end(server, lambda: [writer.transport for writer in writers])
        for task in list(tasks):
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
