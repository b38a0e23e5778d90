"""up and down: a cell on this machine, or some of its replicas.  [INTERFACE `up`, `down`; DESIGN §5]

Rule 1. `up` returns, or says that it is ready, when a write was acknowledged: an empty MultiOp, which leaves no trace in the database.
Rule 2. A second `up` changes nothing: it waits, prints the same and returns.
Rule 3. `up --replica` returns when each of the named replicas answers for itself and takes part, as far as enough others are there to tell:
one that is refused by them answers, too, for a moment. Whether the cell writes is another question.
Rule 4. Nobody waits for what cannot come: replicas that failed for good, or that `down --replica` stopped, are named at once.
"""

import asyncio
import os
import shlex
import shutil
import signal
import sys
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from gaios.cli import exits, output
from gaios.cli.parameters import ENDPOINTS_DEFAULT, FORM, Folder, Form, Text, each, whole
from gaios.errors import ConfigurationError, DirectoryInUse, PortTaken, Unavailable
from gaios.server.config import REPLICAS_MAX

if TYPE_CHECKING:
    from gaios.client import Cell, CellStatus
    from gaios.server import config
    from gaios.server.config import Founder
    from gaios.server.local import LocalCell

RECORD = "GAIOS_RECORD"
BACKUP_URL = "GAIOS_BACKUP_URL"
REPLACE_LOST = "GAIOS_REPLACE_LOST_S"
READY_S = 60.0
"""Within which a cell must acknowledge a write; reading a long log may take seconds, electing a master takes one."""
SETTLE_S = 2.0
"""How long `up` waits for replicas that a write did not need, before it warns of them: one that is damaged says so in half a second."""
TAKE_PART_S = 5.0
"""How long `up --replica` waits for a replica that answers to be counted on, or refused: one lease or two. Who lacks much takes longer."""
_LOOK_S = 0.05
_ASK_S = 0.2

Dir = Annotated[Folder, Parameter(name="--dir", help="The cell's directory.")]
Ids = Annotated[
    tuple[int, ...],
    Parameter(name="--replica", converter=each(whole(1, 1_000)), consume_multiple=1, show_default=False, help="Only these: 1 2 …"),
]


async def up(
    *,
    dir_: Dir,
    replicas: Annotated[int | None, Parameter(converter=whole(1, REPLICAS_MAX), help="How many a new cell has.  [default: 5]")] = None,
    port: Annotated[int | None, Parameter(converter=whole(1, 65_535), help="Client port of replica 1.  [default: 7420]")] = None,
    detach: Annotated[bool, Parameter(help="Supervise in the background.")] = False,
    existing: Annotated[bool, Parameter(help="Refuse to create a cell.")] = False,
    record: Annotated[
        Text | None, Parameter(env_var="GAIOS_RECORD", help="A directory for recordings of every replica, see gaios spec trace.")
    ] = None,
    backup_url: Annotated[
        Text | None, Parameter(env_var="GAIOS_BACKUP_URL", help="Where the master backs the cell up, every hour (GAIOS_BACKUP_EVERY_S).")
    ] = None,
    replace_lost: Annotated[
        int | None,
        Parameter(
            env_var="GAIOS_REPLACE_LOST_S",
            converter=whole(0, 31_536_000),
            help="After how many seconds a replica that lost its state is replaced by a new member; 0: never.  [default: 60]",
        ),
    ] = None,
    replica: Ids = (),
    form: Form = FORM,
) -> int:
    """Start a cell on this machine, or the named replicas of one."""
    from gaios.server import local

    found = the_cell_in(dir_) if replica else local.find(dir_)
    if found is not None:
        check_settings(found.cell, found.places)
    cell = local.open_or_create(dir_, replicas=replicas, port=port, existing=existing, check=check_new)
    if record:
        record_into(cell, record)
    if backup_url:
        from gaios.backup.stores import open_store

        open_store(backup_url)  # says so now if it is none
        inherit(cell, BACKUP_URL, backup_url, "--backup-url", given=backup_url)
    if replace_lost is not None:
        inherit(cell, REPLACE_LOST, str(replace_lost), "--replace-lost", given=str(replace_lost))
    if replica:
        return await start_named(cell, replica, json=form.json)
    return await start_all(cell, detach=detach, json=form.json)


async def start_named(cell: "LocalCell", ids: tuple[int, ...], *, json: bool) -> int:
    """Start these replicas, and wait until they take part (Rule 3); the exit code."""
    from gaios.server import control

    control.check_ids(cell, ids)
    control.check_ports(cell, ids)
    started = control.start(cell, ids)
    tell_ignored(cell, {*ids} - {*started})
    show_replicas(cell, ids, await answering(cell, set(ids)), json=json)
    return exits.DONE


async def start_all(cell: "LocalCell", *, detach: bool, json: bool) -> int:
    """Start what does not run, unless somebody supervises the cell already, and wait until it acknowledges a write; the exit code."""
    from gaios.server import control, failures

    failures.check_down(cell, control.all_down(cell))
    tell_ignored(cell, cell.ids)
    output.note_if_watched(f"waiting until {len(cell.ids)} replicas in {cell.dir} acknowledge a write …")
    if not control.is_supervised(cell):
        control.check_ports(cell)
        if detach:
            control.detach(cell)
        elif (code := await supervise(cell, json=json)) is not None:
            return code
    await supervised_until_acknowledged(cell)
    await warn(cell)
    show(cell, json=json)
    return exits.DONE


async def supervise(cell: "LocalCell", *, json: bool) -> int | None:
    """Supervise the cell until it is stopped; the exit code, or None: another `up` was faster, and does."""
    from gaios.server.supervisor import Supervisor

    supervisor = Supervisor(cell)

    async def ready() -> None:
        await acknowledged(cell)
        await warn(cell)
        show(cell, json=json)

    try:
        await supervisor.run(ready)
    except DirectoryInUse:
        return None
    return exits.INTERRUPTED if supervisor.signal == signal.SIGINT else exits.DONE


def down(*, dir_: Dir, replica: Ids = (), form: Form = FORM) -> int:
    """Stop the cell on this machine, or the named replicas of it."""
    from gaios.server import control

    cell = the_cell_in(dir_)
    stopped = control.stop(cell, replica)
    names = ", ".join(map(str, stopped))
    output.write_answer({"stopped": stopped}, f"stopped {names}" if stopped else "nothing was running", json=form.json)
    return exits.DONE


def the_cell_in(dir_: str) -> "LocalCell":
    """The cell in a directory.

    Raises:
        ConfigurationError: there is none.
    """
    from gaios.server import local

    found = local.find(dir_)
    if found is None:
        raise ConfigurationError(reason=f"there is no cell in {dir_}", hint="name the directory that was given to gaios up")
    return found


def record_into(cell: "LocalCell", directory: str) -> None:
    """Let the replicas that are about to be started record. Raises `ConfigurationError`, as `inherit` does."""
    inherit(cell, RECORD, str(Path(directory).absolute()), "--record", given=directory)


def inherit(cell: "LocalCell", variable: str, value: str, flag: str, *, given: str) -> None:
    """Let the replicas that are about to be started be told: they, and their supervisor, inherit the variable from here.

    Raises:
        ConfigurationError: replicas run already, or their supervisor does; they would go on without. Where the variable alone asks for it,
            those that run may well have inherited it, and a second `up` stays what it is.
    """
    from gaios.server import control

    running = control.is_supervised(cell) or any(control.pid_of(cell, each) for each in cell.ids)
    if running and given != os.environ.get(variable):
        raise ConfigurationError(
            reason=f"the cell in {cell.dir} runs already", hint=f"stop it first: gaios down --dir {cell.dir}; then gaios up {flag}"
        )
    os.environ[variable] = value


async def acknowledged(cell: "LocalCell") -> None:
    """Return when the cell acknowledged a write.

    Raises:
        Unavailable: it did not within `READY_S`.
    """
    import gaios

    async with gaios.connect(cell.endpoints, timeout=READY_S) as connected:
        try:
            await connected.multiop()
        except Unavailable as error:
            told = await look(connected)
            if told is None:
                raise
            sentences = [f"replica {replica.id}: {sentence}" for replica in told.replicas for sentence in replica.why]
            raise Unavailable(waited_ms=error.waited_ms, reason="; ".join([told.why, *sentences])) from None


async def supervised_until_acknowledged(cell: "LocalCell") -> None:
    """Return when a cell that another process supervises acknowledged a write.

    Raises:
        ConfigurationError, ReplicaFailed, Unavailable: so many replicas failed for good, or were stopped, that it cannot.
        Unavailable: it did not within `READY_S`.
    """
    writing = asyncio.ensure_future(acknowledged(cell))
    try:
        while not (await asyncio.wait({writing}, timeout=_ASK_S))[0]:
            await asyncio.to_thread(check_hope, cell)
        writing.result()
    finally:
        writing.cancel()


def check_hope(cell: "LocalCell") -> None:
    """Raises what says why the cell cannot acknowledge a write any more, as far as its supervisor knows."""
    from gaios.server import failures

    told = failures.ask(cell)
    if told is not None:
        failures.check_hope(cell, told)


def check_new(places: "tuple[Founder, ...]") -> None:
    """What would keep a new cell from running, before anything of it is created. Raises as `check_settings` and `check_free` do."""
    from gaios.server import config

    check_settings(config.Cell(id="0" * 32), places)
    check_free(places)


def check_settings(cell: "config.Cell", places: "Sequence[Founder]") -> None:
    """Raises `ConfigurationError` for settings that no replica could be started with: each takes them from this environment."""
    from gaios.server import config

    founders = [{role: getattr(place, role) for role in ("id", "client", "peer", "admin")} for place in places]
    config.load(None, {"id": places[0].id, "dir": "."}, base={"cell": {"id": cell.id}, "replica": founders})


def tell_ignored(cell: "LocalCell", ids: Collection[int]) -> None:
    """Of settings of this environment that replicas which run already were not started with."""
    from gaios.server import control

    for names, told in control.ignored(cell, ids).items():
        who = f"replica{'' if len(told) == 1 else 's'} {', '.join(map(str, told))}"
        output.note(f"{who} ran already, and not with {', '.join(names)} of this environment; what is started anew gets it")


def check_free(places: "tuple[Founder, ...]") -> None:
    """Raises `PortTaken` when a cell could not listen there: before anything of it is created."""
    from gaios.server import control

    try:
        control.check_free(places)
    except PortTaken as error:
        error.hint = "stop what listens there, or choose other ports: gaios up --port P, or GAIOS_PORT=P make up; nothing was created"
        raise


async def warn(cell: "LocalCell") -> None:
    """Tell of each replica that does not answer, and why: a cell that writes may still be short of some."""
    import gaios
    from gaios.server import control, failures

    end = asyncio.get_running_loop().time() + SETTLE_S
    async with gaios.connect(cell.endpoints, timeout=READY_S) as connected:
        while True:
            told = await asyncio.to_thread(failures.ask, cell)
            failed = told.failures if told is not None else {}
            silent = {replica for replica in cell.ids if not control.is_down(cell, replica)} - answered(await look(connected))
            if silent <= failed.keys() or asyncio.get_running_loop().time() > end:
                break
            await asyncio.sleep(_LOOK_S)
    for replica in control.all_down(cell):
        output.note(
            f"replica {replica} stays down, as `gaios down --replica` left it; gaios up --dir {cell.dir} --replica {replica} starts it"
        )
    for replica in sorted(silent):
        why = f"did not start: {failed[replica].reason}" if replica in failed else "does not answer yet"
        output.note(f"replica {replica} {why}; see {failures.log_of(cell, replica)}")


async def look(connected: "Cell") -> "CellStatus | None":
    """What the replicas say; None when none answers."""
    try:
        return await connected.status()
    except Unavailable:
        return None


def answered(told: "CellStatus | None") -> set[int | None]:
    """The replicas that answered for themselves."""
    return set() if told is None else {replica.id for replica in told.replicas if replica.role != "unreachable"}


def takes_part(told: "CellStatus", ids: set[int], waited_s: float) -> bool:
    """Whether there is nothing more to wait for: where nobody else answers, nobody can count on it, or refuse it."""
    if len(answered(told)) == 1 or waited_s > TAKE_PART_S:
        return True
    rows = [replica for replica in told.replicas if replica.id in ids]
    # One that was away for less than a lease or two is still counted on when it comes back; what it says of itself tells more.
    return all(row.fit or told.tolerates is None for row in rows) and (waited_s > SETTLE_S or not any(row.why for row in rows))


async def answering(cell: "LocalCell", ids: set[int]) -> "CellStatus":
    """Wait until each of these replicas answers, and for a moment until it takes part; what they said then.

    Raises:
        ConfigurationError, ReplicaFailed: one of them cannot start, or go on.
        Unavailable: one of them did not answer within `READY_S`.
    """
    import gaios
    from gaios.server import failures

    loop = asyncio.get_running_loop()
    end = loop.time() + READY_S
    first_answer: float | None = None
    async with gaios.connect(cell.endpoints, timeout=READY_S) as connected:
        while True:
            told = await look(connected)
            silent = ids - answered(told)
            supervised = await asyncio.to_thread(failures.ask, cell)
            failed = supervised.failures if supervised is not None else {}
            if supervised is not None and (final := {i: failed[i] for i in ids if supervised.states[i] == "failed"}):
                raise failures.refused(cell, final)
            if told is not None and not silent:
                first_answer = first_answer or loop.time()
                if takes_part(told, ids, loop.time() - first_answer):
                    return told
            if silent and loop.time() > end:
                first = min(silent)
                why = f": {failed[first].reason}" if first in failed else ""
                raise Unavailable(
                    waited_ms=int(READY_S * 1_000), reason=f"replica {first} does not answer{why}; see {failures.log_of(cell, first)}"
                )
            await asyncio.sleep(_LOOK_S)


def show_replicas(cell: "LocalCell", ids: tuple[int, ...], told: "CellStatus", *, json: bool) -> None:
    """That these replicas answer, and what the cell can do with them."""
    names = ", ".join(map(str, sorted(set(ids))))
    if json:
        show(cell, json=True)
        return
    output.write_line(f"replicas {names} answer" if len(set(ids)) > 1 else f"replica {names} answers")
    output.write_line(told.why)
    for replica in told.replicas:
        for sentence in replica.why if replica.id in ids else ():
            output.write_line(f"replica {replica.id}: {sentence}")


def show(cell: "LocalCell", *, json: bool) -> None:
    """Where the cell is, and what to try."""
    endpoints = cell.endpoints
    if json:
        output.write_json({"dir": str(cell.dir), "endpoints": endpoints, "replicas": cell.ids})
        return
    joined = ",".join(endpoints)
    gaios = command()
    variable = "" if joined == ENDPOINTS_DEFAULT else f"GAIOS_ENDPOINTS={joined} "
    output.write_line(f"a cell of {len(endpoints)} replica{'' if len(endpoints) == 1 else 's'} in {cell.dir} acknowledges writes")
    output.write_line(f"endpoints: {joined}")
    output.write_line("try:")
    for line in ("put greeting hello", "get greeting", "status"):
        output.write_line(f"  {variable}{gaios} {line}")


def command() -> str:
    """How to call this program again from where its caller stands."""
    called = Path(sys.argv[0])
    on_path = shutil.which("gaios")
    if called.name != "gaios" or (on_path is not None and Path(on_path).resolve() == called.resolve()):
        return "gaios"
    absolute = called.absolute()
    try:
        shown: Any = absolute.relative_to(Path.cwd())
    except ValueError:
        shown = absolute
    return shlex.quote(str(shown) if "/" in str(shown) else f"./{shown}")
