"""The turns of the event loop: one drain each, bounded work, and the end at the first failure."""

from pathlib import Path
from typing import Any, cast

import pytest
from msgspec.structs import replace

from gaios import api, entry, errors
from gaios.server import evidence, turns
from gaios.server.__main__ import exit_code
from gaios.server.clients import ClientConnection
from gaios.transport import KeepAlive, Kind, decode_submit, encode_keepalive, encode_read, encode_submit
from tests.server.shells import CLOCK, FAST, client, make, master_of, running, until


async def test_what_came_together_shares_one_disk_batch(tmp_path: Path) -> None:
    """Group commit: fifty requests in one piece are one value and few syncs."""
    async with running(*make(tmp_path)) as replicas:
        master = await master_of(replicas)
        async with client(master.settings.me.client) as asking:
            identity = await asking.register()
            before, slots = master.node.commit.batches, master.node.replica.chosen
            command = api.encode(api.MultiOp(then=(api.Put(b"k", b"v"),)))
            asking.writer.write(
                b"".join(encode_submit(100 + n, entry.encode(entry.Kind.COMMAND, identity, n, 0, command)) for n in range(1, 51))
            )
            for _ in range(50):
                await asking.next(Kind.ANSWER)
            assert master.node.commit.batches - before <= 4
            assert master.node.replica.chosen - slots <= 2


async def test_now_is_read_after_the_bytes_were(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """[SAFETY 12]: a loop that caches its time would let a read be answered under a lease that has ended."""
    async with running(*make(tmp_path)) as replicas:
        master = await master_of(replicas)
        seen: list[tuple[str, int]] = []
        real = ClientConnection.data_received

        def received(self: ClientConnection, data: bytes) -> None:
            seen.append(("bytes", turns.clock()))
            real(self, data)

        read = master.node.replica.read

        def asked(now: int, token: Any, question: bytes) -> None:
            seen.append(("now", now))
            read(now, token, question)

        async with client(master.settings.me.client) as asking:
            monkeypatch.setattr(ClientConnection, "data_received", received)
            monkeypatch.setattr(master.node.replica, "read", asked)
            asking.writer.write(encode_read(1, api.encode(api.Look())))
            await asking.next(Kind.ANSWER)
        (_, came), (_, now) = seen
        assert now >= came


async def test_overload_does_not_hold_up_leases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """[SAFETY 28]: clients' frames are taken in small portions, and peers and timers come between."""
    monkeypatch.setattr(turns, "TURN_NS", 1)
    monkeypatch.setattr(turns, "TURN_FRAMES", 1)
    take = turns.Turns.client_frames

    def one_by_one(self: turns.Turns, connection: ClientConnection, frames: list[Any]) -> None:
        for frame in frames:
            take(self, connection, [frame])

    monkeypatch.setattr(turns.Turns, "client_frames", one_by_one)
    async with running(*make(tmp_path, 3)) as replicas:
        master = await master_of(replicas)
        async with client(master.settings.me.client) as asking:
            identity = await asking.register()
            reigns, turns_before = [replica.node.replica.reigns for replica in replicas], master.metrics.turns
            command = api.encode(api.MultiOp(then=(api.Put(b"k", b"v"),)))
            for number in range(1, 1_001):
                asking.writer.write(encode_submit(100 + number, entry.encode(entry.Kind.COMMAND, identity, number, number - 1, command)))
            for _ in range(1_000):
                await asking.next(Kind.ANSWER)
            assert master.metrics.turns - turns_before >= 1_000, "a turn, in which others have theirs, for each frame"
            assert [replica.node.replica.reigns for replica in replicas] == reigns
            assert master.node.replica.is_serving


async def test_requests_of_a_client_that_does_not_read_wait(tmp_path: Path) -> None:
    async with running(*make(tmp_path)) as (replica,):
        await master_of([replica])
        loop = replica._running

        class Connection:
            number, is_gone, is_paused, is_throttled, queued = 1, False, True, False, 0
            waiting: list[Any] = []  # noqa: RUF012 (a stand-in)

        connection = Connection()
        frame = (Kind.READ, encode_read(1, b"")[9:])
        loop.client_frames(cast("ClientConnection", connection), [frame])
        await until(lambda: connection.waiting == [frame])
        handed = replica.node.answered
        connection.is_paused = False
        loop.client_paused(cast("ClientConnection", connection))
        await until(lambda: replica.node.answered == handed + 1)
        assert connection.waiting == []
        assert decode_submit(frame[1])[0] == 1


async def test_requests_that_waited_are_handed_on_before_later_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that reads again may have a later piece in the inbox: a watch must not be cancelled before it was asked for."""
    async with running(*make(tmp_path)) as (replica,):
        await master_of([replica])
        loop = replica._running

        class Connection:
            number, is_gone, is_paused, is_throttled, queued = 1, False, True, False, 0
            waiting: list[Any] = []  # noqa: RUF012 (a stand-in)

        connection = Connection()
        taken: list[bytes] = []
        monkeypatch.setattr(loop.node, "client_frame", lambda _now, _number, _kind, body: taken.append(body))
        loop.client_frames(cast("ClientConnection", connection), [(Kind.READ, b"1"), (Kind.READ, b"2")])
        loop.turn()
        assert not taken, "nothing is taken from a client that does not read"
        loop.client_frames(cast("ClientConnection", connection), [(Kind.READ, b"3")])
        connection.is_paused = False
        loop.client_paused(cast("ClientConnection", connection))
        loop.turn()
        assert taken == [b"1", b"2", b"3"]
        assert connection.queued == 0


async def test_a_turn_comes_when_something_is_due_and_not_all_the_time(tmp_path: Path) -> None:
    """An idle cell must not burn the machine: a turn that finds nothing due does not bring the next one."""
    async with running(*make(tmp_path, 3)) as replicas:
        await master_of(replicas)
        await CLOCK.passes(300_000_000)
        before = sum(replica.metrics.turns for replica in replicas)
        await CLOCK.passes(500_000_000)
        assert sum(replica.metrics.turns for replica in replicas) - before < 400


async def test_a_failure_when_a_batch_is_durable_stops_the_replica(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was chosen meanwhile is applied there too: a loop that prints the exception and goes on would skip it."""
    async with running(*make(tmp_path)) as (replica,):
        await master_of([replica])

        def broken(_now: int) -> None:
            raise errors.InvariantViolated(invariant="told to", detail="fail")

        monkeypatch.setattr(replica.node, "disk_done", broken)
        replica._running._on_disk(None)
        with pytest.raises(errors.InvariantViolated):
            await replica.wait()


async def test_a_keepalive_does_not_wait_behind_requests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """[SAFETY 28] It is handed on before the turn in which what its client asked is; overload ends no session."""
    async with running(*make(tmp_path)) as (replica,):
        await master_of([replica])
        loop = replica._running

        class Connection:
            number, is_gone, is_paused, is_throttled, queued = 1, False, True, False, 0
            waiting: list[Any] = []  # noqa: RUF012 (a stand-in)

        handed: list[int] = []
        monkeypatch.setattr(replica.node, "client_frame", lambda now, number, kind, body: handed.append(kind))
        alive = (Kind.KEEPALIVE, encode_keepalive(KeepAlive(7, 3, 1, 0, 0, b"t" * 16))[9:])
        asked = (Kind.READ, encode_read(1, b"")[9:])
        loop.client_frames(cast("ClientConnection", Connection()), [asked, alive])
        assert handed == [Kind.KEEPALIVE]
        loop.client_frames(cast("ClientConnection", Connection()), [alive])
        assert handed == [Kind.KEEPALIVE] * 2
        assert [kind for _, frames in loop._inbox for kind, _ in frames] == [Kind.READ]


async def test_a_log_that_differs_stops_the_replica_once_its_evidence_is_kept(tmp_path: Path) -> None:
    """[SAFETY 25]: that is no matter of its database, and with exit code 4 no supervisor starts it again."""
    settings = make(tmp_path, 3, log=replace(FAST, check_ms=100))
    async with running(*settings) as replicas:
        master = await master_of(replicas)
        odd = next(replica for replica in replicas if replica is not master)
        await until(lambda: odd.node.replica.doubt.agreed)
        odd.node.replica.applier.chain = b"another log here"
        await master.submit(api.encode(api.MultiOp(then=(api.Put(b"k", b"v"),))))
        with pytest.raises(errors.InvariantViolated, match="the same log") as stopped:
            await odd.wait()
        assert exit_code(stopped.value) == 4
        (path,) = (Path(odd.settings.dir) / evidence.DIRECTORY).iterdir()
        head, chunks = evidence.read(path)
        assert head["state"][1] != next(said for member, *said in head["said"] if member != head["member"])[1]
        assert list(chunks)
        assert master.node.replica.is_serving
