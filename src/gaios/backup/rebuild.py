"""A machine made from a backup, in memory, and the proof that it is what the cell had.  [SAFETY 16; PML §5.5, §6.2]

Rule 1. Nothing is used that is not proved: chunks by the closing, the closing by the manifest, pieces by their digests, manifests by the
seal that the head names, and the whole by the log's hash, which covers every value.
Rule 2. What is between the wanted slot and the end of its backup is not applied, and still hashed: so the values before are proved too.
"""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Final, NamedTuple

from gaios.backup.manifest import HEAD, Entry, Head, Manifest, Piece, Snapshot, decode, seal_of, taken_ms_of
from gaios.backup.pieces import expand, unpack
from gaios.backup.rebase import Rebuilt
from gaios.backup.stores import OBJECT_BYTES_MAX, Found, Store
from gaios.entry import batch_time_ms
from gaios.errors import BackupDamaged, ConfigurationError, ProtocolError, StaleBackup
from gaios.locks import LockService
from gaios.log import Bounds
from gaios.log.applier import Applier, extend
from gaios.log.sessions import Sessions
from gaios.log.snapshots import CHUNK_BYTES, Closing, read_closing
from gaios.log.snapshots import unpack as unpack_snapshot

CLOSING_BYTES_MAX: Final = 1 << 24
"""Of a snapshot's closing, which has 32 bytes for each chunk of 256 KiB: 128 GiB of state."""


class Plan(NamedTuple):
    """What is to be made, and of what."""

    base: Manifest
    """The backup whose snapshot it begins with."""
    last: Manifest
    """The one that holds the end of the log that is needed, and proves it."""
    pieces: list[Piece]
    """Of the log behind the snapshot, in order, through `last`."""
    slot: int
    """Where to stop; the end of `last` where nothing else is asked for."""
    until_ms: int | None = None
    """Stop before the first slot that is later, by the master's clock."""


def read_head(store: Store) -> tuple[Head, Found]:
    """The head, and what a conditional put names.

    Raises:
        ConfigurationError: there is none.
        BackupDamaged: it cannot be trusted, or is gone.
    """
    found = store.get(HEAD)
    if found is None:
        check_headless(store)
        raise ConfigurationError(reason=f"there are no backups in {store.url}", hint=f"make one: gaios snapshot save --dir DIR {store.url}")
    return decode(Head, found.data, HEAD), found


def check_headless(store: Store, before_ms: int | None = None) -> None:
    """That a store without a head never had one.

    A new head would forget which generations were reserved, and what the old one named would be deleted a day later.  [SAFETY 23]

    Args:
        store: Which.
        before_ms: Backups that were begun later do not count: somebody may be making the first one.

    Raises:
        BackupDamaged: there are backups in it.
    """
    for name in store.names():
        if name.endswith("/manifest") and (before_ms is None or (taken_ms_of(name) or 0) < before_ms):
            error = BackupDamaged(what=HEAD, reason=f"it is gone, and {name} is there: nothing says which backups were proved")
            error.hint = "bring it back (an older version of the object, or a copy's), or name an empty store"
            raise error


def read_manifest(store: Store, entry: Entry, cell: str) -> Manifest:
    """A backup's manifest, as the head names it.

    Raises:
        BackupDamaged: it is not that one.
    """
    name = f"{entry.id}/manifest"
    data = get(store, name)
    found = decode(Manifest, data, name)
    told = (entry.seal, entry.id, entry.slot, entry.chain, cell)
    if (seal_of(data, name), found.id, found.slot, found.chain, found.cell) != told:
        raise BackupDamaged(what=name, reason="it is not the manifest that the head names")
    return found


def choose(
    store: Store,
    head: Head,
    *,
    backup: str | None = None,
    to_slot: int | None = None,
    to_ms: int | None = None,
    accept_stale: bool = False,
) -> Plan:
    """What to restore: the newest backup, one of a name, or the state behind a slot or of a time.

    Raises:
        ConfigurationError: the store has no such thing.
        StaleBackup: the named one is not the newest, and that was not accepted.
        BackupDamaged: a manifest cannot be trusted.
    """
    newest = head.newest
    if newest is None:
        raise ConfigurationError(reason=f"there are no backups in {store.url}")
    named = next((entry for entry in head.backups if entry.id == backup), None)
    if backup is not None and named is None:
        raise ConfigurationError(reason=f"{store.url} has no backup {backup}", hint=f"gaios snapshot ls {store.url}")
    if named is not None and named.slot < newest.slot and not accept_stale:
        raise StaleBackup(
            reason=f"backup {named.id} ends at slot {named.slot}; {newest.id} in the same store goes through slot {newest.slot}",
            hint="leave --backup away for the newest; say --accept-stale to give up what was written since",
        )
    chosen = named or newest
    if to_slot is None and to_ms is None:
        last = read_manifest(store, chosen, head.cell)
        return Plan(last, last, _cover([last], last), last.slot)
    manifests = [read_manifest(store, entry, head.cell) for entry in head.backups if entry.slot <= chosen.slot]
    return _back_to(store, manifests, to_slot, to_ms, f"backup {chosen.id}" if named is not None else f"the newest backup, {chosen.id},")


def _back_to(store: Store, manifests: list[Manifest], to_slot: int | None, to_ms: int | None, which: str) -> Plan:
    """A point in the past: the newest snapshot before it, and the log from there on, out of these backups; `which` names the last of them.

    Raises:
        ConfigurationError: it is later than the last backup, or no snapshot and log reach it.
    """
    end = manifests[-1]
    target = to_slot if to_slot is not None else end.slot
    if target > end.slot or (to_ms is not None and to_ms > _known_ms(end)):
        known = _time(_known_ms(end))
        what, flag, most = (f"slot {target}", "--to-slot", end.slot) if to_ms is None else (f"time {_time(to_ms)}", "--to-time", known)
        raise ConfigurationError(
            reason=f"{which} in {store.url} ends with slot {end.slot}, and tells nothing later than {known}: {what} is not in it",
            hint=f"leave {flag} away for all that it has, or say at most {most}",
        )
    last = next(manifest for manifest in manifests if manifest.slot >= target)
    for base in reversed(manifests):
        begins = base.snapshot.slot if base.snapshot is not None else 0
        if begins <= target and (to_ms is None or _time_of(store, base) <= to_ms):
            try:
                return Plan(base, max(last, base, key=lambda each: each.slot), _cover(manifests, base, target), target, to_ms)
            except _Gap:
                continue
    what = f"time {_time(to_ms)}" if to_ms is not None else f"slot {target}"
    raise ConfigurationError(
        reason=f"no backup in {store.url} has a snapshot before {what} and the log from there on", hint=f"gaios snapshot ls {store.url}"
    )


def rebuild(store: Store, plan: Plan) -> Rebuilt:
    """Read it, prove it, restore it, apply the log.

    Raises:
        BackupDamaged: something in the store is not what was put there.
    """
    machine = LockService()
    applier = Applier(machine, Sessions(Bounds()))
    digest = ""
    if plan.base.snapshot is not None:
        closing = closing_of(store, plan.base.cell, plan.base.snapshot)
        digest = closing.handle.digest.hex()
        try:
            found = unpack_snapshot(closing, _chunks(store, plan.base))
            machine.restore(found.machine)
            applier.restore(found.part, found.sessions)
        except ProtocolError as error:
            raise BackupDamaged(what=plan.base.snapshot.closing, reason=error.reason) from None
    chain, at, stopped = applier.chain, applier.applied, False
    for slot, value in values(store, plan.pieces, at):
        if slot > plan.last.slot:
            break
        chain, at = extend(chain, slot, value), slot
        stopped = stopped or slot > plan.slot or (plan.until_ms is not None and batch_time_ms(value) > plan.until_ms)
        if not stopped:
            applier.apply(slot, value)
    if (at, chain.hex()) != (plan.last.slot, plan.last.chain):
        raise BackupDamaged(
            what=f"{plan.last.id}/manifest", reason=f"the log comes to the hash {chain.hex()} behind slot {at}, not to {plan.last.chain}"
        )
    return Rebuilt(applier, machine, digest)


def values(store: Store, pieces: list[Piece], above: int) -> Iterator[tuple[int, bytes]]:
    """Slots and values behind a slot."""
    for piece in pieces:
        if piece.last > above:
            for slot, value in unpack(get(store, piece.object), piece.first, piece.last, piece.digest, piece.object):
                if slot > above:
                    yield slot, value


def snapshot_digest(applier: Applier) -> str:
    """Of a snapshot of this state, whoever the members are: equal states have the same one."""
    capture = applier.capture(0, b"")
    while not capture.is_done:
        capture.take()
    return capture.closing(bytes(16)).handle.digest.hex()


def prove(store: Store, manifest: Manifest, *, note: Callable[[str], object] = lambda _: None) -> Rebuilt:
    """Restore a backup and compare what comes of it with its proof.

    Raises:
        BackupDamaged: it is not what the manifest says.
    """
    rebuilt = rebuild(store, Plan(manifest, manifest, _cover([manifest], manifest), manifest.slot))
    note(f"restored {manifest.id} in memory, through slot {rebuilt.slot}")
    proof, applier = manifest.proof, rebuilt.applier
    found = (applier.applied, applier.chain.hex(), applier.epoch, rebuilt.machine.checksum(), snapshot_digest(applier))
    told = (proof.slot, proof.chain, manifest.epoch, proof.checksum, proof.digest)
    if found != told:
        raise BackupDamaged(what=f"{manifest.id}/manifest", reason=f"it restores to {found}, and was proved as {told}")
    return rebuilt


class _Gap(Exception):
    """The pieces do not reach from a snapshot to where they are needed."""


def _cover(manifests: list[Manifest], base: Manifest, target: int | None = None) -> list[Piece]:
    """Pieces from behind the base's snapshot through the first backup that has the target; of the base itself without one."""
    at = base.snapshot.slot if base.snapshot is not None else 0
    end = base.slot if target is None else max(base.slot, next(each.slot for each in manifests if each.slot >= target))
    known = {piece.first: piece for manifest in manifests for piece in manifest.log}
    found: list[Piece] = []
    while at < end:
        piece = next((known[first] for first in sorted(known, reverse=True) if first <= at + 1 <= known[first].last), None)
        if piece is None:
            if target is None:
                raise BackupDamaged(what=f"{base.id}/manifest", reason=f"no piece of its log holds slot {at + 1}")
            raise _Gap
        found.append(piece)
        at = piece.last
    return found


def _known_ms(manifest: Manifest) -> int:
    """Until when it tells what the cell held: nothing was written between its last value and its making."""
    return max(manifest.time_ms, manifest.taken_ms)


def _time(time_ms: int) -> str:
    return datetime.fromtimestamp(time_ms / 1_000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _time_of(store: Store, manifest: Manifest) -> int:
    """The master's clock where its snapshot was taken."""
    return closing_of(store, manifest.cell, manifest.snapshot).handle.time_ms if manifest.snapshot is not None else 0


def closing_of(store: Store, cell: str, told: Snapshot) -> Closing:
    """What proves the snapshot of a cell that a backup begins with.

    Raises:
        BackupDamaged: it is not the one that the manifest names.
    """
    data = expand(get(store, told.closing, CLOSING_BYTES_MAX), CLOSING_BYTES_MAX, told.closing)
    try:
        closing = read_closing(data)
    except ProtocolError as error:
        raise BackupDamaged(what=told.closing, reason=error.reason) from None
    handle = closing.handle
    found = (handle.cell.hex(), handle.slot, handle.chain.hex(), handle.digest.hex(), handle.chunks)
    if found != (cell, told.slot, told.chain, told.digest, len(told.chunks)):
        raise BackupDamaged(what=told.closing, reason="it is not the closing of the snapshot that the manifest names")
    return closing


def _chunks(store: Store, manifest: Manifest) -> Iterator[bytes]:
    assert manifest.snapshot is not None
    for name in manifest.snapshot.chunks:
        yield expand(get(store, name), CHUNK_BYTES, name)


def get(store: Store, name: str, limit: int = OBJECT_BYTES_MAX) -> bytes:
    """An object's bytes, of which there have to be some.

    Raises:
        BackupDamaged: it is not there, or has more than `limit` bytes.
    """
    found = store.get(name, limit)
    if found is None:
        raise BackupDamaged(what=name, reason="the object is not there")
    return found.data
