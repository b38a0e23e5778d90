"""Files that stand ready to become segments."""

import pytest

from gaios.storage import Create, Journal, Record, Remove, Rename, Sync, SyncDirectory, Write
from gaios.storage.segment import MADE, SPARE
from gaios.storage.spares import RESERVES, Spares, unfit
from tests.storage.memory import ME, VALUE, Memory, lived

SIZE = 1_024
STATE = Record(1, 0, 0, b"state")


def make(spares: Spares, *, wants_next: bool = False, wants_reserve: bool = True, lacking: int = 0) -> str:
    """Make the most urgent file; its name."""
    operations = spares.prepare(wants_next=wants_next, wants_reserve=wants_reserve, lacking=lacking)
    if not operations:
        return ""
    spares.made()
    return operations[-2][0]


def refuse(spares: Spares, *, wants_next: bool = False) -> str:
    """There is no room for the most urgent file; its name."""
    operations = spares.prepare(wants_next=wants_next, wants_reserve=True)
    assert isinstance(operations[0], Create)
    spares.no_room()
    return operations[0].name


def test_the_next_segment_comes_before_the_reserve() -> None:
    spares = Spares(SIZE, {})
    assert make(spares, wants_reserve=False) == ""
    assert [make(spares, wants_next=True) for _ in range(4)] == [SPARE, *RESERVES, ""]
    assert spares.ready_bytes == 3 * SIZE


def test_one_file_is_made_at_a_time() -> None:
    spares = Spares(SIZE, {})
    assert spares.prepare(wants_next=True, wants_reserve=True)
    assert not spares.prepare(wants_next=True, wants_reserve=True)
    assert not spares.has(SIZE)
    spares.made()
    assert spares.has(SIZE)


def test_the_reserve_is_taken_last() -> None:
    """And a name that a batch is renaming is in use until the batch is carried out."""
    spares = Spares(SIZE, {})
    while make(spares, wants_next=True):
        pass
    names = []
    for _ in range(3):
        taken = spares.take(SIZE)
        assert taken is not None
        names.append(taken.name)
    assert names == [SPARE, *RESERVES]
    assert spares.take(SIZE) is None
    assert make(spares, wants_next=True) == SPARE
    assert make(spares) == RESERVES[0]
    assert make(spares) == ""
    spares.carried_out()
    assert make(spares) == RESERVES[1]


def test_a_full_disk_is_full_until_all_that_is_wanted_was_made() -> None:
    spares = Spares(SIZE, {})
    assert make(spares, wants_next=True) == SPARE
    assert refuse(spares) == RESERVES[0]
    assert spares.full
    assert spares.take(SIZE) == (SPARE, SIZE)
    spares.carried_out()
    assert refuse(spares) == SPARE
    assert [make(spares) for _ in range(4)] == [SPARE, *RESERVES, ""]
    assert not spares.full


def test_a_file_that_was_left_is_made_anew_in_its_place() -> None:
    """It takes no room on a full disk; the page cache of an earlier process proves nothing of it.  [SAFETY 7]"""
    spares = Spares(SIZE, {SPARE: SIZE, RESERVES[1]: SIZE})
    assert not spares.has(SIZE)
    assert spares.prepare(wants_next=True, wants_reserve=False) == [Write(SPARE, 0, bytes(SIZE)), Sync(SPARE), SyncDirectory("wal")]
    spares.made()
    assert spares.has(SIZE)
    assert refuse(spares) == RESERVES[0]
    assert isinstance(spares.prepare(wants_next=False, wants_reserve=True)[0], Write), "what lies there already goes first"
    spares.made()
    assert refuse(spares) == RESERVES[0]
    assert make(spares) == RESERVES[0]


def test_a_batch_of_unusual_length_gets_a_file_of_its_own() -> None:
    spares = Spares(SIZE, {})
    while make(spares, wants_next=True):
        pass
    assert make(spares, lacking=3_000) == MADE
    assert spares.take(2_500) == (MADE, 3_000)
    assert spares.take(2_500) is None
    spares.carried_out()
    assert make(spares, lacking=3_000) == MADE
    operations = spares.prepare(wants_next=False, wants_reserve=False, lacking=5_000)
    assert [type(operation).__name__ for operation in operations] == ["Remove", "Create", "Sync", "SyncDirectory"]


def test_what_is_of_no_use_is_removed_at_the_start() -> None:
    assert unfit({SPARE: SIZE, RESERVES[0]: 7, MADE: SIZE}, SIZE) == [RESERVES[0], MADE]


@pytest.mark.parametrize("payload", [400, 5_000])
def test_a_batch_that_asked_first_makes_no_file(payload: int) -> None:
    """So nothing in it can fail for lack of space.  [SAFETY 28]"""
    memory, _ = lived(1)
    journal, recovered = Journal.open(ME, memory, segment_bytes=SIZE)
    memory.execute(recovered.operations)
    for slot in range(20):
        records = [(VALUE, slot, 1, bytes(payload))]
        while lacking := journal.lacks(records, lambda: STATE):
            memory.execute(journal.prepare(lacking=lacking))
            journal.spares.made()
        operations = journal.batch(None, records, lambda: STATE)
        assert not any(isinstance(operation, Create) for operation in operations)
        memory.execute(operations)
    found = Journal.open(ME, memory, segment_bytes=SIZE)[1].records
    assert [record.slot for record in found if record.kind == VALUE and record.payload == bytes(payload)] == list(range(20))


def test_the_log_goes_on_in_the_reserve() -> None:
    """With no room for anything new there are two segments, and what the present one has left."""
    memory = Memory()
    memory.files.update(lived(1)[0].files)
    journal, recovered = Journal.open(ME, memory, segment_bytes=SIZE)
    memory.execute(recovered.operations)
    while making := journal.prepare(wants_reserve=True):
        memory.execute(making)
        journal.spares.made()
    taken = []
    for slot in range(100):
        records = [(VALUE, slot, 1, bytes(200))]
        if journal.lacks(records, lambda: STATE):
            break
        operations = journal.batch(None, records, lambda: STATE)
        taken += [operation.old for operation in operations if isinstance(operation, Rename)]
        memory.execute(operations)
        if journal.prepare(wants_reserve=True):
            journal.spares.no_room()
    assert [name for name in taken if name in RESERVES] == list(RESERVES)
    assert journal.free_bytes() < SIZE


def test_files_that_are_too_short_make_room_for_one_that_a_batch_lacks() -> None:
    """[SAFETY 28] Else the reserve holds the room without which nothing can be written at all, and the replica stays silent for ever."""
    spares = Spares(SIZE, {SPARE: SIZE, RESERVES[1]: SIZE})
    assert [*spares.prepare(wants_next=True, wants_reserve=False)][-1] == SyncDirectory("wal")
    spares.made()
    assert spares.prepare(wants_next=False, wants_reserve=False, lacking=5 * SIZE)[0] == Create(MADE, 5 * SIZE)
    spares.no_room()
    removed = [Remove(SPARE), Remove(RESERVES[1]), SyncDirectory("wal")]
    assert spares.prepare(wants_next=False, wants_reserve=False, lacking=5 * SIZE)[:4] == [*removed, Create(MADE, 5 * SIZE)]
    assert not spares.has(SIZE)
    spares.no_room()
    assert spares.prepare(wants_next=False, wants_reserve=False, lacking=5 * SIZE)[0] == Create(MADE, 5 * SIZE)
    spares.made()
    assert spares.has(5 * SIZE)
    assert spares.prepare(wants_next=False, wants_reserve=False)[0] == Create(SPARE, SIZE), "made anew as any other"
