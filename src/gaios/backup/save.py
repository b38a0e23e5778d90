"""One backup, from a replica's directory to a store.  [PML §5.5; SAFETY 16, 23]

    read the head ─► read the directory ─► send what the newest backup has not ─► read all back, restore, compare ─► manifest ─► head

Rule 1. Lineage: where the directory's log covers the slot of the newest backup, it has to have that backup's hash there; where it does not
reach it, the directory is behind, and nothing is written. So backups in a store are prefixes of one log, whoever made them.
Rule 2. Two that make a backup at once meet at the head: the second finds it changed and begins anew, or finds that nothing is left to do.
Rule 3. What an upload that was cut short left behind is no backup; it is deleted by a later one when it is a day old.
Rule 4. The log goes on where the newest backup's ended, so that every slot between can be restored; where the replica has given that part
up, the backup begins with its snapshot, and the slots between are not to be had.
"""

import secrets
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Final, NamedTuple

from gaios import __version__
from gaios.backup import manifest as documents
from gaios.backup.manifest import HEAD, Entry, Head, Manifest, Piece, Proof, Snapshot, decode, encode, identifier, seal_of, taken_ms_of
from gaios.backup.pieces import compress, expand, pack
from gaios.backup.rebuild import CLOSING_BYTES_MAX, check_headless, prove, read_manifest, snapshot_digest
from gaios.backup.source import Source
from gaios.backup.stores import Store
from gaios.errors import AnotherCell, BackupDamaged, ConfigurationError, Overloaded, ProtocolError, StaleBackup, StateDamaged
from gaios.locks import LockService
from gaios.log import Bounds
from gaios.log.applier import Applier, extend
from gaios.log.sessions import Sessions
from gaios.log.snapshots import DIGEST_BYTES, read_closing, unpack

KEEP: Final = 7
"""Backups that a store keeps, unless told otherwise: with one a day, a week's."""
TRIES: Final = 4
"""Each try that fails is another's success."""
ORPHAN_MS: Final = 86_400_000
"""What no backup names is deleted when it is a day old: no upload takes so long."""
FIRST_MS: Final = 600_000
"""The first backup of a store may take so long: until it counts, there is no head."""
Note = Callable[[str], object]


class Saved(NamedTuple):
    """What came of it."""

    entry: Entry
    fresh: bool
    """False: the newest backup already has everything."""
    sent_bytes: int
    reused: int
    """Objects that the backup before had too."""
    gap: bool
    """The log between the backup before and this one's snapshot was not there any more."""


class _Changed(Exception):
    """Somebody else wrote the head meanwhile."""


def save(store: Store, directory: Path, *, now_ms: int, keep: int = KEEP, younger_ms: int = 0, note: Note = lambda _: None) -> Saved:
    """Back a replica's directory up, prove it, and let the head name it; not if the newest backup is younger than `younger_ms`.

    Raises:
        AnotherCell: the store has another cell's backups.
        StaleBackup: the directory is behind what the store has.
        StateDamaged: the directory, or its log against the store's, is not what it should be.
        BackupDamaged: what was read back is not what was sent, or the store's head is gone.
        Overloaded: others wrote the head each time.
        Unavailable, ConfigurationError: the store does not answer, or does not let us.
    """
    if keep < 1:
        raise ConfigurationError(reason=f"at least one backup has to be kept, not {keep}")
    for _ in range(TRIES):
        found = store.get(HEAD) if younger_ms else None
        newest = decode(Head, found.data, HEAD).newest if found is not None else None
        if newest is not None and now_ms - newest.taken_ms < younger_ms:
            return Saved(newest, False, 0, 0, False)
        with closing(Source(directory)) as source:
            try:
                return _Save(store, source, now_ms, keep, note).run()
            except _Changed:
                note("another backup was made meanwhile: begin anew")
    raise Overloaded(what=f"the head of {store.url}", limit=TRIES, unit="backups by others while this one was tried")


class _Save:
    """One try."""

    def __init__(self, store: Store, source: Source, now_ms: int, keep: int, note: Note) -> None:
        self.store, self.source, self.now_ms, self.keep, self.note = store, source, now_ms, keep, note
        self.cell = source.cell.hex()
        self.found = store.get(HEAD)
        if self.found is None:
            check_headless(store, now_ms - FIRST_MS)
        self.head = Head(cell=self.cell) if self.found is None else decode(Head, self.found.data, HEAD)
        if self.head.cell != self.cell:
            error = AnotherCell(what=store.url, found=f"cell {self.head.cell}", expected=f"cell {self.cell}")
            error.hint = "name a store of this cell's own, another URL: a restored cell is a new one, too"
            raise error
        newest = self.head.newest
        self.before = read_manifest(store, newest, self.cell) if newest is not None else None
        self.machine = LockService()
        self.applier = Applier(self.machine, Sessions(Bounds()))
        self.sent = self.reused = 0
        self.gap = False

    def run(self) -> Saved:
        """Do it all, or raise `_Changed`."""
        before, snapshot = self.before, self.source.snapshot
        base = snapshot.handle.slot if snapshot is not None else 0
        if before is not None and self.source.through < before.slot:
            raise StaleBackup(
                reason=f"the log in {self.source.path} is known through slot {self.source.through}; {before.id} goes through {before.slot}",
                hint="back up a replica that is up to date: gaios status shows which one is the master",
            )
        if snapshot is not None:
            self._restore()
        name = identifier(self.source.through, self.now_ms, secrets.token_hex(4))
        log = self._reused_log(base)
        log += self._send_log(name, base)
        applier = self.applier
        if before is not None and applier.applied == before.slot:
            return Saved(self.head.backups[-1], False, self.sent, self.reused, False)
        told = self._send_snapshot(name) if snapshot is not None else None
        expected = Proof(
            time_ms=self.now_ms,
            slot=applier.applied,
            chain=applier.chain.hex(),
            checksum=self.machine.checksum(),
            digest=snapshot_digest(applier),
        )
        made = Manifest(
            id=name,
            cell=self.cell,
            slot=applier.applied,
            chain=applier.chain.hex(),
            epoch=applier.epoch,
            time_ms=applier.time_ms,
            generation=self.machine.generation,
            taken_ms=self.now_ms,
            software=__version__,
            machine=self.machine.version,
            feature=applier.feature,
            snapshot=told,
            log=log,
            proof=expected,
        )
        self.note(f"sent {self.sent} bytes for {name}; reading them back")
        prove(self.store, made, note=self.note)
        data = encode(made)
        if not self.store.create(f"{name}/manifest", data):
            found = self.store.get(f"{name}/manifest")
            if found is None or found.data != data:
                raise BackupDamaged(what=f"{name}/manifest", reason="somebody else made a backup of that name")
        entry = self._count(made, seal_of(data, name))
        self._clear()
        return Saved(entry, True, self.sent, self.reused, self.gap)

    # -- the directory ---------------------------------------------------------------------------------------------------

    def _restore(self) -> None:
        """The machine that this replica's own snapshot holds: what the store's has to be equal to."""
        snapshot = self.source.snapshot
        assert snapshot is not None
        try:
            found = unpack(snapshot, self.source.chunks())
            self.machine.restore(found.machine)
            self.applier.restore(found.part, found.sessions)
        except ProtocolError as error:
            file = f"{self.source.path}: the snapshot behind slot {snapshot.handle.slot}"
            raise StateDamaged(file=file, offset=0, kind="version", detail=error.reason) from None

    def _applied(self, base: int) -> Iterator[tuple[int, bytes]]:
        """Values for the new pieces, applied and hashed on their way.

        Raises:
            StateDamaged: the log is not the one that the newest backup has, or not the one that leads to the snapshot.
        """
        before, applier = self.before, self.applier
        start, chain = base, applier.chain
        if before is not None and before.slot < base:
            if self.source.begins <= before.slot:
                start, chain = before.slot, bytes.fromhex(before.chain)
            else:
                self.gap = True
        for slot, value, known in self.source.values(start):
            chain = extend(chain, slot, value)
            self._compare(slot, chain, known)
            if slot > base:
                applier.apply(slot, value)
            if before is None or slot > before.slot:
                yield slot, value

    def _compare(self, slot: int, chain: bytes, known: bytes) -> None:
        """The hash behind a slot with all that is known of it."""
        before, snapshot = self.before, self.source.snapshot
        told = {"was recorded": known}
        if before is not None and slot == before.slot:
            told[f"backup {before.id} has"] = bytes.fromhex(before.chain)
        if snapshot is not None and slot == snapshot.handle.slot:
            told["the snapshot has"] = snapshot.handle.chain
        for who, expected in told.items():
            if expected and expected != chain:
                detail = f"the log through slot {slot} comes to the hash {chain.hex()}; {who} {expected.hex()}"
                raise StateDamaged(file=str(self.source.path), offset=0, kind="chain", detail=detail)

    # -- objects ---------------------------------------------------------------------------------------------------------

    def _send(self, name: str, data: bytes) -> str:
        self.store.put(name, data)
        self.sent += len(data)
        return name

    def _reused_log(self, base: int) -> list[Piece]:
        """Pieces of the backup before that stand behind the snapshot."""
        found = [piece for piece in self.before.log if piece.last > base] if self.before is not None else []
        self.reused += len(found)
        return found

    def _send_log(self, name: str, base: int) -> list[Piece]:
        pieces = []
        for piece in pack(self._applied(base)):
            where = self._send(f"{name}/l/{piece.first:016d}", piece.data)
            pieces.append(Piece(object=where, first=piece.first, last=piece.last, digest=piece.digest))
        return pieces

    def _send_snapshot(self, name: str) -> Snapshot:
        snapshot = self.source.snapshot
        assert snapshot is not None
        handle, known = snapshot.handle, self._known_chunks()
        chunks = []
        for number, chunk in enumerate(self.source.chunks()):
            digest = snapshot.digests[number * DIGEST_BYTES : (number + 1) * DIGEST_BYTES]
            if digest in known:
                chunks.append(known[digest])
                self.reused += 1
            else:
                chunks.append(self._send(f"{name}/c/{number:06d}", compress(chunk)))
        closing_ = self._send(f"{name}/closing", compress(snapshot.encode()))
        return Snapshot(
            slot=handle.slot,
            chain=handle.chain.hex(),
            epoch=handle.epoch,
            digest=handle.digest.hex(),
            size=handle.size,
            closing=closing_,
            chunks=chunks,
        )

    def _known_chunks(self) -> dict[bytes, str]:
        """By digest, the objects of the backup before; none when its closing cannot be read any more."""
        if self.before is None or self.before.snapshot is None:
            return {}
        told = self.before.snapshot
        found = self.store.get(told.closing)
        if found is None:
            return {}
        try:
            digests = read_closing(expand(found.data, CLOSING_BYTES_MAX, told.closing)).digests
        except (BackupDamaged, ProtocolError):
            return {}
        return {digests[at * DIGEST_BYTES : (at + 1) * DIGEST_BYTES]: name for at, name in enumerate(told.chunks)}

    # -- the head --------------------------------------------------------------------------------------------------------

    def _count(self, made: Manifest, seal: str) -> Entry:
        """Let the head name it."""
        entry = Entry(
            id=made.id, slot=made.slot, chain=made.chain, epoch=made.epoch, time_ms=made.time_ms, taken_ms=made.taken_ms, seal=seal
        )
        backups = [*self.head.backups, entry]
        dropped = [each.id for each in backups[: -self.keep]]
        self.head = Head(
            cell=self.cell,
            generation=max(self.head.generation, made.generation),
            backups=backups[-self.keep :],
            retired=[*self.head.retired, *dropped],
            restores=self.head.restores,
        )
        data = encode(self.head)
        done = self.store.create(HEAD, data) if self.found is None else self.store.replace(HEAD, data, self.found.version)
        if not done:
            found = self.store.get(HEAD)
            now = decode(Head, found.data, HEAD) if found is not None else Head(cell=self.cell)
            if all(each.id != made.id for each in now.backups):
                raise _Changed
        return entry

    def _clear(self) -> None:
        """Delete what no backup that counts needs: of retired ones, and what cut-short uploads left a day ago."""
        needed = {HEAD}
        for entry in self.head.backups:
            needed |= documents.objects(read_manifest(self.store, entry, self.cell))
        retired, counted = set(self.head.retired), {entry.id for entry in self.head.backups}
        gone = []
        for name in self.store.names():
            owner, taken = name.partition("/")[0], taken_ms_of(name)
            is_old = taken is not None and taken < self.now_ms - ORPHAN_MS
            if name not in needed and (owner in retired or (is_old and owner not in counted)):
                gone.append(name)
        self.store.delete(gone)
