"""explain: why a session ended, a lock was lost, an operation was refused.  [INTERFACE; SAFETY 19, 21, 23]

Rule 1. A running cell answers for sessions and locks, from what its master remembers (`gaios.locks.annals`). With `--dir` the log on disk
is read, which remembers everything that it reaches back to, operations too; a replica may run on it meanwhile: `gaios.explain.base`.
Rule 2. Of a local cell's directory that replica is read which knows most slots to be chosen.
"""

from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from gaios.cli import exits, output
from gaios.cli.connect import cell
from gaios.cli.parameters import CLIENT, Client, Folder, Revision, Text
from gaios.errors import ConfigurationError

if TYPE_CHECKING:
    from gaios.backup.history import History
    from gaios.explain.operation import Operation
    from gaios.explain.replay import Replay
    from gaios.explain.words import Line, Read, Told
    from gaios.explanation import Explanation


async def explain(
    *,
    session: Annotated[Revision | None, Parameter(help="A session's number.")] = None,
    lock: Annotated[Text | None, Parameter(help="A lock's name, or a path that begins with /ls/local/ or /ls/CELL/.")] = None,
    sequencer: Annotated[Text | None, Parameter(name="--sequencer", help="Of --lock: this grant, as GENERATION.REVISION.")] = None,
    operation: Annotated[Text | None, Parameter(help="A client's operation, SLOT.INDEX:SEQUENCE as an Unknown error names it.")] = None,
    directory: Annotated[Folder | None, Parameter(name="--dir", help="Read the log in a replica's or a local cell's directory.")] = None,
    client: Client = CLIENT,
) -> int:
    """Say why a session ended, a lock was lost, or an operation was refused."""
    asked = {"session": session, "lock": lock, "operation": operation}
    if sum(each is not None for each in asked.values()) != 1 or (sequencer is not None and lock is None):
        raise ConfigurationError(
            reason="gaios explain tells of one thing: --session, --lock (with --sequencer if you like), or --operation",
            hint="gaios explain --lock NAME",
        )
    history: History | None = None
    since = 0
    if operation is not None:
        told, history, since = _of_operation(operation, directory)
    elif directory is None:
        async with cell(client) as connected:
            facts = await connected.explain(session=session or 0, lock=lock or "", sequencer=sequencer)
        told = _in_words(session, lock, sequencer, facts, None)
    else:
        told, history, since = _of_directory(session, lock, sequencer, directory)
    write(told, asked | {"sequencer": sequencer}, history, since, json=client.json)
    return exits.DONE if told.known else exits.NO


def write(told: "Told", asked: dict[str, Any], history: "History | None", since: int, *, json: bool) -> None:
    """The verdict, and the chain behind it; and where the log that tells it begins, and is damaged."""
    skipped, ends = (history.skipped, history.ends) if history is not None else ([], "")
    if json:
        chain = [{**_place(line), "what": line.text} for line in told.chain]
        log = {"since": since or None, "skipped": skipped, "ends": ends or None}
        output.write_json({**asked, "known": told.known, "verdict": told.verdict, "chain": chain, **log})
        return
    output.write_line(output.escaped(told.verdict.encode()))
    for line in told.chain:
        output.write_line(f"  {_where(line)}  {output.escaped(line.text.encode())}")
    for said in extent(since, skipped, ends):
        output.write_line(said)


def extent(since: int, skipped: list[str], ends: str) -> list[str]:
    """What is said of a log that was truncated, or is damaged."""
    told = [f"the log is known from slot {since + 1} on, behind a snapshot: what came before is not there any more"] if since else []
    told += [f"the log was read on behind damage that was repaired: {place}" for place in skipped]
    return [*told, f"the log was read up to damage that was not repaired, and no further: {ends}"] if ends else told


def _place(line: "Line") -> dict[str, Any]:
    at = line.at
    return {"slot": at.slot, "epoch": at.epoch, "time_ms": at.time_ms} if at is not None else {"slot": None, "epoch": None, "time_ms": None}


def _where(line: "Line") -> str:
    from gaios.configuration import ballot_text

    at = line.at
    if at is None:
        return "before"
    when = datetime.fromtimestamp(at.time_ms / 1_000, UTC)
    return f"slot {at.slot}  epoch {ballot_text(at.epoch)}  {when:%Y-%m-%d %H:%M:%S}.{at.time_ms % 1_000:03}Z"


def _in_words(session: int | None, lock: str | None, sequencer: str | None, facts: "Explanation", read: "Read | None") -> "Told":
    from gaios.client.locks import check_of, path_of
    from gaios.explain import words

    if session is not None:
        return words.of_session(session, facts, read)
    if sequencer is None:
        return words.of_lock(path_of(lock or ""), facts, read)
    grant = check_of(sequencer, lock, shared=False).sequencer
    return words.of_sequencer(grant.path, grant.generation, grant.revision, facts, read)


def _of_directory(session: int | None, lock: str | None, sequencer: str | None, directory: str) -> tuple["Told", "History", int]:
    from gaios import lock_api
    from gaios.client.locks import check_of, path_of
    from gaios.explain.words import Read
    from gaios.explanation import Explain, Explanation

    revision = check_of(sequencer, lock, shared=False).sequencer.revision if sequencer is not None else 0
    asked = Explain(session or 0, path_of(lock) if lock is not None else "", revision)
    replay, history = _replayed(directory, None)
    facts = lock_api.decode_answer(replay.machine.query(lock_api.encode(asked)))
    assert isinstance(facts, Explanation)
    return _in_words(session, lock, sequencer, facts, Read(replay.since)), history, replay.since


def _of_operation(written: str, directory: str | None) -> tuple["Told", "History", int]:
    from gaios.explain import words
    from gaios.explain.operation import parse

    operation = parse(written)
    if directory is None:
        raise ConfigurationError(
            reason="an operation is explained from the log on a replica's disk: a running cell keeps no list of them",
            hint=f"gaios explain --operation {operation} --dir DIR",
        )
    replay, history = _replayed(directory, operation)
    assert replay.story is not None
    return words.of_operation(replay.story), history, replay.since


def _replayed(directory: str, operation: "Operation | None") -> tuple["Replay", "History"]:
    from gaios.backup.source import furthest
    from gaios.explain.base import replayed
    from gaios.explain.replay import Replay
    from gaios.storage.disk import Directory

    path = furthest(Path(directory))
    return replayed(lambda: Replay(operation, directory=str(path)), lambda: closing(Directory(path)), str(path))
