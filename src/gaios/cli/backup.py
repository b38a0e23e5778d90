"""snapshot save, verify, restore, and what ls and inspect say of a store: backups by URL.  [PML §5.5; SAFETY 2, 16, 23]

Rule 1. What is restored is a new cell: it gets an id and a generation of its own, and nothing of the old one is changed but that the store
remembers the generation.
Rule 2. Everything is read, proved and restored in memory before a generation is reserved, and that before a directory is made.
"""

import shlex
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import msgspec
from cyclopts import Parameter

from gaios.cli import exits, output
from gaios.cli.parameters import FORM, Folder, Form, Text, whole
from gaios.errors import BackupDamaged, ConfigurationError
from gaios.server.config import REPLICAS_MAX

if TYPE_CHECKING:
    from gaios.backup.manifest import Entry
    from gaios.backup.rebase import Base, Rebuilt
    from gaios.backup.stores import Store
    from gaios.server.config import Settings

Url = Annotated[Text, Parameter(name="URL", help="file:///DIR, s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or az://CONTAINER/PREFIX.")]
Named = Annotated[Text | None, Parameter(name="--backup", help="The one of this id; the newest without it.")]
_SLOT_MAX = (1 << 63) - 1


def is_url(where: str) -> bool:
    """Whether this names a store, and not a directory."""
    return "://" in where


def now_ms() -> int:
    """The wall clock, for people."""
    return time.time_ns() // 1_000_000


def save(
    url: Url,
    /,
    *,
    directory: Annotated[Folder, Parameter(name="--dir", help="A replica's directory, or a whole local cell's; replicas may run there.")],
    keep: Annotated[int, Parameter(converter=whole(1, 10_000), help="Backups that the store keeps; older ones go.")] = 7,
    form: Form = FORM,
) -> int:
    """Back a cell up: send what the store has not, read all of it back, restore it in memory, compare, and only then let it count."""
    from gaios.backup.save import save as save_to
    from gaios.backup.source import furthest
    from gaios.backup.stores import open_store

    done = save_to(open_store(url), furthest(Path(directory), sound=True), now_ms=now_ms(), keep=keep, note=output.note_if_watched)
    answer = _row(done.entry) | {"fresh": done.fresh, "sent_bytes": done.sent_bytes, "reused": done.reused, "gap": done.gap}
    if done.fresh:
        line = (
            f"backup {done.entry.id} through slot {done.entry.slot} is proved: {done.sent_bytes} bytes sent, {done.reused} objects reused"
        )
        line += "; the log between the backup before and its snapshot is lost to restores" if done.gap else ""
    else:
        line = f"nothing new: backup {done.entry.id} goes through slot {done.entry.slot}"
    output.write_answer(answer, line, json=form.json)
    return exits.DONE


def ls(url: str, *, json: bool) -> int:
    """List a store's backups, oldest first."""
    from gaios.backup.rebuild import read_head
    from gaios.backup.stores import open_store

    head, _ = read_head(open_store(url))
    for entry in head.backups:
        if json:
            output.write_json(_row(entry) | {"cell": head.cell})
        else:
            output.write_line(
                f"{entry.id}: through slot {entry.slot}, chain {entry.chain[:16]}, epoch {entry.epoch}, made {_when(entry.taken_ms)}"
            )
    return exits.DONE


def inspect(url: str, backup: str | None, *, json: bool) -> int:
    """Show a backup's manifest."""
    from gaios.backup.rebuild import choose, read_head
    from gaios.backup.stores import open_store

    store = open_store(url)
    head, _ = read_head(store)
    told = choose(store, head, backup=backup, accept_stale=True).last
    if json:
        output.write_json(msgspec.to_builtins(told))
        return exits.DONE
    snapshot = told.snapshot
    lines = [
        f"backup {told.id} of cell {told.cell}, generation {told.generation}, made {_when(told.taken_ms)} by gaios {told.software}",
        f"through slot {told.slot}, epoch {told.epoch}, chain {told.chain}, the master's clock at {_when(told.time_ms)}",
        "snapshot: none, the log goes back to slot 1"
        if snapshot is None
        else f"snapshot: behind slot {snapshot.slot}, {snapshot.size} bytes in {len(snapshot.chunks)} chunks, digest {snapshot.digest}",
        f"log: slots {told.log[0].first} to {told.log[-1].last} in {len(told.log)} pieces" if told.log else "log: none",
        f"proved when it was made: restored through slot {told.proof.slot}, checksum {told.proof.checksum}",
    ]
    for line in lines:
        output.write_line(line)
    return exits.DONE


def verify(
    url: Url,
    /,
    *,
    backup: Named = None,
    all_: Annotated[bool, Parameter(name="--all", help="Every backup of the store.")] = False,
    form: Form = FORM,
) -> int:
    """Prove a backup again: read it back, restore it in memory, and compare with what its manifest says."""
    from gaios.backup.rebuild import choose, prove, read_head, read_manifest
    from gaios.backup.stores import open_store

    if all_ and backup is not None:
        raise ConfigurationError(reason="--all and --backup exclude each other")
    store = open_store(url)
    head, _ = read_head(store)
    if not all_:
        choose(store, head, backup=backup, accept_stale=True)  # says so if there is none of that name
    ok = True
    for entry in head.backups:
        if all_ or entry.id == (backup or head.backups[-1].id):
            problem = None
            try:
                prove(store, read_manifest(store, entry, head.cell), note=output.note_if_watched)
            except BackupDamaged as error:
                problem, ok = str(error), False
            line = f"{entry.id}: {problem or f'restores through slot {entry.slot}, as it was proved'}"
            output.write_answer(_row(entry) | {"problem": problem}, line, json=form.json)
    return exits.DONE if ok else exits.NO


def restore(
    url: Url,
    /,
    *,
    into: Annotated[Folder | None, Parameter(help="Make a whole local cell in this directory, for gaios up.")] = None,
    replicas: Annotated[int | None, Parameter(converter=whole(1, REPLICAS_MAX), help="How many it has.  [default: 5]")] = None,
    port: Annotated[int | None, Parameter(converter=whole(1, 65_535), help="Client port of replica 1.  [default: 7420]")] = None,
    config_file: Annotated[
        Text | None, Parameter(name="--config", help="Instead of --into: one founder's directory, from the file that all founders share.")
    ] = None,
    id_: Annotated[Text | None, Parameter(name="--id", help="With --config: which of the founders.")] = None,
    directory: Annotated[Folder | None, Parameter(name="--dir", help="With --config: its directory.")] = None,
    backup: Named = None,
    accept_stale: Annotated[bool, Parameter(help="Restore a backup that is not the newest; what was written since is given up.")] = False,
    to_slot: Annotated[int | None, Parameter(converter=whole(1, _SLOT_MAX), help="The state behind this slot.")] = None,
    to_time: Annotated[Text | None, Parameter(help="The state of this time: 2026-01-31T12:00:00Z, by the masters' clocks.")] = None,
    generation: Annotated[
        int | None, Parameter(converter=whole(1, 1 << 31), help="The new cell's generation, instead of the next one that the store knows.")
    ] = None,
    read_only: Annotated[bool, Parameter(help="Reserve nothing in the store; --generation has to be given.")] = False,
    form: Form = FORM,
) -> int:
    """Make a new cell of a backup: another id, a higher generation, and everything that the old one had there."""
    from gaios.backup.rebuild import choose, read_head, rebuild
    from gaios.backup.stores import open_store

    _check(into, replicas or port, config_file, id_ or directory)
    if read_only and generation is None:
        raise ConfigurationError(reason="without a reservation in the store the generation has to be named", hint="--generation N")
    until_ms = None if to_time is None else _milliseconds(to_time)
    if to_slot is not None and until_ms is not None:
        raise ConfigurationError(reason="--to-slot and --to-time exclude each other")
    settings = _founder(config_file, id_, directory) if config_file is not None else None
    store = open_store(url)
    head, _ = read_head(store)
    plan = choose(store, head, backup=backup, to_slot=to_slot, to_ms=until_ms, accept_stale=accept_stale)
    output.note_if_watched(f"restoring {plan.base.id} of cell {head.cell} in memory …")
    rebuilt = rebuild(store, plan)
    if until_ms is not None and not rebuilt.slot:
        raise ConfigurationError(
            reason=f"at {_when(until_ms)} cell {head.cell} held nothing yet", hint="its backups and their times: gaios snapshot ls " + url
        )
    made = _Made(store, rebuilt, generation, read_only=read_only)
    if settings is None:
        new = _create_local(str(into), replicas, port, made)
    else:
        new = _create_founder(settings, made, head.cell, {"--config": config_file, "--id": id_, "--dir": directory})
    answer = {
        "dir": new.dir,
        "cell": new.cell,
        "replicas": new.replicas,
        "generation": made.generation,
        "backup": plan.last.id,
        "of_cell": head.cell,
        "slot": made.restored,
        "time_ms": made.time_ms,
    }
    line = (
        f"{new.dir} holds a new cell, {new.cell}, generation {made.generation}: the state of cell {head.cell} behind slot {made.restored}, "
        f"{_when(made.time_ms)}\nstart it: {new.start}"
    )
    output.write_answer(answer, line, json=form.json)
    return exits.DONE


class _Made:
    """What a new cell begins with, once its id is known."""

    def __init__(self, store: "Store", rebuilt: "Rebuilt", named: int | None, *, read_only: bool) -> None:
        self._store, self._rebuilt, self._named, self._read_only = store, rebuilt, named, read_only
        self.restored, self.time_ms, self.generation = rebuilt.slot, rebuilt.applier.time_ms, 0

    def base(self, cell: bytes, members: dict[int, int]) -> "Base":
        """Reserve the generation, and make the first snapshot."""
        from gaios.backup import restore as reservations
        from gaios.backup.rebase import rebase

        if self._read_only:
            self.generation = reservations.named(self._rebuilt, self._named or 0)
        else:
            self.generation = reservations.reserve(self._store, self._rebuilt, cell, now_ms=now_ms(), generation=self._named)
        return rebase(self._rebuilt, cell=cell, generation=self.generation, members=members)


class _New(NamedTuple):
    """What was made: a local cell's directory, or one founder's."""

    dir: str
    cell: str
    replicas: int
    """Of the whole cell."""
    start: str
    """The command that starts it."""


def _create_local(into: str, replicas: int | None, port: int | None, made: _Made) -> _New:
    from gaios.cli.local import check_free
    from gaios.server import local

    if local.find(into) is not None:
        raise ConfigurationError(reason=f"there is a cell in {into} already", hint="restore into a directory that is absent or empty")
    places = local.founders(local.REPLICAS if replicas is None else replicas, local.PORT if port is None else port)
    check_free(places)
    members = {founder.id: founder.id for founder in places}  # founders  [SAFETY 1]
    cell = local.create(into, places, lambda named: made.base(named.bytes, members))
    return _New(str(cell.dir), cell.cell.id, len(places), shlex.join(["gaios", "up", "--dir", into]))


def _create_founder(settings: "Settings", made: _Made, old: str, told: dict[str, str | None]) -> _New:
    """One founder's directory, of another cell than the `old` one; `told`: the flags that name it."""
    from gaios.server import directory

    if settings.cell.id == old:
        raise ConfigurationError(
            reason=f"{told['--config']} names the old cell's id, {old}; a restored cell is a new one",
            hint="write a new id of 32 digits into it",
        )
    directory.check_absent(Path(settings.dir))
    directory.create(settings, made.base(settings.cell.bytes, settings.members))
    start = ["gaios", "serve", *(word for flag, value in told.items() if value is not None for word in (flag, value))]
    return _New(settings.dir, settings.cell.id, len(settings.replica), shlex.join(start))


def _founder(config_file: str, id_: str | None, directory: str | None) -> "Settings":
    from gaios.server import config

    return config.load(config_file, {"id": id_, "dir": directory})


def _check(into: str | None, of_into: object, config_file: str | None, of_config: object) -> None:
    if (into is None) == (config_file is None):
        raise ConfigurationError(
            reason="a restore needs a place",
            hint="--into DIR for a local cell, or --config FILE for one founder of a cell on several machines",
        )
    if (into is None and of_into) or (config_file is None and of_config):
        raise ConfigurationError(reason="--replicas and --port go with --into; --id and --dir with --config")


def _milliseconds(written: str) -> int:
    """ISO 8601; without a zone it is UTC."""
    try:
        when = datetime.fromisoformat(written)
    except ValueError:
        raise ConfigurationError(reason=f"{written!r} is not a time", hint="write it like 2026-01-31T12:00:00Z") from None
    return int((when if when.tzinfo is not None else when.replace(tzinfo=UTC)).timestamp() * 1_000)


def _when(time_ms: int) -> str:
    return f"{datetime.fromtimestamp(time_ms / 1_000, UTC):%Y-%m-%d %H:%M:%S}Z"


def _row(entry: "Entry") -> dict[str, Any]:
    return {field: getattr(entry, field) for field in ("id", "slot", "chain", "epoch", "time_ms", "taken_ms")}
