"""verify: a directory, checked offline.  [INTERFACE `verify`; SAFETY 7, 15]

An unfinished tail is what a crash leaves and a start cuts: it is named, and no damage. A replica that the cell's manifest lists and
whose directory is gone is damage like any other, and so is a directory that another cell's or another member's was put in place of: every
record in it may be intact, and a replica would still refuse it (kind `cell`). So is a log whose first record is lost where nothing behind
it tells what the replica voted for (kind `state`). What members left behind that were replaced or removed
(`left-replica-R-member-N`) is named too and no damage of the cell: a lost disk is why many of them left.
Of one replica's directory alone the same is asked: a manifest that is not there, or not that of the files beside it, is damage.
"""

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from gaios.cli import exits, output
from gaios.cli.parameters import FORM, Folder, Form
from gaios.errors import ConfigurationError, DirectoryInUse

if TYPE_CHECKING:
    from gaios.server.local import LocalCell


def verify(
    directory: Annotated[Folder, Parameter(name="DIR", help="A replica's directory, or a whole local cell's.")], /, *, form: Form = FORM
) -> int:
    """Check a replica's or a whole cell's directory offline."""
    from gaios.storage.disk import verify_directory
    from gaios.storage.verify import NO_DAMAGE

    path = Path(directory)
    if not path.is_dir():
        raise ConfigurationError(reason=f"{directory} is not a directory", hint="name a replica's directory, or the one given to gaios up")
    found = verify_directory(path)
    damaged = {finding.replica for finding in found if not finding.ok}
    problems = [*missing(path), *(finding._asdict() for finding in found), *refused(path, damaged), *strangers(path), *unfit(path)]
    ok = all(problem["kind"] in NO_DAMAGE for problem in problems)
    problems += left(path)
    if form.json:
        output.write_json({"ok": ok, "problems": problems})
    else:
        for problem in problems:
            output.write_line("replica {replica}: {file} at byte {offset}: {kind}: {detail}".format(**problem))
        output.write_line(f"{directory}: {'no damage' if ok else 'damaged'}")
    return exits.DONE if ok else exits.NO


def missing(path: Path) -> list[dict[str, Any]]:
    """A problem for each replica that is not where the cell's manifest has it; if that is gone, for it; for an unfinished restore."""
    from gaios.server import control, directory, local

    cell = local.find(path)
    problems = []
    if local.is_unfinished_restore(path):
        detail = "a restore of a backup was cut short, and this is no cell: give `gaios snapshot restore` again"
        problems.append(_problem(0, local.MANIFEST, "missing", detail))
    elif cell is None and (path / control.LOCK).exists() and (homes := sorted(path.glob("replica-*"))):
        mend = f"where members were never changed `{local.anew(path.absolute(), homes[0].name)}` makes it anew"
        problems.append(_problem(0, local.MANIFEST, "missing", f"replicas ran here, and the cell's manifest is gone: {mend}"))
    for replica in cell.ids if cell is not None else ():
        where = path / f"replica-{replica}"
        if not where.is_dir():
            problems.append(_problem(replica, where.name, "missing", "the manifest lists this replica, and its directory is not there"))
        elif not (where / directory.MANIFEST).exists():
            problems.append(_problem(replica, directory.MANIFEST, "missing", "the file is not there"))
    return problems


def refused(path: Path, damaged: set[int]) -> list[dict[str, Any]]:
    """A problem for each damaged replica that would not start though its files can be read: what is lost told what it voted for."""
    from gaios.server import damage
    from gaios.storage.disk import Directory, owner_of_directory
    from gaios.storage.verify import replica_of

    problems = []
    for where in sorted(path.glob("replica-*")) or [path]:
        replica, owner = replica_of(where.resolve().name), owner_of_directory(where)
        if replica not in damaged or owner is None:
            continue
        with closing(Directory(where)) as reader:
            error = damage.refusal(reader, owner)
        if error is not None:
            detail = f"{error.detail}; nothing here repairs that: gaios member replace puts a new member in its place"
            problems.append({**_problem(replica, error.file, error.kind, detail), "offset": error.offset})
    return problems


def strangers(path: Path) -> list[dict[str, Any]]:
    """A problem for each directory of a cell that is not the one that the cell's manifest speaks of."""
    from gaios.server import local

    cell = local.find(path)
    if cell is None:
        return []
    problems = [
        _problem(replica, *found)
        for replica in cell.ids
        if cell.replica_dir(replica).is_dir() and (found := _stranger(cell, replica)) is not None
    ]
    listed = {cell.replica_dir(replica).name for replica in cell.ids}
    problems += [
        _problem(0, extra.name, "cell", "the cell's manifest lists no such replica")
        for extra in sorted(path.glob("replica-*"))
        if extra.name not in listed
    ]
    return problems


def unfit(path: Path) -> list[dict[str, Any]]:
    """A problem for what a start on this one replica's directory would refuse, though its files are intact: of a cell's see `strangers`."""
    from gaios.server import directory, local

    if (path / local.MANIFEST).exists() or any(path.glob("replica-*")):
        return []
    where = path.resolve()
    digits = where.name.removeprefix("replica-")
    replica = int(digits) if digits.isdecimal() else 0
    if (where / directory.CREATING).exists():
        return [_problem(replica, directory.CREATING, "missing", "its creation was cut short: delete the directory, and make it anew")]
    if not (where / directory.MANIFEST).exists():
        return [_problem(replica, directory.MANIFEST, "missing", "the file is not there")]
    try:
        cell = local.find(where.parent)
    except ConfigurationError:  # that the cell's manifest cannot be read is told of the cell's directory
        cell = None
    is_listed = cell is not None and replica in cell.ids and cell.replica_dir(replica).resolve() == where
    found = _stranger(cell, replica) if cell is not None and is_listed else _contradicted(where)
    return [_problem(replica, *found)] if found is not None else []


def left(path: Path) -> list[dict[str, Any]]:
    """What is wrong with the directories that members left behind; a file's name has its directory's before it."""
    from gaios.storage.disk import verify_directory

    found = []
    for where in sorted(path.glob("left-replica-*")):
        try:
            found += [finding._replace(file=f"{where.name}/{finding.file}")._asdict() for finding in verify_directory(where)]
        except DirectoryInUse:
            raise
        except ConfigurationError as error:
            found.append(_problem(0, where.name, "missing", str(error)))
    return found


def _stranger(cell: "LocalCell", replica: int) -> tuple[str, str, str] | None:
    """What tells that this directory is another replica's: file, kind, detail. The manifest tells first, then the files themselves."""
    from gaios.server import config, directory
    from gaios.storage.disk import owner_of_directory

    where = cell.replica_dir(replica)
    told = config.Settings(cell=cell.cell, replica=cell.founders, place=cell.later, id=replica, dir=str(where))
    if (where / directory.MANIFEST).exists():
        try:
            directory.check_manifest(told, where / directory.MANIFEST)
        except ConfigurationError as error:
            return directory.MANIFEST, "cell", str(error)
    owner = owner_of_directory(where)
    if owner is not None and (owner.cell, owner.member) != (cell.cell.bytes, told.member):
        there = f"member {owner.member} of cell {owner.cell.hex()}"
        return where.name, "cell", f"its files belong to {there}, not to member {told.member} of cell {cell.cell.id}"
    return None


def _contradicted(where: Path) -> tuple[str, str, str] | None:
    """What tells that a manifest is not that of the files beside it: file, kind, detail."""
    from gaios.server import config, directory
    from gaios.storage.disk import owner_of_directory

    try:
        found = config.read_file(where / directory.MANIFEST)
    except ConfigurationError as error:
        return directory.MANIFEST, "cell", str(error)
    named, owner = found.get("cell"), owner_of_directory(where)
    told = (named.get("id") if isinstance(named, dict) else None, found.get("member"))
    if owner is not None and told != (owner.cell.hex(), owner.member):
        there = f"member {owner.member} of cell {owner.cell.hex()}"
        return directory.MANIFEST, "cell", f"it is of member {told[1]} of cell {told[0]}, and the files beside it belong to {there}"
    return None


def _problem(replica: int, file: str, kind: str, detail: str) -> dict[str, Any]:
    return {"replica": replica, "file": file, "offset": 0, "kind": kind, "detail": detail}
