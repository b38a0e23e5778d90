"""up and down: a cell on this machine, or some of its replicas.  [INTERFACE `up`, `down`; DESIGN §5]

Rule 1. `up` returns, or says that it is ready, when a write was acknowledged: an empty MultiOp, which leaves no trace in the database.
Rule 2. A second `up` changes nothing: it waits, prints the same and returns.
Rule 3. `up --replica` returns when each of the named replicas answers for itself.
"""

import asyncio
import shlex
import shutil
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from gaios.cli import exits, output
from gaios.cli.parameters import ENDPOINTS_DEFAULT, FORM, Form, Text, each, whole
from gaios.errors import ConfigurationError, DirectoryInUse, StateMissing, Unavailable

if TYPE_CHECKING:
    from gaios.server.local import LocalCell

READY_S = 30.0
"""Within which a cell must acknowledge a write; reading a long log may take seconds, electing a master takes one."""
_LOOK_S = 0.05

Dir = Annotated[Text, Parameter(name="--dir", help="The cell's directory.")]
Ids = Annotated[
    tuple[int, ...],
    Parameter(name="--replica", converter=each(whole(1, 1_000)), consume_multiple=1, show_default=False, help="Only these: 1 2 …"),
]


async def up(
    *,
    dir_: Dir,
    replicas: Annotated[int | None, Parameter(converter=whole(1, 1_000), help="How many a new cell has.  [default: 5]")] = None,
    port: Annotated[int | None, Parameter(converter=whole(1, 65_535), help="Client port of replica 1.  [default: 7420]")] = None,
    detach: Annotated[bool, Parameter(help="Supervise in the background.")] = False,
    existing: Annotated[bool, Parameter(help="Refuse to create a cell.")] = False,
    replica: Ids = (),
    form: Form = FORM,
) -> int:
    """Start a cell on this machine, or the named replicas of one."""
    from gaios.server import control, local
    from gaios.server.supervisor import Supervisor

    cell = local.open_or_create(dir_, replicas=replicas, port=port, existing=existing or bool(replica))
    if replica:
        control.start(cell, replica)
        await answering(cell, set(replica))
        show(cell, json=form.json)
        return exits.DONE
    output.note_if_watched(f"waiting until {len(cell.ids)} replicas in {cell.dir} acknowledge a write …")
    if not control.is_supervised(cell):
        control.check_ports(cell)
        if not detach:
            supervisor = Supervisor(cell)

            async def ready() -> None:
                await acknowledged(cell)
                show(cell, json=form.json)

            try:
                await supervisor.run(ready)
            except DirectoryInUse:
                # Another `up` was faster.
                pass
            else:
                return exits.INTERRUPTED if supervisor.signal == signal.SIGINT else exits.DONE
        else:
            control.detach(cell)
    await supervised_until_acknowledged(cell)
    show(cell, json=form.json)
    return exits.DONE


def down(*, dir_: Dir, replica: Ids = (), form: Form = FORM) -> int:
    """Stop the cell on this machine, or the named replicas of it."""
    from gaios.server import control, local

    cell = local.find(dir_)
    if cell is None:
        raise ConfigurationError(reason=f"there is no cell in {dir_}", hint="name the directory that was given to gaios up")
    stopped = control.stop(cell, replica)
    names = ", ".join(map(str, stopped))
    output.write_answer({"stopped": stopped}, f"stopped {names}" if stopped else "nothing was running", json=form.json)
    return exits.DONE


async def acknowledged(cell: "LocalCell") -> None:
    """Return when the cell acknowledged a write.

    Raises:
        Unavailable: it did not within `READY_S`.
    """
    import gaios

    async with gaios.connect(cell.endpoints, timeout=READY_S) as connected:
        await connected.multiop()


async def supervised_until_acknowledged(cell: "LocalCell") -> None:
    """Return when a cell that another process supervises acknowledged a write.

    Raises:
        StateMissing: so many replicas failed for good that it cannot.
        Unavailable: it did not within `READY_S`.
    """
    writing = asyncio.ensure_future(acknowledged(cell))
    try:
        while not (await asyncio.wait({writing}, timeout=1.0))[0]:
            await asyncio.to_thread(check_hope, cell)
        writing.result()
    finally:
        writing.cancel()


def check_hope(cell: "LocalCell") -> None:
    """Raises `StateMissing` when the supervisor has given up a majority."""
    from gaios.server import control

    try:
        states = control.ask(cell, {"do": "state"}, timeout_s=2.0)["replicas"]
    except Unavailable:
        return
    failed = sorted(int(replica) for replica, state in states.items() if state == "failed")
    if 2 * len(failed) >= len(states):
        home = cell.replica_dir(failed[0])
        raise StateMissing(directory=str(home), what=f"what {len(failed)} of {len(states)} replicas need to start (see {home / 'log'})")


async def answering(cell: "LocalCell", ids: set[int]) -> None:
    """Return when each of these replicas answers.

    Raises:
        Unavailable: one of them did not within `READY_S`.
    """
    import gaios

    end = asyncio.get_running_loop().time() + READY_S
    silent = ids
    async with gaios.connect(cell.endpoints, timeout=READY_S) as connected:
        while silent:
            told = await connected.status()
            silent = ids - {replica.id for replica in told.replicas if replica.role != "unreachable"}
            if silent and asyncio.get_running_loop().time() > end:
                first = min(silent)
                raise Unavailable(
                    waited_ms=int(READY_S * 1_000), reason=f"replica {first} does not answer; see {cell.replica_dir(first) / 'log'}"
                )
            await asyncio.sleep(_LOOK_S if silent else 0)


def show(cell: "LocalCell", *, json: bool) -> None:
    """Where the cell is, and what to try."""
    endpoints = cell.endpoints
    if json:
        output.write_json({"dir": str(cell.dir), "endpoints": endpoints, "replicas": cell.ids})
        return
    joined = ",".join(endpoints)
    gaios = command()
    variable = "" if joined == ENDPOINTS_DEFAULT else f"GAIOS_ENDPOINTS={joined} "
    output.write_line(f"a cell of {len(endpoints)} replicas in {cell.dir} acknowledges writes")
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
