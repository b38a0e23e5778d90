"""Who a replica is, where it listens, how it behaves.  [SAFETY 2; INTERFACE `serve`, `init`]

    id = 1                       # which of the founders this replica is
    dir = "/var/lib/gaios"
    [cell]
    id = "7f…"                   # 32 hexadecimal digits, the same in all founders' files
    name = "harbour"
    [[replica]]                  # one for each founder
    id = 1
    client = "10.0.0.1:7420"
    peer = "10.0.0.1:7520"
    admin = "10.0.0.1:7620"
    [[place]]                    # one for each place that came later, or has another member than its founder (`gaios member`)
    id = 6
    member = 6                   # 0: nobody is there any more
    client = "10.0.0.6:7420"     # and so on
    invitation = "lAEG…"         # the configuration that lists this member first
    [log]                        # the log's numbers, see gaios.log.options
    term_ms = 600

Rule 1. Every key but those of `[cell]` and `[[replica]]` may be given as a flag (`--log-term-ms`), as a variable (`GAIOS_LOG_TERM_MS`)
or in the file; a flag beats a variable, a variable the file, the file the default.
Rule 2. A key that is not known is an error that names it and the nearest known one.
Rule 3. Without TLS a replica listens on loopback only, unless `insecure` says otherwise.
"""

import base64
import binascii
import difflib
import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec
import msgspec.inspect

from gaios.configuration import Configuration, decode
from gaios.errors import ConfigurationError, ProtocolError
from gaios.log.options import Options

ENVIRONMENT: Final = "GAIOS_"
REPLICAS_MAX: Final = 32
"""Founders of one cell: beyond seven or nine a larger quorum only costs; the bound keeps local port ranges apart."""

Count = Annotated[int, msgspec.Meta(ge=1, le=1_000_000)]


class Founder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One place of the cell and where it is reached, as `HOST:PORT`."""

    id: Annotated[int, msgspec.Meta(ge=1, le=REPLICAS_MAX)]
    client: str
    peer: str
    admin: str


class Place(Founder, frozen=True, forbid_unknown_fields=True):
    """A place whose member is no founder."""

    member: Annotated[int, msgspec.Meta(ge=0, le=65_535)]
    """The number that the cell gave it; 0: nobody is there any more."""
    invitation: str = ""
    """The configuration that lists the member first, in base64."""


class Cell(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A cell's name: `id` is what counts, `name` is for people."""

    id: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{32}$")]
    name: Annotated[str, msgspec.Meta(min_length=1, max_length=64)] = "gaios"

    @property
    def bytes(self) -> bytes:
        """The id as the 16 bytes that formats carry."""
        return bytes.fromhex(self.id)


class Backup(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the master backs up, and how often."""

    url: str = ""
    """Where backups go: file:///DIR, s3://BUCKET/PREFIX, gs:// or az://; empty: none are made."""
    every_s: Annotated[int, msgspec.Meta(ge=1, le=31_536_000)] = 3_600
    """Seconds between two."""
    keep: Annotated[int, msgspec.Meta(ge=1, le=10_000)] = 48
    """How many the store keeps: with the one above, two days."""


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that one replica is told."""

    cell: Cell
    replica: tuple[Founder, ...]
    id: int
    dir: str
    place: tuple[Place, ...] = ()
    listen_client: str = ""
    """Where to listen instead of the founder's own address, which is what others are told."""
    listen_peer: str = ""
    listen_admin: str = ""
    insecure: bool = False
    """Listen on other than loopback addresses although nothing is encrypted and nobody has to prove who they are."""
    log_format: Literal["console", "json"] = "console"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    client_connections: Count = 1_000
    """Clients at once; each costs a file descriptor and its buffers."""
    peer_connections: Count = 128
    """Connections from peers at once, half-open ones included."""
    admin_connections: Count = 64
    client_requests: Count = 1_024
    """Requests of one client under way."""
    client_watches: Count = 256
    """Watches of one client."""
    idle_s: Annotated[int, msgspec.Meta(ge=2, le=86_400)] = 60
    """A client that says nothing for so long, no ping either, is cut: half-open connections must not gather."""
    segment_mib: Annotated[int, msgspec.Meta(ge=1, le=1_024)] = 8
    """Size of one preallocated file of the write-ahead log."""
    scrub_mib_s: Annotated[int, msgspec.Meta(ge=0, le=10_000)] = 16
    """How fast the disk is read again for rot, at most, MiB a second; 0: it is not."""
    scrub_every_s: Annotated[int, msgspec.Meta(ge=1, le=31_536_000)] = 3_600
    """Seconds from the beginning of one pass over it to that of the next."""
    record: str = ""
    """A directory where every transition of this replica is recorded, for `gaios spec trace`."""
    log: Options = Options()
    backup: Backup = Backup()

    @property
    def me(self) -> Founder:
        """This replica's place."""
        return next(place for place in (*self.place, *self.replica) if place.id == self.id)

    @property
    def member(self) -> int:
        """This replica's member number: a founder's is its id, all others' are given by the cell.  [SAFETY 1]"""
        return self.me.member if isinstance(self.me, Place) else self.id

    @property
    def invitation(self) -> Configuration | None:
        """The configuration that lists this member first; None for founders.

        Raises:
            ConfigurationError: it is none.
        """
        if not isinstance(self.me, Place):
            return None
        try:
            return decode(base64.b64decode(self.me.invitation, validate=True))
        except (binascii.Error, ProtocolError) as error:
            raise ConfigurationError(reason=f"the invitation of member {self.member} cannot be read: {error}") from None

    @property
    def members(self) -> dict[int, int]:
        """The founders' numbers, each with its replica id: they are equal.  [SAFETY 1]"""
        return {founder.id: founder.id for founder in self.replica}

    @property
    def listens(self) -> dict[str, str]:
        """Role to the address that this replica listens on."""
        me = self.me
        return {"client": self.listen_client or me.client, "peer": self.listen_peer or me.peer, "admin": self.listen_admin or me.admin}


_INNER: Final[dict[str, tuple[str, ...]]] = {"log": Options.__struct_fields__, "backup": Backup.__struct_fields__}
"""Tables whose keys may be flags and variables, with the table's name before them."""
_TABLES: Final = ("cell", "replica", "place", *_INNER)
_OWN: Final = tuple(name for name in Settings.__struct_fields__ if name not in _TABLES)
_REQUIRED: Final = ("id", "dir")
KEYS: Final = (*_OWN, *(f"{table}_{name}" for table, names in _INNER.items() for name in names))
"""Every key that may be a flag or a variable."""


def load(
    path: "str | os.PathLike[str] | None",
    flags: Mapping[str, Any] | None = None,
    environment: Mapping[str, str] | None = None,
    base: Mapping[str, Any] | None = None,
) -> Settings:
    """Settings from a file, the environment and flags (a flag whose value is None was not given); without a file from `base`.

    Raises:
        ConfigurationError: it cannot be read, names an unknown key, or does not make sense.
    """
    found = read_file(path) if path is not None else dict(base or {})
    told = os.environ if environment is None else environment
    given: dict[str, tuple[str, Any]] = {}
    for key in KEYS:
        if told.get(name := ENVIRONMENT + key.upper()):
            given[f"{name}={told[name]}"] = key, told[name]
    for key, value in (flags or {}).items():
        if key not in KEYS:
            raise _unknown("flag", key, KEYS)
        if value is not None:
            given[f"--{key.replace('_', '-')} {value}"] = key, value
    try:
        return settings(_with(found, given.values()))
    except ConfigurationError as error:
        raise _blamed(error, found, given) from None


def variables(environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """The variables that tell a replica how to behave, by name; who it is and where is no such thing."""
    told = os.environ if environment is None else environment
    return {name: told[name] for key in KEYS if key not in _REQUIRED and (name := ENVIRONMENT + key.upper()) in told}


def settings(found: Mapping[str, Any]) -> Settings:
    """Settings from nested keys, checked.

    Raises:
        ConfigurationError: a key is unknown, missing or out of bounds, or they contradict each other.
    """
    _check_names("the configuration", found, (*_OWN, *_TABLES))
    _check_names("[cell]", found.get("cell", {}), Cell.__struct_fields__)
    for table, names in _INNER.items():
        _check_names(f"[{table}]", found.get(table, {}), names)
    founders = found.get("replica", ())
    for founder in founders if isinstance(founders, list | tuple) else ():
        _check_names("[[replica]]", founder, Founder.__struct_fields__)
    places = found.get("place", ())
    for place in places if isinstance(places, list | tuple) else ():
        _check_names("[[place]]", place, Place.__struct_fields__)
    try:
        made = msgspec.convert(dict(found), Settings, strict=False)
    except msgspec.ValidationError as error:
        cause = error.__cause__
        raise cause if isinstance(cause, ConfigurationError) else _wrong(str(error), found) from None
    _check(made)
    return made


def read_file(path: "str | os.PathLike[str]") -> dict[str, Any]:
    """A TOML file's keys.

    Raises:
        ConfigurationError: it cannot be read or is not TOML.
    """
    try:
        return tomllib.loads(Path(path).read_text("utf-8"))
    except OSError as error:
        raise ConfigurationError(reason=f"cannot read {path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(reason=f"{path} is not TOML: {error}") from None


def invite(configuration: bytes) -> str:
    """A configuration as `Place.invitation` has it."""
    return base64.b64encode(configuration).decode()


def address(text: str) -> tuple[str, int]:
    """`HOST:PORT` or `[IPV6]:PORT` as host and port.

    Raises:
        ConfigurationError: it is neither.
    """
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not (colon and host and port.isascii() and port.isdigit() and 0 < int(port) < 65_536):
        raise ConfigurationError(reason=f"{text!r} is not an address", hint="write HOST:PORT with a port of 1 to 65535")
    return host, int(port)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a listener on that host."""
    return host in {"localhost", "::1"} or (host.startswith("127.") and host.count(".") == 3)


def manifest_text(cell: Cell, founders: tuple[Founder, ...], places: tuple[Place, ...] = ()) -> str:
    """The part that all founders share, and places that came later, as TOML."""
    lines = ["[cell]", f"id = {_quoted(cell.id)}", f"name = {_quoted(cell.name)}"]
    for founder in founders:
        lines += ["", "[[replica]]", f"id = {founder.id}"]
        lines += [f"{role} = {_quoted(getattr(founder, role))}" for role in ("client", "peer", "admin")]
    for place in places:
        lines += ["", "[[place]]", f"id = {place.id}", f"member = {place.member}"]
        lines += [f"{key} = {_quoted(getattr(place, key))}" for key in ("client", "peer", "admin", "invitation")]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    # JSON's strings are TOML's basic strings, but for U+007F, which `address` and `Cell` have no use for.
    return msgspec.json.encode(text).decode()


def _with(found: Mapping[str, Any], given: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    made = {key: dict(value) if isinstance(value, Mapping) else value for key, value in found.items()}
    for key, value in given:
        _put(made, key, value)
    return made


def _blamed(error: ConfigurationError, found: Mapping[str, Any], given: Mapping[str, tuple[str, Any]]) -> ConfigurationError:
    """The error, with those variables and flags without which it would not be."""
    blamed = []
    for written, (key, _) in given.items():
        try:
            settings(_with(found, (each for other, each in given.items() if other != written)))
        except ConfigurationError as other:
            if str(other) == str(error) or key in _REQUIRED:
                continue
        blamed.append(written)
    return ConfigurationError(reason=f"{error}: {', '.join(blamed):.200}", hint=error.hint) if blamed else error


def _put(found: dict[str, Any], key: str, value: Any) -> None:  # noqa: ANN401 (checked when it is converted)
    name, _, inner = key.partition("_")
    if key not in _OWN and inner in _INNER.get(name, ()):
        table = found.setdefault(name, {})
        if isinstance(table, dict):
            table[inner] = value
    else:
        found[key] = value


def _check_names(where: str, found: object, known: tuple[str, ...]) -> None:
    if not isinstance(found, Mapping):
        raise ConfigurationError(reason=f"wrong configuration: {where} is not a table")
    for key in found:
        if key not in known:
            raise _unknown(f"key in {where}", key, known)


def _unknown(what: str, key: str, known: tuple[str, ...]) -> ConfigurationError:
    nearest = difflib.get_close_matches(key, known, n=1)
    return ConfigurationError(
        reason=f"unknown {what}: {key!r}", hint=f"did you mean {nearest[0]!r}?" if nearest else f"known are {', '.join(sorted(known))}"
    )


def _wrong(told: str, found: object) -> ConfigurationError:
    """What msgspec tells, as a sentence about the configuration: it ends in the place, ``at `$.replica[0].id` ``."""
    what, _, place = told.partition(" - at `$")
    place = place.removesuffix("`").removeprefix(".")
    kind: Any = msgspec.inspect.type_info(Settings)
    for name, index in re.findall(r"(\w+)|\[(\d+)\]", place.replace("[", ".[")):
        if index:
            kind, found = kind.item_type, found[int(index)]  # type: ignore[index]  # msgspec went this way
        else:
            kind = next(field.type for field in kind.fields if field.name == name)
            found = found[name]  # type: ignore[index]  # as above
    if absent := re.search("missing required field `(\\w+)`", what):
        hint = "" if place or absent[1] not in _REQUIRED else f"say --{absent[1]}, or GAIOS_{absent[1].upper()}, or write it into the file"
        return ConfigurationError(reason=f"{place + ': ' if place else ''}{absent[1]} is missing", hint=hint)
    return ConfigurationError(reason=f"{place}: {found!r:.100} is not {_expected(kind)}")


def _expected(kind: object) -> str:
    match kind:
        case msgspec.inspect.LiteralType(values=values):
            return f"one of {', '.join(map(str, values))}"
        case msgspec.inspect.IntType(ge=least, le=most):
            return "a whole number" + (f" from {least} to {most}" if most is not None else "")
        case msgspec.inspect.BoolType():
            return "true or false"
        case msgspec.inspect.StrType(pattern=str()):
            return "32 hexadecimal digits (0 to 9, a to f)"
        case msgspec.inspect.StrType(min_length=int(least), max_length=most):
            return f"text of {least} to {most} characters"
        case msgspec.inspect.StrType():
            return "text"
        case msgspec.inspect.StructType():
            return "a table"
    return "a list of tables"


def _check(made: Settings) -> None:
    ids = [founder.id for founder in made.replica]
    later = [place.id for place in made.place]
    if len(set(later)) != len(later):
        raise ConfigurationError(reason="every [[place]] needs an id of its own")
    if not ids or len(set(ids)) != len(ids):
        raise ConfigurationError(reason="every [[replica]] needs an id of its own, and there must be at least one")
    if made.id not in {*ids, *later}:
        raise ConfigurationError(reason=f"id is {made.id}, but the replicas are {', '.join(map(str, sorted({*ids, *later})))}")
    if not made.member:
        raise ConfigurationError(reason=f"replica {made.id} was removed from the cell")
    if not made.dir:
        raise ConfigurationError(reason="dir is empty", hint="name the directory that holds this replica's state")
    # Where founders were is free again once the configuration that a later member was invited with does not list them.
    invitation = made.invitation if isinstance(made.me, Place) and made.me.invitation else None
    listed = {founder.id for founder in made.replica if invitation is None or invitation.member(founder.id) is not None}
    present = [place for place in made.place if place.member] + [founder for founder in made.replica if founder.id in listed - {*later}]
    told = [getattr(founder, role) for founder in present for role in ("client", "peer", "admin")]
    for text in told:
        address(text)
    if len(set(told)) != len(told):
        twice = next(text for text in told if told.count(text) > 1)
        raise ConfigurationError(reason=f"the address {twice} is given twice")
    for role, text in made.listens.items():
        host, _ = address(text)
        if not (made.insecure or is_loopback(host)):
            raise ConfigurationError(
                reason=f"the {role} address {text} can be reached from other machines, and nothing there is encrypted or authenticated",
                hint="listen on 127.0.0.1, or say `insecure = true` (--insecure) if the network is yours alone",
            )
