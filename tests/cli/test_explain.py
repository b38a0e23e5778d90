"""explain says why a session ended, a lock was lost, or an operation was refused."""
# ruff: noqa: PT012 (a lock's body has several statements, and what ends it comes out of it)

import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from gaios import lock_api
from gaios.client.sync import connect
from gaios.errors import LockLost
from gaios.log import Copies, RecordKind, encode
from gaios.log.records import encode_places
from gaios.storage import Identity, Journal, Record, create
from gaios.storage.disk import Disk
from tests.cli.conftest import Done
from tests.client.cellar import Cellar
from tests.client.clocks import Clock
from tests.explain.parts import Log, truncated
from tests.locks.parts import TOKEN

Cli = Callable[..., Done]
CELL = bytes(range(16))


def written(path: Path, records: list[Record], member: int = 1) -> Disk:
    """A replica's directory that holds these, and is still held by a process."""
    path.mkdir(parents=True)
    disk = Disk(path)
    identity = Identity(CELL, member, 1)
    state = Record(1, 0, 0, encode((0, 0, 0, 0, [])))
    disk.execute_now(create(identity, encode(Copies()), state))
    journal, found = Journal.open(identity, disk.reader)
    disk.execute_now(found.operations)
    for record in records:
        disk.execute_now(journal.batch(None, [record], lambda: state))
    return disk


@pytest.fixture
def log() -> Log:
    """A session lost its lock /locks/job, 0.5; then an operation of it was refused."""
    log = Log()
    session, handle, _ = log.hold("/job")
    log.charge(0, session)
    log.charge(1_001)
    log.put(log.command(lock_api.Release(session, TOKEN, handle)))
    return log


async def expire(cellar: Cellar) -> None:
    """Nobody is heard from for longer than a short lease."""
    for replica in cellar.fake.replicas:
        replica.is_frozen = True
    await cellar.fake.pass_ms(10_000)
    for replica in cellar.fake.replicas:
        replica.thaw()


def test_a_running_cell_tells_why_a_lock_was_lost(cellar: Cellar, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the error says to type is what tells."""
    clock = Clock(monkeypatch)
    with connect(cellar.fake.endpoints) as cell, cell.session(client="victim", lease=2.0) as session:
        with pytest.raises(LockLost) as lost, session.lock("my job") as held:
            number = int(cli("session", "ls", "--json").json["session"])
            assert cli("explain", "--session", str(number)).out.startswith(b"session %d lives" % number)
            told = cli("explain", "--lock", "my job", "--json").json
            assert told["verdict"].startswith(f"the lock /ls/local/locks/my job is held by session {number}")
            cellar.run(expire(cellar))
            clock.sleep(10)
            held.check()
        done = cli(*shlex.split(lost.value.hint.partition(": ")[2])[1:])
        assert done.code == 0
        verdict, *chain = done.out.decode().splitlines()
        assert verdict.startswith(f"the grant {held.sequencer} of the lock /ls/local/locks/my job ended in slot ")
        assert verdict.endswith(f": session {number} expired")
        assert any("its lease counts from" in line for line in chain)
        assert any("more than 2000 ms" in line for line in chain)
        assert f"is lost: session {number} has expired" in chain[-1]
        assert cli("explain", "--session", str(number)).out.decode().startswith(f"session {number} expired in slot")


def test_nothing_known_is_1(cellar: Cellar, cli: Cli) -> None:
    for words in (("--session", "999"), ("--lock", "job"), ("--lock", "job", "--sequencer", "0.999")):
        assert cli("explain", *words).code == 1
        told = cli("explain", *words, "--json")
        assert (told.code, told.json["known"], told.json["chain"]) == (1, False, [])


@pytest.mark.parametrize(
    "words",
    [
        (), ("--session", "1", "--lock", "a"), ("--sequencer", "0.1"), ("--session", "0"), ("--session", "x"), ("--lock", "/a"),
        ("--lock", "a", "--sequencer", "5"), ("--operation", "1:2"), ("--operation", "1.0:2"), ("--session", "1", "--dir", "/nowhere"),
        ("--session", "1", "--dir", "/tmp"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_wrong_usage_is_2(cellar: Cellar, cli: Cli, words: tuple[str, ...]) -> None:
    done = cli("explain", *words)
    assert (done.code, done.out) == (2, b"")
    assert done.err


def test_a_directory_tells_the_same_while_a_process_holds_it(cli: Cli, tmp_path: Path, log: Log) -> None:
    disk = written(tmp_path / "one", log.records)
    try:
        done = cli("explain", "--session", "2", "--dir", str(tmp_path / "one"), "--json")
        assert (done.code, done.json["session"], done.json["lock"]) == (0, 2, None)
        assert done.json["verdict"].startswith("session 2 expired in slot 7")
        assert done.json["chain"][1] == {
            "slot": 3, "epoch": 65_537, "time_ms": 1_700_000_000_003,
            "what": "session 2 (client of /job) is opened with a lease of 1000 ms",
        }  # fmt: skip
        lines = cli("explain", "--lock", "/ls/local/job", "--sequencer", "0.4", "--dir", str(tmp_path / "one")).out.decode().splitlines()
        assert lines[0] == "the grant 0.4 of the lock /ls/local/job ended in slot 7: session 2 expired"
        assert lines[2].startswith("  slot 3  epoch 1.1  2023-11-14 22:13:20.003Z  session 2")
        done = cli("explain", "--operation", "2.0:4", "--dir", str(tmp_path / "one"))
        assert done.code == 0
        assert b"operation 2.0:4 was refused in slot 8, and changed nothing: session 2 is over" in done.out
    finally:
        disk.close()


def test_of_a_cells_directory_the_replica_that_knows_most_is_read(cli: Cli, tmp_path: Path, log: Log) -> None:
    for replica, records in ((1, log.records[:8]), (2, log.records), (3, log.records[:4])):
        written(tmp_path / f"replica-{replica}", records, replica).close()
    assert cli("explain", "--session", "2", "--dir", str(tmp_path)).out.startswith(b"session 2 expired in slot 7")
    assert cli("explain", "--session", "2", "--dir", str(tmp_path / "replica-1")).out.startswith(b"session 2 lives")


def rotted(path: Path, slot: int, *, repaired: bool) -> None:
    """A slot's record rots, and perhaps its replica repairs it."""
    identity, disk = Identity(CELL, 1, 2), Disk(path)
    journal, _ = Journal.open(identity, disk.reader, indexed={RecordKind.ACCEPT})
    where = journal.locate(RecordKind.ACCEPT, slot)
    assert where is not None
    value = journal.read(disk.reader, where)
    file = path / where.file
    data = bytearray(file.read_bytes())
    data[where.offset + 70] ^= 1
    file.write_bytes(data)
    if repaired:
        journal, found = Journal.open(identity, disk.reader)
        repair = Record(RecordKind.REPAIR, slot, 0, encode_places([where.place]))
        disk.execute_now([*found.operations, *journal.batch(None, [value, repair], lambda: value)])
    disk.close()


def test_behind_damage_that_was_repaired_the_log_goes_on(cli: Cli, tmp_path: Path, log: Log) -> None:
    """[SAFETY 15] Both commands say where; with damage that was not they say how far they came."""
    for name, repaired in (("mended", True), ("broken", False), ("sound", None)):
        written(tmp_path / name, log.records).close()
        if repaired is not None:
            rotted(tmp_path / name, 4, repaired=repaired)
    one, two, sound = (str(tmp_path / name) for name in ("mended", "broken", "sound"))
    done = cli("explain", "--session", "2", "--dir", one)
    assert done.out.startswith(b"session 2 expired in slot 7")
    assert b"read on behind damage that was repaired: wal/00000001.wal, bytes " in done.out
    told = cli("explain", "--session", "2", "--dir", one, "--json").json
    assert (len(told["skipped"]), told["skipped"][0].rpartition(": ")[2], told["ends"]) == (1, "slot 4", None)
    done = cli("explain", "--session", "2", "--dir", two)
    assert done.out.startswith(b"session 2 lives")
    assert b"up to damage that was not repaired, and no further: wal/00000001.wal, byte " in done.out
    told = cli("explain", "--session", "2", "--dir", sound, "--json").json
    assert (told["skipped"], told["ends"]) == ([], None)
    done = cli("diff", sound, one)
    assert done.code == 0
    assert b"they agree through slot 8" in done.out
    assert b"other: the log was read on behind damage that was repaired: wal/" in done.out
    told = cli("diff", sound, two, "--json").json
    assert (told["agree"], told["skipped"], told["ends"][0]) == (3, [[], []], None)
    assert "wal/00000001.wal" in told["ends"][1]


def test_damage_is_told(cli: Cli, tmp_path: Path, log: Log) -> None:
    gone = [record for record in log.records if (record.kind, record.slot) != (2, 4)]
    written(tmp_path / "one", gone).close()
    done = cli("explain", "--session", "2", "--dir", str(tmp_path / "one"), "--json")
    assert (done.code, done.error["type"]) == (4, "StateDamaged")


def test_what_a_client_calls_itself_does_not_steer_a_terminal(cellar: Cellar, cli: Cli) -> None:
    with connect(cellar.fake.endpoints) as cell, cell.session(client="\x1b[2Jx") as session, session.lock("job"):
        out = cli("explain", "--lock", "job").out
        assert b"\x1b" not in out
        assert b"\\x1b[2Jx" in out


def test_a_log_that_was_truncated_is_read_from_a_snapshot_on(cli: Cli, tmp_path: Path) -> None:
    """Its first segment opens with a record that knew nothing of that yet: the log is sound, and nobody calls it damaged."""
    log = Log()
    log.hold("/job", lease_ms=60_000)
    kept = [log.snapshot()]
    behind = log.slot
    log.hold("/other", lease_ms=60_000)
    for name in ("one", "two"):
        truncated(tmp_path / name, log, behind, kept=kept)
    one, two = (str(tmp_path / name) for name in ("one", "two"))
    done = cli("explain", "--lock", "/ls/local/job", "--dir", one)
    assert done.code == 0, done.err
    verdict, *_, last = done.out.decode().splitlines()
    assert verdict == "the lock /ls/local/job is held by session 2, sequencer 0.4"
    assert last == f"the log is known from slot {behind + 1} on, behind a snapshot: what came before is not there any more"
    told = cli("explain", "--lock", "/ls/local/other", "--dir", one, "--json").json
    assert (told["since"], told["verdict"].split(",")[0]) == (
        behind,
        f"the lock /ls/local/other is held by session 5 since slot {log.slot}",
    )
    done = cli("explain", "--lock", "/ls/local/third", "--dir", one)
    assert (done.code, f"this log is read from slot {behind + 1} on" in done.out.decode()) == (1, True)
    done = cli("diff", one, two)
    assert done.code == 0, done.err
    assert f"they agree through slot {log.slot}" in done.out.decode()
    assert f"other: the log is known from slot {behind + 1} on" in done.out.decode()
    assert cli("diff", one, two, "--json").json["since"] == [behind, behind]


def test_two_logs_without_a_slot_in_common_are_not_compared(cli: Cli, tmp_path: Path) -> None:
    log = Log()
    written(tmp_path / "old", log.records).close()
    log.hold("/job")
    kept = [log.snapshot()]
    behind = log.slot
    log.hold("/other")
    truncated(tmp_path / "new", log, behind, kept=kept)
    done = cli("diff", str(tmp_path / "old"), str(tmp_path / "new"))
    assert done.code == 2
    assert f"begins behind slot {behind}, and its oldest snapshot stands behind slot {behind}, and slot 2 is asked for" in done.err
    assert "explain" not in done.err
