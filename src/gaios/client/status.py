"""The state of a cell, put together from what each replica says of itself.  [INTERFACE `status --json`]

Rule 1. A replica's word counts for itself alone; of the others it tells who they are. What nobody told is None.
Rule 2. The master is the one that says so under the highest ballot.
Rule 3. `tolerates` is counted from the replicas that answered, vote, and are counted on by the master: how many more of them may fail
before fewer than a majority are left, and no more than the master says itself. Without a master nobody knows whether they hear each other.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from gaios.errors import ProtocolError


class ReplicaStatus(msgspec.Struct, frozen=True, kw_only=True):
    """One replica; None is what is not known."""

    id: int | None = None
    member: int | None = None
    boot: int | None = None
    pid: int | None = None
    client: str | None = None
    peer: str | None = None
    admin: str | None = None
    role: str = "unreachable"
    """`master`, `replica`, `learner` or `unreachable`."""
    voting: bool | None = None
    ballot: int | None = None
    chosen: int | None = None
    applied: int | None = None
    feature: int | None = None
    """The cell's feature level, as far as this replica has applied the log."""
    feature_max: int | None = None
    """The level through which its version supports everything, or to which it is told to hold the cell."""
    repairing: bool | None = None
    """Whether a part of its state is wrong and being made anew: it serves nobody, and votes."""
    why: tuple[str, ...] = ()
    """Sentences about what is unusual there."""
    fit: bool | None = None
    """Whether it counts in `tolerates`."""


class BackupStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The newest backup that is known to be proved."""

    url: str
    id: str | None = None
    slot: int | None = None
    """Through which it has everything."""
    taken_ms: int | None = None
    """When, by the wall clock of who made it."""
    problem: str = ""
    """Why there is none newer; empty when nothing is wrong."""


class CellStatus(msgspec.Struct, frozen=True, kw_only=True):
    """The cell; `msgspec.json.encode` makes `status --json` of it."""

    cell: str | None = None
    master: int | None = None
    """Its replica id."""
    epoch: int | None = None
    ballot: int | None = None
    feature: int | None = None
    """The cell's feature level: the highest that any replica tells."""
    tolerates: int | None = None
    """How many more replicas may fail now; None without a quorum, and without a master, which could tell."""
    why: str = ""
    """That number in a sentence."""
    replicas: tuple[ReplicaStatus, ...] = ()
    backup: BackupStatus | None = None
    """None: no master that answers is told to make any."""


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """A member as any replica knows it."""

    id: int
    member: int | None = None
    client: str | None = None
    peer: str | None = None
    admin: str | None = None
    votes: bool = True
    """Whether it is counted; a learner is not."""


class Unfit(msgspec.Struct, frozen=True, kw_only=True):
    """A replica that the master does not count on."""

    id: int
    reason: str
    """As in `gaios.log.gauge`; a later version may know others."""
    for_ms: int = 0
    problem: str = ""
    """Why the master cannot speak to it, if it cannot."""


class Gauge(msgspec.Struct, frozen=True, kw_only=True):
    """Whom a master counts on."""

    tolerates: int | None = None
    """How many more may fail, as it says: fewer than are counted on beyond a majority while a change of the members is not settled."""
    unfit: tuple[Unfit, ...] = ()


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What a replica answers to STATUS; it may say more."""

    id: int
    cell: str | None = None
    name: str | None = None
    """Of the cell, for people."""
    member: int | None = None
    boot: int | None = None
    pid: int | None = None
    client: str | None = None
    peer: str | None = None
    admin: str | None = None
    role: str = "replica"
    voting: bool | None = None
    ballot: int | None = None
    chosen: int | None = None
    applied: int | None = None
    feature: int | None = None
    feature_max: int | None = None
    repairing: bool | None = None
    why: tuple[str, ...] = ()
    epoch: int | None = None
    master: int | None = None
    members: tuple[Member, ...] = ()
    founders: tuple[Member, ...] = ()
    """Who the cell was created with."""
    config: int = 0
    """The number of the configuration that it knows to be chosen."""
    settled: bool = False
    removed: bool = False
    """Whether it is no member any more."""
    configuration: str = ""
    """That configuration, in hexadecimal."""
    backup: BackupStatus | None = None
    gauge: Gauge | None = None
    silent: bool = False
    """Whether it neither promises nor votes, for now; `why` says for what."""


_REASONS = {
    "unreachable": "{who} has been out of the master's reach for {for_s} s",
    "silent": "{who} has not followed the master for {for_s} s, though it is heard",
    "full": "the disk of {who} is full",
    "repairing": "{who} is making a part of its state anew",
    "behind": "{who} lacks many values",
}

_told = msgspec.json.Decoder(Told)


def decode(data: bytes) -> Told:
    """A replica's answer.

    Raises:
        ProtocolError: it is none.
    """
    try:
        return _told.decode(data)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise ProtocolError(reason=f"a replica's status: {error}") from None


def merge(answers: Sequence[Told], silent: Sequence[str]) -> CellStatus:
    """The cell's state.

    Args:
        answers: of the replicas that answered.
        silent: endpoints that did not; counted as replicas of their own where no member is known to be there.
    """
    reigning = max((told for told in answers if told.role == "master"), key=lambda told: told.ballot or 0, default=None)
    unfit = {each.id: each for each in reigning.gauge.unfit} if reigning is not None and reigning.gauge is not None else {}
    rows = [replace(row, fit=_is_voter(row) and not _ails(row) and row.id not in unfit) for row in _rows(answers, silent)]
    tolerates, why = _verdict(rows, answers, reigning, unfit)
    return CellStatus(
        cell=next((told.cell for told in answers if told.cell), None),
        master=reigning.id if reigning is not None else None,
        epoch=max((told.epoch for told in answers if told.epoch is not None), default=None),
        ballot=reigning.ballot if reigning is not None else max((told.ballot for told in answers if told.ballot is not None), default=None),
        feature=max((told.feature for told in answers if told.feature is not None), default=None),
        tolerates=tolerates,
        why=why,
        replicas=tuple(rows),
        backup=reigning.backup if reigning is not None else None,
    )


def _rows(answers: Sequence[Told], silent: Sequence[str]) -> list[ReplicaStatus]:
    """Every replica, by its own word, or else by that of who knows the newest configuration."""
    known: dict[int, Member] = {}
    if answers:
        known = {member.id: member for member in max(answers, key=lambda told: told.config).members}
    found = {told.id: told for told in answers if told.id not in known or known[told.id].member in {None, told.member}}
    rows = [_row(found.get(number), known.get(number)) for number in sorted(known.keys() | found.keys())]
    if not known:
        # Nobody told who the members are: then whoever was asked and is silent is one.
        listed = {row.client for row in rows}
        rows += [ReplicaStatus(client=endpoint) for endpoint in silent if endpoint not in listed]
    return rows


def _row(told: Told | None, member: Member | None) -> ReplicaStatus:
    if told is None:
        assert member is not None
        voting = None if member.votes else False
        return ReplicaStatus(id=member.id, member=member.member, client=member.client, peer=member.peer, admin=member.admin, voting=voting)
    fields: dict[str, Any] = {name: getattr(told, name) for name in ReplicaStatus.__struct_fields__ if name != "fit"}
    return ReplicaStatus(**fields)


def _is_voter(row: ReplicaStatus) -> bool:
    return row.voting is not False and row.role != "learner"


def _ails(row: ReplicaStatus) -> bool:
    """Whether it does not count by what it says itself, or because it says nothing."""
    return row.role == "unreachable" or row.repairing is True


def _reason(row: ReplicaStatus, unfit: Unfit | None) -> str:
    """Why a replica does not count."""
    who = f"replica {row.id}" if row.id is not None else f"{row.client}"
    if unfit is not None:
        why = f" ({unfit.problem})" if unfit.problem else ""
        said = _REASONS.get(unfit.reason, "{who} does not count: {reason}")
        return said.format(who=who, for_s=unfit.for_ms // 1_000, reason=unfit.reason) + why
    return f"{who} does not answer" if row.role == "unreachable" else _REASONS["repairing"].format(who=who)


def _awaited(row: ReplicaStatus) -> str:
    """A learner that is not there."""
    told = f"the new member {row.member} of replica {row.id} does not answer, and is counted for nothing until it has caught up"
    return f"{told} (if it was never started: gaios init --join WORD, then gaios serve; the command that asked for it prints WORD again)"


def _verdict(
    rows: Sequence[ReplicaStatus], answers: Sequence[Told], reigning: Told | None, unfit: Mapping[int, Unfit]
) -> tuple[int | None, str]:
    """`tolerates`, and that number in a sentence, with why it is not greater."""
    voters = [row for row in rows if _is_voter(row)]
    alive, fit = sum(row.role != "unreachable" for row in voters), sum(row.fit is True for row in voters)
    mute = [told.id for told in answers if told.silent and told.id in {row.id for row in voters}]
    tolerates, why = _judge(alive, fit, len(voters), reigning)
    if reigning is None and alive > len(voters) // 2 >= alive - len(mute):
        tolerates, why = None, _held_up(voters, alive, mute)
    if alive:
        why = "; ".join([why, *(_reason(row, unfit.get(row.id) if row.id is not None else None) for row in voters if not row.fit)])
        why = "; ".join([why, *(_awaited(row) for row in rows if row.voting is False and row.role == "unreachable")])
    return tolerates, why


def _judge(alive: int, fit: int, voters: int, reigning: Told | None) -> tuple[int | None, str]:
    majority = voters // 2 + 1
    count = f"{alive} of {voters} replicas answer"
    if not alive:
        return None, "no replica answers"
    if alive < majority:
        return None, f"{count}, {majority} are needed: nothing can be read or written until {_more(majority - alive)}"
    if reigning is None:
        return None, f"{count}, {majority} are needed, a master is being elected: until there is one nothing is read or written"
    spare = max(0, fit - majority)
    when = " now"
    if reigning.gauge is not None and reigning.gauge.tolerates is not None and reigning.gauge.tolerates < spare:
        spare, when = reigning.gauge.tolerates, " until the change of the members is settled"
    master = f"replica {reigning.id} is master"
    if not spare:
        return 0, f"{count}, {majority} are needed, {master}: none may fail{when}"
    return spare, f"{count}, {majority} are needed, {master}: {spare} more may fail{when.removesuffix(' now')}"


def _held_up(voters: Sequence[ReplicaStatus], alive: int, mute: Sequence[int]) -> str:
    """Enough answer, and too few of them vote."""
    missing = [str(row.id) if row.id is not None else str(row.client) for row in voters if row.role == "unreachable"]
    who, do = f"replica{'' if len(mute) == 1 else 's'} {_listed([str(each) for each in mute])}", "does" if len(mute) == 1 else "do"
    count = f"{alive} of {len(voters)} replicas answer, {len(voters) // 2 + 1} are needed, and {who} {do} not vote until damage is repaired"
    if not missing:
        return f"{count}: nothing can be read or written until {'it does' if len(mute) == 1 else 'they do'}"
    needed = f"replica{'' if len(missing) == 1 else 's'} {_listed(missing)} {'is' if len(missing) == 1 else 'are'}"
    return f"{count}: {needed} needed, for what is damaged may be intact there; nothing can be read or written until then"


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _more(count: int) -> str:
    return f"{count} more run{'s' if count == 1 else ''}"
