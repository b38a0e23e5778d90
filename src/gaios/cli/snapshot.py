"""snapshot: what a directory has of them, and whether they are what they say; and backups, which have URLs.  [PML §5.5; SAFETY 26]

Snapshots never change once they have a name, so a replica may run on the directory meanwhile.
"""

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from gaios.cli import backup, exits, output
from gaios.cli.parameters import FORM, Folder, Form, Text
from gaios.errors import ConfigurationError, ProtocolError, StateDamaged

if TYPE_CHECKING:
    from gaios.storage.disk import Directory

_WHERE = "A replica's directory, or a whole local cell's; or the URL of a store of backups."
Where = Annotated[Folder, Parameter(name="DIR", help=_WHERE)]

snapshot = App(name="snapshot", help="Show and check snapshots; make, check and restore backups.")
for command in (backup.save, backup.verify, backup.restore):
    snapshot.command(command)


@snapshot.command
def ls(directory: Where, /, *, form: Form = FORM) -> int:
    """List the snapshots, oldest first, by what their files say of themselves; of a URL the backups."""
    if backup.is_url(directory):
        return backup.ls(directory, json=form.json)
    ok = True
    for replica, reader, slot in _all(directory):
        row = _told(replica, reader, slot)
        ok = ok and not row["problem"]
        _show(row, json=form.json)
    return exits.DONE if ok else exits.NO


@snapshot.command
def inspect(
    directory: Where,
    /,
    *,
    slot: Annotated[int | None, Parameter(help="The one behind this slot; the newest without it.")] = None,
    named: Annotated[Text | None, Parameter(name="--backup", help="Of a URL: the backup of this id; the newest without it.")] = None,
    form: Form = FORM,
) -> int:
    """Read a snapshot to its end: every chunk against its digest, the log's part, and how many pieces the machine has.

    Of a URL: what a backup's manifest says; `gaios snapshot verify` reads the backup itself.
    """
    if backup.is_url(directory):
        if slot is not None:
            raise ConfigurationError(reason="--slot is for a directory; a backup is named by --backup")
        return backup.inspect(directory, named, json=form.json)
    if named is not None:
        raise ConfigurationError(reason="--backup is for the URL of a store", hint="name the snapshot of a directory with --slot")
    found = list(_all(directory))
    newest = {replica: at for replica, _, at in found}
    chosen = [(replica, reader, at) for replica, reader, at in found if at == (newest[replica] if slot is None else slot)]
    if not chosen:
        what = "no snapshot" if slot is None else f"no snapshot behind slot {slot}"
        raise ConfigurationError(reason=f"{directory} has {what}", hint=f"gaios snapshot ls {directory} shows those that it has")
    ok = True
    for replica, reader, at in chosen:
        row = _told(replica, reader, at)
        if not row["problem"]:
            row |= _proved(reader, at)
        ok = ok and not row["problem"]
        _show(row, json=form.json)
    return exits.DONE if ok else exits.NO


def _all(directory: str) -> Iterator[tuple[int, "Directory", int]]:
    """Replica (0 where the name does not tell), reader and slot of each snapshot."""
    from gaios.storage import access
    from gaios.storage.disk import Directory
    from gaios.storage.snapshot import slots

    path = Path(directory)
    if not path.is_dir():
        raise ConfigurationError(reason=f"{directory} is not a directory", hint="name a replica's directory, or the one given to gaios up")
    places = sorted(path.glob("replica-*"), key=lambda found: (len(found.name), found.name)) or [path]
    if places == [path] and not any((path / name).exists() for name in ("wal", "snap", "promise-1", "promise-2")):
        raise ConfigurationError(reason=f"{directory} holds neither a cell nor a replica")
    for place in places:
        try:
            os.scandir(place).close()
        except OSError as error:
            raise access.refusal(place, error) from None
        digits = place.resolve().name.rpartition("-")[2]
        with closing(Directory(place)) as reader:
            for slot in slots(reader.names()):
                yield int(digits) if digits.isdecimal() else 0, reader, slot


def _told(replica: int, reader: "Directory", slot: int) -> dict[str, Any]:
    """What a file says of itself, or what is wrong with it."""
    from gaios.log.snapshots import read_closing
    from gaios.storage.snapshot import File, name

    row: dict[str, Any] = {"replica": replica, "slot": slot, "file": name(slot), "stored": reader.size(name(slot)), "problem": None}
    try:
        handle = read_closing(File(reader, slot).closing()).handle
    except (StateDamaged, ProtocolError) as error:
        return row | {"problem": str(error)}
    told = {field: getattr(handle, field) for field in ("config", "epoch", "time_ms", "size")}
    return row | told | {"cell": handle.cell.hex(), "chain": handle.chain.hex(), "digest": handle.digest.hex()}


def _proved(reader: "Directory", slot: int) -> dict[str, Any]:
    """What it holds, every chunk read and checked."""
    from gaios.log.snapshots import read_closing, unpack
    from gaios.storage.snapshot import File

    file = File(reader, slot)
    try:
        closed = read_closing(file.closing())
        found = unpack(closed, file.chunks())
        pieces = sum(1 for _ in found.machine)
    except (StateDamaged, ProtocolError) as error:
        return {"problem": str(error)}
    return {"chunks": closed.handle.chunks, "sessions": found.part.sessions, "feature": found.part.feature, "pieces": pieces}


def _show(row: dict[str, Any], *, json: bool) -> None:
    if json:
        output.write_json(row)
        return
    lead = f"replica {row['replica']}: slot {row['slot']}"
    if row["problem"]:
        output.write_line(f"{lead}: {row['problem']}")
        return
    line = f"{lead}: {row['size']} bytes in {row['stored']}, digest {row['digest'][:16]}, chain {row['chain'][:16]}, epoch {row['epoch']}"
    if "chunks" in row:
        line += f"; {row['chunks']} chunks as their digests name them, {row['sessions']} clients, {row['pieces']} pieces of the machine's"
    output.write_line(line)
