"""member: who the members of a cell are, and changing that while it serves.  [PML §5.4; SAFETY 8, 18; INTERFACE `member`]

Rule 1. The log says who the members are, and nothing else does. What is done on this machine (a directory, a process) follows it, so that a
command which was cut short may be given again, and goes on (member_here.py).
Rule 2. With --dir the cell is a local one: its new replicas get directories and processes here. Without, a new member gets an invitation,
one word, with which `gaios init --join` makes its directory wherever it is to run.
"""

import asyncio
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

from cyclopts import App, Parameter

from gaios.cli import exits, output
from gaios.cli.connect import cell as connected_to
from gaios.cli.local import the_cell_in
from gaios.cli.parameters import CLIENT, ENDPOINTS_DEFAULT, Client, Folder, Text, whole
from gaios.errors import ConfigurationError, Error, InvalidCommand, Unavailable, Unknown
from gaios.server.config import REPLICAS_MAX

if TYPE_CHECKING:
    from gaios.cli.member_here import Step
    from gaios.client import Cell
    from gaios.client.members import Change, Members
    from gaios.server.local import LocalCell

member = App(name="member", help="Show the members of a cell, and change them while it serves.")

Dir = Annotated[Folder | None, Parameter(name="--dir", help="The directory of a local cell (gaios up).")]
Replica = Annotated[int, Parameter(name="REPLICA", converter=whole(1, REPLICAS_MAX), help="A replica's id, as gaios member ls shows it.")]
Place = Annotated[
    int | None, Parameter(name="--replica", converter=whole(1, REPLICAS_MAX), help="The new replica's id; the next free one without it.")
]
Number = Annotated[
    int | None,
    Parameter(name="--member", converter=whole(1, 65_535), help="Only if this member is there yet; so the command may be given again."),
]
_LOOK_S = 0.1
_COLUMNS = {"replica": "right", "member": "right", "votes": "left", "client": "left", "peer": "left", "admin": "left"}


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
    here = _local(dir_)
    if (address is None) == (here is None):
        raise ConfigurationError(
            reason="a new member has an address, or belongs to a local cell", hint="gaios member add HOST:PORT, or --dir DIR"
        )
    _check_addresses(here, peer, admin)
    async with connected_to(_where(client, here)) as connected:
        if here is not None:
            await _add_here(connected, here, replica, client)
            return exits.DONE
        where = _addresses(address or "", peer, admin)
        place = replica or _place(await connected.members(), where["peer"])
        _invite(await connected.add_member(place, **where, timeout=client.timeout), client)
    return exits.DONE


@member.command
async def remove(replica: Replica, /, *, dir_: Dir = None, client: Client = CLIENT) -> int:
    """Remove a member: it is counted no more, and its process stops once the others have all that it has."""
    from gaios.cli import member_here
    from gaios.server import control

    here = _local(dir_)
    async with connected_to(_where(client, here)) as connected:
        gone = None
        if here is not None:
            await asyncio.to_thread(control.reload, here)  # as the last step of one that was cut short
            known = await connected.members()
            gone = member_here.gone(here, replica, known)
            if gone is None:
                member_here.begin(here, replica, known.at(replica).member or 0)
        try:
            change = gone or await connected.remove_member(replica, timeout=client.timeout)
        except InvalidCommand:
            if here is not None:
                member_here.end(here, replica)
            raise
        if here is not None:
            await _settled(connected, change, client.timeout)
            await _here(change, "was removed", member_here.leave, here, replica)
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
    member: Number = None,
    dir_: Dir = None,
    client: Client = CLIENT,
) -> int:
    """Put a new member in the place of one whose disk is lost, or that is to go: one step of the log, which any master finishes.

    With --member it may be given again until it was heard that it is done: nobody is replaced twice. With --dir it may be anyway, as long
    as nobody else gives it, too.
    """
    here = _local(dir_)
    _check_addresses(here, address, peer, admin)
    async with connected_to(_where(client, here)) as connected:
        if here is not None:
            await _replace_here(connected, here, replica, member, client)
            return exits.DONE
        where = {"client": "", "peer": peer or "", "admin": admin or ""} if address is None else _addresses(address, peer, admin)
        _invite(
            await connected.replace_member(
                replica, member=member, client=where["client"], peer=where["peer"], admin=where["admin"], timeout=client.timeout
            ),
            client,
        )
    return exits.DONE


def _local(dir_: str | None) -> "LocalCell | None":
    return the_cell_in(dir_) if dir_ is not None else None


def _where(client: Client, here: "LocalCell | None") -> Client:
    """The client, at the local cell's endpoints unless others were given."""
    import dataclasses

    if here is None or client.endpoints != ENDPOINTS_DEFAULT:
        return client
    return dataclasses.replace(client, endpoints=",".join(here.endpoints))


def _check_addresses(here: "LocalCell | None", *given: str | None) -> None:
    if here is not None and any(given):
        raise ConfigurationError(
            reason="a local cell's replicas are where its first port says", hint="leave HOST:PORT, --peer and --admin away, or --dir"
        )


def _addresses(client: str, peer: str | None, admin: str | None) -> dict[str, str]:
    from gaios.server.config import address

    host, port = address(client)
    shown = f"[{host}]" if ":" in host else host
    found = {"client": client, "peer": peer or f"{shown}:{port + 100}", "admin": admin or f"{shown}:{port + 200}"}
    for text in found.values():
        address(text)
    return found


def _place(known: "Members", peer: str) -> int:
    """Where a learner waits at this peer address: its addition was asked for before. Without one, the first place that is free."""
    return next((each.id for each in known.members if not each.votes and each.peer == peer), 0) or _free(known, None)


def _free(known: "Members", here: "LocalCell | None") -> int:
    """The first place that is free; a learner's without a directory here, and of here, is one whose `add` was cut short."""
    from gaios.server import local

    taken = {
        each.id
        for each in known.members
        if each.votes or here is None or each.id in here.ids or each.peer != local.place_at(here, each.id).peer
    }
    return next(place for place in range(1, REPLICAS_MAX + 2) if place not in taken)


async def _add_here(connected: "Cell", here: "LocalCell", replica: int | None, client: Client) -> None:
    """The new replica of a local cell, or the one whose addition was cut short."""
    from gaios.cli import member_here
    from gaios.server import local

    known = await connected.members()
    place = replica or next(iter(member_here.additions(here)), 0) or _free(known, here)
    there = next((each for each in known.members if each.id == place), None)
    step = member_here.next_step(here, there) if there is not None else "ask"
    if step != "ask":
        await _arrive(connected, here, member_here.present(known, place), client, step)
        return
    where = local.place_at(here, place)
    member_here.begin(here, place, 0)
    try:
        if there is not None and not there.votes and member_here.placed(here, place) == there.member:
            change = await connected.replace_member(place, member=there.member, timeout=client.timeout)
        else:
            change = await connected.add_member(place, client=where.client, peer=where.peer, admin=where.admin, timeout=client.timeout)
    except InvalidCommand:
        member_here.end(here, place)
        raise
    await _arrive(connected, here, change, client, "enter")


async def _replace_here(connected: "Cell", here: "LocalCell", replica: int, old: int | None, client: Client) -> None:
    """A new replica in the place of a local cell's, or the one whose coming was cut short; with `old`, of this member alone."""
    from gaios.cli import member_here

    known = await connected.members()
    there = known.at(replica)
    step = member_here.next_step(here, there) if old is None else member_here.next_step_without(here, there, old)
    if step is None:
        output.write_answer(
            {"config": known.number, "replica": replica, "member": there.member},
            f"member {there.member} (replica {replica}) is in that place already: that was done before",
            json=client.json,
        )
        return
    if step != "ask":
        await _arrive(connected, here, member_here.present(known, replica), client, step)
        return
    where = member_here.own(here, replica)
    member_here.begin(here, replica, there.member or 0)
    try:
        change = await connected.replace_member(
            replica, member=there.member, client=where.client, peer=where.peer, admin=where.admin, timeout=client.timeout
        )
    except InvalidCommand:
        member_here.end(here, replica)
        raise
    await _arrive(connected, here, change, client, "enter")


def _invite(change: "Change", client: Client) -> None:
    """Print the invitation of a member that is to run elsewhere; one that votes already needs none."""
    told = {"config": change.number, "replica": change.replica, "member": change.member, "invitation": change.invitation}
    if not change.invitation:
        output.write_answer(
            told, f"member {change.member} (replica {change.replica}) votes already: that was done before", json=client.json
        )
        return
    line = f"gaios init --join {change.invitation} --dir DIR"
    output.write_answer(
        told,
        f"member {change.member} (replica {change.replica}) is a learner of configuration {change.number}; where it is to run:\n"
        f"  {line}\n  gaios serve --dir DIR",
        json=client.json,
    )


async def _arrive(connected: "Cell", here: "LocalCell", change: "Change", client: Client, step: "Step") -> None:
    """Do what is left to do here for a new member, and wait until it votes."""
    from gaios.cli import member_here

    if step == "enter":
        await _settled(connected, change, client.timeout)
    if step != "done":
        await _here(change, "is a member", member_here.enter, here, change)
    await _votes(connected, change, client.timeout)
    member_here.end(here, change.replica)
    finished = "; what was cut short is finished: give the command again to begin another change" if step == "done" else ""
    output.write_answer(
        {"config": change.number, "replica": change.replica, "member": change.member},
        f"member {change.member} (replica {change.replica}) votes{finished}",
        json=client.json,
    )


async def _here(change: "Change", done: str, do: Callable[..., None], *arguments: object) -> None:
    """What follows a change on this machine. Where a supervisor does not answer, it is not the change that was not made.  [SAFETY 20]"""
    try:
        await asyncio.to_thread(do, *arguments)
    except Unavailable as error:
        what = f"member {change.member} (replica {change.replica}) {done}: configuration {change.number} is chosen"
        unknown = Unknown(reason=f"{what}; what it needs on this machine is not done: {error}")
        unknown.hint = f"{error.hint}; then give the command again: it goes on"
        raise unknown from None


async def _settled(connected: "Cell", change: "Change", within_s: float) -> None:
    """Those whom a change removed may go. Who does not know of it yet may call the configuration before it settled, and that it is."""
    await _until(
        connected,
        change,
        lambda known: known.settled and known.number >= change.number,
        within_s,
        "the others do not say yet that they have all that the old member has",
    )


async def _votes(connected: "Cell", change: "Change", within_s: float) -> None:
    await _until(
        connected,
        change,
        lambda known: any(each.member == change.member and each.votes for each in known.members),
        within_s,
        f"member {change.member} has not caught up yet; it will vote by itself: gaios member ls",
    )


async def _until(connected: "Cell", change: "Change", holds: Callable[["Members"], bool], within_s: float, why: str) -> None:
    """Wait for what follows a change. That it was chosen is known: whatever comes now is not "nothing was done".  [SAFETY 20]"""
    end = time.monotonic() + within_s
    while True:
        said = ""
        try:
            if holds(await connected.members()):
                return
        except Error as error:
            said = f" ({error})"
        if time.monotonic() > end:
            unknown = Unknown(reason=f"configuration {change.number} is chosen, and after {within_s:g} s {why}{said}")
            unknown.hint = "give the command again: it goes on"
            raise unknown
        await asyncio.sleep(_LOOK_S)


def _show(known: "Members", *, json: bool) -> None:
    rows = [
        {"replica": each.id, "member": each.member, "votes": each.votes, "client": each.client, "peer": each.peer, "admin": each.admin}
        for each in known.members
    ]
    if json:
        output.write_json({"config": known.number, "settled": known.settled, "members": rows})
        return
    shown = ({**row, "votes": "yes" if row["votes"] else "no"} for row in rows)
    output.write_table(_COLUMNS, (["–" if cell is None else str(cell) for cell in row.values()] for row in shown))
    output.write_line(
        f"configuration {known.number}" + ("" if known.settled else ", which is not settled yet: whom it removed must go on running")
    )
