"""A client's connection: time-outs, slow readers, bounds."""

import asyncio
from pathlib import Path
from typing import Any, cast

import pytest

from gaios import api, entry, errors
from gaios.server import clients
from gaios.server.clients import ClientConnection
from gaios.transport import Kind, decode_goodbye, encode_read
from tests.server.shells import client, lines, make, master_of, quiet, running, talk, until


class Transport:
    """A transport that only remembers."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.reading = True
        self.closed = self.aborted = False
        self.size = 0

    def set_write_buffer_limits(self, **_: int) -> None: ...

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def get_write_buffer_size(self) -> int:
        return self.size

    def get_extra_info(self, _: str) -> None:
        return None

    def is_closing(self) -> bool:
        return self.closed

    def is_reading(self) -> bool:
        return self.reading

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = self.aborted = True


class Hub:
    cell = bytes(16)

    def __init__(self) -> None:
        self.paused: list[bool] = []
        self.gone = 0

    def is_full(self, _: str) -> bool:
        return False

    def client_paused(self, connection: ClientConnection) -> None:
        self.paused.append(connection.is_paused)

    def client_gone(self, _: ClientConnection) -> None:
        self.gone += 1


def connection() -> tuple[ClientConnection, Transport, Hub]:
    hub, transport = Hub(), Transport()
    made = ClientConnection(cast("Any", hub), 1, quiet())
    made.connection_made(cast("Any", transport))
    return made, transport, hub


async def test_nothing_is_read_from_a_client_that_does_not_read() -> None:
    """[SAFETY 28]: its answers must not gather here."""
    made, transport, hub = connection()
    seen = []
    for step in (made.pause_writing, lambda: made.throttle(on=True), made.resume_writing, lambda: made.throttle(on=False)):
        step()
        seen.append(transport.reading)
    assert seen == [False, False, False, True]
    assert hub.paused == [True, False]


async def test_a_client_that_does_not_read_for_long_is_cut() -> None:
    made, transport, _ = connection()
    made.pause_writing()
    now = asyncio.get_running_loop().time()
    made.check(now + clients.SLOW_S - 1, 60)
    assert not transport.closed
    made.check(now + clients.SLOW_S + 1, 60)
    assert transport.aborted


async def test_a_client_for_which_too_much_waits_is_cut() -> None:
    made, transport, _ = connection()
    made.pause_writing()
    transport.size = clients.WAITING_BYTES_MAX
    made.send(b"x")
    assert not transport.closed
    transport.size += 1
    made.send(b"x")
    assert transport.aborted


async def test_a_stranger_has_so_long_to_say_hello_and_a_client_so_long_to_say_anything() -> None:
    made, transport, _ = connection()
    now = asyncio.get_running_loop().time()
    made.check(now + clients.HELLO_S - 1, 60)
    assert not transport.closed
    made.check(now + clients.HELLO_S + 1, 60)
    assert (transport.closed, transport.aborted) == (True, False)
    made.check(now + clients.HELLO_S + 2, 60)
    assert transport.aborted


async def test_what_comes_after_the_end_is_ignored() -> None:
    made, transport, hub = connection()
    made.connection_lost(None)
    made.send(b"x")
    made.close()
    made.leave()
    made.throttle(on=True)
    assert hub.gone == 1
    assert transport.written == []


async def test_an_idle_client_is_cut_with_a_reason_and_a_pinging_one_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gaios.server.doors.PING_S", 0.1)
    (settings,) = make(tmp_path)
    async with running(settings) as (replica,):
        await master_of([replica])
        async with client(settings.me.client) as idle, client(settings.me.client) as pinging:
            quiet_one, other = replica._doors.clients.values()
            before = other.heard_s
            other.heard_s -= settings.idle_s / 2
            await pinging.request(Kind.PING, 1)
            await pinging.next(Kind.PONG)
            await until(lambda: other.heard_s >= before)
            quiet_one.heard_s -= settings.idle_s
            assert "nothing was said" in str(decode_goodbye(await idle.next(Kind.GOODBYE)))
            await pinging.register()
        assert "client_cut" in lines(replica)


async def test_a_stranger_that_says_nothing_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gaios.server.doors.PING_S", 0.05)
    monkeypatch.setattr("gaios.server.clients.HELLO_S", 0.2)
    (settings,) = make(tmp_path)
    async with running(settings):
        assert await talk(settings.me.client, b"")


async def test_a_client_that_asks_and_never_reads_hurts_only_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Others are served meanwhile, and what waits for it is bounded."""
    monkeypatch.setattr("gaios.server.doors.PING_S", 0.1)
    monkeypatch.setattr("gaios.server.clients.SLOW_S", 1.0)
    (settings,) = make(tmp_path)
    async with running(settings) as (replica,):
        await master_of([replica])
        await replica.submit(api.encode(api.MultiOp(then=(api.Put(b"k", bytes(100_000)),))))
        async with client(settings.me.client) as greedy, client(settings.me.client) as good:
            cast("Any", greedy.writer.transport).pause_reading()
            for number in range(1_000):
                greedy.writer.write(encode_read(number, api.encode(api.Range(b"k"))))
            identity = await good.register()
            await until(lambda: replica.connections == 1)
            command = api.encode(api.MultiOp(then=(api.Put(b"k", b"v"),)))
            assert (await good.ask(entry.encode(entry.Kind.COMMAND, identity, 1, 0, command))).status == 0
        assert "without reading" in lines(replica) or "what waits for this client" in lines(replica)


async def test_an_error_names_itself_before_the_welcome_and_after(tmp_path: Path) -> None:
    (settings,) = make(tmp_path)
    async with running(settings), client(settings.me.client) as wrong:
        wrong.writer.write(b"\x01\x00\x00\x00nonsense")
        assert isinstance(decode_goodbye(await wrong.next(Kind.GOODBYE)), errors.ProtocolError)
