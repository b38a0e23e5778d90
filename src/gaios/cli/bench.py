"""bench: a cell under load, and its fail-over.  [INTERFACE `bench`]

Keys are `gaios-bench/RUN/NUMBER`, `KEYS` of them, distinct until they repeat; they are deleted at the end. Values are random once, so
that nothing on the way can compress them away.
"""

import asyncio
import contextlib
import os
import secrets
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from gaios import api
from gaios.cli import exits, figures, output
from gaios.cli.cpu import Meter
from gaios.cli.load import Operation, closed_loop
from gaios.cli.parameters import CLIENT, FORM, Client, Folder, Form, seconds, whole
from gaios.errors import Error

if TYPE_CHECKING:
    from gaios.client import Cell

KEYS = 1_000
CLIENTS_MAX = 10_000
OPERATION_S = 60.0
"""An operation under load may take long, and then that is a figure; one that takes longer is a failure."""
CLEAR_S = 10.0
"""A cell that does not take the deletion so soon has failed, and keeps nobody waiting for it."""

Clients = Annotated[int, Parameter(converter=whole(1, CLIENTS_MAX), help="Each with one operation under way.")]
Connections = Annotated[
    int | None,
    Parameter(converter=whole(1, CLIENTS_MAX), help="Over which the clients are spread.  [default: one for each client]"),
]
Seconds = Annotated[float, Parameter(converter=seconds(86_400), help="How long to measure, after half a second of warming up.")]
ValueBytes = Annotated[int, Parameter(converter=whole(0, api.VALUE_BYTES_MAX), help="Of each value.")]

bench = App(name="bench", help="Measure a cell under load, or its fail-over.")


@bench.default
async def default(
    *,
    clients: Clients = 64,
    seconds: Seconds = 5.0,
    value_bytes: ValueBytes = 256,
    connections: Connections = None,
    client: Client = CLIENT,
) -> int:
    """Measure puts (as bench put)."""
    return await put(clients=clients, seconds=seconds, value_bytes=value_bytes, connections=connections, client=client)


@bench.command
async def put(
    *,
    clients: Clients = 64,
    seconds: Seconds = 5.0,
    value_bytes: ValueBytes = 256,
    connections: Connections = None,
    client: Client = CLIENT,
) -> int:
    """Measure puts."""
    value = os.urandom(value_bytes)
    prefix = new_prefix()

    def of_client(number: int, cell: "Cell") -> Operation:
        return lambda count: cell.put(key_of(prefix, count * clients + number), value)

    async with connected(client, clients, connections) as cells:
        try:
            return await measure(of_client, clients, cells, seconds, client)
        finally:
            await clear(cells[0], prefix)


@bench.command
async def get(
    *,
    clients: Clients = 64,
    seconds: Seconds = 5.0,
    value_bytes: ValueBytes = 256,
    connections: Connections = None,
    client: Client = CLIENT,
) -> int:
    """Measure gets: linearizable reads, by the master under its lease."""
    value = os.urandom(value_bytes)
    prefix = new_prefix()

    def of_client(number: int, cell: "Cell") -> Operation:
        return lambda count: cell.get(key_of(prefix, count * clients + number))

    async with connected(client, clients, connections) as cells:
        try:
            await fill(cells[0], prefix, value)
            return await measure(of_client, clients, cells, seconds, client)
        finally:
            await clear(cells[0], prefix)


@bench.command
async def lock(*, clients: Clients = 16, seconds: Seconds = 5.0, connections: Connections = None, client: Client = CLIENT) -> int:
    """Measure locks: to acquire and release one that nobody else wants, each client its own."""

    def of_client(number: int, cell: "Cell") -> Operation:
        # The same names in every run: a lock's file stays.
        wanted = cell.lock(f"gaios-bench/{number}")

        async def hold(_count: int) -> None:
            async with wanted:
                pass

        return hold

    async with connected(client, clients, connections) as cells:
        return await measure(of_client, clients, cells, seconds, client)


@bench.command
async def failover(
    *,
    dir_: Annotated[Folder, Parameter(name="--dir", help="The directory of a cell that gaios up supervises.")],
    trials: Annotated[int, Parameter(converter=whole(1, 10_000), help="How often to kill the master.")] = 30,
    form: Form = FORM,
) -> int:
    """Kill the master again and again; how long until a write that began afterwards was acknowledged."""
    from gaios.cli.failover import run_trials

    made = figures.failover(await run_trials(dir_, trials))
    line = f"{made['trials']} fail-overs: median {made['p50_ms']} ms, worst {made['worst_ms']} ms"
    output.write_answer(made, line, json=form.json)
    return exits.DONE


def new_prefix() -> bytes:
    """A prefix that no other run has."""
    return b"gaios-bench/%s/" % secrets.token_hex(4).encode()


def key_of(prefix: bytes, number: int) -> bytes:
    """The key of an operation."""
    return prefix + b"%08d" % (number % KEYS)


@contextlib.asynccontextmanager
async def connected(client: Client, clients: int, connections: int | None) -> "AsyncIterator[list[Cell]]":
    """As many connections as asked for, each a client of its own to the cell, with a session.

    Raises:
        Unavailable: the cell did not take them within `--timeout`.
    """
    import gaios

    async with contextlib.AsyncExitStack() as stack:
        count = min(connections or clients, clients)
        cells = [await stack.enter_async_context(gaios.connect(client.endpoints, timeout=OPERATION_S)) for _ in range(count)]
        await asyncio.gather(*(cell.multiop(timeout=client.timeout) for cell in cells))
        yield cells


async def measure(of_client: "Callable[[int, Cell], Operation]", clients: int, cells: "list[Cell]", seconds: float, client: Client) -> int:
    """Load, and print the figures."""
    operations = [of_client(number, cells[number % len(cells)]) for number in range(clients)]
    meter = Meter.of(await cells[0].status())
    output.note_if_watched(f"{clients} clients over {len(cells)} connections for {seconds:g} s …")
    run = await closed_loop(operations, seconds, meter.read)
    made = figures.load(run.latencies_ns, run.seconds, run.cpu_seconds)
    output.write_answer(made, figures.sentence(made), json=client.json)
    return exits.DONE


async def fill(cell: "Cell", prefix: bytes, value: bytes) -> None:
    """Write every key that the run reads, as many at once as a MultiOp may."""
    step = max(1, min(api.OPERATIONS_MAX, api.COMMAND_BYTES_MAX // (len(value) + 100)))
    for begin in range(0, KEYS, step):
        await cell.multiop(then=[api.Put(key_of(prefix, number), value) for number in range(begin, min(begin + step, KEYS))])


async def clear(cell: "Cell", prefix: bytes) -> None:
    """Delete what the run wrote."""
    # Far below what one command may change. A cell that failed meanwhile has been told about already.
    with contextlib.suppress(Error):
        await cell.multiop(then=[api.Delete(prefix, api.prefix_end(prefix))], timeout=CLEAR_S)
