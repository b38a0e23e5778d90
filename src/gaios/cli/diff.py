"""diff: two replicas, compared to the first slot where they part, and the keys that differ.  [PML §6.2; SAFETY 25]

A side is a replica's directory (its log is applied again here; a replica may run on it meanwhile), a file of evidence, or the admin
address of a running replica, which remembers its newest sums.

Rule 1. Nothing is changed, and no client of the cell notices.
Rule 2. Exit code 1 when anything differs; 2 when the sides have nothing that could be compared.
"""

from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, NamedTuple

from cyclopts import Parameter

from gaios.cli import exits, output
from gaios.cli.explain import extent
from gaios.cli.parameters import FORM, Form, Text
from gaios.errors import ConfigurationError, ProtocolError, Unavailable

if TYPE_CHECKING:
    from gaios.explain.difference import Bracket, Key, Newest, Traced
    from gaios.log.sums import Sum

TIMEOUT_S: Final = 5.0
HELP: Final = "A replica's directory, a file of evidence, or HOST:PORT of a running replica's admin port."
One = Annotated[Text, Parameter(name="ONE", help=HELP)]
Other = Annotated[Text, Parameter(name="OTHER", help=HELP)]
SHOWN_BYTES: Final = 60


class Side(NamedTuple):
    """What is known of one."""

    name: str
    sums: "Mapping[int, Sum]"
    keys: "Newest | None" = None
    """Its database behind slot `at`, where that is known."""
    at: int = 0
    log: "Traced | None" = None
    skipped: Sequence[str] = ()
    """Where damage of the log was repaired."""
    ends: str = ""
    """Why the log was not read to its end."""

    @property
    def since(self) -> int:
        """The log is known behind this slot, where its state is a snapshot's; 0: all of it."""
        return self.log.since if self.log is not None else 0


def diff(one: One, other: Other, /, *, form: Form = FORM) -> int:
    """Compare two replicas, to the first slot behind which they differ."""
    from gaios.explain import difference

    mine, theirs = _sides(one, other)
    found = difference.bracket(mine.sums, theirs.sums)
    differing: list[Key] | None = None
    if mine.keys is not None and theirs.keys is not None and mine.at == theirs.at:
        differing = difference.keys(mine.keys, theirs.keys)
    if not mine.sums.keys() & theirs.sums.keys() and differing is None:
        raise ConfigurationError(
            reason=f"{one} and {other} have no slot in common that could be compared: {_range(mine)}; {_range(theirs)}",
            hint="compare each of them with another replica's directory, whose log has both ranges",
        )
    log = mine.log or theirs.log
    guess = 0
    if differing and log is not None:
        guess = log.slot_of(difference.first_revision(differing))
    slot = guess if guess and max(found.agree, mine.since, theirs.since) < guess <= (found.differ or guess) else found.differ
    told = _told(mine, theirs, found, slot, differing)
    if form.json:
        output.write_json(told)
    else:
        for line in _lines(mine, theirs, found, slot, differing, told["entries"]):
            output.write_line(line)
    return exits.NO if found.differ or differing else exits.DONE


def _sides(one: str, other: str) -> tuple[Side, Side]:
    """Both; a log is applied no further than the other side's state was."""
    paths = {name: Path(name) for name in (one, other) if Path(name).exists()}
    files = {name: _of_evidence(path) for name, path in paths.items() if path.is_file()}
    stops = {side.at for side in files.values()}
    through = stops.pop() if len(stops) == 1 else None
    logs = {name: _of_directory(path, through) for name, path in paths.items() if path.is_dir()}
    if len(logs) == 2:
        # Both through the same slot, or their databases cannot be compared.
        through = min(side.at for side in logs.values())
        logs = {name: side if side.at == through else _of_directory(paths[name], through) for name, side in logs.items()}
    found = {name: files.get(name) or logs.get(name) or _of_running(name) for name in (one, other)}
    return found[one], found[other]


def _of_directory(path: Path, through: int | None) -> Side:
    from gaios.explain.base import replayed
    from gaios.explain.difference import Traced, newest
    from gaios.storage.disk import Directory

    if not (path / "wal").is_dir():
        raise ConfigurationError(reason=f"{path} is no replica's directory", hint=f"name one of a cell's: {path}/replica-1")
    log, history = replayed(lambda: Traced(directory=str(path), through=through), lambda: closing(Directory(path)), str(path))
    return Side(str(path), log.sums, newest(log.machine.database.records()), log.through, log, history.skipped, history.ends)


def _of_evidence(path: Path) -> Side:
    from gaios.db import snapshot
    from gaios.explain.difference import newest
    from gaios.locks import LockService
    from gaios.log.sums import Sum
    from gaios.server import evidence

    head, chunks = evidence.read(path)
    # Not restored: what a wrong state says that it sums up to need not be so.
    _, base, log = snapshot.read(chunks, LockService.version)
    sums = {each[0]: Sum(*each) for each in [*head["ring"], head["state"]]}
    return Side(str(path), sums, newest([*base, *log]), head["applied"])


def _of_running(address: str) -> Side:
    from http.client import HTTPConnection, HTTPException

    import msgspec

    from gaios.log.sums import Sum

    host, colon, port = address.rpartition(":")
    if not colon or not port.isdecimal():
        raise ConfigurationError(reason=f"{address} is neither a file, nor a directory, nor HOST:PORT")
    connection = HTTPConnection(host.strip("[]"), int(port), timeout=TIMEOUT_S)
    try:
        connection.request("GET", "/sums")
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise _strange(f"{address} answers {answer.status}: is it a replica's admin port, and of this version?")
        told = msgspec.json.decode(body, type=dict[str, Any])
        sums = [Sum(slot, bytes.fromhex(chain), int(checksum, 16), int(trail, 16)) for slot, chain, checksum, trail in told["sums"]]
    except OSError as error:
        raise Unavailable(waited_ms=0, reason=f"{address}: {error}") from None
    except HTTPException:
        raise _strange(f"{address} is no replica's admin port") from None
    except (msgspec.DecodeError, KeyError, TypeError, ValueError) as error:
        raise _strange(f"{address} is no replica's admin port: {error!r}") from None
    finally:
        connection.close()
    return Side(f"replica {told.get('id')} at {address}", {each.slot: each for each in sums})


def _strange(reason: str) -> ProtocolError:
    error = ProtocolError(reason=reason)
    error.hint = "gaios status shows each replica's admin port"
    return error


def _range(side: Side) -> str:
    """Which slots' sums are known, for people."""
    return f"{side.name} is known behind slots {min(side.sums)} to {max(side.sums)}" if side.sums else f"of {side.name} no sum is known"


def _entries(side: Side, slot: int) -> str | None:
    """What stands in a slot, in words."""
    from gaios.sim.words import value

    held = side.log.values.get(slot) if side.log is not None else None
    return None if held is None else value(held)


def _told(one: Side, other: Side, found: "Bracket", slot: int, differing: "list[Key] | None") -> dict[str, Any]:
    from gaios.explain.difference import KEYS_TOLD

    def side(entry: tuple[bytes, int] | None) -> dict[str, Any] | None:
        return None if entry is None else {"value": output.text(entry[0]), "mod_revision": entry[1]}

    return {
        "agree": found.agree,
        "differ": found.differ or None,
        "logs_differ": found.logs_differ,
        "slot": slot or None,
        "entries": [_entries(each, slot) for each in (one, other)] if slot else [None, None],
        "keys": None
        if differing is None
        else [{"key": output.text(key.key), "one": side(key.one), "other": side(key.other)} for key in differing[:KEYS_TOLD]],
        "keys_differ": None if differing is None else len(differing),
        "since": [each.since or None for each in (one, other)],
        "skipped": [list(each.skipped) for each in (one, other)],
        "ends": [each.ends or None for each in (one, other)],
    }


def _lines(one: Side, other: Side, found: "Bracket", slot: int, differing: "list[Key] | None", entries: list[str | None]) -> list[str]:
    lines = [f"one:   {one.name}", f"other: {other.name}"]
    for name, side in (("one", one), ("other", other)):
        lines += [f"{name}: {said}" for said in extent(side.since, list(side.skipped), side.ends)]
    if not found.differ:
        lines.append(f"they agree through slot {found.agree}" if found.agree else "their sums have no slot in common")
    else:
        what = "other values were chosen" if found.logs_differ else "their states differ"
        before = f"they agree behind slot {found.agree}, and " if found.agree else ""
        if not found.agree and (one.since or other.since):
            before = "already where both are first known, "
        lines.append(f"{before}behind slot {found.differ} {what}")
        lines += [f"  {name}: {sums[found.differ]}" for name, sums in (("one  ", one.sums), ("other", other.sums))]
    if slot:
        if slot != found.differ:
            lines.append(f"the first revision that only one of them has is slot {slot}'s")
        lines += [f"  {name} has in slot {slot}: {said}" for name, said in zip(("one  ", "other"), entries, strict=True) if said]
    if differing is None:
        lines.append("keys: not compared, for both states at one slot are not at hand; name a directory, and a file of evidence/")
        return lines
    from gaios.explain.difference import KEYS_TOLD

    lines.append(f"{len(differing)} keys differ behind slot {one.at}")
    for key in differing[:KEYS_TOLD]:
        lines.append(f"  {output.escaped(key.key)}: {_shown(key.one)} | {_shown(key.other)}")
    return lines


def _shown(entry: tuple[bytes, int] | None) -> str:
    if entry is None:
        return "absent"
    value, revision = entry
    return f"{output.escaped(value[:SHOWN_BYTES])}{'…' if len(value) > SHOWN_BYTES else ''} (revision {revision})"
