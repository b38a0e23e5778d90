"""What a store says of its backups: the head, and a manifest for each of them, as sealed JSON.  [SAFETY 16, 23]

    {"seal": blake2b(16) of the body's bytes, "body": {…}}

Rule 1. A document whose bytes are not those that were sealed is damaged; one of another version is refused.
Rule 2. Hashes are hexadecimal text, times are milliseconds since 1970 of whoever wrote them, and decide nothing that safety rests on.
"""

from hashlib import blake2b
from typing import Final, TypeVar

import msgspec

from gaios.errors import BackupDamaged

VERSION: Final = 1
HEAD: Final = "head"
RESTORES_MAX: Final = 256
"""Restores that a head remembers; of older ones the highest generation is enough."""
_T = TypeVar("_T", "Head", "Manifest")


class Piece(msgspec.Struct, frozen=True, kw_only=True):
    """Some of the log."""

    object: str
    first: int
    last: int
    digest: str


class Snapshot(msgspec.Struct, frozen=True, kw_only=True):
    """The snapshot that a backup begins with."""

    slot: int
    chain: str
    epoch: int
    digest: str
    size: int
    """Bytes of its stream."""
    closing: str
    """The object that holds its closing; `chunks`: those that hold the chunks, in order."""
    chunks: list[str]


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """That the backup was read back and restored, and what that came to."""

    time_ms: int
    """When the making began that the proof ends, by the wall clock of who made it."""
    slot: int
    chain: str
    checksum: int
    """The machine's, of the restored one and of one made from the replica's own disk."""
    digest: str
    """Of the snapshot that the restored machine would take behind that slot."""


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """One backup."""

    version: int = VERSION
    id: str
    cell: str
    slot: int
    """What the cell had chosen through this slot is in it."""
    chain: str
    """The log's hash through that slot; `epoch` and `time_ms`: the reign, and the master's clock there."""
    epoch: int
    time_ms: int
    generation: int
    """How often the cell was made anew from a backup: the first part of its sequencers.  [SAFETY 23]"""
    taken_ms: int
    software: str
    machine: int
    """The machine's version; `feature`: the cell's feature level."""
    feature: int
    snapshot: Snapshot | None
    """None: the log goes back to slot 1."""
    log: list[Piece]
    """In order, without a gap, through `slot`; it may begin before the snapshot."""
    proof: Proof


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A backup that counts, as the head has it."""

    id: str
    slot: int
    chain: str
    epoch: int
    time_ms: int
    taken_ms: int
    seal: str
    """Its manifest's."""


class Restore(msgspec.Struct, frozen=True, kw_only=True):
    """A generation that was given out: to which cell, and what it was made from."""

    generation: int
    cell: str
    slot: int
    chain: str
    time_ms: int


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """The store."""

    version: int = VERSION
    cell: str
    generation: int = 0
    """The highest that was given out, or that the cell has itself."""
    backups: list[Entry] = []
    """Oldest first."""
    retired: list[str] = []
    """Backups that do not count any more, of which others still use objects."""
    restores: list[Restore] = []

    @property
    def newest(self) -> Entry | None:
        """The newest backup."""
        return self.backups[-1] if self.backups else None


class _Sealed(msgspec.Struct, frozen=True):
    seal: str
    body: msgspec.Raw


_sealed = msgspec.json.Decoder(_Sealed)
_encode = msgspec.json.Encoder().encode


def seal(body: bytes) -> str:
    """What a document's body is sealed with."""
    return blake2b(body, digest_size=16).hexdigest()


def encode(document: Head | Manifest) -> bytes:
    """A document's bytes."""
    body = _encode(document)
    return _encode(_Sealed(seal(body), msgspec.Raw(body)))


def seal_of(data: bytes, what: str) -> str:
    """A document's seal.

    Raises:
        BackupDamaged: the bytes are not those that were sealed.
    """
    return _unseal(data, what).seal


def decode(kind: type[_T], data: bytes, what: str) -> _T:
    """A document; `what`: the object, for errors.

    Raises:
        BackupDamaged: the bytes are not those that were sealed, or of a version that this one does not read.
    """
    body = bytes(_unseal(data, what).body)
    try:
        found = msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, RecursionError) as error:
        raise _damaged(what, f"it cannot be read: {error}") from None
    if found.version != VERSION:
        raise _damaged(what, f"it is of format {found.version}; this version reads {VERSION}")
    return found


def _unseal(data: bytes, what: str) -> _Sealed:
    try:
        found = _sealed.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _damaged(what, f"it cannot be read: {error}") from None
    if seal(bytes(found.body)) != found.seal:
        raise _damaged(what, "its bytes are not those that were written")
    return found


def _damaged(what: str, reason: str) -> BackupDamaged:
    error = BackupDamaged(what=what, reason=reason)
    if what == HEAD:
        error.hint = (
            "nothing else says which backups of this store were proved: bring that object back (an older version, or a copy's), or use "
            "a copy of the store; a new backup can be made in an empty one"
        )
    return error


def identifier(slot: int, taken_ms: int, nonce: str) -> str:
    """A backup's name: sorted by slot; whoever finds its objects knows how old they are."""
    return f"{slot:016d}-{taken_ms:013d}-{nonce}"


def taken_ms_of(name: str) -> int | None:
    """When the backup was begun that an object belongs to; None where its name is none of ours."""
    parts = name.partition("/")[0].split("-")
    if len(parts) != 3 or not (parts[1].isascii() and parts[1].isdecimal()):
        return None
    return int(parts[1])


def objects(manifest: Manifest) -> set[str]:
    """What a backup is made of, its manifest included."""
    found = {f"{manifest.id}/manifest", *(piece.object for piece in manifest.log)}
    if manifest.snapshot is not None:
        found |= {manifest.snapshot.closing, *manifest.snapshot.chunks}
    return found
