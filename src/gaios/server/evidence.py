"""What is kept of a state that turned out to be wrong, for whoever looks into it later.  [PML §6.2; SAFETY 25]

    DIR/evidence/slot-2048-boot-7-1.evidence:   "gaiosevd" · version u32 · (length u32 · crc of it u32 · bytes) …

The first piece is msgpack: where it was found, and what everybody came to; the others are the machine's snapshot, chunk by chunk.

Rule 1. It never harms: it is written by a thread of its own, and what cannot be written is said in the log, and that is all.
Nothing of that stays: it shares the disk with the log.
Rule 2. It is bounded: the newest `FILES_MAX` are kept, and none is larger than `BYTES_MAX`: it ends with the last chunk that has room.
Rule 3. A file has its name once it is whole and synced.
"""

import contextlib
import os
import struct
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path
from threading import Thread
from typing import Any, Final

import google_crc32c
import msgspec

from gaios.errors import ProtocolError
from gaios.log import Evidence

MAGIC: Final = b"gaiosevd"
VERSION: Final = 1
SUFFIX: Final = ".evidence"
DIRECTORY: Final = "evidence"
FILES_MAX: Final = 4
BYTES_MAX: Final = 2 << 30
_HEAD: Final = struct.Struct("<8sI")
_PIECE: Final = struct.Struct("<II")


def keep(where: Path, evidence: Evidence, said: Callable[[str, str], object], *, bytes_max: int = BYTES_MAX) -> None:
    """Write it below a replica's directory; `said` is told an event for the log and its reason or file."""
    path = where / DIRECTORY / (evidence.name + SUFFIX)
    aside = path.with_name(path.name + ".new")
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        for old in _older(path.parent)[FILES_MAX - 1 :]:
            old.unlink()
        descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.writelines(_pieces(evidence, bytes_max))
            file.flush()
            os.fsync(descriptor)
        aside.replace(path)
    except Exception as error:  # noqa: BLE001 (Rule 1; a snapshot of a broken state may fail in any way)
        with contextlib.suppress(OSError):
            aside.unlink(missing_ok=True)
        said("evidence_not_kept", f"{type(error).__name__}: {error}")
    else:
        said("evidence_kept", str(path))


def keep_aside(where: Path, evidence: Evidence, said: Callable[[str, str], object]) -> Thread:
    """The same, by a thread of its own."""
    thread = Thread(target=keep, args=(where, evidence, said), name="gaios-evidence", daemon=True)
    thread.start()
    return thread


def read(path: Path) -> tuple[dict[str, Any], Iterator[bytes]]:
    """A file's head, and the snapshot's chunks.

    Raises:
        ProtocolError: it is not a whole file of evidence; of later chunks, while they are read.
        OSError: it cannot be read.
    """
    pieces = _read(path)
    head = next(pieces)
    try:
        found = msgspec.msgpack.decode(head, type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise ProtocolError(reason=f"{path} is not a file of evidence: {error}") from None
    return found, pieces


def _older(directory: Path) -> list[Path]:
    """Newest first, with those that a killed process began and left."""
    return sorted(directory.glob(f"*{SUFFIX}*"), key=lambda path: path.stat().st_mtime_ns, reverse=True)


def _pieces(evidence: Evidence, bytes_max: int) -> Iterable[bytes]:
    yield _HEAD.pack(MAGIC, VERSION)
    written = 0
    for data in chain((msgspec.msgpack.encode(evidence.head),), evidence.chunks):
        written += len(data)
        if written > bytes_max:
            return
        yield _PIECE.pack(len(data), google_crc32c.value(data)) + data


def _read(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        head = file.read(_HEAD.size)
        if len(head) < _HEAD.size or _HEAD.unpack(head) != (MAGIC, VERSION):
            raise ProtocolError(reason=f"{path} is not a file of evidence of version {VERSION}")
        while piece := file.read(_PIECE.size):
            length, crc = _PIECE.unpack(piece) if len(piece) == _PIECE.size else (1, 0)
            data = file.read(length)
            if len(data) != length or google_crc32c.value(data) != crc:
                raise ProtocolError(reason=f"{path} is damaged, or ends before its end")
            yield data
