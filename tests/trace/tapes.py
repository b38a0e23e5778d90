"""Recordings, and tools that alter them: what a checker must notice."""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import google_crc32c
import msgspec

from gaios.log.recording import HEADER_BYTES

START, STEP, CAME, HANDED, DONE, LEFT = range(1, 7)
EVENT, WRITES, SENDS = 4, 5, 6
"""Where in a step."""


class Place(NamedTuple):
    """An entry that can be altered in place."""

    tape: "Tape"
    number: int
    entry: list[Any]


class Tape:
    """One recording as nested lists; `keep` writes it back."""

    def __init__(self, path: Path) -> None:
        data = path.read_bytes()
        self.path = path
        self.header, self.frames = data[:HEADER_BYTES], list(_frames(data))

    @property
    def name(self) -> str:
        return self.path.name

    def places(self, kind: int) -> Iterator[Place]:
        for first, _, _, entries, _ in self.frames:
            for index, entry in enumerate(entries):
                if entry[0] == kind:
                    yield Place(self, first + index, entry)

    def keep(self) -> None:
        data = [self.header]
        for frame in self.frames:
            payload = msgspec.msgpack.encode(frame)
            data.append(struct.pack("<II", len(payload), google_crc32c.value(payload)) + payload)
        self.path.write_bytes(b"".join(data))


def _frames(data: bytes) -> Iterator[Any]:
    at = HEADER_BYTES
    while at < len(data):
        length, _ = struct.unpack_from("<II", data, at)
        yield msgspec.msgpack.decode(data[at + 8 : at + 8 + length])
        at += 8 + length


def tapes(directory: Path) -> list[Tape]:
    return [Tape(path) for path in sorted(directory.glob("*.trace"))]


def all_places(found: list[Tape], kind: int) -> Iterator[Place]:
    for tape in found:
        yield from tape.places(kind)
