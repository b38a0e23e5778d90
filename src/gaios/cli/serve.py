"""init and serve: one replica of a cell whose founders share a configuration.  [INTERFACE `init`, `serve`; SAFETY 2]

Rule 1. Every key of the configuration is a flag of both: the file may be the same for all founders, and `--id` and `--dir` tell them apart.
Rule 2. Without a file, `serve` takes the cell and its founders from the directory, where `init` or `up` wrote them down.
Rule 3. A flag's help is the sentence that stands below the key where it is defined: there is one place to keep true.
"""

import ast
import dataclasses
import inspect
import itertools
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from cyclopts import Parameter

from gaios.cli import exits, output
from gaios.cli.parameters import FORM, Form, Text
from gaios.errors import ConfigurationError, StateMissing
from gaios.log.options import Options
from gaios.server import config

_SWITCH = "insecure"
_OWN = {
    "id": "Which of the founders this replica is.",
    "dir": "The directory of its state.",
    "listen_peer": "As --listen-client, for peers.",
    "listen_admin": "As --listen-client, for the admin port.",
    "log_format": "console or json.",
    "log_level": "debug, info, warning or error.",
    "admin_connections": "Connections to the admin port at once.",
    "segment_mib": "Size of one preallocated file of the write-ahead log.",
}
"""Keys that have no sentence of their own in the configuration."""

Config = Annotated[
    Text | None, Parameter(name="--config", env_var="GAIOS_CONFIG", help="TOML; flags and GAIOS_ variables beat what it says.")
]


def sentences(kind: type) -> dict[str, str]:
    """The sentence below each field of a class, by the field's name."""
    (body,) = (node.body for node in ast.parse(inspect.getsource(kind)).body if isinstance(node, ast.ClassDef))
    found: dict[str, str] = {}
    for field, below in itertools.pairwise(body):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(below, ast.Expr):
            found[field.target.id] = inspect.cleandoc(str(ast.literal_eval(below.value)))
    return found


def flags_class() -> type:
    """A field for each key of the configuration, None where the flag was not given."""
    tables: dict[str, type[msgspec.Struct]] = {"log": Options, "backup": config.Backup}
    told = {f"{table}_{name}": text for table, kind in tables.items() for name, text in sentences(kind).items()}
    told |= {**sentences(config.Settings), **_OWN}
    defaults = {field.name: field.default for field in msgspec.structs.fields(config.Settings)}
    defaults |= {f"{table}_{field.name}": field.default for table, kind in tables.items() for field in msgspec.structs.fields(kind)}
    made: list[tuple[str, Any, Any]] = []
    for key in config.KEYS:
        default = defaults[key]
        says = f" [default: {default}]" if default not in {msgspec.NODEFAULT, "", False} else ""
        parameter = Parameter(name=f"--{key.replace('_', '-')}", help=told.get(key, key) + says, show_default=False)
        made.append((key, Annotated[bool | None if key == _SWITCH else Text | None, parameter], None))
    return dataclasses.make_dataclass("Flags", made, frozen=True, kw_only=True, namespace={"__module__": __name__})


if TYPE_CHECKING:

    class Flags:
        """A field for each key of the configuration."""
else:
    Flags = Parameter(name="*")(flags_class())
NONE = Flags()


def load(path: str | None, flags: object) -> config.Settings:
    """The configuration that a file or a directory's manifest, variables and flags make.

    Raises:
        ConfigurationError: they do not make one.
    """
    given = {key: value for key in config.KEYS if (value := getattr(flags, key)) is not None}
    return config.load(path or None, given, base={} if path else of_directory(given.get("dir") or os.environ.get("GAIOS_DIR")))


def of_directory(where: str | None) -> dict[str, Any]:
    """What the manifest in a replica's directory says of its cell and of itself.

    Raises:
        ConfigurationError: there is none, so that nothing says which cell this is.
    """
    from gaios.server.directory import MANIFEST

    manifest = Path(where, MANIFEST) if where else None
    if manifest is None or not manifest.exists():
        raise ConfigurationError(
            reason=f"nothing says which cell this is: there is no {manifest or '--config'}",
            hint="name the founders' file with --config, or with --dir a directory that gaios init or gaios up made",
        )
    found = config.read_file(manifest)
    member = found.pop("member", None)
    return {"id": member, **found, "dir": where}


def joining(word: str, flags: object) -> config.Settings:
    """Settings of a new member, from its invitation.

    Raises:
        ConfigurationError: it is none, or --dir is missing.
    """
    from gaios.client.members import read_token

    told = read_token(word)
    roles = ("client", "peer", "admin")
    found = {
        "cell": {"id": told.cell, "name": told.name},
        "replica": [{"id": id_, **dict(zip(roles, where, strict=True))} for id_, *where in told.founders],
        "place": [
            {"id": told.id, "member": told.member, "invitation": config.invite(told.configuration)}
            | {role: getattr(told, role) for role in roles}
        ],
        "id": told.id,
    }
    given = {key: value for key in config.KEYS if key != "id" and (value := getattr(flags, key)) is not None}
    return config.load(None, given, base=found)


Join = Annotated[
    Text | None, Parameter(name="--join", help="Instead of --config: the invitation that gaios member add or replace printed.")
]


def init(*, config_file: Config = None, join: Join = None, flags: Flags = NONE, form: Form = FORM) -> int:
    """Create one replica's directory from its configuration, or from an invitation."""
    from gaios.server import directory

    if join is None and not config_file:
        raise ConfigurationError(reason="gaios init needs --config", hint="name the file that all founders share")
    settings = load(config_file, flags) if join is None else joining(join, flags)
    directory.create(settings)
    line = f"created {settings.dir} for replica {settings.id} of cell {settings.cell.id}"
    if join is not None:
        line = f"created {settings.dir} for member {settings.member} of cell {settings.cell.id}: gaios serve --dir {settings.dir}"
    output.write_answer({"cell": settings.cell.id, "id": settings.id, "member": settings.member}, line, json=form.json)
    return exits.DONE


def serve(*, config_file: Config = None, flags: Flags = NONE, form: Form = FORM) -> int:
    """Run one replica in the foreground; SIGTERM or an interrupt stops it cleanly."""
    from gaios.server.__main__ import run

    settings = load(config_file, flags)
    if form.json:
        settings = msgspec.structs.replace(settings, log_format="json")
    try:
        return exits.INTERRUPTED if run(settings) == signal.SIGINT else exits.DONE
    except StateMissing as error:
        if config_file and not any_state(Path(settings.dir)):
            error.hint = f"if this replica was never created, as of a new cell: gaios init, once in its life; otherwise {error.hint}"
        raise


def any_state(where: Path) -> bool:
    """Whether anything of a replica is there, so that it was created once."""
    return where.is_dir() and any(entry.name != "lost+found" for entry in where.iterdir())
