"""Where the members of a cell are, and in which places: the founders' manifest says it of them, the configuration of all others.

[SAFETY 1, 18; INTERFACE `status`]
"""

from collections.abc import Iterable, Mapping
from typing import Any

from gaios.configuration import Member
from gaios.log import Replica


class Places:
    """Addresses and replica ids of the members that one replica knows, or was told of."""

    def __init__(self, replica: Replica, clients: Mapping[int, str], founders: Iterable[Mapping[str, Any]]) -> None:
        """`clients`: founders' client addresses by replica id; `founders`: all that is known of each, where that is more."""
        self._replica = replica
        self._founders = {number: {"id": number, "client": client} for number, client in clients.items()}
        self._founders |= {founder["id"]: dict(founder) for founder in founders}

    def of(self, member: Member) -> dict[str, Any]:
        """One member: `id`, `member`, `votes`, and its addresses `client`, `peer`, `admin` as far as they are known."""
        known = self._founders.get(member.place, {}) if member.place == member.number or not member.peer else {}
        told = {role: address for role in ("client", "peer", "admin") if (address := getattr(member, role))}
        who = {"id": member.place, "member": member.number, "votes": member.votes}
        return {"client": None, "peer": None, "admin": None, **known, **told, **who}

    def rows(self) -> list[dict[str, Any]]:
        """All of them, by place."""
        return [self.of(member) for member in sorted(self._replica.told.members, key=lambda member: member.place)]

    def clients(self) -> list[str]:
        """Where clients find the members."""
        return [str(row["client"]) for row in self.rows() if row["client"]]

    def client(self, number: int) -> str:
        """A member's client address; empty: unknown."""
        member = self._replica.told.member(number)
        return str(self.of(member)["client"] or "") if member is not None else ""

    def peer(self, number: int) -> str:
        """A member's peer address, or where it was; empty: unknown."""
        member = self._replica.told.member(number) or self._replica.roster.were(number)
        return str(self.of(member)["peer"] or "") if member is not None else ""
