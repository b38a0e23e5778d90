"""A replica's log, applied again."""

import pytest

from gaios import api, lock_api
from gaios.backup.history import reach
from gaios.errors import ConfigurationError, StateDamaged
from gaios.explain.operation import Operation
from gaios.explain.replay import Replay
from gaios.explanation import Explain
from gaios.log import Bounds, RecordKind
from gaios.log.records import State, encode
from gaios.storage import Record
from gaios.storage.prefix import Hole
from tests.explain.parts import EPOCH, Log
from tests.locks.parts import TOKEN


def replayed(records: list[Record], operation: Operation | None = None) -> Replay:
    replay = Replay(operation)
    replay.feed(records)
    return replay


def lives() -> Log:
    """A log in which a session loses its lock after a fail-over."""
    log = Log()
    session, _, _ = log.hold("/job")
    log.do(api.MultiOp(then=(api.Put(b"k", b"v"),)))
    log.charge(0, session)
    log.reign(2 * EPOCH)
    log.charge(0)
    log.charge(1_001)
    return log


def test_it_comes_to_the_machine_that_the_replica_has() -> None:
    log = lives()
    replay = replayed(log.records)
    assert replay.through == log.slot == reach(log.records, "it").chosen
    assert list(replay.machine.snapshot()) == list(log.machine.snapshot())
    for asked in (Explain(2), Explain(path="/job"), Explain(path="/job", revision=4)):
        assert replay.machine.query(lock_api.encode(asked)) == log.machine.query(lock_api.encode(asked))


def test_what_no_mark_says_is_chosen_is_not_applied() -> None:
    """An accepted value may be overwritten; a chosen one never."""
    log = Log()
    log.do(api.MultiOp(then=(api.Put(b"k", b"v"),)))
    before = log.slot
    log.put(log.command(api.MultiOp(then=(api.Put(b"k", b"w"),))), mark=False)
    assert replayed(log.records).through == before


def test_the_last_value_before_the_mark_counts() -> None:
    log = Log()
    overwritten = Record(RecordKind.ACCEPT, log.slot + 1, 1, b"never chosen, and no batch")
    log.records.append(overwritten)
    log.do(api.MultiOp(then=(api.Put(b"k", b"v"),)))
    late = overwritten._replace(ballot=9)
    assert replayed([*log.records, late]).machine.revision == log.machine.revision


def test_state_records_say_the_same_again() -> None:
    """Each segment opens with one, also when reading begins before its mark."""
    log = lives()
    values = {record.slot: record for record in log.records if record.kind == RecordKind.ACCEPT}
    state = State(EPOCH, 0, 4, 0, [(slot, EPOCH, values[slot].payload) for slot in (5, 6)])
    inserted = Record(RecordKind.STATE, 4, EPOCH, encode(state))
    for at in (8, len(log.records)):
        replay = replayed([*log.records[:at], inserted, *log.records[at:]])
        assert replay.through == log.slot
    alone = replayed([*(values[slot] for slot in range(1, 5)), inserted])
    assert alone.through == 4


def test_what_was_written_again_stands_in_for_what_rotted() -> None:
    """[SAFETY 15] An older value of that slot may stand before the hole."""
    log = lives()
    at = next(index for index, record in enumerate(log.records) if (record.kind, record.slot) == (RecordKind.ACCEPT, 5))
    value = log.records[at]
    older = value._replace(ballot=1, payload=b"of an older reign, and no batch")
    replay = Replay()
    replay.feed([*log.records[:at], older, Hole(None), *log.records[at + 1 :], value], {5: value.payload})
    assert replay.through == log.slot
    assert list(replay.machine.snapshot()) == list(log.machine.snapshot())
    earlier = Replay(through=4)
    earlier.feed(log.records)
    earlier.feed(log.records)
    assert earlier.through == 4


def test_a_log_without_its_beginning_is_refused() -> None:
    log = lives()
    for gone in (Record(RecordKind.TRUNCATE, 3, 0, b""), Record(RecordKind.STATE, 3, EPOCH, encode(State(EPOCH, 0, 3, 3, [])))):
        with pytest.raises(ConfigurationError, match="begins behind slot 3"):
            replayed([gone, *log.records[6:]])
    assert replayed([*log.records, Record(RecordKind.TRUNCATE, 3, 0, b"")]).through == log.slot


def test_a_log_that_contradicts_itself_is_refused() -> None:
    """[SAFETY 16]"""
    log = lives()
    missing = [record for record in log.records if (record.kind, record.slot) != (RecordKind.ACCEPT, 5)]
    with pytest.raises(StateDamaged, match="no value stands before the mark"):
        replayed(missing)
    other = Log()
    other.do(api.MultiOp(then=(api.Put(b"k", b"another"),)))
    mixed = [record if record.slot != 3 or record.kind != RecordKind.ACCEPT else other.records[4] for record in log.records]
    with pytest.raises(StateDamaged, match="does not come to the hash"):
        replayed(mixed)
    with pytest.raises(StateDamaged, match="cannot be read"):
        replayed([Record(RecordKind.STATE, 0, 0, b"\xc1")])


def test_a_revisions_slot_is_known() -> None:
    log = Log()
    made = {}
    for key in (b"a", b"b", b"c"):
        log.charge(0)
        revision = log.do(api.MultiOp(then=(api.Put(key, b"v"),))).revision
        made[revision] = log.slot
    log.put(*(log.command(api.MultiOp(then=(api.Put(b"d", b"%d" % number),))) for number in range(3)))
    made |= dict.fromkeys(range(log.machine.revision - 2, log.machine.revision + 1), log.slot)
    replay = replayed(log.records)
    assert {revision: replay.slot_of(revision) for revision in made} == made


# -------------------------------------------------------------------------------------------------------------- operations


def test_an_operation_is_found_in_each_slot_where_it_stands() -> None:
    """[SAFETY 19] The first is carried out; what a retry put there gets the first one's answer."""
    log = Log()
    command = api.MultiOp(then=(api.Put(b"k", b"v"),))
    log.do(command)
    sequence = log.sequence
    log.do(api.MultiOp(then=(api.Put(b"other", b"v"),)))
    log.put(log.command(command, sequence))
    story = replayed(log.records, Operation(log.me, sequence)).story
    assert story is not None
    assert (story.registered is not None, story.evicted, story.through) == (True, None, log.slot)
    assert [(each.at.slot, each.index, each.first, each.revision, each.error) for each in story.attempts] == [
        (3, 0, True, 2, None), (5, 0, False, 2, None)
    ]  # fmt: skip


def test_a_guard_that_failed_is_told_with_what_stood_there() -> None:
    """Also when the key was changed by an entry of the same slot."""
    log = Log()
    guarded = api.MultiOp(guard=(api.Test(b"a", "absent"), api.Test(b"k", "mod_revision", "==", 2)), then=(api.Put(b"k", b"mine"),))
    log.do(api.MultiOp(then=(api.Put(b"k", b"one"),)))
    log.put(log.command(api.MultiOp(then=(api.Put(b"k", b"two"),))), log.command(guarded))
    story = replayed(log.records, Operation(log.me, log.sequence)).story
    assert story is not None
    (found,) = story.attempts
    assert (found.index, found.succeeded, found.command) == (1, False, "MultiOp")
    assert found.failed is not None
    assert (found.failed.test, found.failed.value, found.failed.mod_revision, found.failed.changed_in) == (guarded.guard[1], b"two", 3, 4)
    assert list(replayed(log.records, Operation(log.me, log.sequence)).machine.snapshot()) == list(log.machine.snapshot())


def test_a_refusal_of_the_lock_service_is_told() -> None:
    log = Log()
    session, handle, _ = log.hold("/job")
    log.do(lock_api.CloseSession(session, TOKEN))
    log.put(log.command(lock_api.Acquire(session, TOKEN, handle)))
    story = replayed(log.records, Operation(log.me, log.sequence)).story
    assert story is not None
    (found,) = story.attempts
    assert (found.command, found.session, type(found.error).__name__, found.first) == ("Acquire", session, "SessionExpired", True)


def test_a_client_that_was_forgotten_is_told_when(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gaios.explain.replay.Bounds", lambda: Bounds(sessions=2))
    log = Log(Bounds(sessions=2))
    old = log.me
    for _ in range(2):
        log.register()
    evicted = log.slot
    log.put(log.command(api.MultiOp(then=(api.Put(b"k", b"v"),)), sequence=7, identity=old))
    story = replayed(log.records, Operation(old, 7)).story
    assert story is not None
    assert story.evicted is not None
    assert (story.evicted.slot, type(story.attempts[0].error).__name__, story.attempts[0].first) == (evicted, "UnknownSession", False)


def test_an_identity_that_is_none_is_not_registered() -> None:
    log = Log()
    story = replayed(log.records, Operation(log.me._replace(slot=1), 1)).story
    assert story is not None
    assert (story.registered, story.attempts) == (None, [])
