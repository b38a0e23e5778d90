"""A crash between any two operations, with anything that a disk may make of it, and again while recovering.  [SAFETY 5, 7]"""

from collections.abc import Iterator

import pytest

from gaios.errors import StateDamaged, StateMissing
from gaios.storage import Journal, Record, verify
from tests.storage.memory import ME, VALUE, Keep, Life, Memory, all_kept, all_lost, some_kept, state_of, story, values

SEGMENT_BYTES = 1024
ROUNDS = 9
TORN = 5
"""Random subsets of sectors and directory operations tried at each crash."""


def crashes(seed: int) -> Iterator[Keep]:
    yield all_lost
    yield all_kept
    for number in range(TORN):
        yield some_kept(seed * 1000 + number)


def until(crash_point: int) -> tuple[Memory, Life] | None:
    """A replica's life until just before that operation; None if it is over before."""
    memory, life = Memory(), Life()
    for number, operation in enumerate(story(life, ROUNDS, SEGMENT_BYTES)):
        if number == crash_point:
            return memory, life
        memory.perform(operation)
    return None


LENGTH = sum(1 for _ in story(Life(), ROUNDS, SEGMENT_BYTES))
CREATED = next(at for at in range(LENGTH) if (found := until(at)) and found[1].acknowledged_copies)


def recover(memory: Memory, life: Life) -> tuple[Journal, int]:
    """Start, check, carry out what the start asks for, and lose everything that is not durable then: the replica has voted."""
    journal, recovered = Journal.open(ME, memory, segment_bytes=SEGMENT_BYTES)
    left = life.check(recovered)
    memory.execute(recovered.operations)
    _, again = Journal.open(ME, memory.crashed(all_lost), segment_bytes=SEGMENT_BYTES)
    assert values(again) == values(recovered)
    assert again.copies == recovered.copies
    return journal, left


@pytest.mark.parametrize("crash_point", range(CREATED, LENGTH))
def test_nothing_acknowledged_is_lost_at(crash_point: int) -> None:
    """Every point of the story, every kind of crash; afterwards the replica goes on, and is cut off once more."""
    found = until(crash_point)
    assert found is not None
    memory, life = found
    for keep in crashes(crash_point):
        after = memory.crashed(keep)
        assert all(problem.kind in {"tail", "header", "payload"} for problem in verify(after)), "a crash is not damage to the log"
        journal, left = recover(after, life)
        more = [Record(VALUE, left, 99, b"more"), Record(VALUE, left + 1, 99, b"x" * 300)]
        after.execute(journal.batch(b"another promise", more, state_of(life, left)))
        _, recovered = Journal.open(ME, after.crashed(all_lost))
        assert values(recovered) == life.written[:left] + more
        assert recovered.copies == b"another promise"


@pytest.mark.parametrize("crash_point", range(CREATED, LENGTH, 2))
def test_a_crash_during_recovery_loses_nothing_either(crash_point: int) -> None:
    """Recovery writes where acknowledged records may stand; it must be harmless to interrupt."""
    found = until(crash_point)
    assert found is not None
    memory, life = found
    for keep in (all_lost, all_kept, some_kept(crash_point), some_kept(~crash_point)):
        after = memory.crashed(keep)
        operations = Journal.open(ME, after, segment_bytes=SEGMENT_BYTES)[1].operations
        for second in range(len(operations) + 1):
            for keep_again in (all_lost, all_kept, some_kept(second)):
                half = after.copy()
                half.execute(operations[:second])
                recover(half.crashed(keep_again), life)


@pytest.mark.parametrize("crash_point", range(CREATED, LENGTH, 3))
def test_a_first_batch_after_a_torn_recovery_is_no_damage(crash_point: int) -> None:
    """A tear in the first batch of a life must not look like a hole in the one before."""
    found = until(crash_point)
    assert found is not None
    memory, life = found
    after = memory.crashed(some_kept(crash_point))
    journal, left = recover(after, life)
    life.written[left:] = [Record(VALUE, left + at, 99, bytes(150 * at)) for at in range(4)]
    life.copies.append(b"another promise")
    operations = journal.batch(b"another promise", life.written[left:], state_of(life, left))
    for count in range(len(operations) + 1):
        for seed in range(TORN):
            half = after.copy()
            half.execute(operations[:count])
            recover(half.crashed(some_kept(seed)), life)


def test_a_missing_sync_of_the_directory_would_be_noticed() -> None:
    """These tests can fail: without it, a segment's name is lost with all that was acknowledged in it."""
    memory, life = Memory(), Life()
    for number, operation in enumerate(story(life, ROUNDS, SEGMENT_BYTES)):
        if number < CREATED or type(operation).__name__ != "SyncDirectory":
            memory.perform(operation)
    with pytest.raises((StateMissing, StateDamaged, AssertionError)):
        life.check(Journal.open(ME, memory.crashed(all_lost))[1])


def test_a_missing_sync_of_the_log_would_be_noticed() -> None:
    """These tests can fail: what was acknowledged without a sync is gone."""
    memory, life = Memory(), Life()
    for number, operation in enumerate(story(life, ROUNDS, SEGMENT_BYTES)):
        if number < CREATED or type(operation).__name__ != "Sync" or not operation[0].startswith("wal"):
            memory.perform(operation)
    with pytest.raises((StateMissing, StateDamaged, AssertionError)):
        life.check(Journal.open(ME, memory.crashed(all_lost))[1])
