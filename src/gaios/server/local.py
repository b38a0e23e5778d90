"""A local cell: all replicas of a cell in one directory of one machine.  [INTERFACE `up`; SAFETY 2]

    DIR/cell.toml            the manifest, written last: what makes DIR a cell
    DIR/replica-1/ …         one directory for each replica (directory.py), with the supervisor's `log` beside its state
    DIR/down-1               there while that replica is to stay down (control.py)
    DIR/left-replica-1-member-1     what a member left behind that was replaced or removed
    DIR/changing-1           there while that replica is being added, replaced or removed: who is to go (cli/member_here.py)
    DIR/restoring            there from before the first directory of a restored cell until after its manifest
    DIR/supervisor.lock      held by the live supervisor; DIR/control is its socket, DIR/supervisor.log what a detached one says

Replica i listens on PORT+i-1 for clients, PORT+100+i-1 for peers, PORT+200+i-1 for the admin.

Rule 1. One process at a time creates a cell in a directory, or changes its manifest: it holds the directory's own lock.
Rule 2. Without cell.toml creation starts over, but only over what an unfinished creation can have left: where a replica was ever
started, or something else lies, nothing is removed. Only another restore starts over after an unfinished restore: a cell made in its place
would be empty.
"""

import contextlib
import fcntl
import os
import re
import secrets
import shlex
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from gaios.backup.rebase import Base
from gaios.errors import ConfigurationError, Error, StateMissing
from gaios.server import config, directory

MANIFEST: Final = "cell.toml"
RESTORING: Final = "restoring"
HOST: Final = "127.0.0.1"
REPLICAS: Final = 5
PORT: Final = 7420
ALONE_S: Final = 10.0
"""Directories are made in a second; a restore reads its backup before."""
_PEER, _ADMIN = 100, 200
_OURS: Final = re.compile(r"replica-[0-9]{1,2}|supervisor\.lock|supervisor\.log|control|cell\.toml\.new|restoring(\.new)?|down-[0-9]{1,2}")


class LocalCell(NamedTuple):
    """A created cell and where it is."""

    dir: Path
    cell: config.Cell
    founders: tuple[config.Founder, ...]
    later: tuple[config.Place, ...] = ()
    """Places that came later, whose member is another than the founder, or that are empty now."""

    @property
    def places(self) -> list[config.Founder]:
        """Where a replica is, in order."""
        later = {place.id: place for place in self.later}
        present = [later.get(founder.id, founder) for founder in self.founders]
        present += [place for place in self.later if place.id not in {founder.id for founder in self.founders}]
        return sorted((place for place in present if member_of(place)), key=lambda place: place.id)

    @property
    def ids(self) -> list[int]:
        """The replicas, in order."""
        return [place.id for place in self.places]

    @property
    def endpoints(self) -> list[str]:
        """Where clients go."""
        return [place.client for place in self.places]

    @property
    def manifest(self) -> Path:
        """The file that all replicas are started with."""
        return self.dir / MANIFEST

    def replica_dir(self, replica: int) -> Path:
        """Where a replica keeps its state."""
        return self.dir / f"replica-{replica}"


def member_of(place: config.Founder) -> int:
    """The number of the member in a place; 0: nobody is there any more."""
    return place.member if isinstance(place, config.Place) else place.id


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
        ConfigurationError: it differs from what was asked for, or the directory holds something else, or an unfinished restore.
        StateMissing: it was a cell, and its manifest is gone.
    """
    found = find(path)
    if found is None:
        check_restored(path)
        if existing:
            raise ConfigurationError(reason=f"there is no cell in {path}", hint="leave --existing away to create one")
        places = founders(REPLICAS if replicas is None else replicas, PORT if port is None else port)
        if check is not None:
            check(places)
        found = create(path, places)
    if replicas is not None and replicas != len(found.ids):
        hint = "gaios member add, remove and replace change who they are"
        raise ConfigurationError(reason=f"the cell in {path} has {len(found.ids)} replicas, not {replicas}", hint=hint)
    first = first_port(found)
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
    try:
        told = config.read_file(where / MANIFEST)
    except ConfigurationError as error:
        error.hint = f"where members were never changed `{anew(where)}` makes it anew from a replica's own manifest"
        raise
    gone = {place.get("id") for place in told.get("place", ()) if isinstance(place, dict) and not place.get("member")}
    listed = [place.get("id") for key in ("replica", "place") for place in told.get(key, ()) if isinstance(place, dict)]
    made = config.settings({**told, "id": next((id_ for id_ in listed if id_ not in gone), 1), "dir": str(where)})
    return LocalCell(where, made.cell, made.replica, made.place)


def anew(where: Path, replica: str = "replica-1") -> str:
    """The command that writes a cell's manifest anew of that of a replica: three lines that name it, then what all have in common."""
    return shlex.join(["tail", "-n", "+4", str(where / replica / directory.MANIFEST)]) + f" > {shlex.quote(str(where / MANIFEST))}"


def is_unfinished_restore(path: "str | os.PathLike[str]") -> bool:
    """Whether a restore into this directory was cut short. Where a replica was ever started it was not, although its mark may be left."""
    where = Path(path)
    if not (where / RESTORING).exists() or (where / MANIFEST).exists():
        return False
    return not any(directory.was_started(home) for home in where.glob("replica-*"))


def check_restored(path: "str | os.PathLike[str]") -> None:
    """Raises `ConfigurationError` where a restore was cut short: a new cell there would be empty."""
    if is_unfinished_restore(path):
        raise ConfigurationError(
            reason=f"{path} holds an unfinished restore of a backup, and no cell",
            hint=f"give `gaios snapshot restore URL --into {path}` again: it starts over; for an empty cell choose another directory",
        )


def create(
    path: "str | os.PathLike[str]", places: tuple[config.Founder, ...], made_of: Callable[[config.Cell], Base] | None = None
) -> LocalCell:
    """A new cell. Every replica's directory is made first, the manifest last. `made_of`: what it begins with, where that is not nothing.

    Without `made_of` it may be one that another process created meanwhile.

    Raises:
        ConfigurationError: the directory holds something that no unfinished creation left, or an unfinished restore and `made_of` is None,
            or another process is at work there.
        StateMissing: a replica was started here, so this was a cell, and its manifest is gone.
    """
    where = Path(path).absolute()
    if made_of is None:
        check_restored(where)
    try:
        where.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        raise ConfigurationError(reason=f"{where} is not a directory") from None
    with alone(where):
        there = find(where)
        if there is not None and made_of is not None:
            raise ConfigurationError(reason=f"there is a cell in {where} already")
        return there or _create(where, places, made_of)


def _create(where: Path, places: tuple[config.Founder, ...], made_of: Callable[[config.Cell], Base] | None) -> LocalCell:
    _clear(where)
    made = LocalCell(where, config.Cell(id=secrets.token_hex(16), name=where.name[:64] or "gaios"), places)
    base = made_of(made.cell) if made_of is not None else None
    if base is not None:
        directory.write_durably(where / RESTORING, b"")
    for founder in places:
        directory.create(
            config.Settings(cell=made.cell, replica=places, id=founder.id, dir=str(made.replica_dir(founder.id))),
            base,
        )
    directory.write_durably(made.manifest, config.manifest_text(made.cell, places).encode())
    (where / RESTORING).unlink(missing_ok=True)
    return made


@contextlib.contextmanager
def alone(where: Path) -> Iterator[None]:
    """Nobody else creates a cell in this directory, changes its manifest, or starts a part of it: of two, one would undo the other's work.

    Raises:
        ConfigurationError: somebody else has been at it for `ALONE_S`.
    """
    held = os.open(where, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        end = time.monotonic() + ALONE_S
        while True:
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError:
                if time.monotonic() > end:
                    raise ConfigurationError(
                        reason=f"another process has been creating or changing the cell in {where} for {ALONE_S:g} s",
                        hint="wait for it, or end it, and give the command again",
                    ) from None
                time.sleep(0.02)
        yield
    finally:
        os.close(held)


def _clear(where: Path) -> None:
    foreign = sorted(entry.name for entry in where.iterdir() if not _OURS.fullmatch(entry.name))
    left = [entry for entry in where.iterdir() if entry.name.startswith("replica-")]
    for entry in left:
        if directory.was_started(entry):
            command = anew(where, entry.name)
            hint = f"replicas ran here, and nothing was removed; put it back; where members were never changed `{command}` makes it anew"
            raise StateMissing(directory=str(where), what=MANIFEST, hint=hint)
        foreign += [f"{entry.name}/{name}" for name in directory.foreign(entry)] if entry.is_dir() else [entry.name]
    if foreign:
        raise ConfigurationError(
            reason=f"{where} is not empty and not a cell: it holds {foreign[0]}", hint="choose a directory that is absent or empty"
        )
    for entry in left:
        directory.clear(entry)


def first_port(cell: LocalCell) -> int:
    """The client port of replica 1, from which all others count."""
    founder = cell.founders[0]
    return config.address(founder.client)[1] - founder.id + 1


def place_at(cell: LocalCell, replica: int) -> config.Founder:
    """Where a replica of this id would listen.

    Raises:
        ConfigurationError: its ports leave the range, or there is no such place.
    """
    return founders(replica, first_port(cell))[-1]


def settle(cell: LocalCell, place: config.Place) -> LocalCell:
    """Write down who is in a place from now on; a replica's directory is made, one that another member left is set aside.

    Done again after a crash, it finishes what was begun.

    Raises:
        ConfigurationError: a directory is there that is this member's already, or nobody's, or that cannot be set aside.
        DiskFailed: it could not be written.
    """
    with alone(cell.dir):
        return _settle(find(cell.dir) or cell, place)  # another command may have settled another place since that was read


def _settle(cell: LocalCell, place: config.Place) -> LocalCell:
    home = cell.replica_dir(place.id)
    if os.path.lexists(home) and not (place.member and member_in(home) == place.member):
        _set_aside(home)
    made = cell._replace(later=(*(each for each in cell.later if each.id != place.id), place))
    if place.member and not member_in(home):
        directory.create(
            config.Settings(cell=made.cell, replica=made.founders, place=(place,), id=place.id, dir=str(home)),
        )
    directory.write_durably(made.manifest, config.manifest_text(made.cell, made.founders, made.later).encode())
    return made


def member_in(home: Path) -> int:
    """The member whose directory this is; 0: unknown (its manifest is damaged, or the disk fails), or nobody's yet."""
    try:
        if not (home / directory.MANIFEST).exists() or (home / directory.CREATING).exists():
            return 0
        member = config.read_file(home / directory.MANIFEST).get("member")
    except (OSError, ConfigurationError):
        return 0
    return member if isinstance(member, int) else 0


def _set_aside(home: Path) -> None:
    """Keep a directory that its place needs no more, for whoever wants to look into it; a file system that is mounted there stays.

    Raises:
        ConfigurationError: it cannot be renamed, and is not empty.
    """
    try:
        home.rename(_aside(home))
    except OSError as error:
        if os.path.ismount(home):
            hint = "it is a file system of its own: unmount it, or mount an empty one there, and give the command again"
            try:
                directory.check_absent(home)
            except Error:
                raise ConfigurationError(reason=f"{home} cannot be set aside: {error.strerror}", hint=hint) from None
            return
        raise ConfigurationError(reason=f"{home} cannot be set aside: {error.strerror}", hint=f"ls -ld {home.parent}") from None


def _aside(home: Path) -> Path:
    """A name that no directory has."""
    base = home.with_name(f"left-{home.name}-member-{member_in(home)}")
    names = (base, *(base.with_name(f"{base.name}-{number}") for number in range(2, 1_000)))
    return next(name for name in names if not name.exists())
