"""Who may come in, at each port, and what strangers get."""

import asyncio
import contextlib
import gc
import os
import random
import resource
import socket
from pathlib import Path

import pytest

from gaios import api, entry, errors
from gaios.log import codec
from gaios.log.records import Boot
from gaios.server import config, doors
from gaios.transport import Decoder, Hello, Kind, decode_goodbye, encode, encode_hello, encode_peer, refuse
from tests.server.shells import CELL, client, lines, make, master_of, running, talk, until
from tests.servers import PATIENCE_S


def goodbye(data: bytes) -> errors.Error:
    """The error that a refused dialler was told."""
    kind, body = Decoder(1 << 20).feed(data)[-1]
    assert kind == Kind.GOODBYE
    return decode_goodbye(body)


def hello(role: str, **more: object) -> bytes:
    return encode_hello(Hello(role=role, **more))  # type: ignore[arg-type]


async def test_malformed_bytes_on_any_port_cost_a_connection_and_nothing_else(tmp_path: Path) -> None:
    """Whatever strangers send, each gets one error or a closed connection; no replica stops, nothing is lost."""
    settings = make(tmp_path, 3)
    async with running(*settings) as replicas:
        master = await master_of(replicas)
        dice = random.Random(7)
        async with client(master.settings.me.client) as good:
            identity = await good.register()
            oversized = (1 << 31).to_bytes(4, "little") + bytes(5)
            bad_checksum = bytearray(hello("client"))
            bad_checksum[-1] ^= 1
            for port in (master.settings.me.client, master.settings.me.peer):
                for data in (oversized, bytes(bad_checksum), encode(Kind.PING, bytes(8)), encode(99, b"x"), encode(Kind.HELLO, b"\xc1")):
                    assert isinstance(goodbye(await talk(port, data)), errors.ProtocolError)
                assert isinstance(goodbye(await talk(port, b"GET / HTTP/1.1\r\n\r\n", magic=False)), errors.ProtocolError)
                for _ in range(10):
                    await talk(port, dice.randbytes(dice.randrange(9, 2_000)), magic=False)
            answer = await good.ask(entry.encode(entry.Kind.COMMAND, identity, 1, 0, b"\xc1"))
            assert answer.status == 7
        assert master.node.replica.is_serving
        assert "Traceback" not in lines(master)


async def test_each_port_takes_its_own_role_only(tmp_path: Path) -> None:
    (settings,) = make(tmp_path)
    async with running(settings):
        peer = hello("peer", cell=CELL.bytes, member=2, boot=1)
        assert "client port" in str(goodbye(await talk(settings.me.client, peer)))
        assert "peer port" in str(goodbye(await talk(settings.me.peer, hello("client"))))


async def test_strangers_of_another_cell_are_turned_away(tmp_path: Path) -> None:
    """[SAFETY 4]"""
    settings = make(tmp_path, 3)
    async with running(settings[0]):
        me = settings[0].me
        assert isinstance(goodbye(await talk(me.client, hello("client", cell=bytes(16)))), errors.AnotherCell)
        assert isinstance(goodbye(await talk(me.peer, hello("peer", cell=bytes(16), member=2, boot=1))), errors.AnotherCell)
        for member in (1, 9):
            assert isinstance(goodbye(await talk(me.peer, hello("peer", cell=CELL.bytes, member=member, boot=1))), errors.AnotherCell)
        assert isinstance(goodbye(await talk(me.peer, hello("peer", member=2, boot=1))), errors.ProtocolError)


async def test_a_peers_older_boot_or_second_nonce_is_turned_away(tmp_path: Path) -> None:
    """[SAFETY 3]: an old copy of a directory, or a clone, must not speak for a member."""
    settings = make(tmp_path, 3)
    async with running(settings[0]) as (replica,):
        host, port = config.address(settings[0].me.peer)
        with socket.create_connection((host, port)) as first:
            first.sendall(b"\x89gaios\r\n" + hello("peer", cell=CELL.bytes, member=2, boot=5, nonce=1))
            await until(lambda: any(inbound.member == 2 for inbound in replica._doors._inbound))
            first.sendall(encode_peer(codec.encode(2, 5, 0, [(codec.BOOT, [(5, 1)])])))
            await until(lambda: replica.node.replica.boots.refusal(2, 4, 1))
            for boot, nonce in ((4, 1), (5, 2)):
                refused = goodbye(await talk(settings[0].me.peer, hello("peer", cell=CELL.bytes, member=2, boot=boot, nonce=nonce)))
                assert isinstance(refused, errors.BootRefused)
                assert f"this is boot {boot}" in str(refused) or "another nonce" in str(refused)


async def test_a_peer_that_dials_again_and_says_nothing_does_not_end_what_it_says_already(tmp_path: Path) -> None:
    """Who looks for the member that this one replaced, at the same address, goes when it reads the WELCOME."""
    settings = make(tmp_path, 3)
    magic, who = b"\x89gaios\r\n", hello("peer", cell=CELL.bytes, member=2, boot=5, nonce=1)
    frame = encode_peer(codec.encode(2, 5, 0, [(codec.BOOT, [(5, 1)])]))
    async with running(settings[0]) as (replica,):
        inbound = replica._doors._inbound

        def known() -> list[bool]:
            return [each.speaks for each in inbound if each.member == 2]

        with socket.create_connection(config.address(settings[0].me.peer)) as first:
            first.sendall(magic + who)
            await until(lambda: known() == [False])
            first.sendall(frame)
            await until(lambda: known() == [True])
            with socket.create_connection(config.address(settings[0].me.peer)) as second:
                second.sendall(magic + who)
                await until(lambda: known() == [True, False])
                second.sendall(frame)
                await until(lambda: known() == [True])
                first.settimeout(PATIENCE_S)
                with contextlib.suppress(ConnectionResetError):
                    while await asyncio.to_thread(first.recv, 1 << 16):
                        pass


async def test_who_left_and_is_there_is_spoken_to(tmp_path: Path) -> None:
    """The link to it ended with a change that is not settled yet. It says that it started, and may hold what is lost here.  [SAFETY 18]"""
    settings = make(tmp_path, 3)
    async with running(settings[0]) as (replica,):
        log, shell = replica.node.replica, replica._doors
        await until(lambda: 3 in shell._running)
        log.roster.adopt(log.configuration.removed(3), 1, stands=True)
        shell.follow(replica.node)
        shell._part(3)
        assert set(replica.links) == {2}
        with socket.create_connection(config.address(settings[0].me.peer)) as gone:
            gone.sendall(b"\x89gaios\r\n" + hello("peer", cell=CELL.bytes, member=3, boot=5, nonce=1))
            await until(lambda: any(inbound.member == 3 for inbound in shell._inbound))
            gone.sendall(encode_peer(codec.encode(3, 5, 0, [(codec.BOOT, [(5, 1)])])))
            await until(lambda: set(replica.links) == {2, 3})
        assert log.peers == (2,)


async def test_nobody_dials_itself_for_who_was_in_its_place(tmp_path: Path) -> None:
    """A new member knew the founder before it at its own address: for half a minute it dialled itself, and warned of a stranger."""
    settings = make(tmp_path, 3)
    async with running(settings[0]) as (replica,):
        log, shell = replica.node.replica, replica._doors
        await until(lambda: set(replica.links) == {2, 3})
        place = settings[0].me
        log.roster.adopt(log.configuration.added(4, peer=place.peer, client=place.client, admin=place.admin), 1, stands=True)
        shell.follow(replica.node)
        assert log.peers == (2, 3, 4)
        assert set(replica.links) == {2, 3}


async def test_a_peer_that_comes_under_a_newer_configuration_stops_a_master_that_serves(tmp_path: Path) -> None:
    """Before it says anything. A copy, which is turned away, does not.  [SAFETY 3, 18]"""
    (settings,) = make(tmp_path)
    async with running(settings) as replicas:
        log = (await master_of(replicas)).node.replica
        log.boots._known[3] = Boot(5, 50)
        refused = goodbye(await talk(settings.me.peer, hello("peer", cell=CELL.bytes, member=3, boot=4, nonce=1, config=7)))
        assert isinstance(refused, errors.BootRefused)
        assert log.is_serving
        host, port = config.address(settings.me.peer)
        with socket.create_connection((host, port)) as stranger:
            stranger.sendall(b"\x89gaios\r\n" + hello("peer", cell=CELL.bytes, member=9, boot=1, nonce=1, config=7))
            await until(lambda: not log.is_serving)


async def test_a_copy_that_removed_members_by_itself_turns_no_member_away_for_good(tmp_path: Path) -> None:
    """At its door nobody tells which boot it is in. Who follows no master believes it: it was removed while it was away.  [SAFETY 3, 18]"""
    settings = make(tmp_path, 3)
    turned_away = 0

    async def door(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal turned_away
        turned_away += 1
        writer.write(refuse(errors.Removed(member=1, replica=1, configuration=40)))
        writer.close()

    host, port = config.address(settings[2].me.peer)
    async with running(*settings[:2]) as replicas:
        await master_of(replicas)
        async with await asyncio.start_server(door, host, port):
            await until(lambda: turned_away > 4)
        assert not any(replica._doors._turns.done.done() for replica in replicas)
        replicas[0].node.replica.core.granted_until = 0
        replicas[0]._doors._refused(3, errors.Removed(member=1, replica=1, configuration=40))
        assert isinstance(replicas[0]._doors._turns.done.exception(), errors.Removed)


async def test_there_are_so_many_connections_and_no_more(tmp_path: Path) -> None:
    """[SAFETY 28]: a flood of strangers must leave room for peers and the disk."""
    (settings,) = make(tmp_path, client_connections=2)
    async with running(settings) as replicas:
        await master_of(replicas)
        async with client(settings.me.client) as first, client(settings.me.client):
            assert isinstance(goodbye(await talk(settings.me.client, hello("client"))), errors.Overloaded)
            await first.register()


def test_few_descriptors_leave_fewer_connections_and_enough_for_the_disk(tmp_path: Path) -> None:
    """Where `ulimit -n` is small, clients are turned away sooner; the log must still find its files."""
    (settings, *_) = make(tmp_path, 5)
    assert doors.shares(settings, 65_536) == {"peer": 128, "admin": 64, "client": 1_000}
    for descriptors in (0, 64, 100, 256, 1_024):
        shares = doors.shares(settings, descriptors)
        assert min(shares.values()) >= 1
        assert shares["peer"] >= 8
        if descriptors >= 100:
            assert sum(shares.values()) + doors.OWN_FILES + 4 <= descriptors


async def test_a_flood_of_connections_does_not_stop_a_replica_with_few_descriptors(tmp_path: Path) -> None:
    (settings,) = make(tmp_path)
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    opened = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    resource.setrlimit(resource.RLIMIT_NOFILE, (opened + 120, before[1]))
    flood: list[asyncio.StreamWriter] = []
    try:
        async with running(settings) as (replica,):
            await master_of([replica])
            for _ in range(50):
                try:
                    flood.append((await asyncio.open_connection(*config.address(settings.me.client)))[1])
                except OSError:
                    break
            await replica.submit(api.encode(api.MultiOp(then=(api.Put(b"k", b"v"),))))
            for writer in flood:
                writer.close()
            await asyncio.gather(*(writer.wait_closed() for writer in flood), return_exceptions=True)
            await until(lambda: replica.connections == 0)
            async with client(settings.me.client) as good:
                await good.register()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


async def test_stopping_says_goodbye(tmp_path: Path) -> None:
    (settings,) = make(tmp_path)
    async with running(settings) as (replica,), client(settings.me.client) as told:
        await replica.stop()
        assert isinstance(decode_goodbye(await told.next(Kind.GOODBYE)), errors.Unavailable)


async def test_whoever_comes_while_a_replica_stops_is_let_go(tmp_path: Path) -> None:
    """At whatever turn of the loop between being accepted and being handed over."""
    for turns in range(8):
        (settings,) = make(tmp_path / str(turns))
        async with running(settings) as (replica,):
            with socket.create_connection(config.address(settings.me.client)) as stranger:
                for _ in range(turns):
                    await asyncio.sleep(0)
                await replica.stop()
                stranger.settimeout(PATIENCE_S)
                with contextlib.suppress(ConnectionResetError):
                    assert await asyncio.to_thread(stranger.recv, 1) == b""
    gc.collect()  # filterwarnings = error fails this test for an open socket


def test_a_port_in_use_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        text = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(errors.PortTaken, match=text):
            doors.listen(text)


@pytest.mark.parametrize("text", ["203.0.113.1:7420", "no-such-host.invalid:1"])
def test_an_address_of_another_machine_is_a_wrong_configuration(text: str) -> None:
    with pytest.raises(errors.ConfigurationError, match="cannot listen"):
        doors.listen(text)
