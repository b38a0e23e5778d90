"""watch: every change, one a line, until interrupted.  [INTERFACE]"""

from typing import Annotated

from cyclopts import Parameter

from gaios import api
from gaios.cli import exits, output
from gaios.cli.connect import cell
from gaios.cli.parameters import CLIENT, Client, KeyOrPrefix, Prefix, Revision


async def watch(
    key: KeyOrPrefix,
    /,
    *,
    prefix: Prefix = False,
    from_: Annotated[
        Revision | None, Parameter(name="--from", help="Begin with the changes of this revision, not with the next one.")
    ] = None,
    client: Client = CLIENT,
) -> int:
    """Print every change of a key until interrupted."""
    async with cell(client) as connected:
        async for event in connected.watch(key, prefix=prefix, from_revision=from_ or 0):
            write_event(event, json=client.json)
    return exits.DONE


def write_event(event: api.Event, *, json: bool) -> None:
    """One change on one line."""
    if json:
        value = None if event.value is None else output.text(event.value)
        output.write_json({"type": event.type, "key": output.text(event.key), "value": value, "mod_revision": event.mod_revision})
    else:
        value_shown = b"" if event.value is None else b"\t" + output.shown(event.value)
        output.write(f"{event.mod_revision}\t{event.type}\t".encode() + output.shown(event.key) + value_shown + b"\n")
