"""Whether a boot is registered, as far as one member's own recording tells.  [SAFETY 3, 18]

Rule 1. Nothing but what its own disk tells happens to the core before so many others said that they recorded the boot that they are a
majority together with this one.
Rule 2. Whose word counts stands in the newest configuration that the member knew, or was told of, be it by its invitation, when it heard
it. Whether it believed who told it depends on boots that its recording does not show, so either will do. What was enough once is.
"""

from typing import Any

from gaios.configuration import decode, founders
from gaios.log.codec import BOOTED, NEWS
from gaios.log.recording import Start
from gaios.paxos import core
from gaios.trace.words import Illegal, shown


class Registration:
    """Who said that it recorded one boot. `participant` is looked at, for the configuration that it knows."""

    def __init__(self, start: Start, participant: Any) -> None:  # noqa: ANN401 (a generated module's)
        self._me, self._mine, self._core = start.member, (start.boot, start.nonce), participant
        self._recorded_by: set[int] = set()
        self._told = decode(start.told) if start.told else founders({start.member: 1})
        self._is_registered = False

    def hear(self, member: int, message: Any) -> None:  # noqa: ANN401 (what peers say)
        """Somebody says something: that it recorded this boot, or who the members are?"""
        if message[0] == BOOTED and tuple(message[1:3]) == self._mine:
            if any((row[0], *row[1:3]) == (self._me, *self._mine) for row in message[3]):
                self._recorded_by.add(member)
        elif message[0] == NEWS:
            self._told = max(self._told, decode(message[1]), key=lambda each: each.number)
        if not self._is_registered:
            self._count()

    def check(self, event: Any) -> None:  # noqa: ANN401 (an event)
        """Something else happens to the core.

        Raises:
            Illegal: it is too early for that.
        """
        if not self._is_registered:
            recorded, voters = self._count()
            if not self._is_registered:
                expected = f"nothing before a majority of {voters} recorded the boot"
                raise Illegal("V3 a boot is registered", expected, f"{recorded}: {shown(event)}")

    def _count(self) -> tuple[int, int]:
        """How many have recorded it, of how many."""
        recorded, voters = sum(1 << member for member in self._recorded_by | {self._me}), self._core.electors()
        told = self._told.voters if self._told.number > self._core.config else voters
        self._is_registered = core.most(recorded & voters, voters) or core.most(recorded & told, told)
        return (recorded & told).bit_count(), told.bit_count()
