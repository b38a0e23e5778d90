"""The admin port: what it answers, and that nothing malformed gets further than one error."""

import asyncio
from pathlib import Path

import msgspec
import pytest

from tests.server.shells import client, get, lines, make, master_of, running, talk, until


async def test_probes_scrapers_and_people_get_what_they_ask_for(tmp_path: Path) -> None:
    settings = make(tmp_path, 3)
    async with running(*settings) as replicas:
        master = await master_of(replicas)
        admin = master.settings.me.admin
        assert await get(admin, "/healthz") == (200, b"ok\n")
        assert await get(admin, "/readyz?verbose") == (200, b"ready\n")
        code, body = await get(admin, "/status")
        facts = msgspec.json.decode(body)
        assert code == 200
        assert (facts["role"], facts["id"], facts["cell"]) == ("master", master.settings.id, "c" * 32)
        sums = master.node.replica.doubt.sums
        await until(lambda: sums.newest() is not None)
        code, body = await get(admin, "/sums")
        told = msgspec.json.decode(body)
        newest = sums.newest()
        assert newest is not None
        assert (code, told["id"]) == (200, master.settings.id)
        assert told["sums"][-1] == [newest.slot, newest.chain.hex(), f"{newest.checksum:016x}", f"{newest.trail:016x}"]
        code, body = await get(admin, "/metrics")
        assert code == 200
        assert b"gaios_is_master 1.0" in body
        assert (await get(admin, "/nonsense"))[0] == 404


async def test_a_replica_without_a_master_is_alive_and_not_ready(tmp_path: Path) -> None:
    """/healthz asks whether to restart it, /readyz whether to send clients to it."""
    settings = make(tmp_path, 3)
    async with running(settings[0]):
        assert (await get(settings[0].me.admin, "/healthz"))[0] == 200
        code, body = await get(settings[0].me.admin, "/readyz")
        assert code == 503
        assert b"no master" in body


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET http://x/ HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n folded: x\r\n\r\n", 400),
        (b"GET / HTTP/2\r\n\r\n", 505),
        (b"POST /status HTTP/1.1\r\n\r\n", 405),
        (b"GET /status HTTP/1.1\r\nContent-Length: 5\r\n\r\n", 400),
        (b"GET /status HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (b"GET /" + b"a" * 9_000 + b" HTTP/1.1\r\n", 431),
        (b"\x00" * 100 + b"\r\n\r\n", 400),
        (b"\x89gaios\r\n\r\n\r\n", 400),
    ],
)
async def test_what_is_not_a_plain_request_gets_one_error(tmp_path: Path, request_: bytes, code: int) -> None:
    (settings,) = make(tmp_path)
    async with running(settings) as (replica,):
        assert (await get(settings.me.admin, "", raw=request_))[0] == code
        assert "Traceback" not in lines(replica)


async def test_a_connection_serves_many_requests_also_cut_anywhere(tmp_path: Path) -> None:
    (settings,) = make(tmp_path)
    async with running(settings):
        host, port = settings.me.admin.split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        for byte in b"GET /healthz HTTP/1.1\r\n\r\nHEAD /healthz HTTP/1.1\r\n\r\nGET /healthz HTTP/1.0\r\n\r\n":
            writer.write(bytes((byte,)))
            await asyncio.sleep(0)
        answer = await reader.read()
        assert answer.count(b"HTTP/1.1 200 OK") == 3
        assert answer.count(b"ok\n") == 2
        writer.close()
        await writer.wait_closed()


async def test_a_request_that_does_not_come_in_time_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gaios.server.admin.REQUEST_S", 0.1)
    (settings,) = make(tmp_path)
    async with running(settings):
        assert await talk(settings.me.admin, b"GET /hea", magic=False) == b""


async def test_there_are_so_many_connections_and_no_more(tmp_path: Path) -> None:
    (settings,) = make(tmp_path, admin_connections=1)
    async with running(settings) as (replica,):
        await master_of([replica])
        host, port = settings.me.admin.split(":")
        _, writer = await asyncio.open_connection(host, int(port))
        doors = replica._doors
        await until(lambda: len(doors._admins) == 1)
        assert (await get(settings.me.admin, "/healthz"))[0] == 503
        async with client(settings.me.client) as good:
            await good.register()
        writer.close()
        await writer.wait_closed()
