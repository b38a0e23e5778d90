"""What changing the members of a local cell does on this machine, and how a command that was cut short goes on.  [SAFETY 1, 18]

    DIR/changing-3    there while replica 3 is being added, replaced or removed: the member that is to go, 0 where nobody was

Rule 1. It is written before the log is asked for the change, and removed when the new member votes, or the old one's place is empty here:
so the same command given again finds who came by it, or who went, and asks for nothing else.
Rule 2. What is to be done is read from the log, that file, the cell's manifest and the directory, in `next_step`, which changes nothing.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from gaios.errors import ConfigurationError
from gaios.server import config, control, local

if TYPE_CHECKING:
    from gaios.client.members import Change, Members
    from gaios.client.status import Member
    from gaios.server.local import LocalCell

Step = Literal["ask", "enter", "start", "done"]
"""`ask` the log for a new member; `enter`: make the directory of the one that it has; `start` its process; `done`: it votes already."""


def begin(here: "LocalCell", replica: int, old: int) -> None:
    """A change of this place begins: this member is to go, or nobody (0)."""
    from gaios.server import directory

    directory.write_durably(_mark(here, replica), f"{old}\n".encode())


def begun(here: "LocalCell", replica: int) -> int | None:
    """The member that was to go when a change of this place began that did not end; None: there is none."""
    try:
        return int(_mark(here, replica).read_text("ascii"))
    except (FileNotFoundError, ValueError):
        return None


def end(here: "LocalCell", replica: int) -> None:
    """The change of this place is finished."""
    _mark(here, replica).unlink(missing_ok=True)


def additions(here: "LocalCell") -> list[int]:
    """The places where an addition began that did not end."""
    return [replica for replica in range(1, config.REPLICAS_MAX + 1) if begun(here, replica) == 0]


def placed(here: "LocalCell", replica: int) -> int:
    """The member that the cell's manifest has in a place; 0: nobody."""
    return next((local.member_of(place) for place in here.places if place.id == replica), 0)


def next_step(here: "LocalCell", there: "Member") -> Step:
    """What is left to do in a place where the log has this member, for whoever adds or replaces it."""
    mine = placed(here, there.id) == there.member
    if mine and local.member_in(here.replica_dir(there.id)) != there.member:
        return "ask"  # its directory is lost, and it may have run: that number is spent [SAFETY 3]
    if there.votes:
        return "done" if mine and begun(here, there.id) not in {None, there.member} else "ask"
    if mine:
        return "start"
    return "enter" if there.peer in {None, own(here, there.id).peer} else "ask"


def next_step_without(here: "LocalCell", there: "Member", old: int) -> Step | None:
    """The same, for whoever wants this old member out of the place, and no other; None: it is, and nothing is left to do here."""
    if there.member == old:
        return "ask"  # what was cut short here brought that very member, or is another's
    step = next_step(here, there)
    return step if step != "ask" and begun(here, there.id) == old else None


def own(here: "LocalCell", replica: int) -> config.Founder:
    """Where a replica of the cell listens: as the manifest says, or as it would be for a new one."""
    return next((place for place in here.places if place.id == replica), None) or local.place_at(here, replica)


def enter(here: "LocalCell", change: "Change") -> None:
    """The new member's directory and process.

    Raises:
        ConfigurationError: it votes already, and has no directory here.
    """
    from gaios.client.members import read_token

    if local.member_in(here.replica_dir(change.replica)) != change.member:
        if not change.invitation:
            raise ConfigurationError(
                reason=f"member {change.member} of replica {change.replica} votes already, and has no directory in {here.dir}",
                hint=f"it runs elsewhere; to have a new one here instead: gaios member replace {change.replica} --dir {here.dir}",
            )
        if change.replica in here.ids:
            control.stop(here, [change.replica])
    if placed(here, change.replica) != change.member:
        told = read_token(change.invitation)
        here = local.settle(
            here,
            config.Place(
                id=told.id,
                member=told.member,
                client=told.client,
                peer=told.peer,
                admin=told.admin,
                invitation=config.invite(told.configuration),
            ),
        )
    control.mark_down(here, change.replica, down=False)
    control.reload(here)


def present(known: "Members", replica: int) -> "Change":
    """The member that is in a place already, as a change that brought it."""
    from gaios.client.members import Change, invite

    there = known.at(replica)
    assert there.member is not None, "`at` found it"
    invitation = "" if there.votes else invite(known, known.configuration, there.member)
    return Change(number=known.number, replica=replica, member=there.member, invitation=invitation)


def gone(here: "LocalCell", replica: int, known: "Members") -> "Change | None":
    """The removal that was chosen of the member that the manifest still has in a place, or had until that command was cut short; or None.

    A number is never given twice, so one that was given and is not listed was removed, by the word of any replica.  [SAFETY 1]
    """
    from gaios.client.members import Change

    number, now = placed(here, replica) or begun(here, replica) or 0, known.configuration
    if 0 < number < now.next_member and now.member(number) is None and now.at(replica) is None:
        return Change(number=now.number, replica=replica, member=number)
    return None


def leave(here: "LocalCell", replica: int) -> None:
    """A removed member's process, if it runs yet, and its place."""
    if replica in here.ids:
        control.stop(here, [replica])
        old = own(here, replica)
        here = local.settle(here, config.Place(id=old.id, client=old.client, peer=old.peer, admin=old.admin, member=0))
    control.reload(here)
    control.mark_down(here, replica, down=False)  # whoever comes into that place is to run
    end(here, replica)


def _mark(here: "LocalCell", replica: int) -> Path:
    return here.dir / f"changing-{replica}"
