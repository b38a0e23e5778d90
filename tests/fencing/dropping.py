"""A proxy before an S3 server that loses answers: a put arrives and is carried out, and its connection breaks before anybody is told."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress


class Proxy:
    """`lose` answers of puts are lost from now on; `puts` and `lost` count."""

    def __init__(self, upstream: int) -> None:
        self.lose = self.puts = self.lost = self.port = 0
        self._upstream = upstream
        self._connections: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Take connections; none is left at the end."""
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield
        finally:
            server.close()
            await ended(list(self._connections))

    async def _connected(self, client: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        async with AsyncExitStack() as stack:
            stack.callback(self._connections.discard, task)
            stack.push_async_callback(closed, back)
            server, on = await asyncio.open_connection("127.0.0.1", self._upstream)
            stack.push_async_callback(closed, on)
            asked: list[bytes] = []
            directions = [asyncio.create_task(each) for each in (self._requests(client, on, asked), self._answers(server, back, asked))]
            stack.push_async_callback(ended, directions)
            await asyncio.wait(directions, return_when=asyncio.FIRST_COMPLETED)

    async def _requests(self, client: asyncio.StreamReader, on: asyncio.StreamWriter, asked: list[bytes]) -> None:
        """A client of S3 sends a request, then waits for its answer: each begins with what was received first."""
        while data := await client.read(1 << 16):
            if data[:4] in {b"GET ", b"PUT "}:
                asked.append(data[:4])
                self.puts += data[:4] == b"PUT "
            on.write(data)

    async def _answers(self, server: asyncio.StreamReader, back: asyncio.StreamWriter, asked: list[bytes]) -> None:
        while data := await server.read(1 << 16):
            if self.lose and asked[-1] == b"PUT ":
                self.lose -= 1
                self.lost += 1
                return
            back.write(data)


async def ended(tasks: list[asyncio.Task[None]]) -> None:
    """End tasks, and wait until they have."""
    for each in tasks:
        each.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def closed(writer: asyncio.StreamWriter) -> None:
    """Close a connection, whatever became of it."""
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()


@asynccontextmanager
async def proxy(upstream: int) -> AsyncIterator[Proxy]:
    """A proxy before that port of the loopback interface."""
    made = Proxy(upstream)
    async with made.serving():
        yield made
