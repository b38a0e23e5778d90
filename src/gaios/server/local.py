"""A local cell: all replicas of a cell in one directory of one machine.  [INTERFACE `up`; SAFETY 2]

    DIR/cell.toml            the manifest, written last: what makes DIR a cell
    DIR/replica-1/ …         one directory for each replica (directory.py), with the supervisor's `log` and `down` beside its state
    DIR/supervisor.lock      held by the live supervisor; DIR/control is its socket, DIR/supervisor.log what a detached one says

Replica i listens on PORT+i-1 for clients, PORT+100+i-1 for peers, PORT+200+i-1 for the admin.

Rule 1. Without cell.toml creation starts over, but only over what an unfinished creation can have left: where a replica was ever
started, or something else lies, nothing is removed.
"""

import os
import re
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from gaios.backup.rebase import Base
from gaios.errors import ConfigurationError, StateMissing
from gaios.server import config, directory

MANIFEST: Final = "cell.toml"
HOST: Final = "127.0.0.1"
REPLICAS: Final = 5
PORT: Final = 7420
_PEER, _ADMIN = 100, 200
_OURS: Final = re.compile(r"replica-[0-9]{1,2}|supervisor\.lock|supervisor\.log|control|cell\.toml\.new")


class LocalCell(NamedTuple):
    """A created cell and where it is."""

    dir: Path
    cell: config.Cell
    founders: tuple[config.Founder, ...]

    @property
    def ids(self) -> list[int]:
        """The replicas, in order."""
        return sorted(founder.id for founder in self.founders)

    @property
    def endpoints(self) -> list[str]:
        """Where clients go."""
        return [founder.client for founder in sorted(self.founders, key=lambda founder: founder.id)]

    @property
    def manifest(self) -> Path:
        """The file that all replicas are started with."""
        return self.dir / MANIFEST

    def replica_dir(self, replica: int) -> Path:
        """Where a replica keeps its state."""
        return self.dir / f"replica-{replica}"


def founders(replicas: int, port: int) -> tuple[config.Founder, ...]:
    """The places of a local cell.

    Raises:
        ConfigurationError: there are too few, too many, or their ports leave the range.
    """
    if not 1 <= replicas <= config.REPLICAS_MAX:
        raise ConfigurationError(reason=f"a cell has 1 to {config.REPLICAS_MAX} replicas, not {replicas}")
    last = port + _ADMIN + replicas - 1
    if port < 1 or last > 65_535:
        raise ConfigurationError(reason=f"port {port} and those behind it leave the range of 1 to 65535 (the last one would be {last})")
    return tuple(
        config.Founder(id=i + 1, client=f"{HOST}:{port + i}", peer=f"{HOST}:{port + _PEER + i}", admin=f"{HOST}:{port + _ADMIN + i}")
        for i in range(replicas)
    )


def open_or_create(
    path: "str | os.PathLike[str]",
    *,
    replicas: int | None = None,
    port: int | None = None,
    existing: bool = False,
    check: Callable[[tuple[config.Founder, ...]], None] | None = None,
) -> LocalCell:
    """The cell in this directory; it is created where there is none, unless `existing`; `check` may refuse its places before that.

    Raises:
        ConfigurationError: it differs from what was asked for, or the directory holds something else.
        StateMissing: it was a cell, and its manifest is gone.
    """
    found = find(path)
    if found is None:
        if existing:
            raise ConfigurationError(reason=f"there is no cell in {path}", hint="leave --existing away to create one")
        places = founders(REPLICAS if replicas is None else replicas, PORT if port is None else port)
        if check is not None:
            check(places)
        return create(path, places)
    if replicas is not None and replicas != len(found.founders):
        raise ConfigurationError(reason=f"the cell in {path} has {len(found.founders)} replicas, not {replicas}")
    first = config.address(found.endpoints[0])[1]
    if port is not None and port != first:
        raise ConfigurationError(reason=f"the cell in {path} has its first port at {first}, not at {port}")
    return found


def find(path: "str | os.PathLike[str]") -> LocalCell | None:
    """The cell in this directory, or None.

    Raises:
        ConfigurationError: its manifest cannot be read.
    """
    where = Path(path).absolute()
    if not (where / MANIFEST).exists():
        return None
    made = config.settings({**config.read_file(where / MANIFEST), "id": 1, "dir": str(where)})
    return LocalCell(where, made.cell, made.replica)


def create(
    path: "str | os.PathLike[str]", places: tuple[config.Founder, ...], made_of: Callable[[config.Cell], Base] | None = None
) -> LocalCell:
    """A new cell. Every replica's directory is made first, the manifest last. `made_of`: what it begins with, where that is not nothing.

    Raises:
        ConfigurationError: the directory holds something that no unfinished creation left.
        StateMissing: a replica was started here, so this was a cell, and its manifest is gone.
    """
    where = Path(path).absolute()
    try:
        where.mkdir(parents=True, exist_ok=True)
        _clear(where)
    except (FileExistsError, NotADirectoryError):
        raise ConfigurationError(reason=f"{where} is not a directory") from None
    made = LocalCell(where, config.Cell(id=secrets.token_hex(16), name=where.name[:64] or "gaios"), places)
    base = made_of(made.cell) if made_of is not None else None
    for founder in places:
        directory.create(
            config.Settings(cell=made.cell, replica=places, id=founder.id, dir=str(made.replica_dir(founder.id))),
            base,
        )
    directory.write_durably(made.manifest, config.manifest_text(made.cell, places).encode())
    return made


def _clear(where: Path) -> None:
    foreign = sorted(entry.name for entry in where.iterdir() if not _OURS.fullmatch(entry.name))
    if foreign:
        raise ConfigurationError(
            reason=f"{where} is not empty and not a cell: it holds {foreign[0]}", hint="choose a directory that is absent or empty"
        )
    left = [entry for entry in where.iterdir() if entry.name.startswith("replica-")]
    for entry in left:
        if directory.was_started(entry):
            raise StateMissing(directory=str(where), what=MANIFEST)
    for entry in left:
        shutil.rmtree(entry)
