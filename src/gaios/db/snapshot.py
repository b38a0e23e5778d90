"""The database as canonical chunks, and back.  [PML §5.5; SAFETY 26, 27]

    chunk 0    [format, version, revision, compacted, epoch, records of the base, records of the log, checksum]
    chunk n    [[key, value or nil, version, create revision, mod revision], …]     first the base by key, then the log in order

Rule 1. Equal states give equal bytes: the order is that of the state, and where a chunk ends depends on the records alone.
Rule 2. A chunk is closed before the record that would take it past `CHUNK_BYTES`; only one that holds a single record is larger.
Rule 3. Anything but what a database gave out is a `ProtocolError`, and restores nothing.
"""

from collections.abc import Generator, Iterable, Sequence
from typing import Final, NamedTuple

import msgspec

from gaios.api import EPOCH_KEY, FIRST_REVISION, KEY_BYTES_MAX, NUMBER_MAX, VALUE_BYTES_MAX, Event
from gaios.db.records import MASK, cost, digest
from gaios.errors import ProtocolError

FORMAT: Final = "gaios-db-1"
CHUNK_BYTES: Final = 1 << 16
"""64 KiB: encoded in well under a millisecond."""


class Header(NamedTuple):
    """Chunk 0."""

    format: str
    version: int
    revision: int
    compacted: int
    epoch: int
    base: int
    log: int
    checksum: int


_headers: msgspec.msgpack.Decoder[Header] = msgspec.msgpack.Decoder(Header)
_records: msgspec.msgpack.Decoder[list[Event]] = msgspec.msgpack.Decoder(list[Event])
_encode = msgspec.msgpack.Encoder().encode


def write(header: Header, parts: Iterable[Event | None], total: int) -> Generator[bytes, None, bool]:
    """The chunks, each made when it is asked for, of the base's records and then the log's; an empty one for each `None` among them.

    It returns whether the records' digests, computed anew, sum up to `total`.
    """
    yield _encode(header)
    records: list[Event] = []
    size = 0
    for record in parts:
        if record is None:
            yield b""
            continue
        total -= digest(record)
        bytes_ = cost(record)
        if records and size + bytes_ > CHUNK_BYTES:
            yield _encode(records)
            records, size = [], 0
        records.append(record)
        size += bytes_
    if records:
        yield _encode(records)
    return total & MASK == 0


def read(chunks: Iterable[bytes], version: int) -> tuple[Header, list[Event], list[Event]]:
    """Header, base and log of a snapshot. The checksum is compared by the caller, who knows how it is computed.

    Raises:
        ProtocolError: The chunks are not a snapshot of this version.
    """
    source = iter(chunks)
    try:
        header = _headers.decode(next(source, b""))
        _check(header.format == FORMAT, f"its format is {header.format!r:.40}, not {FORMAT!r}")
        _check(header.version == version, f"it is of version {header.version}; this database has {version}")
        _check(header.base >= 0 <= header.log and header.epoch >= 0, "a number is negative")
        _check(FIRST_REVISION <= header.compacted <= header.revision <= NUMBER_MAX, "its revisions are out of order")
        records: list[Event] = []
        for chunk in source:
            if not chunk:
                continue
            records += _records.decode(chunk)
            _check(len(records) <= header.base + header.log, "it has more records than it says")
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise ProtocolError(reason=f"not a snapshot of the database: {error}") from None
    _check(len(records) == header.base + header.log, "it has fewer records than it says")
    base, log = records[: header.base], records[header.base :]
    _check_records(header, base, log)
    return header, base, log


def _check_records(header: Header, base: Sequence[Event], log: Sequence[Event]) -> None:
    last: dict[bytes, Event] = {}
    lowest = (log[0].mod_revision, log[0].key) if log else (header.revision + 1, b"")
    previous = b""
    for record in base:
        _check(record.value is not None and previous < record.key, "its base is out of order")
        _check((record.mod_revision, record.key) < lowest, "a record of its base is newer than its log")
        previous = record.key
        _check_record(record)
        last[record.key] = record
    before = (0, b"")
    for record in log:
        place = (record.mod_revision, record.key)
        _check(before < place, "its log is out of order")
        before = place
        _check_record(record)
        earlier = last.get(record.key)
        if record.value is not None and record.create_revision != record.mod_revision:
            if earlier is None:
                follows = record.mod_revision <= header.compacted
            else:
                follows = record.create_revision == earlier.create_revision and record.version > earlier.version
            _check(follows, "a record does not follow its key's last")
        last[record.key] = record
    _check(before[0] <= header.revision, "a record is of a later revision than the snapshot")


def _check_record(record: Event) -> None:
    _check(0 < len(record.key) <= KEY_BYTES_MAX and record.key != EPOCH_KEY, "a record has a key that none may have")
    _check(record.mod_revision > FIRST_REVISION, "a record is of a revision before the first")
    if record.value is None:
        _check(record.version == 0 == record.create_revision, "a delete has a version")
        return
    _check(len(record.value) <= VALUE_BYTES_MAX, "a record has a value that is too long")
    _check(0 < record.version <= NUMBER_MAX, "a record has a version out of range")
    _check(FIRST_REVISION < record.create_revision <= record.mod_revision, "a record was created after it was changed")


def _check(holds: bool, what: str) -> None:
    if not holds:
        raise ProtocolError(reason=f"not a snapshot of the database: {what}")
