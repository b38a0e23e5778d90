"""verify: a directory, checked offline.  [INTERFACE `verify`; SAFETY 7, 15]

An unfinished tail is what a crash leaves and a start cuts: it is named, and no damage. A replica that the cell's manifest lists and
whose directory is gone is damage like any other.
"""

from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from gaios.cli import exits, output
from gaios.cli.parameters import FORM, Form, Text
from gaios.errors import ConfigurationError


def verify(
    directory: Annotated[Text, Parameter(name="DIR", help="A replica's directory, or a whole local cell's.")], /, *, form: Form = FORM
) -> int:
    """Check a replica's or a whole cell's directory offline."""
    from gaios.storage.disk import verify_directory

    path = Path(directory)
    if not path.is_dir():
        raise ConfigurationError(reason=f"{directory} is not a directory", hint="name a replica's directory, or the one given to gaios up")
    problems = [*missing(path), *(finding._asdict() for finding in verify_directory(path))]
    ok = all(problem["kind"] == "tail" for problem in problems)
    if form.json:
        output.write_json({"ok": ok, "problems": problems})
    else:
        for problem in problems:
            output.write_line("replica {replica}: {file} at byte {offset}: {kind}: {detail}".format(**problem))
        output.write_line(f"{directory}: {'no damage' if ok else 'damaged'}")
    return exits.DONE if ok else exits.NO


def missing(path: Path) -> list[dict[str, Any]]:
    """A problem for each replica that the manifest lists and that has no directory."""
    from gaios.server import local

    cell = local.find(path)
    if cell is None:
        return []
    return [
        {
            "replica": replica,
            "file": cell.replica_dir(replica).name,
            "offset": 0,
            "kind": "missing",
            "detail": "the manifest lists this replica, and its directory is not there",
        }
        for replica in cell.ids
        if not cell.replica_dir(replica).is_dir()
    ]
