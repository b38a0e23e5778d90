"""A log that was truncated is read from a snapshot on."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TypeVar

import pytest

from gaios import api, lock_api
from gaios.backup.history import History
from gaios.errors import ConfigurationError, StateDamaged
from gaios.explain import base, words
from gaios.explain.difference import Traced, bracket
from gaios.explain.operation import Operation
from gaios.explain.replay import Replay
from gaios.storage.disk import Directory
from gaios.storage.snapshot import name
from tests.explain.parts import Log, truncated
from tests.locks.parts import TOKEN

R = TypeVar("R", bound=Replay)


def replayed(make: Callable[[], R], path: Path) -> tuple[R, History]:
    return base.replayed(make, lambda: closing(Directory(path)), str(path))


def lives(path: Path) -> tuple[Log, list[int]]:
    """A log that begins behind the first of two snapshots' slots."""
    log, kept = Log(), []
    log.hold("/job", lease_ms=60_000)
    for key in (b"one", b"two"):
        log.do(api.MultiOp(then=(api.Put(key, b"v"),)))
        kept.append((log.slot, log.snapshot()))
    log.do(api.MultiOp(then=(api.Put(b"three", b"v"),)))
    truncated(path, log, kept[0][0], kept=[each for _, each in kept])
    return log, [slot for slot, _ in kept]


def told(path: Path, operation: Operation) -> words.Told:
    story = replayed(lambda: Replay(operation), path)[0].story
    assert story is not None
    return words.of_operation(story)


def spoil(path: Path, slot: int) -> None:
    file = path / name(slot)
    data = bytearray(file.read_bytes())
    data[60] ^= 1
    file.write_bytes(data)


def test_it_comes_to_what_the_replica_has(tmp_path: Path) -> None:
    log, (first, _) = lives(tmp_path / "one")
    replay, history = replayed(lambda: Traced(directory="one"), tmp_path / "one")
    assert (replay.since, replay.through, history.ends) == (first, log.slot, "")
    assert list(replay.machine.snapshot()) == list(log.machine.snapshot())
    assert sorted(replay.sums) == list(range(first, log.slot + 1))
    assert replay.sums[log.slot] == log.applier.sum()
    revision = log.machine.revision
    assert [replay.slot_of(each) for each in (1, revision - 1, revision)] == [first, first + 1, first + 2]


def test_a_snapshot_that_cannot_be_read_is_passed_over(tmp_path: Path) -> None:
    log, (first, second) = lives(tmp_path / "one")
    spoil(tmp_path / "one", first)
    replay, _ = replayed(Replay, tmp_path / "one")
    assert (replay.since, replay.through) == (second, log.slot)
    assert list(replay.machine.snapshot()) == list(log.machine.snapshot())
    spoil(tmp_path / "one", second)
    with pytest.raises(ConfigurationError, match=rf"begins behind slot {first}, and .*{name(second)}") as refused:
        replayed(Replay, tmp_path / "one")
    assert "another replica's directory" in refused.value.hint
    for slot in (first, second):
        (tmp_path / "one" / name(slot)).unlink()
    with pytest.raises(ConfigurationError, match="no snapshot of what came before is there"):
        replayed(Replay, tmp_path / "one")


def test_it_is_not_begun_behind_the_slot_that_is_asked_for(tmp_path: Path) -> None:
    _, (first, second) = lives(tmp_path / "one")
    assert replayed(lambda: Replay(through=second), tmp_path / "one")[0].through == second
    with pytest.raises(ConfigurationError, match=f"oldest snapshot stands behind slot {first}, and slot 2 is asked for"):
        replayed(lambda: Replay(through=2), tmp_path / "one")


def test_a_log_that_contradicts_itself_above_a_snapshot_is_damaged(tmp_path: Path) -> None:
    log = Log()
    log.do(api.MultiOp(then=(api.Put(b"k", b"v"),)))
    kept = [log.snapshot()]
    behind = log.slot
    log.do(api.MultiOp(then=(api.Put(b"k", b"w"),)))
    log.records = [each for each in log.records if (each.kind, each.slot) != (2, log.slot)]
    truncated(tmp_path / "one", log, behind, kept=kept)
    with pytest.raises(StateDamaged, match="no value stands before the mark"):
        replayed(Replay, tmp_path / "one")


def test_two_that_begin_at_different_slots_are_compared_from_the_later_on(tmp_path: Path) -> None:
    log, (first, second) = lives(tmp_path / "one")
    lives(tmp_path / "other")
    spoil(tmp_path / "other", first)
    one, other = (replayed(Traced, tmp_path / each)[0] for each in ("one", "other"))
    assert min(one.sums.keys() & other.sums.keys()) == second
    assert bracket(one.sums, other.sums) == (log.slot, 0, False)


def test_an_operation_that_came_before_is_told_from_the_exactly_once_table(tmp_path: Path) -> None:
    log = Log()
    early = log.sequence + 1
    log.do(api.MultiOp(then=(api.Put(b"k", b"v"),)))
    carried_out = log.slot
    session, handle, _ = log.hold("/job")
    log.do(lock_api.CloseSession(session, TOKEN))
    log.put(log.command(lock_api.Acquire(session, TOKEN, handle)))
    refused = log.sequence
    kept = [log.snapshot()]
    behind = log.slot
    log.put(log.command(api.MultiOp(then=(api.Put(b"k", b"v"),)), early))
    log.do(api.MultiOp(guard=(api.Test(b"k", "absent"),), then=(api.Put(b"k", b"mine"),)))
    truncated(tmp_path / "one", log, behind, kept=kept)
    found = told(tmp_path / "one", Operation(log.me, early))
    assert found.known
    assert found.verdict.endswith(
        f"was carried out in slot {carried_out}: its answer is kept, and this log is read from slot {behind + 1} on"
    )
    assert "stands here once more" in found.chain[-1].text
    assert f"was refused in slot {behind}, and changed nothing: session" in told(tmp_path / "one", Operation(log.me, refused)).verdict
    last = told(tmp_path / "one", Operation(log.me, log.sequence))
    assert f"slot {behind} or one before changed it last" in last.chain[-1].text
    assert "is not in this log" in told(tmp_path / "one", Operation(log.me, 99)).verdict
    stranger = told(tmp_path / "one", Operation(log.me._replace(slot=1), 1))
    assert (stranger.known, stranger.verdict.startswith("nothing is known of client 1.0: this log is read from slot")) == (False, True)


def test_what_was_acknowledged_before_is_told_to_be_answered(tmp_path: Path) -> None:
    log = Log()
    log.do(api.MultiOp(then=(api.Put(b"k", b"v"),)))
    answered = log.sequence
    session = log.applier.sessions.find(log.me)
    assert session is not None
    session.acknowledge(answered)
    kept = [log.snapshot()]
    truncated(tmp_path / "one", log, log.slot, kept=kept)
    found = told(tmp_path / "one", Operation(log.me, answered))
    assert (found.known, f"was answered by slot {log.slot}: what it was answered is not kept" in found.verdict) == (True, True)
