"""lock: run a command under a lock.  [INTERFACE `lock`]

Rule 1. The command finds its sequencer in `GAIOS_SEQUENCER`, for whoever is to check it. `gaios lock` exits with the command's code; with
128 and the signal's number where that ended it; with 126 and 127 where it could not be started, as a shell does.
Rule 2. When the lock is lost the command is sent SIGTERM, after `KILL_AFTER_S` more SIGKILL. What it has started itself is its own affair.
Rule 3. Signals that ask `gaios lock` to end are handed on to the command, whose end is then waited for.
"""

import asyncio
import contextlib
import os
import signal
import warnings
from typing import TYPE_CHECKING, Annotated, Final

from cyclopts import Parameter

from gaios.cli import exits, output
from gaios.cli.connect import cell
from gaios.cli.parameters import CLIENT, Client, Text, seconds
from gaios.errors import ConfigurationError, Error, InvalidCommand, NotAcquired

if TYPE_CHECKING:
    from gaios.client.held import Held

NOT_ACQUIRED: Final = 124
FAILED: Final = 125
CANNOT_RUN: Final = 126
NOT_FOUND: Final = 127
KILL_AFTER_S: Final = 5.0
"""How long a command whose lock was lost has to end by itself."""
WAIT_MAX_S: Final = 10.0 * 365 * 86_400
"""Ten years: who wants to wait for longer leaves --wait out."""
_HANDED_ON: Final = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGQUIT)


async def lock(
    name: Annotated[Text, Parameter(help="The lock's name, or a path that begins with /ls/local/ or /ls/CELL/.")],
    /,
    *command: Annotated[Text, Parameter(help="What to run, behind --.")],
    shared: Annotated[bool, Parameter(help="Share it with whoever asks for it like this.")] = False,
    wait: Annotated[
        float | None,
        Parameter(converter=seconds(WAIT_MAX_S, zero=True), help="Seconds within which it is to be acquired.  [default: for ever]"),
    ] = None,
    client: Client = CLIENT,
) -> int:
    """Run a command under a lock, with its sequencer in GAIOS_SEQUENCER."""
    if not command:
        raise ConfigurationError(reason="gaios lock needs a command to run", hint="write it behind --: gaios lock NAME -- CMD…")
    try:
        async with cell(client) as connected, connected.lock(name, shared=shared, wait=wait) as held:
            return await run(command, held)
    except (ConfigurationError, InvalidCommand):
        raise
    except Error as error:
        output.write_error(exits.report(error), json=client.json)
        return NOT_ACQUIRED if isinstance(error, NotAcquired) else FAILED


async def run(command: tuple[str, ...], held: "Held") -> int:
    """The command's exit code. Being cancelled, which is how a lock's loss is told, it ends the command."""
    # Of an event loop that stood still the client warns who writes programs; here the lock's loss says all there is to say.
    warnings.filterwarnings("ignore", "the event loop stood still", RuntimeWarning)
    environment = {**os.environ, "GAIOS_SEQUENCER": str(held.sequencer)}
    try:
        process = await asyncio.create_subprocess_exec(*command, env=environment)
    except FileNotFoundError:
        output.note(f"{command[0]}: not found")
        return NOT_FOUND
    except OSError as error:
        output.note(f"{command[0]}: {(error.strerror or str(error)).lower()}")
        return CANNOT_RUN
    loop = asyncio.get_running_loop()
    for number in _HANDED_ON:
        loop.add_signal_handler(number, _hand_on, process, number)
    try:
        code = await process.wait()
    except asyncio.CancelledError:
        await end(process)
        raise
    finally:
        for number in _HANDED_ON:
            loop.remove_signal_handler(number)
    return code if code >= 0 else 128 - code


async def end(process: asyncio.subprocess.Process) -> None:
    """Ask a process to end, then make it."""
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        async with asyncio.timeout(KILL_AFTER_S):
            await process.wait()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def _hand_on(process: asyncio.subprocess.Process, number: int) -> None:
    """From a terminal an interrupt has reached the command already."""
    if number in {signal.SIGINT, signal.SIGQUIT} and os.isatty(0):
        return
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(number)
