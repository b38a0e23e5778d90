"""session ls, tree: who is there, and who holds what.  [INTERFACE]"""

from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from gaios.cli import exits, output
from gaios.cli.connect import cell
from gaios.cli.parameters import CLIENT, Client, Text

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from gaios.client import Cell
    from gaios.lock_api import NodeInfo, SessionInfo

session = App(name="session", help="Show sessions of the lock service.")
_COLUMNS = {"session": "right", "client": "left", "lease": "right", "left": "right", "handles": "right", "locks": "right"}


@session.command
async def ls(*, client: Client = CLIENT) -> int:
    """List sessions, what they hold, and how long each lives if it is not heard from again."""
    async with cell(client) as connected:
        found = await connected.sessions()
    if client.json:
        for each in found:
            output.write_json(session_json(each))
    else:
        _show(found)
    return exits.DONE


def session_json(found: "SessionInfo") -> dict[str, Any]:
    """One session as JSON holds it."""
    return {
        "session": found.session,
        "client": found.client,
        "lease_ms": found.lease_ms,
        "left_ms": found.left_ms,
        "handles": found.handles,
        "locks": found.locks,
    }


def _show(found: "list[SessionInfo]") -> None:
    rows = []
    for each in found:
        who = (str(each.session), output.escaped(each.client.encode()), f"{each.lease_ms / 1_000:g} s", f"{each.left_ms / 1_000:.1f} s")
        rows.append((*who, str(each.handles), str(each.locks)))
    output.write_table(_COLUMNS, rows)


async def tree(
    path: Annotated[Text, Parameter(help="A directory of the lock service.")] = "/ls/local",
    /,
    *,
    client: Client = CLIENT,
) -> int:
    """Show the lock service's files and directories, who holds each lock, and how many wait for it."""
    from gaios.client.naming import PREFIX, cell_of

    path = path.rstrip("/") or path
    root = PREFIX + cell_of(path)
    async with cell(client) as connected:
        async for found in _walk(connected, path, root):
            if client.json:
                output.write_json(node_json(found, root))
            else:
                output.write_line(node_line(found, root))
    return exits.DONE


async def _walk(connected: "Cell", path: str, root: str) -> "AsyncIterator[NodeInfo]":
    for found in await connected.nodes(path):
        yield found
        if found.stat.directory and found.stat.children:
            async for below in _walk(connected, root + found.path, root):
                yield below


def node_json(found: "NodeInfo", root: str) -> dict[str, Any]:
    """One node as JSON holds it; `root`: how the cell was named."""
    return {
        "path": root + found.path,
        "directory": found.stat.directory,
        "ephemeral": found.stat.ephemeral,
        "length": found.stat.length,
        "lock_generation": found.stat.lock_generation,
        "holders": [{"session": holder, "revision": revision} for holder, revision in found.holders],
        "shared": found.shared,
        "waiters": found.waiters,
    }


def node_line(found: "NodeInfo", root: str) -> str:
    """One node on one line."""
    path = output.escaped((root + found.path).encode()) + ("/" if found.stat.directory else "")
    words = ["ephemeral"] if found.stat.ephemeral else []
    if found.holders:
        how = "shared by" if found.shared else "held by"
        words.append(how + " " + ", ".join(f"session {holder} since revision {revision}" for holder, revision in found.holders))
    if found.waiters:
        words.append(f"{found.waiters} waiting")
    return path + (f"  {'; '.join(words)}" if words else "")
