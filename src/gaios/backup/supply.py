"""A cell's snapshots in a store, for a replica that fetches one: which there is, and its parts.  [PML §5.5; SAFETY 2, 25, 26]

    newest(least) -> Handle        of the newest backup that begins with a snapshot behind slot `least` or a later one
    part(slot, digest, number)     0 is its closing, n is chunk n - 1: the very bytes that a replica's file has

Rule 1. Only what `head` names counts: that was proved when it was made. Manifests by their seals, closings by the manifest, chunks by the
closing: nothing is given that is not what it was when it was put there. And only to the cell whose store it is: one that was restored from
it is another.
Rule 2. Never more is read at once than a part can have, whatever the store holds under its name.
Rule 3. A snapshot of which something is damaged is not offered again while there is another, or until there is a newer backup.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

from gaios.backup.manifest import HEAD, Entry, Head, Snapshot, decode
from gaios.backup.pieces import expand
from gaios.backup.rebuild import closing_of, get, read_manifest
from gaios.backup.stores import Store
from gaios.errors import AnotherCell, BackupDamaged, ProtocolError
from gaios.log.snapshots import CHUNK_BYTES, Closing, Handle

LOOKS_MAX: Final = 64
"""Backups that are looked at for one question, newest first: with the default of 48, all."""
CHUNK_BYTES_MAX: Final = 2 * CHUNK_BYTES
"""Of a compressed chunk: what cannot be compressed grows by a few bytes."""


class Supply:
    """See the module. Every method raises what `Store` does, and `AnotherCell` where the store is none of this cell's."""

    def __init__(self, store: Store, cell: str) -> None:
        """`cell` is the cell's id, in hexadecimal."""
        self._store, self._cell = store, cell
        self._at_hand: tuple[Snapshot, Closing] | None = None
        """The one that was asked for last."""
        self._damaged: dict[str, str] = {}
        """Digests of snapshots, and names of manifests, of which something is damaged: what."""
        self._seen = ""
        """The newest backup at that time."""

    def newest(self, least: int) -> Handle | None:
        """The handle of a snapshot behind that slot or a later one; None: there is none of which nothing is known to be damaged.

        What is known so is forgotten then: it may have been the network's.

        Raises:
            BackupDamaged: the head cannot be trusted.
        """
        for entry in self._entries():
            if entry.slot < least:
                break
            told = self._told(entry)
            if told is not None and told.slot >= least and told.digest not in self._damaged:
                with suppress(BackupDamaged):
                    return self._open(told).handle
        self._damaged.clear()
        return None

    def part(self, slot: int, digest: bytes, number: int) -> bytes | None:
        """A part of that very snapshot; None: no backup begins with it, or it has no such part.

        Raises:
            BackupDamaged: that part, or what proves it, is not what was put there.
        """
        told = self._find(slot, digest.hex())
        if told is None or not 0 <= number <= len(told.chunks):
            return None
        closing = self._open(told)
        if not number:
            return closing.encode()
        name = told.chunks[number - 1]
        with self._noted(told.digest):
            chunk = expand(get(self._store, name, CHUNK_BYTES_MAX), CHUNK_BYTES, name)
            try:
                closing.check(number - 1, chunk)
            except ProtocolError as error:
                raise BackupDamaged(what=name, reason=error.reason) from None
        return chunk

    @property
    def damaged(self) -> list[str]:
        """What is known to be damaged, in sentences."""
        return list(self._damaged.values())

    def _entries(self) -> list[Entry]:
        """Backups that count, newest first; none where nothing was ever put there."""
        found = self._store.get(HEAD)
        if found is None:
            return []
        head = decode(Head, found.data, HEAD)
        if head.cell != self._cell:
            raise AnotherCell(what=self._store.url, found=f"cell {head.cell}", expected=f"cell {self._cell}")
        if head.newest is not None and head.newest.id != self._seen:
            self._seen = head.newest.id
            self._damaged.clear()
        return head.backups[: -LOOKS_MAX - 1 : -1]

    def _told(self, entry: Entry) -> Snapshot | None:
        """What a backup begins with; None where that is nothing, or its manifest is damaged."""
        if entry.id not in self._damaged:
            with suppress(BackupDamaged), self._noted(entry.id):
                return read_manifest(self._store, entry, self._cell).snapshot
        return None

    def _find(self, slot: int, digest: str) -> Snapshot | None:
        if self._at_hand is not None and (self._at_hand[0].slot, self._at_hand[0].digest) == (slot, digest):
            return self._at_hand[0]
        for entry in self._entries():
            told = self._told(entry) if entry.slot >= slot else None
            if told is not None and (told.slot, told.digest) == (slot, digest):
                return told
        return None

    def _open(self, told: Snapshot) -> Closing:
        if self._at_hand is None or self._at_hand[0] != told:
            with self._noted(told.digest):
                self._at_hand = (told, closing_of(self._store, self._cell, told))
        assert self._at_hand is not None
        return self._at_hand[1]

    @contextmanager
    def _noted(self, what: str) -> Iterator[None]:
        try:
            yield
        except BackupDamaged as error:
            self._damaged[what] = str(error)
            raise
