"""Entries are the same bytes for everybody, and bytes that are no recording are refused."""

from typing import Any

import pytest

from gaios.errors import ProtocolError
from gaios.log.codec import NEWS
from gaios.log.recording import (
    FIELDS,
    HEAD_BYTES,
    HEADER,
    Came,
    Done,
    Entry,
    Frame,
    Handed,
    Left,
    Start,
    Step,
    digest,
    encode,
    encode_frame,
    essence,
    fingerprint,
    frame_length,
    is_intact,
    read_frame,
    read_header,
    slim,
    slim_message,
)
from gaios.paxos import core
from gaios.spec import compile_participant, core_texts, read_specification
from gaios.spec.sorts import MapOf, Opaque, Record

ENTRIES: list[Entry] = [
    Start(b"t" * 8, b"c" * 16, 1, 2, 3, 0, 14, "clock", 6, 5, 65_537, 700, 4, 0, [(5, 65_537, b"")]),
    Step(9, 1, True, [core.PROPOSE, b"v"], [[core.F_ACC, 5, 65_537, b"v"]], [[0, [core.ACCEPT, 65_537, 0, 5, b"v"]]]),
    Came(9, 2, 1, [[core.PROMISE, 65_537, 0, 4, {5: [65_537, b"v"]}, {}]]),
    Handed([("write", "wal/1"), ("sync", "wal/1")], (65_537, 700, 2, 3), (65_537, 700, 4, 0, [], (0, b"")), [(2, 5, 65_537, b"v")]),
    Done(10),
    Left(11, [([2, 3], [[core.FETCH, 6]])]),
]


def test_a_frame_is_read_as_it_was_written() -> None:
    data = encode_frame(Frame(7, 11, 12, ENTRIES, [1, 2]))
    head, payload = data[:HEAD_BYTES], data[HEAD_BYTES:]
    assert frame_length(head) == len(payload)
    assert is_intact(head, payload)
    assert read_frame(payload) == Frame(7, 11, 12, ENTRIES, [1, 2])


def test_a_changed_or_shortened_frame_is_not_intact() -> None:
    data = encode_frame(Frame(7, 11, 12, ENTRIES, [1, 2]))
    head, payload = data[:HEAD_BYTES], data[HEAD_BYTES:]
    assert not is_intact(head, payload[:-1])
    assert not is_intact(head, payload[:-1] + b"\7")


@pytest.mark.parametrize("junk", [b"", b"\xc1", encode([1, 2]), encode([1, 2, 3, [[99]], []]), encode([1, 2, 3, [[5]], []])])
def test_what_is_no_frame_is_refused(junk: bytes) -> None:
    with pytest.raises(ProtocolError, match="a frame cannot be read"):
        read_frame(junk)


def test_a_length_that_no_frame_has_is_refused() -> None:
    with pytest.raises(ProtocolError, match="4294967295 bytes"):
        frame_length(b"\xff" * 8)


def test_a_header_says_how_the_recording_ended() -> None:
    assert read_header(HEADER)
    assert not read_header(HEADER[:9] + b"\1" + HEADER[10:])
    for bad in (HEADER[:-1], b"x" + HEADER[1:], HEADER[:8] + b"\2" + HEADER[9:]):
        with pytest.raises(ProtocolError):
            read_header(bad)


def test_values_stand_as_digests_wherever_they_are() -> None:
    """A recording may lie about for longer than the values may."""
    value = b"secret" * 100
    short = digest(value)
    assert slim((core.ACCEPT, 65_537, 0, 1, value)) == (core.ACCEPT, 65_537, 0, 1, short)
    assert slim((core.PROMISE, 65_537, 0, 1, {2: (65_537, value)}, {3: 5})) == (core.PROMISE, 65_537, 0, 1, {2: (65_537, short)}, {3: 5})
    assert slim((core.F_ACC, 2, 65_537, value)) == (core.F_ACC, 2, 65_537, short)
    assert slim_message((core.ACCEPT, 65_537, 0, 1, value)) == (core.ACCEPT, 65_537, 0, 1, short)
    assert slim_message((NEWS, value, 1)) == (NEWS, value, 1), "who the members are is needed"
    assert digest(b"") == b"", "a no-op stays one"
    assert digest(value) != digest(value + b"!")


def test_every_place_where_the_text_has_values_is_known() -> None:
    """Values are opaque, parts of records, or in maps of these: nothing else could slip through."""
    for event in read_specification(core_texts()).events:
        for _, sort in event.fields:
            inner = sort.value if isinstance(sort, MapOf) else sort
            parts = [part for _, part in inner.parts] if isinstance(inner, Record) else [inner]
            assert not any(isinstance(part, MapOf | Record) for part in parts)
            assert all(slim((b"v",)) != (b"v",) for part in parts if isinstance(part, Opaque))


def test_the_essence_of_a_state_tells_every_field_apart() -> None:
    """But for `acc`, which log/ keeps in part."""
    made = core.Participant(1, 0b1110)
    before = essence(made)
    for name in FIELDS:
        other = core.Participant(1, 0b1110)
        setattr(other, name, {3: (4, b"v")} if name == "best" else {3: 4} if name in {"votes", "grants"} else 5)
        changed = [one for one, two in zip(FIELDS, zip(before, essence(other), strict=True), strict=True) if two[0] != two[1]]
        assert changed == [name]


def test_the_same_message_is_the_same_bytes_as_a_tuple_and_as_a_list() -> None:
    message: Any = (core.PROMISE, 65_537, 0, 1, {2: (65_537, b"v")}, {})
    assert encode(message) == encode([core.PROMISE, 65_537, 0, 1, {2: [65_537, b"v"]}, {}])


def test_a_text_is_known_by_its_fingerprint() -> None:
    assert fingerprint(compile_participant()) == fingerprint() == fingerprint(core)
    other = compile_participant(edits=[("class Abdicate(Input): pass ", "class Abdicate(Input): pass\n ")])
    assert fingerprint(other) != fingerprint()
