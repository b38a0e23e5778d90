"""Configurations: who the members of a cell are, as a value of the log.  [PML §5.4; SAFETY 1, 8, 18]

    value   = batch header, one entry of kind CONFIG      (a configuration has a slot of its own)
    command = msgpack [format, number, next member, [[member, place, votes, peer, client, admin], …]]

Rule 1. Configurations are numbered without a gap; 0 is the founders', and no value of the log.
Rule 2. A member number is given by the configuration that lists it first, and never again: `next_member` only grows.
Rule 3. A place has one member at a time. Who does not vote is a learner: counted for nothing, told everything.
Rule 4. What the protocol asks of a value (`numbered`, `listed`) is asked of every value, so telling that one is no configuration is cheap.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

import msgspec

from gaios.entry import BATCH_HEADER_BYTES, Kind, batch, configuration, entries
from gaios.errors import InvalidCommand, ProtocolError

FORMAT: Final = 1
MEMBER_END: Final = 1 << 16
"""A ballot has room for so many member numbers."""
MEMBERS_MAX: Final = 15
"""In one configuration, learners too: every slot is sent to each of them."""
_KIND_AT: Final = BATCH_HEADER_BYTES + 1
_CONFIG: Final = bytes([Kind.CONFIG])


def ballot_text(ballot: int) -> str:
    """A ballot as people read it: ROUND.MEMBER.  [SAFETY 1]"""
    return f"{ballot // MEMBER_END}.{ballot % MEMBER_END}"


class Member(msgspec.Struct, array_like=True, frozen=True):
    """One life in one place."""

    number: int
    place: int
    """The replica id that an operator names."""
    votes: bool = True
    peer: str = ""
    """HOST:PORT for other members; empty for a founder, whose manifest says it."""
    client: str = ""
    admin: str = ""


class Configuration(msgspec.Struct, array_like=True, frozen=True):
    """Who governs the slots behind its own."""

    format: int
    number: int
    next_member: int
    """The least number that was never given."""
    members: tuple[Member, ...]

    @property
    def voters(self) -> int:
        """Who is counted, as a bit mask."""
        return sum(1 << member.number for member in self.members if member.votes)

    @property
    def places(self) -> dict[int, int]:
        """Each member's place."""
        return {member.number: member.place for member in self.members}

    def member(self, number: int) -> Member | None:
        """The member of this number."""
        return next((member for member in self.members if member.number == number), None)

    def at(self, place: int) -> Member | None:
        """The member in this place."""
        return next((member for member in self.members if member.place == place), None)

    def added(self, place: int, *, votes: bool = False, peer: str = "", client: str = "", admin: str = "") -> "Configuration":
        """With one more member, under a number that nobody had; a learner, unless told otherwise.

        Raises:
            InvalidCommand: the place is taken, or there is no room.
        """
        if (held := self.at(place)) is not None:
            raise InvalidCommand(reason=f"member {held.number} is in place {place}: remove or replace it")
        return self._next((*self.members, Member(self.next_member, place, votes, peer, client, admin)), self.next_member + 1)

    def promoted(self, number: int) -> "Configuration":
        """With a learner that votes from now on.

        Raises:
            InvalidCommand: there is no such learner.
        """
        member = self.member(number)
        if member is None or member.votes:
            raise InvalidCommand(reason=f"member {number} is no learner of configuration {self.number}")
        promoted = msgspec.structs.replace(member, votes=True)
        return self._next(tuple(promoted if each is member else each for each in self.members), self.next_member)

    def removed(self, number: int) -> "Configuration":
        """Without a member.

        Raises:
            InvalidCommand: there is no such member, or no voter would be left.
        """
        if self.member(number) is None:
            raise InvalidCommand(reason=f"member {number} is not in configuration {self.number}")
        return self._next(tuple(each for each in self.members if each.number != number), self.next_member)

    def replaced(self, number: int, *, peer: str = "", client: str = "", admin: str = "") -> "Configuration":
        """With a new member as a learner in a member's place, in one step: the old one leaves, the next to promote is the new one.

        Raises:
            InvalidCommand: there is no such member, or no voter would be left.
        """
        old = self.member(number)
        if old is None:
            raise InvalidCommand(reason=f"member {number} is not in configuration {self.number}")
        new = Member(self.next_member, old.place, False, peer or old.peer, client or old.client, admin or old.admin)
        return self._next(tuple(new if each is old else each for each in self.members), self.next_member + 1)

    def _next(self, members: tuple[Member, ...], next_member: int) -> "Configuration":
        made = Configuration(FORMAT, self.number + 1, next_member, members)
        made.check()
        return made

    def check(self) -> None:
        """Raise `InvalidCommand` when this is no configuration that a cell can have."""
        numbers, places = [member.number for member in self.members], [member.place for member in self.members]
        if len(set(numbers)) < len(numbers) or len(set(places)) < len(places):
            raise InvalidCommand(reason=f"a configuration names a member or a place twice: members {numbers}, places {places}")
        if len(numbers) > MEMBERS_MAX:
            raise InvalidCommand(reason=f"{len(numbers)} members; at most {MEMBERS_MAX} are allowed")
        if not any(member.votes for member in self.members):
            raise InvalidCommand(reason="a configuration needs a voter: the last one cannot be removed")
        if not all(0 < number < self.next_member <= MEMBER_END for number in numbers) or min(places) < 1:
            raise InvalidCommand(reason=f"members {numbers} and the next, {self.next_member}, must be in order and below {MEMBER_END}")

    def check_follows(self, before: "Configuration") -> None:
        """Raise `InvalidCommand` unless this is `before` with one member added, made a voter, removed or replaced.  [SAFETY 1, 18]

        Nobody is believed to have counted member numbers rightly: one that was given twice is two lives under one name.
        """
        if self.number != before.number + 1:
            raise InvalidCommand(reason=f"configuration {self.number} does not follow {before.number}: look again who the members are")
        were = {member.number: member for member in before.members}
        come = [member for member in self.members if member.number not in were]
        stayed = [(were[member.number], member) for member in self.members if member.number in were]
        altered = [(old, new) for old, new in stayed if old != new]
        if max(len(come), len(were) - len(stayed)) + len(altered) != 1:
            raise InvalidCommand(reason="a change adds, removes, replaces or makes a voter of one member")
        if any(member.number != before.next_member for member in come) or self.next_member != before.next_member + len(come):
            raise InvalidCommand(reason=f"member numbers below {before.next_member} were given already, and the next new member's is that")
        if any(member.votes for member in come):
            raise InvalidCommand(reason=f"member {before.next_member} is new: it is a learner until it has caught up")
        if any(new != msgspec.structs.replace(old, votes=True) for old, new in altered):
            raise InvalidCommand(reason="a member's place, addresses and vote are not changed: replace it")

    def encode(self) -> bytes:
        """Its bytes, as they stand in the log."""
        return _encode(self)


_encode = msgspec.msgpack.Encoder().encode
_decoder = msgspec.msgpack.Decoder(Configuration)


def founders(places: dict[int, int]) -> Configuration:
    """Configuration 0: these members, each in its place."""
    return Configuration(FORMAT, 0, max(places) + 1, tuple(Member(number, place) for number, place in sorted(places.items())))


def decode(data: bytes) -> Configuration:
    """A configuration of its bytes.

    Raises:
        ProtocolError: these are not a configuration's, or a newer version wrote them.
    """
    try:
        found = _decoder.decode(data)
        found.check()
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError, InvalidCommand) as error:
        raise ProtocolError(reason=f"not a configuration: {error}") from None
    if found.format != FORMAT:
        raise ProtocolError(reason=f"configuration format {found.format} is not known; this version reads {FORMAT}")
    return found


def as_value(command: bytes) -> bytes:
    """A slot's value that is this configuration: for whoever knows that it was chosen, and not in which value."""
    return batch([configuration(0, command)], 0)


def is_configuration(value: bytes) -> bool:
    """Whether a slot's value is one."""
    return value[_KIND_AT : _KIND_AT + 1] == _CONFIG


def newest(accepted: Mapping[int, tuple[int, bytes]], chosen: int, above: int = 0) -> tuple[int, "Configuration"] | None:
    """The last configuration among chosen values (slot: ballot, value) above a slot, and where it stands."""
    slot = max((slot for slot, (_, value) in accepted.items() if above < slot <= chosen and is_configuration(value)), default=0)
    return (slot, of_value(accepted[slot][1])) if slot else None


@lru_cache(maxsize=64)
def of_value(value: bytes) -> Configuration:
    """The configuration that a slot's value is.

    Raises:
        ProtocolError: it is none.
    """
    found = entries(value)
    if len(found) != 1 or found[0].kind != Kind.CONFIG:
        raise ProtocolError(reason="a configuration has a slot of its own")
    return decode(found[0].command)


def numbered(value: bytes) -> int:
    """The number of the configuration that a slot's value is; 0: it is none."""
    return of_value(value).number if value[_KIND_AT : _KIND_AT + 1] == _CONFIG else 0


def listed(value: bytes) -> int:
    """The voters of the configuration that a slot's value is, as a bit mask; 0: it is none."""
    return of_value(value).voters if value[_KIND_AT : _KIND_AT + 1] == _CONFIG else 0
