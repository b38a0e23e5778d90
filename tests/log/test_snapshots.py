"""Claims about snapshots: alike at every replica, proved chunk by chunk, and taken from nothing but what was written."""

import random

import pytest

from gaios import entry, errors
from gaios.log.applier import Applier
from gaios.log.sessions import Bounds, Sessions
from gaios.log.snapshots import CHUNK_BYTES, Capture, Closing, Part, digest, encode_handle, read_closing, read_handle, unpack
from tests.hostile import damaged
from tests.log.cell import Register

CELL = b"cell of a test.."
CLIENT = entry.Identity(1, 0)


def lived(commands: int, size: int = 10, seed: int = 1) -> Applier:
    """A replica's state behind a few values."""
    dice, applier = random.Random(seed), Applier(Register(), Sessions(Bounds()))
    applier.apply(1, entry.batch([entry.register(), entry.epoch(65_537)], 5))
    for slot in range(2, commands + 2):
        command = entry.encode(entry.Kind.COMMAND, CLIENT, slot, slot - 3 if slot > 3 else 0, dice.randbytes(size))
        applier.apply(slot, entry.batch([command], slot))
    return applier


def taken(capture: Capture) -> tuple[Closing, list[bytes]]:
    """A whole snapshot."""
    chunks: list[bytes] = []
    while not capture.is_done:
        chunks += capture.take()
    return capture.closing(CELL), chunks


def restored(closing: Closing, chunks: list[bytes]) -> Applier:
    applier = Applier(Register(), Sessions(Bounds()))
    found = unpack(closing, chunks)
    applier.machine.restore(found.machine)
    applier.restore(found.part, found.sessions)
    return applier


def test_a_snapshot_restores_all_that_later_values_need() -> None:
    """[SAFETY 16, 19] Slot, chain, time, epoch, the exactly-once table and the machine: the next value does the same at both."""
    applier = lived(30)
    closing, chunks = taken(applier.capture(3, b"members"))
    again = restored(closing, chunks)
    assert (again.applied, again.chain, again.time_ms, again.epoch) == (applier.applied, applier.chain, applier.time_ms, applier.epoch)
    assert again.machine.query(b"") == applier.machine.query(b"")
    repeated = entry.encode(entry.Kind.COMMAND, CLIENT, 31, 0, b"again")
    for value in (entry.batch([repeated], 99), entry.batch([entry.register(), entry.epoch(131_074)], 100)):
        assert again.apply(again.applied + 1, value) == applier.apply(applier.applied + 1, value)
    assert taken(again.capture(3, b"members")) == taken(applier.capture(3, b"members"))


def test_a_handle_says_where_its_snapshot_stands() -> None:
    """(cell, slot, configuration, chain, epoch, digest), as [PML §5.5] has it and more."""
    applier = lived(3)
    handle = taken(applier.capture(3, b"members"))[0].handle
    assert (handle.cell, handle.slot, handle.config, handle.chain, handle.epoch) == (CELL, 4, 3, applier.chain, 65_537)
    assert read_handle(encode_handle(handle)) == handle


def test_replicas_that_are_equal_have_the_same_snapshot() -> None:
    """[SAFETY 27] To the last byte, whatever slices it was made in; and any difference is another."""
    one, other = lived(2_000, 300), lived(2_000, 300)
    quick, slow = one.capture(1, b""), other.capture(1, b"")
    chunks: list[bytes] = []
    while not slow.is_done:
        chunks += slow.take(1)
    assert taken(quick) == (slow.closing(CELL), chunks)
    assert [len(chunk) for chunk in chunks[:-1]] == [CHUNK_BYTES] * (len(chunks) - 1)
    assert taken(lived(2_000, 300, seed=2).capture(1, b""))[0].handle.digest != slow.closing(CELL).handle.digest


def test_a_snapshot_is_of_its_call() -> None:
    """[PML §5.5] Values are applied while it is made, sessions are used, registered and forgotten."""
    expected, applier = taken(lived(50).capture(1, b"")), lived(50)
    capture = applier.capture(1, b"")
    chunks = capture.take(1)
    for slot in range(52, 90):
        command = entry.encode(entry.Kind.COMMAND, CLIENT, slot, slot - 1, b"later")
        applier.apply(slot, entry.batch([command, entry.register()], slot))
        chunks += capture.take(1)
    rest = taken(capture)
    # A machine of a test that makes its chunks by and by has its state when it is asked; the log's part may not.
    assert rest[0].handle.slot == expected[0].handle.slot
    assert unpack(rest[0], [*chunks, *rest[1]]).sessions == unpack(*expected).sessions


def test_a_machines_pauses_are_no_part_of_it() -> None:
    """An empty chunk lets others work."""
    paused = iter((b"", b"a", b"", b"", b"b"))
    part = Part(1, 4, bytes(16), 5, 65_537, 1, b"", 1, 0)
    with_pauses = taken(Capture(part, iter(()), paused))
    assert with_pauses == taken(Capture(part, iter(()), iter((b"a", b"b"))))
    assert list(unpack(*with_pauses).machine) == [b"a", b"b"]


def test_nothing_unproved_is_used() -> None:
    """A chunk of another snapshot, too few, too many, in another order: refused before the machine is given a piece of it."""
    closing, chunks = taken(lived(3_000, 300).capture(1, b""))
    _, others = taken(lived(3_000, 300, seed=2).capture(1, b""))
    assert len(chunks) > 3
    for wrong in ([*others[:1], *chunks[1:]], [*chunks[:2], others[2], *chunks[3:]], chunks[:-1], [*chunks, b"x"], chunks[::-1], []):
        with pytest.raises(errors.ProtocolError):
            restored(closing, wrong)
    assert restored(closing, chunks).applied == 3_001


def test_the_digests_are_those_that_the_handle_names() -> None:
    """Who has the handle can take them from anybody."""
    closing, chunks = taken(lived(3_000, 300).capture(1, b""))
    assert read_closing(closing.encode()) == closing
    for number, chunk in enumerate(chunks):
        closing.check(number, chunk)
    with pytest.raises(errors.ProtocolError):
        closing.check(len(chunks), b"")
    with pytest.raises(errors.ProtocolError):
        read_closing(closing._replace(digests=digest(b"") * len(chunks)).encode())


def test_a_handle_that_lies_about_the_part_is_refused() -> None:
    """Chain and epoch are proved by the digest, which covers the part alone: both must say the same."""
    closing, chunks = taken(lived(5).capture(1, b""))
    told = {name: getattr(closing.handle, name) for name in closing.handle.__struct_fields__}
    for change in ({"slot": 9}, {"chain": bytes(16)}, {"epoch": 1}, {"config": 2}, {"time_ms": 1}):
        with pytest.raises(errors.ProtocolError):
            unpack(Closing(type(closing.handle)(**{**told, **change}), closing.digests), chunks)


def test_reading_is_total() -> None:
    """Whatever the bytes are: the snapshot, or one error of ours."""
    closing, chunks = taken(lived(9).capture(1, b""))
    for data in damaged([closing.encode()], 1, 30_000):
        try:
            found = read_closing(data)
        except errors.ProtocolError:
            continue
        assert found.handle.digest == digest(found.digests)
    for stream in damaged(chunks, 2, 30_000):
        forged = Closing(type(closing.handle)(1, CELL, 10, 1, *_told(closing), len(stream) or 1, digest(digest(stream))), digest(stream))
        try:
            restored(forged, [stream] if stream else [])
        except (errors.ProtocolError, errors.TooOld):
            continue


def _told(closing: Closing) -> tuple[bytes, int, int]:
    return closing.handle.chain, closing.handle.epoch, closing.handle.time_ms
