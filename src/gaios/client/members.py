"""The members of a cell, as its replicas tell them, and the token that invites a new one.  [PML §5.4; SAFETY 1, 18]

Rule 1. A change names the configuration that follows the one it was made from: a cell whose members changed meanwhile refuses it, so that
no change is made twice, and none on top of what its maker did not see.
"""

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from gaios import configuration
from gaios.client.status import Member, Told
from gaios.configuration import Configuration
from gaios.errors import ConfigurationError, InvalidCommand, ProtocolError

TOKEN_FORMAT: Final = 1
TOKEN_PREFIX: Final = "gaios-join-"  # noqa: S105 (it begins a word that is no secret)


class Invitation(msgspec.Struct, frozen=True, kw_only=True):
    """What a new member's directory is made from."""

    format: int = TOKEN_FORMAT
    cell: str
    name: str
    founders: tuple[tuple[int, str, str, str], ...]
    """Replica id, client, peer and admin address of each founder."""
    id: int
    member: int
    client: str
    peer: str
    admin: str
    configuration: bytes
    """Which lists this member; the others' addresses too, where they are no founders."""

    def token(self) -> str:
        """It, as one word for a command line."""
        return TOKEN_PREFIX + base64.urlsafe_b64encode(msgspec.msgpack.encode(self)).decode().rstrip("=")


class Members(msgspec.Struct, frozen=True, kw_only=True):
    """Who the members are."""

    number: int
    """Of the configuration; 0: the founders'."""
    settled: bool
    """Whether those whom it removed may be switched off, and it may change again."""
    members: tuple[Member, ...]
    """By place."""
    master: str = ""
    """The client address of the master; empty: there is none."""
    told: Told
    """Who says so."""

    @property
    def configuration(self) -> Configuration:
        """It, as the log has it.

        Raises:
            ProtocolError: whoever told it is no gaios of this version.
        """
        return read(self.told)

    def at(self, replica: int) -> Member:
        """The member in a place.

        Raises:
            InvalidCommand: nobody is there.
        """
        found = next((member for member in self.members if member.id == replica), None)
        if found is None or found.member is None:
            raise InvalidCommand(
                reason=f"no member of the cell is replica {replica}; there are {', '.join(str(m.id) for m in self.members)}"
            )
        return found

    def check_free(self, replica: int, addresses: Mapping[str, str]) -> None:
        """Whether the replica in a place could be at these addresses, by role.

        Raises:
            InvalidCommand: another member is at one of them, or one is given twice.
        """
        taken = {getattr(member, role): member.id for member in self.members if member.id != replica for role in addresses}
        known = {role: address for role, address in addresses.items() if address}
        for role, address in known.items():
            if address in taken:
                raise InvalidCommand(
                    reason=f"replica {taken[address]} is at {address}, so it cannot be the {role} address of replica {replica}"
                )
        if len(set(known.values())) < len(known):
            raise InvalidCommand(reason=f"an address is given twice: {', '.join(known.values())}")


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A change that is chosen."""

    number: int
    """Of the configuration from now on."""
    replica: int
    """Whose place changed."""
    member: int
    """Who is in it now; of one that was removed, who was."""
    invitation: str = ""
    """For one that does not vote yet: `gaios init --join`."""


def read(told: Told) -> Configuration:
    """The configuration that a replica knows to be chosen.

    Raises:
        ProtocolError: it did not tell any.
    """
    try:
        return configuration.decode(bytes.fromhex(told.configuration))
    except ValueError as error:
        raise ProtocolError(reason=f"a replica's configuration: {error}") from None


def merge(answers: Sequence[Told]) -> Members:
    """What is known of the members: the newest word counts, the master's before others'."""
    told = max(answers, key=lambda each: (each.config, each.role == "master", each.ballot or 0))
    masters = [each for each in answers if each.role == "master" and each.client]
    master = max(masters, key=lambda each: each.ballot or 0, default=None)
    return Members(
        number=told.config,
        settled=any(each.settled for each in answers if each.config == told.config),
        members=tuple(sorted(told.members, key=lambda member: member.id)),
        master=(master.client or "") if master is not None else "",
        told=told,
    )


def invite(known: Members, made: Configuration, number: int) -> str:
    """The token for a member that a configuration lists."""
    new = made.member(number)
    assert new is not None, "a change lists whom it adds"
    where = {member.member: member for member in known.members}
    founders = tuple((place.id, place.client or "", place.peer or "", place.admin or "") for place in known.told.founders)
    listed = tuple(
        each
        if each.peer or each.number not in where
        else msgspec.structs.replace(
            each,
            client=where[each.number].client or "",
            peer=where[each.number].peer or "",
            admin=where[each.number].admin or "",
        )
        for each in made.members
    )
    return Invitation(
        cell=known.told.cell or "",
        name=known.told.name or "gaios",
        founders=founders,
        id=new.place,
        member=number,
        client=new.client,
        peer=new.peer,
        admin=new.admin,
        configuration=msgspec.structs.replace(made, members=listed).encode(),
    ).token()


def read_token(text: str) -> Invitation:
    """An invitation of its token.

    Raises:
        ConfigurationError: it is none, or a newer version made it.
    """
    word = text.strip()
    try:
        data = base64.urlsafe_b64decode(word.removeprefix(TOKEN_PREFIX) + "==")
        found = msgspec.msgpack.decode(data, type=Invitation)
        configuration.decode(found.configuration)
    except (binascii.Error, ValueError, msgspec.DecodeError, ProtocolError) as error:
        raise ConfigurationError(reason=f"not an invitation: {error}", hint="copy the whole word that gaios member add printed") from None
    if found.format != TOKEN_FORMAT or not word.startswith(TOKEN_PREFIX):
        raise ConfigurationError(reason=f"an invitation of format {found.format}; this version reads {TOKEN_FORMAT}")
    return found
