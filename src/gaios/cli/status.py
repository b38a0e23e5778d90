"""status: every replica in one table, and what the cell can still bear.  [INTERFACE `status`]

Each replica is asked for itself, for at most a second; what it says of others does not count.
"""

import time
from typing import TYPE_CHECKING

from gaios.cli import exits, output
from gaios.cli.connect import cell
from gaios.cli.parameters import CLIENT, Client
from gaios.configuration import ballot_text
from gaios.errors import Unavailable

if TYPE_CHECKING:
    from gaios.client import CellStatus
    from gaios.client.status import BackupStatus

_COLUMNS = {"replica": "right", "role": "left", "client": "left", "peer": "left", "admin": "left", "pid": "right", "ballot": "right"}
_COLUMNS |= {"chosen": "right", "applied": "right", "lag": "right"}
_STYLES = {"master": "bold green", "unreachable": "bold red", "learner": "yellow"}


async def status(*, client: Client = CLIENT) -> int:
    """Show every replica, the master, and how many may still fail."""
    try:
        async with cell(client) as connected:
            told = await connected.status()
    except Unavailable:
        told = None
    if told is None or all(replica.role == "unreachable" for replica in told.replicas):
        # What the first of them said, or how it was silent, tells less than that all of them were.
        error = Unavailable(waited_ms=0, reason=f"no replica answers at {client.endpoints.replace(',', ', ')}")
        error.hint = "start the cell: gaios up --dir DIR"
        raise error
    if client.json:
        output.write_json(told)
    else:
        show(told)
    return exits.DONE


def show(told: "CellStatus") -> None:
    """A table and a sentence for people."""
    from rich.text import Text

    output.write_table(_COLUMNS, ([cells[0], Text(cells[1], _STYLES.get(cells[1], "")), *cells[2:]] for cells in rows(told)))
    output.write_line(f"cell {told.cell}, epoch {told.epoch}, feature level {told.feature}: {told.why}")
    for replica in told.replicas:
        for sentence in replica.why:
            output.write_line(f"replica {replica.id}: {sentence}")
    if told.backup is not None:
        output.write_line(backup(told.backup, time.time_ns() // 1_000_000))


def backup(told: "BackupStatus", now_ms: int) -> str:
    """The newest backup, its age, and what is wrong."""
    if told.taken_ms is None:
        known = f"backups to {told.url}: the master knows of none yet"
    else:
        known = f"backups to {told.url}: proved through slot {told.slot}, {max(0, now_ms - told.taken_ms) // 1_000} s ago"
    return f"{known}; {told.problem}" if told.problem else known


def rows(told: "CellStatus") -> list[list[str]]:
    """What the table holds: a row a replica; a dash is what is not known."""
    furthest = max((replica.chosen for replica in told.replicas if replica.chosen is not None), default=0)
    made: list[list[str]] = []
    for replica in told.replicas:
        lag = None if replica.applied is None else furthest - replica.applied
        who = (replica.id, replica.role, replica.client, replica.peer, replica.admin, replica.pid)
        made.append(["–" if each is None else str(each) for each in (*who, ballot(replica.ballot), replica.chosen, replica.applied, lag)])
    return made


def ballot(number: int | None) -> str | None:
    """A ballot as round and member."""
    return None if number is None else ballot_text(number)
