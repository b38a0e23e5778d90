"""elect: run a command while leading, or show who leads.  [INTERFACE `elect`]

Rule 1. The command is run as under `gaios lock`: with its sequencer in `GAIOS_SEQUENCER`, ended when the leadership is lost; its code is
that of `gaios elect`.
Rule 2. With --again a lost leadership, or a cell that is away, is no end: it campaigns anew, until the command ends by itself.
"""

import asyncio
import os
import socket
from typing import TYPE_CHECKING, Annotated, Final

from cyclopts import Parameter

from gaios.cli import exits, output
from gaios.cli.connect import cell
from gaios.cli.connect import hint as hint_for
from gaios.cli.lock import FAILED, NOT_ACQUIRED, WAIT_MAX_S, run
from gaios.cli.parameters import CLIENT, Client, Text, seconds
from gaios.errors import ConfigurationError, Error, InvalidCommand, LockLost, NotAcquired, SessionExpired, Unavailable, Unknown

if TYPE_CHECKING:
    from gaios.client.recipes.election import Election, Leader

AGAIN_S: Final = 1.0
"""Between campaigns that failed because the cell was away."""


async def elect(
    name: Annotated[Text, Parameter(help="The election's name.")],
    /,
    *command: Annotated[Text, Parameter(help="What to run, behind --.")],
    value: Annotated[Text | None, Parameter(help="What to say of oneself to observers.  [default: HOST:PID]")] = None,
    wait: Annotated[
        float | None, Parameter(converter=seconds(WAIT_MAX_S, zero=True), help="Seconds to campaign.  [default: for ever]")
    ] = None,
    again: Annotated[bool, Parameter(help="Campaign anew when the leadership was lost.")] = False,
    observe: Annotated[bool, Parameter(help="Print who leads, and whenever that changes, until interrupted.")] = False,
    client: Client = CLIENT,
) -> int:
    """Run a command while leading, with its sequencer in GAIOS_SEQUENCER; or show who leads."""
    if observe:
        if command or value is not None or wait is not None or again:
            raise ConfigurationError(reason="--observe shows who leads; it takes no command, and none of --value, --wait, --again")
        async with cell(client) as connected:
            async for leader in connected.election(name).observe():
                write_leader(leader, json=client.json)
        return exits.DONE
    if not command:
        hint = "write it behind --: gaios elect NAME -- CMD…; or watch: gaios elect NAME --observe"
        raise ConfigurationError(reason="gaios elect needs a command to run", hint=hint)
    shown = f"{socket.gethostname()}:{os.getpid()}" if value is None else value
    async with cell(client) as connected:
        election = connected.election(name)
        while True:
            try:
                return await _lead(election, command, shown, wait)
            except (ConfigurationError, InvalidCommand):
                raise
            except Error as error:
                error.hint = hint_for(error, client)
                output.write_error(exits.report(error), json=client.json)
                if isinstance(error, NotAcquired):
                    return NOT_ACQUIRED
                if not (again and isinstance(error, LockLost | SessionExpired | Unavailable | Unknown)):
                    return FAILED
            await asyncio.sleep(AGAIN_S)


async def _lead(election: "Election", command: tuple[str, ...], value: str, wait: float | None) -> int:
    async with election.lead(value, wait=wait) as held:
        return await run(command, held)


def write_leader(leader: "Leader | None", *, json: bool) -> None:
    """Who leads, on one line."""
    if json:
        known = (str(leader.sequencer), output.text(leader.value)) if leader is not None else (None, None)
        output.write_json(dict(zip(("sequencer", "value"), known, strict=True)))
    elif leader is None:
        output.write_line("-")
    else:
        output.write(f"{leader.sequencer}\t".encode() + output.shown(leader.value) + b"\n")
