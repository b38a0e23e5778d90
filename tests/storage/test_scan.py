"""What a log holds, and whether what stands behind its end is an unfinished write.  [SAFETY 7]"""

import pytest

from gaios.storage import record, segment
from gaios.storage.copies import NO_PIN, Pin
from gaios.storage.record import MARK, OPEN, STATE, Encoder
from gaios.storage.scan import Scan, Segment, missing, scan
from tests.storage.memory import ME, VALUE, File, Memory

SIZE = 4096
Batch = list[tuple[int, int, bytes]]


class Writer:
    """Writes segments by hand, so that a test decides about every field."""

    def __init__(self) -> None:
        self.memory = Memory()
        self.chain = self.sequence = 0
        self.segment = 0

    def open(self, batch: int, **changes: int) -> None:
        self.segment += 1
        fields = {"member": ME.member, "size": SIZE, "segment": self.segment, "chain": self.chain, "sequence": self.sequence} | changes
        data, crc = segment.encode(cell=ME.cell, boot=1, batch=batch, **fields)
        self.memory.files[self.file] = File(SIZE)
        self.memory.files[self.file].write(0, data)
        self.encoder = Encoder(
            seed=record.seed(ME), segment=self.segment, offset=segment.OPENING_BYTES, sequence=self.sequence, previous=crc
        )

    @property
    def file(self) -> str:
        return segment.name(self.segment)

    def add(self, kind: int, batch: int, left: int, payload: bytes = b"payload") -> int:
        parts: list[bytes] = []
        at = self.encoder.offset
        self.encoder.add(parts, kind, self.encoder.sequence, 1, payload, batch, left)
        self.memory.files[self.file].write(at, b"".join(parts))
        self.chain, self.sequence = self.encoder.previous, self.encoder.sequence
        return at

    def spoil(self, at: int) -> None:
        self.memory.files[self.file].current[at] ^= 1

    def scan(self, known: Pin = NO_PIN) -> Scan:
        return scan(self.memory, segment.numbers(self.memory.names()), ME, known)


def begun() -> Writer:
    writer = Writer()
    writer.open(batch=1)
    writer.add(STATE, 1, 0)
    return writer


def judged(found: Scan) -> str:
    assert found.cut is None or found.fatal is None
    damaged = found.fatal is not None or found.damaged
    return "damage" if damaged else "cut" if found.cut is not None else "whole"


def test_zeros_behind_the_last_record_are_the_end() -> None:
    """A log that was closed, or whose last write did not leave a trace."""
    found = begun().scan()
    assert judged(found) == "whole"
    assert found.tail.sequence == 1


def test_damage_in_the_last_batch_is_cut() -> None:
    """Nobody was told of it."""
    writer = begun()
    at = writer.add(VALUE, 2, 1)
    writer.add(VALUE, 2, 0)
    writer.spoil(at)
    found = writer.scan()
    assert judged(found) == "cut"
    assert found.cut is not None
    assert found.cut[:3] == (writer.file, at, "tail")


def test_damage_before_an_intact_record_of_the_same_batch_is_cut() -> None:
    """Sectors of one write reach the disk in any order."""
    writer = begun()
    writer.add(VALUE, 2, 2)
    at = writer.add(VALUE, 2, 1)
    writer.add(VALUE, 2, 0)
    writer.spoil(at)
    found = writer.scan()
    assert judged(found) == "cut"
    assert found.tail.sequence == 2, "what stands before the tear is kept"


def test_damage_before_an_intact_record_of_a_later_batch_is_never_cut() -> None:
    """The later batch was written after the sync of this one had returned."""
    writer = begun()
    at = writer.add(VALUE, 2, 0)
    writer.add(VALUE, 3, 0)
    writer.spoil(at)
    assert judged(writer.scan()) == "damage"


def test_damage_before_the_rotten_payload_of_a_later_batch_is_never_cut() -> None:
    """Its header alone proves the order of events."""
    writer = begun()
    at = writer.add(VALUE, 2, 0)
    later = writer.add(VALUE, 3, 0)
    writer.spoil(at)
    writer.spoil(later + record.HEADER_BYTES)
    assert judged(writer.scan()) == "damage"


def test_damage_before_a_mark_is_never_cut() -> None:
    """That is what marks are for: no batch may ever follow."""
    writer = begun()
    at = writer.add(VALUE, 2, 0)
    writer.add(MARK, 3, OPEN)
    writer.spoil(at)
    assert judged(writer.scan()) == "damage"


def test_a_damaged_mark_and_the_torn_batch_behind_it_are_cut() -> None:
    """They were written between the same two syncs."""
    writer = begun()
    at = writer.add(MARK, 2, OPEN)
    writer.add(VALUE, 2, 0)
    writer.spoil(at)
    assert judged(writer.scan()) == "cut"


def test_the_end_of_one_batch_and_the_start_of_the_next_are_told_apart() -> None:
    """An intact record of batch 3 proves batch 2, not batch 3: `left` says where a batch ends."""
    for left, expected in ((0, "cut"), (1, "damage")):
        writer = begun()
        writer.add(VALUE, 2, left)
        at = writer.add(VALUE, 2 if left else 3, 1)
        writer.add(VALUE, 3, 0)
        writer.spoil(at)
        assert judged(writer.scan()) == expected


def test_a_batch_that_the_copies_know_of_is_never_cut() -> None:
    """They were written after it was synced."""
    writer = begun()
    at = writer.add(VALUE, 2, 0)
    writer.spoil(at)
    assert judged(writer.scan(Pin(1, 1, 1))) == "cut"
    assert judged(writer.scan(Pin(2, 1, 1))) == "damage"


def test_an_opening_block_proves_what_stands_before_it() -> None:
    """A segment is begun only when the ones before are synced."""
    writer = begun()
    at = writer.add(MARK, 2, 0)
    writer.open(batch=3)
    writer.add(STATE, 3, 0)
    assert judged(writer.scan()) == "whole"
    writer.memory.files[segment.name(1)].current[at] ^= 1
    assert judged(writer.scan()) == "damage"


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"segment": 9}, "misdirected"),
        ({"member": 9}, "cell"),
        ({"size": 2048}, "size"),
        ({"chain": 9}, "missing"),
        ({"sequence": 9}, "missing"),
    ],
)
def test_an_intact_opening_block_that_is_wrong_is_never_cut(changes: dict[str, int], kind: str) -> None:
    """No unfinished write leaves it behind."""
    writer = begun()
    writer.open(batch=2, **changes)
    found = writer.scan()
    assert judged(found) == "damage"
    assert found.fatal is not None
    assert found.fatal.kind == kind


def test_a_record_of_the_wrong_batch_is_never_cut() -> None:
    """Well-formed, in its place, in the chain, and impossible: we wrote it wrongly."""
    writer = begun()
    writer.add(VALUE, 5, 0)
    found = writer.scan()
    assert found.fatal is not None
    assert found.fatal.kind == "order"


def test_a_segment_that_does_not_open_with_a_state_record_is_never_cut() -> None:
    """No unfinished write leaves such a segment behind: we wrote it wrongly.  [SAFETY 15]"""
    writer = Writer()
    writer.open(batch=1)
    writer.add(VALUE, 1, 0)
    found = writer.scan()
    assert found.fatal is not None
    assert found.fatal.kind == "order"


def test_a_format_of_the_future_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """An older version must not take a newer one's log for rubbish and cut it."""
    monkeypatch.setattr(record, "VERSION", 2)
    writer = begun()
    monkeypatch.undo()
    found = writer.scan()
    assert found.fatal is not None
    assert found.fatal.kind == "version"
    monkeypatch.setattr(segment, "VERSION", 2)
    writer = begun()
    monkeypatch.undo()
    found = writer.scan()
    assert found.fatal is not None
    assert found.fatal.kind == "version"


def test_a_segment_that_was_never_begun_is_dropped() -> None:
    """It got its number, and the power went."""
    writer = begun()
    writer.memory.files[segment.name(2)] = File(SIZE)
    found = writer.scan()
    assert judged(found) == "whole"
    assert found.dropped == [segment.name(2)]


def test_much_damage_takes_no_longer_than_the_log_is_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind each damage all the rest was looked through: a start with sixty rotten records read its log sixty times."""
    writer = begun()
    places = [writer.add(VALUE, batch, 0, b"") for batch in range(2, 50)]
    for at in places[::3]:
        writer.spoil(at)
        writer.spoil(at + 40)
    looked, decode = [0], record.decode

    def counted(data: bytes, at: int, crc_seed: int) -> record.Header | None:
        looked[0] += 1
        return decode(data, at, crc_seed)

    monkeypatch.setattr(record, "decode", counted)
    assert len(writer.scan().damaged) == 16
    assert looked[0] < 5 * len(places)


def test_every_intact_record_is_told_with_its_payload() -> None:
    """A start keeps what it is told here: nothing is read twice."""
    writer = begun()
    writer.add(MARK, 2, OPEN)
    writer.add(VALUE, 2, 0)
    told: list[tuple[int, bytes]] = []
    found = scan(
        writer.memory, segment.numbers(writer.memory.names()), ME, visit=lambda header, payload: told.append((header.kind, payload))
    )
    assert isinstance(found.segments[0], Segment)
    assert told == [(1, b"payload"), (MARK, b"payload"), (VALUE, b"payload")]


@pytest.mark.parametrize(
    ("numbers", "known", "expected"),
    [
        ([1, 2], Pin(1, 1, 2), ""),
        ([1, 3], Pin(1, 1, 1), segment.name(2)),
        ([1], Pin(1, 1, 2), segment.name(2)),
        ([], Pin(1, 1, 1), segment.name(1)),
        ([2], Pin(1, 1, 2), segment.name(1)),
        ([2, 3], Pin(1, 2, 2), ""),
    ],
)
def test_a_missing_segment_is_named(numbers: list[int], known: Pin, expected: str) -> None:
    """At the start, in between, at the end."""
    assert missing(numbers, known) == expected
