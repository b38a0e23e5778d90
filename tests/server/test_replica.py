"""The real shell in one process: start, serve, stop, embed."""

import asyncio
import socket
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gaios import api, entry, errors
from gaios.machine import Context, Machine
from gaios.server import config
from gaios.server.replica import Replica, raise_limits
from gaios.trace import check
from tests.server.shells import Client, client, lines, make, master_of, quiet, running, until
from tests.servers import PATIENCE_S
from tests.typed.bank import Balance, Bank, Deposit, Withdraw


class Counter(Machine):
    """The smallest machine: each command is added to a sum."""

    def __init__(self) -> None:
        self.sum = 0

    def validate(self, command: bytes) -> None:
        if not command.isdigit():
            raise errors.InvalidCommand(reason="not a number")

    def apply(self, command: bytes, context: Context) -> tuple[bytes, Sequence[Any]]:
        self.sum += int(command)
        return b"%d" % self.sum, ()

    def query(self, question: bytes) -> bytes:
        return b"%d" % self.sum

    def checksum(self) -> int:
        return self.sum

    def snapshot(self) -> Iterator[bytes]:
        yield b"%d" % self.sum

    def restore(self, chunks: Iterable[bytes]) -> None:
        self.sum = int(b"".join(chunks))


def command(key: bytes, value: bytes) -> bytes:
    return api.encode(api.MultiOp(then=(api.Put(key, value),)))


async def test_a_cell_of_one_keeps_what_it_acknowledged(tmp_path: Path) -> None:
    (settings,) = make(tmp_path)
    async with running(settings) as replicas:
        master = await master_of(replicas)
        await master.submit(command(b"k", b"v"))
    async with running(settings) as replicas:
        master = await master_of(replicas)
        page = api.decode_answer(await master.query(api.encode(api.Range(b"k"))))
        assert isinstance(page, api.Page)
        assert page.entries[0].value == b"v"
        assert master.status()["boot"] == 2


async def test_a_machine_with_typed_commands_is_embedded_as_one_of_bytes_is(tmp_path: Path) -> None:
    """Replies come back typed; what the machine refuses, and what is no such command, is told as what it is."""
    async with running(*make(tmp_path, 3), machine=Bank) as replicas:
        master = await master_of(replicas)
        assert await master.submit(Deposit("alice", 5)) == 5
        assert await master.submit(b'["Deposit","alice",2]') == b"7"
        assert await master.query(Balance("alice")) == 7
        assert await master.query(Balance("bob")) is None
        with pytest.raises(errors.Refused, match="alice has 7, not 8"):
            await master.submit(Withdraw("alice", 8))
        with pytest.raises(errors.InvalidCommand, match="1 or more"):
            await master.submit(Deposit("alice", 0))
        with pytest.raises(errors.InvalidCommand, match="no command 'Steal'"):
            await master.submit(b'["Steal"]')
        with pytest.raises(errors.InvalidCommand, match="no query 'Steal'"):
            await master.query(b'["Steal"]')
        checksum = master.status()["checksum"]
        for replica in replicas:
            await until(lambda replica=replica: replica.status()["checksum"] == checksum)  # type: ignore[misc]


async def test_a_program_embeds_a_cell_with_a_machine_of_its_own(tmp_path: Path) -> None:
    """[DESIGN §5]: subclass Machine, hand it to Replica; commands are carried out once, in the same order everywhere."""
    async with running(*make(tmp_path, 3), machine=Counter) as replicas:
        master = await master_of(replicas)
        replies = await asyncio.gather(*(master.submit(b"%d" % number) for number in range(20)))
        assert max(map(int, replies)) == sum(range(20))
        assert await master.query(b"") == b"190"
        with pytest.raises(errors.InvalidCommand):
            await master.submit(b"x")
        other = next(replica for replica in replicas if replica is not master)
        await until(lambda: other.node.replica.applier.machine.checksum() == 190)
        with pytest.raises(errors.NotMaster) as refused:
            await other.submit(b"1")
        assert refused.value.master == master.settings.me.client
        with pytest.raises(errors.NotMaster):
            await other.query(b"")


async def test_clients_write_and_see_each_others_writes(tmp_path: Path) -> None:
    async with running(*make(tmp_path, 3)) as replicas:
        master = await master_of(replicas)
        clients = [await Client.connect(master.settings.me.client) for _ in range(8)]
        identities = [await each.register() for each in clients]
        for round_ in range(1, 6):
            answers = await asyncio.gather(
                *(
                    each.ask(entry.encode(entry.Kind.COMMAND, identity, round_, round_ - 1, command(b"k%d" % number, b"%d" % round_)))
                    for number, (each, identity) in enumerate(zip(clients, identities, strict=True))
                )
            )
            assert {answer.status for answer in answers} == {0}
        page = api.decode_answer(await master.query(api.encode(api.Range(b"k", b"l"))))
        assert isinstance(page, api.Page)
        assert [found.value for found in page.entries] == [b"5"] * 8
        for each in clients:
            await each.close()


async def test_the_next_master_comes_when_one_stops(tmp_path: Path) -> None:
    """A clean stop gives the lease back, so nobody waits for it to run out."""
    async with running(*make(tmp_path, 3)) as replicas:
        first = await master_of(replicas)
        await first.submit(command(b"k", b"v"))
        rest = [replica for replica in replicas if replica is not first]
        await first.stop()
        second = await master_of(rest)
        await second.submit(command(b"l", b"w"))
        page = api.decode_answer(await second.query(api.encode(api.Range(b"", b""))))
        assert isinstance(page, api.Page)
        assert {found.key for found in page.entries} >= {b"k", b"l"}
        assert "stopped" in lines(first)
        await first.stop()


async def test_a_taken_port_is_refused_and_the_directory_given_back(tmp_path: Path) -> None:
    (settings,) = make(tmp_path)
    with socket.create_server(config.address(settings.me.peer)), pytest.raises(errors.PortTaken) as refused:
        await Replica(settings, log=quiet()).start()
    assert refused.value.address == settings.me.peer
    async with running(settings) as replicas:
        await master_of(replicas)


async def test_missing_promises_are_refused(tmp_path: Path) -> None:
    """[SAFETY 2]"""
    (settings,) = make(tmp_path)
    for name in ("promise-1", "promise-2"):
        (Path(settings.dir) / name).unlink()
    with pytest.raises(errors.StateMissing, match="promise-1"):
        await Replica(settings, log=quiet()).start()


async def test_a_damaged_log_of_one_replica_alone_is_not_cut(tmp_path: Path) -> None:
    """Nobody else has the value: the replica starts, says what is missing, and serves nothing.  [SAFETY 7]"""
    (settings,) = make(tmp_path)
    async with running(settings) as replicas:
        master = await master_of(replicas)
        for number in range(20):
            await master.submit(command(b"k", b"%d" % number * 100))
    log = Path(settings.dir) / "wal" / "00000001.wal"
    data = bytearray(log.read_bytes())
    data[2_000] ^= 1
    log.write_bytes(data)
    async with running(settings) as (replica,):
        status = replica.status()
        assert status["repairing"]
        assert any("damaged" in why for why in status["why"])
        assert status["applied"] < status["chosen"]


async def test_the_first_failure_of_the_disk_is_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 4, and nothing said after it: a sync is never tried again."""
    (settings,) = make(tmp_path)

    def fail(_: object) -> None:
        raise OSError(5, "Input/output error")

    async with running(settings) as (replica,):
        await master_of([replica])
        async with client(settings.me.client) as asking:
            monkeypatch.setattr("os.fdatasync", fail)
            asked = asyncio.ensure_future(asking.ask(entry.register()))
            with pytest.raises(errors.DiskFailed):
                async with asyncio.timeout(PATIENCE_S):
                    await replica.wait()
            with pytest.raises(ConnectionResetError):
                await asked
        assert "DiskFailed" in lines(replica)


async def test_an_unforeseen_error_stops_the_replica(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The alternative is a replica that goes on with half a step done."""
    (settings,) = make(tmp_path)

    def fail(*_: object) -> None:
        raise ZeroDivisionError

    async with running(settings) as (replica,):
        await master_of([replica])
        monkeypatch.setattr(replica.node.replica, "submit", fail)
        async with client(settings.me.client) as asking:
            with pytest.raises(ConnectionResetError):
                await asking.ask(entry.register())
        with pytest.raises(ZeroDivisionError):
            await replica.wait()
        assert "where=" in lines(replica)


async def test_a_replica_is_not_asked_before_it_was_started(tmp_path: Path) -> None:
    (settings,) = make(tmp_path)
    replica = Replica(settings, log=quiet())
    with pytest.raises(errors.Unavailable):
        await replica.submit(b"x")
    await replica.stop()


async def test_one_that_was_removed_tells_its_sums_until_it_may_go(tmp_path: Path) -> None:
    async with running(make(tmp_path, 3)[0]) as (replica,):
        log = replica.node.replica
        log.roster.adopt(log.configuration.removed(1), 1, stands=True)
        assert log.is_removed
        assert replica.sums()["id"] == 1


async def test_settings_may_be_a_file_or_a_mapping(tmp_path: Path) -> None:
    (settings,) = make(tmp_path)
    text = f'id = 1\ndir = "{settings.dir}"\n' + config.manifest_text(settings.cell, settings.replica)
    (tmp_path / "replica.toml").write_text(text)
    from_file = Replica(tmp_path / "replica.toml", log=quiet()).settings
    from_keys = Replica(config.read_file(tmp_path / "replica.toml"), log=quiet()).settings
    assert from_file == from_keys
    assert from_file.me == settings.me


def test_limits_are_raised_and_never_lowered() -> None:
    import resource

    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    raise_limits()
    after = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert after[0] >= before[0]
    assert after[1] == before[1]


async def test_what_recorded_replicas_did_is_legal(tmp_path: Path) -> None:
    """[DESIGN §3]: the setting is enough, for an embedded cell too; a stop ends the recording."""
    recorded = [msgspec.structs.replace(settings, record=str(tmp_path / "recordings")) for settings in make(tmp_path, 3)]
    for _ in range(2):
        async with running(*recorded) as replicas:
            master = await master_of(replicas)
            await asyncio.gather(*(master.submit(command(b"k%d" % number, b"v")) for number in range(20)))
    report = check([str(tmp_path / "recordings")])
    assert (report.violations, report.unverified, report.boots) == ([], 0, 6)
    assert report.coverage["P2b"] > 0


async def test_a_recording_that_stops_is_told_and_the_replica_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gaios.server.recorder.Recorder.__init__.__kwdefaults__", {"bytes_max": 1_000})
    (settings,) = make(tmp_path)
    async with running(msgspec.structs.replace(settings, record=str(tmp_path / "recordings"))) as replicas:
        master = await master_of(replicas)
        await asyncio.gather(*(master.submit(command(b"k%d" % number, b"v")) for number in range(20)))
        assert lines(master).count("recording_stopped") == 1
        assert "have reached 1000 bytes" in lines(master)
