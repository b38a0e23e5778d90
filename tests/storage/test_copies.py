"""Two copies of what must never be forgotten."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaios.errors import AnotherCell, InvariantViolated, StateDamaged, StateMissing, TooOld
from gaios.storage import Create, Problem, Sync, SyncDirectory, Write
from gaios.storage.copies import (
    COPY_BYTES,
    NAMES,
    PAYLOAD_BYTES_MAX,
    Copy,
    check_owner,
    choose,
    contradiction,
    create,
    decode,
    encode,
    load,
    pin,
    repair,
    write,
)
from tests.storage.memory import ME, Memory

COPY = Copy(1, ME.member, ME.cell, 1, 1, 1, 1, b"a promise")
uint64 = st.integers(0, 2**64 - 1)


def fresh() -> Memory:
    memory = Memory()
    memory.execute(create(COPY))
    return memory


@given(st.integers(1, 2), st.integers(0, 65535), uint64, uint64, st.binary(max_size=300))
def test_a_copy_is_read_as_it_was_written(which: int, member: int, generation: int, batch: int, payload: bytes) -> None:
    """What an older, longer one left behind it does not matter."""
    copy = Copy(which, member, ME.cell, generation, batch, 1, 7, payload)
    assert decode(encode(copy) + b"left behind", which) == copy
    assert pin(copy) == (batch, 1, 7)


def test_a_copy_of_the_greatest_length_fits() -> None:
    """And one more byte does not."""
    assert len(encode(COPY._replace(payload=bytes(PAYLOAD_BYTES_MAX)))) == COPY_BYTES
    with pytest.raises(InvariantViolated):
        encode(COPY._replace(payload=bytes(PAYLOAD_BYTES_MAX + 1)))


def test_a_newer_one_overwrites_both_in_order() -> None:
    """One after the other, each synced.  [SAFETY 15]"""
    operations = write(COPY)
    assert [type(operation) for operation in operations] == [Write, Sync, Write, Sync]
    assert [operation[0] for operation in operations] == [NAMES[0], NAMES[0], NAMES[1], NAMES[1]]


def test_each_copy_knows_its_place() -> None:
    """A write that went to the other file's place is a spoilt copy."""
    found = decode(encode(COPY), 2)
    assert isinstance(found, Problem)
    assert found.kind == "misdirected"


def test_the_newer_one_counts() -> None:
    """Whichever file it is in."""
    newer = COPY._replace(generation=2, which=2)
    assert choose([COPY, newer], "d") == newer
    assert choose([newer._replace(which=1), COPY._replace(which=2)], "d").generation == 2


def test_none_intact_is_damage_and_none_there_is_missing() -> None:
    """Never an empty promise.  [SAFETY 2, 8]"""
    missing, bad = Problem(NAMES[0], 0, "missing", "gone"), Problem(NAMES[1], 3, "header", "bad")
    with pytest.raises(StateMissing, match="promise-1 and promise-2"):
        choose([missing, missing], "d")
    for loaded in ([missing, bad], [bad, bad]):
        with pytest.raises(StateDamaged, match="both copies"):
            choose(list(loaded), "d")


def test_copies_that_contradict_each_other_are_damage() -> None:
    """Two owners, or two contents of one generation: nobody can tell which is right."""
    for other in (COPY._replace(which=2, member=4), COPY._replace(which=2, payload=b"another")):
        assert contradiction([COPY, other]) is not None
        with pytest.raises(StateDamaged):
            choose([COPY, other], "d")
    assert contradiction([COPY, COPY._replace(which=2)]) is None


def test_a_copy_of_the_future_stops_an_older_version() -> None:
    """It may hold a newer promise than the one that can be read."""
    data = bytearray(encode(COPY._replace(generation=9)))
    data[8] = 2
    with_crc = bytes(data[:76]) + _crc(bytes(data[:76])) + bytes(data[80:])
    future = decode(with_crc, 1)
    assert isinstance(future, Problem)
    assert future.kind == "version"
    with pytest.raises(TooOld, match=r"format 2.*install the newer"):
        choose([future, COPY._replace(which=2)], "d")


def _crc(data: bytes) -> bytes:
    import google_crc32c

    return int(google_crc32c.value(data)).to_bytes(4, "little")


def test_an_owner_is_checked() -> None:
    """Cell and member; a boot is not an owner."""
    check_owner(COPY, ME._replace(boot=7))
    for other in (ME._replace(member=4), ME._replace(cell=bytes(16))):
        with pytest.raises(AnotherCell):
            check_owner(COPY, other)


@pytest.mark.parametrize("harm", ["gone", "short", "rotten"])
@pytest.mark.parametrize("which", [1, 2])
def test_a_spoilt_copy_is_made_good(which: int, harm: str) -> None:
    """Missing, cut short, or rotten: after a start both are whole again."""
    memory = fresh()
    name = NAMES[which - 1]
    if harm == "gone":
        del memory.files[name]
    elif harm == "short":
        del memory.files[name].current[60:]
        del memory.files[name].durable[60:]
    else:
        memory.files[name].current[30] ^= 1
    copy = choose(load(memory, memory.names()), "d")
    assert copy.which == 3 - which
    operations = repair(copy, memory.names())
    assert SyncDirectory("") in operations  # whoever made the files may have been killed before it synced their names
    memory.execute(operations)
    assert load(memory.crashed(lambda: False), NAMES) == [COPY, COPY._replace(which=2)]


def test_a_copy_that_is_gone_is_made_anew_before_the_other_is_touched() -> None:
    first, second = NAMES
    for gone, order in (({second}, [second, first]), ({first}, [first, second]), ({first, second}, [first, second])):
        operations = write(Copy(1, 1, bytes(16), 7, 0, 1, 1, b"promised"), gone)
        made = [each.name for each in operations if isinstance(each, Create)]
        assert made == [file for file in order if file in gone]
        assert operations.index(SyncDirectory("")) == len(made)
        assert [each.name for each in operations if isinstance(each, Write)] == order
