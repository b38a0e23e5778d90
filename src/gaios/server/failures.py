"""Why replicas of a local cell do not run, and what that means for whoever waits for it.  [INTERFACE `up`]

Rule 1. A replica that leaves with 2 or 4 is not started again: nobody waits for it any more, and its own last words say why.
Rule 2. Where those that failed, and those that `down --replica` stopped, leave no majority, no write can be acknowledged: said at once.
"""

import ast
import os
import re
import shlex
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from gaios.errors import ConfigurationError, Error, ReplicaFailed, Unavailable
from gaios.server import control
from gaios.server.local import LocalCell

TAIL_BYTES: Final = 65_536
"""What is read of a log: its last words are one line."""
_LINE: Final = re.compile(r"[0-9:.]+ (debug|info|warning|error) +[a-z_]+( |$)|\{")
_EXIT: Final = re.compile(r" error +exit .*?\berror=(?P<error>\w+) reason=(?P<reason>'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|\S+)")
STATE: Final = 4
"""The exit code of a replica whose state or disk is not to be trusted (__main__.py)."""


class Failure(NamedTuple):
    """How a replica ended that should run."""

    code: int
    reason: str


class States(NamedTuple):
    """What a supervisor says of its replicas."""

    states: dict[int, str]
    failures: dict[int, Failure]


def ask(cell: LocalCell) -> States | None:
    """What the cell's supervisor says; None when there is none."""
    try:
        answer = control.ask(cell, {"do": "state"}, timeout_s=2.0)
    except Unavailable:
        return None
    failures = {int(replica): Failure(**failure) for replica, failure in answer.get("failed", {}).items()}
    return States({int(replica): state for replica, state in answer["replicas"].items()}, failures)


class Words(NamedTuple):
    """What a replica said when it ended."""

    reason: str = ""
    """Empty if it said none."""
    error: str = ""
    """The name of the error; empty if none of ours was named."""


def last_words(log: Path, since: int = 0) -> Words:
    """What the last line of a replica's log says, written from byte `since` on.

    A line about something else is not why it ended: its last words may not have reached the disk.
    """
    try:
        with log.open("rb") as file:
            file.seek(max(since, log.stat().st_size - TAIL_BYTES))
            lines = file.read(TAIL_BYTES).decode(errors="replace").split("\n")
    except OSError:
        return Words()
    said = [line.strip() for line in lines if line.strip()]
    exits = (words for line in reversed(said) if (words := _words(line)) is not None)
    return next(exits, Words(said[-1]) if said and not _LINE.match(said[-1]) else Words())


def _words(line: str) -> Words | None:
    if line.startswith("{"):
        try:
            found = msgspec.json.decode(line, type=dict[str, Any])
        except msgspec.DecodeError:
            return None
        return Words(str(found.get("reason", "")), str(found.get("error", ""))) if found.get("event") == "exit" else None
    match = _EXIT.search(line)
    if match is None:
        return None
    quoted = match["reason"]
    return Words(str(ast.literal_eval(quoted)) if quoted[0] in "'\"" else quoted, match["error"])


def check_down(cell: LocalCell, down: Collection[int]) -> None:
    """Raises `Unavailable` when the replicas that `down --replica` stopped leave no majority."""
    majority = len(cell.ids) // 2 + 1
    if len(cell.ids) - len(down) >= majority:
        return
    error = Unavailable(
        waited_ms=0,
        reason=f"{_listed(down)} of {len(cell.ids)} {_were(down)} stopped by `gaios down --replica` (or left out of an `up --replica`),"
        f" and {majority} are needed to acknowledge a write",
    )
    error.hint = f"start them: gaios up --dir {_dir(cell)} --replica {' '.join(map(str, sorted(down)))}"
    raise error


def check_hope(cell: LocalCell, told: States, *, rest_stops: bool = False) -> None:
    """Raise what is wrong, unless the cell may still come to acknowledge a write.

    Args:
        cell: Which.
        told: How its replicas are.
        rest_stops: Whether those that run are stopped when this raises.

    Raises:
        ConfigurationError, ReplicaFailed: those that failed for good leave no majority.
        Unavailable: those that `down --replica` stopped leave none.
    """
    failed = {replica: told.failures[replica] for replica, state in told.states.items() if state == "failed"}
    down = [replica for replica, state in told.states.items() if state == "stopped" and control.is_down(cell, replica)]
    majority = len(told.states) // 2 + 1
    if len(told.states) - len(failed) - len(down) >= majority:
        return
    if not failed:
        check_down(cell, down)
    alike: dict[str, list[int]] = {}
    for replica, failure in sorted(failed.items()):
        alike.setdefault(failure.reason, []).append(replica)
    reasons = "; ".join(f"{_listed(ids)}: {reason}" for reason, ids in alike.items())
    besides = f"; {_listed(down)} {_were(down)} stopped by `gaios down --replica`" if down else ""
    reason = f"{len(failed)} of {len(told.states)} replicas cannot start, and {majority} are needed: {reasons}{besides}"
    alive = [replica for replica, state in told.states.items() if state in {"running", "waiting"}]
    is_state = any(failure.code == STATE for failure in failed.values())
    verify = f"gaios verify {_dir(cell)} tells more" if is_state else f"mend that, and gaios up --dir {_dir(cell)}"
    if rest_stops:
        hint = f"the others were stopped; {verify}"
    elif alive:
        hint = f"{_listed(alive)} still {'runs' if len(alive) == 1 else 'run'}; gaios down --dir {_dir(cell)} stops the cell, then {verify}"
    else:
        hint = f"gaios down --dir {_dir(cell)}, then {verify}"
    raise _error(failed, reason, hint)


def refused(cell: LocalCell, failed: Mapping[int, Failure]) -> Error:
    """The error of replicas that were to start and did not."""
    reason = "; ".join(f"replica {replica} did not start: {failure.reason}" for replica, failure in sorted(failed.items()))
    return _error(failed, reason, f"see {', '.join(dict.fromkeys(log_of(cell, replica) for replica in sorted(failed)))}")


def log_of(cell: LocalCell, replica: int) -> str:
    """Where a replica says what it says: its own log, or what its supervisor writes where that cannot be written."""
    for path in (cell.replica_dir(replica) / "log", cell.dir / control.LOG):
        if os.access(path, os.W_OK):
            return str(path)
    return "what the `gaios up` said that supervises it"


def _error(failed: Mapping[int, Failure], reason: str, hint: str) -> Error:
    if any(failure.code == STATE for failure in failed.values()):
        return ReplicaFailed(reason=reason, hint=hint)
    return ConfigurationError(reason=reason, hint=hint)


def _listed(ids: Collection[int]) -> str:
    return f"replica{'' if len(ids) == 1 else 's'} {', '.join(map(str, sorted(ids)))}"


def _were(ids: Collection[int]) -> str:
    return "was" if len(ids) == 1 else "were"


def _dir(cell: LocalCell) -> str:
    return shlex.quote(str(cell.dir))
