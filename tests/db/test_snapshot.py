"""Equal states give equal bytes, and nothing else is restored.  [PML §5.5; SAFETY 26, 27]"""

import random
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from gaios import api, errors
from gaios.db import Database
from gaios.db.snapshot import CHUNK_BYTES, Header, read, write
from gaios.db.snapshot import FORMAT as FORMAT_NAME
from tests.db.oracle import CONTEXT
from tests.hostile import damaged


def busy(seed: int, commands: int = 300, value_bytes: int = 10) -> Database:
    """A database with a past."""
    dice, database = random.Random(seed), Database()
    for number in range(commands):
        key = b"k%02d" % dice.randrange(40)
        operation: api.Operation = api.Put(key, dice.randbytes(dice.randrange(value_bytes)))
        if dice.random() < 0.2:
            operation = api.Delete(key, dice.choice([None, key + b"0", b"k05"]))
        command: api.Command = api.MultiOp(then=(operation, api.Put(b"k", b"%d" % number))[: dice.randrange(1, 3)])
        if dice.random() < 0.02:
            command = api.Compact(dice.randrange(database.compacted, database.revision + 1))
        database.apply(api.encode(command), CONTEXT)
    return database


def restored(chunks: list[bytes]) -> Database:
    database = Database()
    database.restore(chunks)
    return database


@pytest.mark.seeds(20)
def test_a_restored_database_is_the_same_and_goes_on_the_same(seed: int) -> None:
    """Byte for byte, and after any further command, also in the middle of a sweep."""
    database = busy(seed)
    database._store.compact(database.revision - 3, limit=5)
    chunks = list(database.snapshot())
    again = restored(chunks)
    again.check()
    assert list(again.snapshot()) == chunks
    assert again.look() == database.look()
    for command in (api.MultiOp(then=(api.Put(b"k01", b"x"),)), api.MultiOp(then=(api.Delete(b"", b""),)), api.Compact(database.revision)):
        assert again.apply(api.encode(command), CONTEXT) == database.apply(api.encode(command), CONTEXT)
        assert again.checksum() == database.checksum()
    assert list(again.snapshot()) == list(database.snapshot())


def test_an_empty_database_has_a_snapshot() -> None:
    """Of its header alone."""
    chunks = list(Database().snapshot())
    assert len(chunks) == 1
    assert restored(chunks).look() == Database().look()


def test_a_snapshot_is_of_the_moment_it_was_asked_for() -> None:
    """Chunks are made as they are asked for, while commands go on.  [PML §5.5]"""
    database = busy(1, value_bytes=3_000)
    expected = list(database.snapshot())
    chunks = database.snapshot()
    found = [next(chunks)]
    for number in range(200):
        database.apply(api.encode(api.MultiOp(then=(api.Put(b"k%02d" % (number % 40), b"later"),))), CONTEXT)
        if number % 20 == 0:
            database.apply(api.encode(api.Compact(database.revision)), CONTEXT)
            found += [chunk for chunk in (next(chunks, b""),) if chunk]
    assert found + list(chunks) == expected


def test_chunks_are_small_but_for_large_values() -> None:
    """At most 64 KiB, or one record."""
    database, dice = Database(), random.Random(2)
    for number in range(500):
        database.apply(api.encode(api.MultiOp(then=(api.Put(b"k%d" % number, dice.randbytes(dice.randrange(2_000))),))), CONTEXT)
    chunks = list(database.snapshot())
    assert len(chunks) > 5
    assert max(map(len, chunks)) <= CHUNK_BYTES
    assert min(map(len, chunks[1:-2])) > 60_000
    database.apply(api.encode(api.MultiOp(then=(api.Put(b"large", b"v" * api.VALUE_BYTES_MAX),))), CONTEXT)
    assert sum(len(chunk) > CHUNK_BYTES for chunk in database.snapshot()) == 1


def test_a_chunk_is_closed_before_it_gets_too_large() -> None:
    """Two values of 30,000 bytes fit, three do not."""
    database = Database()
    for number in range(7):
        database.apply(api.encode(api.MultiOp(then=(api.Put(b"k%d" % number, b"v" * 30_000),))), CONTEXT)
    assert [len(chunk) // 30_000 for chunk in database.snapshot()] == [0, 2, 2, 2, 1]


def test_different_states_have_different_checksums() -> None:
    """Of 300 states on the way no two are equal, and each is that of the state computed anew."""
    database, seen = Database(), set()
    for number in range(300):
        database.apply(api.encode(api.MultiOp(then=(api.Put(b"k%d" % (number % 3), b"x"),))), CONTEXT)
        seen.add(database.checksum())
    assert len(seen) == 300


Parts = tuple[list[Any], list[Any], list[Any]]


def _set(parts: Parts, path: tuple[int, ...], value: Any) -> None:
    at: Any = parts
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = value


def _swap_base(parts: Parts) -> None:
    parts[1].reverse()


def _swap_log(parts: Parts) -> None:
    parts[2][0], parts[2][1] = parts[2][1], parts[2][0]


def _drop(parts: Parts) -> None:
    del parts[2][-1]


def _repeat(parts: Parts) -> None:
    parts[2].append(parts[2][-1])


def _to_base(parts: Parts) -> None:
    parts[0][5] += 1
    parts[0][6] -= 1


def _small() -> Database:
    """Two records of a base, five of a log."""
    database = Database()
    for operations in (
        (api.Put(b"a", b"1"), api.Put(b"b", b"1")),
        (api.Put(b"c", b"1"),),
        (api.Put(b"a", b"2"),),
        (api.Put(b"a", b"3"), api.Put(b"n", b"")),
        (api.Delete(b"b"),),
        (api.Put(b"d", b"4"),),
    ):
        database.apply(api.encode(api.MultiOp(then=operations)), CONTEXT)
    database.apply(api.encode(api.Compact(4)), CONTEXT)
    return database


def _refused(change: Callable[[Parts], None]) -> None:
    database = _small()
    header, records = (msgspec.msgpack.decode(chunk) for chunk in database.snapshot())
    parts: Parts = (header, records[: header[5]], records[header[5] :])
    assert (len(parts[1]), len(parts[2])) == (2, 5)
    change(parts)
    before = list(database.snapshot())
    with pytest.raises(errors.ProtocolError, match="not a snapshot"):
        database.restore([msgspec.msgpack.encode(parts[0]), msgspec.msgpack.encode(parts[1] + parts[2])])
    assert list(database.snapshot()) == before


FORMAT, VERSION, REVISION, COMPACTED, EPOCH, BASE, LOG, CHECKSUM = ((0, place) for place in range(8))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (FORMAT, "other"),
        (VERSION, 2),
        (REVISION, 3),
        (REVISION, 1 << 63),
        (COMPACTED, 0),
        (COMPACTED, 3),
        (EPOCH, -1),
        (EPOCH, 7),
        (BASE, -1),
        (LOG, 1),
        (CHECKSUM, 5),
        ((1, 0, 1), None),
        ((1, 0, 4), 1),
        ((1, 0, 4), 100),
        ((2, 0, 0), b""),
        ((2, 0, 0), b"\x00gaios/epoch"),
        ((2, 0, 0), b"k" * 1_025),
        ((2, 0, 1), b"v" * (api.VALUE_BYTES_MAX + 1)),
        ((2, 0, 1), b"other"),
        ((2, 0, 2), 0),
        ((2, 0, 2), 9),
        ((2, 0, 3), 1),
        ((2, 0, 3), 99),
        ((2, 1, 2), 1),
        ((2, 3, 2), 1),
        ((2, 4, 4), 99),
    ],
    ids=lambda argument: repr(argument)[:30],
)
def test_a_snapshot_with_one_thing_changed_restores_nothing(path: tuple[int, ...], value: Any) -> None:
    """Header, base, log: every field is looked at, or its digest is."""
    _refused(lambda parts: _set(parts, path, value))


@pytest.mark.parametrize("change", [_swap_base, _swap_log, _drop, _repeat, _to_base])
def test_a_snapshot_with_records_moved_restores_nothing(change: Callable[[Parts], None]) -> None:
    """The order is part of the form, and so is where base and log meet."""
    _refused(change)


A2, A3 = api.Event(b"a", b"", 1, 2, 2), api.Event(b"a", b"", 2, 2, 3)


@pytest.mark.parametrize(
    ("base", "log", "compacted", "good"),
    [
        ([], [A2, A3], 1, True),
        ([A2], [A3], 1, True),
        ([], [A3], 3, True),
        ([], [A3], 2, False),
        ([], [A2, api.Event(b"a", b"", 1, 2, 3)], 1, False),
        ([], [A2, api.Event(b"a", b"", 1, 3, 3)], 1, True),
        ([], [api.Event(b"a", None, 0, 0, 2), api.Event(b"a", b"", 2, 2, 3)], 1, False),
        ([A3], [A2], 1, False),
        ([A2, A2], [A3], 1, False),
        ([api.Event(b"a", None, 0, 0, 2)], [], 1, False),
        ([], [api.Event(b"a", None, 1, 0, 2)], 1, False),
        ([], [api.Event(b"a", None, 0, 2, 2)], 1, False),
        ([], [api.Event(b"a", b"", 1, 1, 1)], 1, False),
        ([], [api.Event(b"a", b"", 1, 5, 5)], 1, False),
        ([], [api.Event(b"a", b"", 1, 1, 2)], 2, False),
        ([], [api.Event(b"a", b"", 1, 3, 2)], 2, False),
        ([], [api.Event(b"a", b"", 0, 2, 2)], 1, False),
        ([], [api.Event(b"", b"", 1, 2, 2)], 1, False),
    ],
)
def test_records_that_no_database_has_are_refused_whatever_their_checksum(
    base: list[api.Event], log: list[api.Event], compacted: int, good: bool
) -> None:
    """Whoever makes up a snapshot can compute its sum; the store's own rules must hold for what it loads."""
    header = Header(FORMAT_NAME, 1, 4, compacted, 0, len(base), len(log), 0)
    if good:
        assert read(write(header, [*base, *log], 0), 1) == (header, base, log)
    else:
        with pytest.raises(errors.ProtocolError, match="not a snapshot"):
            read(write(header, [*base, *log], 0), 1)


@pytest.mark.parametrize("chunks", [[], [b""], [b"\xc1"], [b"\x90"]])
def test_what_is_no_snapshot_is_a_protocol_error(chunks: list[bytes]) -> None:
    """Missing chunks included."""
    with pytest.raises(errors.ProtocolError, match="not a snapshot"):
        restored(chunks)
    whole = list(busy(3, value_bytes=3_000).snapshot())
    with pytest.raises(errors.ProtocolError, match="fewer"):
        restored(whole[:-1])
    with pytest.raises(errors.ProtocolError, match="more"):
        restored([*whole, whole[-1]])


def test_hostile_chunks_are_a_protocol_error() -> None:
    """100,000 snapshots with a damaged chunk: none is taken for another state."""
    database = busy(4, commands=6)
    chunks = list(database.snapshot())
    target = Database()
    assert len(chunks) == 2
    for number, data in enumerate(damaged(chunks, seed=7)):
        pair = [data, chunks[1]] if number % 2 else [chunks[0], data]
        try:
            target.restore(pair)
        except errors.ProtocolError:
            continue
        assert target.look() == database.look()
