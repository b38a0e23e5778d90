"""member: who the members of a cell are, and changing that while it serves.  [PML §5.4; SAFETY 8, 18; INTERFACE `member`]

Rule 1. The log says who the members are, and nothing else does. What is done on this machine (a directory, a process) follows it, so that a
command which was cut short may be given again, and goes on.
Rule 2. With --dir the cell is a local one: its new replicas get directories and processes here. Without, a new member gets an invitation,
one word, with which `gaios init --join` makes its directory wherever it is to run.
"""

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter

from gaios.cli import exits, output
from gaios.cli.connect import cell as connected_to
from gaios.cli.parameters import CLIENT, ENDPOINTS_DEFAULT, Client, Text, whole
from gaios.errors import ConfigurationError, Unavailable
from gaios.server.config import REPLICAS_MAX

if TYPE_CHECKING:
    from gaios.client import Cell
    from gaios.client.members import Change, Members
    from gaios.server.local import LocalCell

member = App(name="member", help="Show the members of a cell, and change them while it serves.")

Dir = Annotated[Text | None, Parameter(name="--dir", help="The directory of a local cell (gaios up).")]
Replica = Annotated[int, Parameter(name="REPLICA", converter=whole(1, REPLICAS_MAX), help="A replica's id, as gaios member ls shows it.")]
Place = Annotated[
    int | None, Parameter(name="--replica", converter=whole(1, REPLICAS_MAX), help="The new replica's id; the next free one without it.")
]
_LOOK_S = 0.1


@member.command
async def ls(*, dir_: Dir = None, client: Client = CLIENT) -> int:
    """List the members: replica, member number, whether it votes, and where it is."""
    async with connected_to(_where(client, _local(dir_))) as connected:
        _show(await connected.members(), json=client.json)
    return exits.DONE


@member.command
async def add(
    address: Annotated[
        Text | None, Parameter(name="HOST:PORT", help="Its client address; peer and admin ports are 100 and 200 above.")
    ] = None,
    /,
    *,
    peer: Annotated[Text | None, Parameter(help="Its peer address, HOST:PORT.")] = None,
    admin: Annotated[Text | None, Parameter(help="Its admin address, HOST:PORT.")] = None,
    replica: Place = None,
    dir_: Dir = None,
    client: Client = CLIENT,
) -> int:
    """Add a member: a learner, which the cell makes a voter by itself when it has caught up.

    Without --dir it prints an invitation: `gaios init --join WORD --dir DIR`, then `gaios serve --dir DIR`, where it is to run.
    """
    from gaios.server import local

    here = _local(dir_)
    if (address is None) == (here is None):
        raise ConfigurationError(
            reason="a new member has an address, or belongs to a local cell", hint="gaios member add HOST:PORT, or --dir DIR"
        )
    async with connected_to(_where(client, here)) as connected:
        known = await connected.members()
        place = replica or _free(known, here)
        if here is not None:
            found = local.place_at(here, place)
            where = {"client": found.client, "peer": found.peer, "admin": found.admin}
        else:
            where = _addresses(address or "", peer, admin)
        change = await connected.add_member(place, **where, timeout=client.timeout)
        await _arrive(connected, here, change, client)
    return exits.DONE


@member.command
async def remove(replica: Replica, /, *, dir_: Dir = None, client: Client = CLIENT) -> int:
    """Remove a member: it is counted no more, and its process stops once the others have all that it has."""
    here = _local(dir_)
    async with connected_to(_where(client, here)) as connected:
        change = await connected.remove_member(replica, timeout=client.timeout)
        if here is not None:
            await _settled(connected, client.timeout)
            await asyncio.to_thread(_leave, here, replica)
    output.write_answer(
        {"config": change.number, "replica": replica, "member": change.member},
        f"member {change.member} (replica {replica}) is removed: configuration {change.number}",
        json=client.json,
    )
    return exits.DONE


@member.command
async def replace(
    replica: Replica,
    address: Annotated[Text | None, Parameter(name="HOST:PORT", help="Where the new one is; without it, where the old one was.")] = None,
    /,
    *,
    peer: Annotated[Text | None, Parameter(help="Its peer address, HOST:PORT.")] = None,
    admin: Annotated[Text | None, Parameter(help="Its admin address, HOST:PORT.")] = None,
    dir_: Dir = None,
    client: Client = CLIENT,
) -> int:
    """Put a new member in the place of one whose disk is lost, or that is to go: one step of the log, which any master finishes."""
    here = _local(dir_)
    if here is not None and address is not None:
        raise ConfigurationError(reason="a local cell's replicas stay where they are", hint="leave HOST:PORT or --dir away")
    where = dict.fromkeys(("client", "peer", "admin"), "") if address is None else _addresses(address, peer, admin)
    async with connected_to(_where(client, here)) as connected:
        change = await connected.replace_member(
            replica, client=where["client"], peer=where["peer"], admin=where["admin"], timeout=client.timeout
        )
        if here is not None:
            await _settled(connected, client.timeout)
        await _arrive(connected, here, change, client)
    return exits.DONE


def _local(dir_: str | None) -> "LocalCell | None":
    from gaios.server import local

    if dir_ is None:
        return None
    found = local.find(dir_)
    if found is None:
        raise ConfigurationError(reason=f"there is no cell in {dir_}", hint="name the directory that was given to gaios up")
    return found


def _where(client: Client, here: "LocalCell | None") -> Client:
    """The client, at the local cell's endpoints unless others were given."""
    import dataclasses

    if here is None or client.endpoints != ENDPOINTS_DEFAULT:
        return client
    return dataclasses.replace(client, endpoints=",".join(here.endpoints))


def _addresses(client: str, peer: str | None, admin: str | None) -> dict[str, str]:
    from gaios.server.config import address

    host, port = address(client)
    shown = f"[{host}]" if ":" in host else host
    found = {"client": client, "peer": peer or f"{shown}:{port + 100}", "admin": admin or f"{shown}:{port + 200}"}
    for text in found.values():
        address(text)
    return found


def _free(known: "Members", here: "LocalCell | None") -> int:
    """The first place that is free; a learner's without a directory here is one whose `add` was cut short."""
    taken = {each.id for each in known.members if each.votes or here is None or each.id in here.ids}
    return next(place for place in range(1, REPLICAS_MAX + 2) if place not in taken)


async def _arrive(connected: "Cell", here: "LocalCell | None", change: "Change", client: Client) -> None:
    """Make and start a local replica, and wait until it votes; or print the invitation."""
    told: dict[str, Any] = {"config": change.number, "replica": change.replica, "member": change.member}
    if here is None:
        line = f"gaios init --join {change.invitation} --dir DIR"
        output.write_answer(
            told | {"invitation": change.invitation},
            f"member {change.member} (replica {change.replica}) is a learner of configuration {change.number}; where it is to run:\n"
            f"  {line}\n  gaios serve --dir DIR",
            json=client.json,
        )
        return
    await asyncio.to_thread(_enter, here, change)
    await _votes(connected, change, client.timeout)
    output.write_answer(told, f"member {change.member} (replica {change.replica}) votes", json=client.json)


def _enter(here: "LocalCell", change: "Change") -> None:
    """The new member's directory and process."""
    from gaios.client.members import read_token
    from gaios.server import config, control, local

    if change.replica in here.ids:
        control.stop(here, [change.replica])
    told = read_token(change.invitation)
    place = config.Place(
        id=told.id, member=told.member, client=told.client, peer=told.peer, admin=told.admin, invitation=config.invite(told.configuration)
    )
    made = local.settle(here, place)
    control.mark_down(made, change.replica, down=False)
    control.reload(made)


def _leave(here: "LocalCell", replica: int) -> None:
    """A removed member's process, if it runs yet, and its place."""
    from gaios.server import config, control, local

    if replica in here.ids:
        control.stop(here, [replica])
        old = next(place for place in here.places if place.id == replica)
        control.reload(local.settle(here, config.Place(id=old.id, client=old.client, peer=old.peer, admin=old.admin, member=0)))


async def _settled(connected: "Cell", within_s: float) -> None:
    """Those whom a change removed may go."""
    await _until(connected, lambda known: known.settled, within_s, "the others do not say yet that they have all that the old member has")


async def _votes(connected: "Cell", change: "Change", within_s: float) -> None:
    await _until(
        connected,
        lambda known: any(each.member == change.member and each.votes for each in known.members),
        within_s,
        f"member {change.member} has not caught up yet; it will vote by itself: gaios member ls",
    )


async def _until(connected: "Cell", holds: Callable[["Members"], bool], within_s: float, why: str) -> None:
    end = time.monotonic() + within_s
    while not holds(await connected.members()):
        if time.monotonic() > end:
            raise Unavailable(waited_ms=int(within_s * 1_000), reason=why)
        await asyncio.sleep(_LOOK_S)


def _show(known: "Members", *, json: bool) -> None:
    rows = [
        {"replica": each.id, "member": each.member, "votes": each.votes, "client": each.client, "peer": each.peer, "admin": each.admin}
        for each in known.members
    ]
    if json:
        output.write_json({"config": known.number, "settled": known.settled, "members": rows})
        return
    for row in rows:
        kind = "voter" if row["votes"] else "learner"
        output.write_line(f"replica {row['replica']}  member {row['member']}  {kind}  {row['client']}  {row['peer']}  {row['admin']}")
    output.write_line(
        f"configuration {known.number}" + ("" if known.settled else ", which is not settled yet: whom it removed must go on running")
    )
