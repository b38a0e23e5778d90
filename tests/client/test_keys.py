"""The database's methods of a `Cell` against a real socket, and their limits."""

from typing import Any

import pytest

import gaios
from gaios import api
from gaios.api import Delete, Get, Increment, Put
from gaios.client.aio import Cell
from gaios.errors import (
    Compacted,
    InvalidCommand,
    KeyTooLong,
    NotANumber,
    TooManyOperations,
    ValueTooLong,
)
from tests.client.fake import FakeCell


async def test_cas_takes_each_expectation_and_exactly_one(cell: Cell) -> None:
    assert (await cell.cas("k", "1", absent=True)).succeeded
    refused = await cell.cas("k", "2", absent=True)
    entry = await cell.get("k")
    assert entry is not None
    assert not refused.succeeded
    assert refused.revision == entry.mod_revision
    assert (await cell.cas("k", "2", mod_revision=entry.mod_revision)).succeeded
    assert (await cell.cas("k", "3", version=2)).succeeded
    assert (await cell.cas("k", "4", expected="3")).succeeded
    assert not (await cell.cas("k", "5", expected=b"3")).succeeded
    assert (await cell.cas("new", "1", version=0)).succeeded
    with pytest.raises(InvalidCommand, match="0 were given"):
        await cell.cas("k", "5")
    with pytest.raises(InvalidCommand, match="2 were given"):
        await cell.cas("k", "5", version=0, absent=True)


async def test_counters_count_and_refuse_what_is_no_number(cell: Cell) -> None:
    assert (await cell.increment("n")).value == 1
    assert (await cell.increment("n", by=-5)).value == -4
    await cell.put("n", "many")
    with pytest.raises(NotANumber) as caught:
        await cell.increment("n")
    assert caught.value.definite


async def test_deletes_tell_how_many(cell: Cell) -> None:
    for key in ("a1", "a2", "a3", "b1"):
        await cell.put(key, key)
    assert (await cell.delete("a1")).deleted == 1
    assert (await cell.delete("a1")).deleted == 0
    assert (await cell.delete("a2", "a3")).deleted == 1
    deleted = await cell.delete("a", prefix=True)
    assert deleted.deleted == 1
    assert deleted.revision == (await cell.overview()).revision
    assert [entry.key for entry in await cell.range()] == [b"b1"]
    with pytest.raises(InvalidCommand, match="not both"):
        await cell.delete("a", "b", prefix=True)


async def test_ranges_are_whole_however_many_pages_they_take(cell: Cell) -> None:
    """A page holds 1,000 entries at most; 2,500 come in three, all of one revision."""
    for batch in range(25):
        await cell.multiop(then=[Put(b"k%04d" % (batch * 100 + number), b"v") for number in range(100)])
    keys = [b"k%04d" % number for number in range(2_500)]
    found = await cell.range(prefix="k")
    assert [entry.key for entry in found] == keys
    assert (len(found), found.more, found.revision, found[0].key) == (2_500, False, 26, keys[0])
    limited = await cell.range(prefix="k", limit=1_200)
    assert (len(limited), limited.more) == (1_200, True)
    assert [entry.key async for entry in cell.entries(prefix="k", keys_only=True)] == keys
    assert [entry.key async for entry in cell.entries("k0010", "k0020", limit=3)] == keys[10:13]
    assert {entry.value async for entry in cell.entries(limit=5, keys_only=True)} == {b""}
    await cell.delete("k", prefix=True)
    assert len(await cell.range(prefix="k", revision=found.revision)) == 2_500
    with pytest.raises(InvalidCommand, match="not both"):
        await cell.range("a", prefix="b")


async def test_a_multiop_is_atomic_and_answers_each_operation(cell: Cell) -> None:
    await cell.put("k", "1")
    result = await cell.multiop(
        guard=[api.Test(b"k", "value", "==", b"1")],
        then=[Increment(b"k"), Get(b"k"), Delete(b"k")],
        otherwise=[Put(b"k", b"never")],
    )
    assert result.succeeded
    number, got, gone = result.results
    assert isinstance(number, api.IncrementResult)
    assert isinstance(got, api.GetResult)
    assert isinstance(gone, api.DeleteResult)
    assert (number.value, got.entries[0].value, gone.deleted) == (2, b"2", 1)


async def test_the_past_is_readable_until_it_is_compacted(cell: Cell) -> None:
    first = await cell.put("k", "old")
    second = await cell.put("k", "new")
    entry = await cell.get("k", revision=first.revision)
    assert entry is not None
    assert entry.value == b"old"
    assert (await cell.compact(second.revision)).compacted == second.revision
    with pytest.raises(Compacted):
        await cell.get("k", revision=first.revision)


@pytest.mark.parametrize(
    ("key", "value", "error"),
    [
        ("", b"", KeyTooLong),
        ("k" * 1_025, b"", KeyTooLong),
        ("k", b"v" * (1 << 20) + b"v", ValueTooLong),
        ("\x00gaios/epoch", b"", InvalidCommand),
        ("\ud800", b"", InvalidCommand),
        (7, b"", InvalidCommand),
        ("k", None, InvalidCommand),
    ],
)
async def test_limits_are_checked_before_anything_is_sent(
    fake: FakeCell, cell: Cell, key: str, value: bytes, error: type[gaios.Error]
) -> None:
    with pytest.raises(error) as caught:
        await cell.put(key, value)
    assert caught.value.definite
    assert fake.submits == 0


async def test_too_many_operations_have_their_own_error(cell: Cell) -> None:
    with pytest.raises(TooManyOperations):
        await cell.multiop(then=[Get(b"k")] * 129)


async def test_a_multiop_takes_text(cell: Cell) -> None:
    text: Any = api
    done = await cell.multiop(guard=[text.Test("é", "absent")], then=[text.Put("é", "v"), text.Get("é")])
    assert done.succeeded
    entry = await cell.get("é")
    assert entry is not None
    assert entry.value == b"v"
