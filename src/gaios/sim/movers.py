"""Who changes the members of a simulated cell: what `gaios member` does, and the machines that come with it.  [PML §5.4; SAFETY 8, 18]

Rule 1. A new member's machine is set up once somebody knows its configuration to be chosen, and never before: its number is given by then.
Rule 2. Whoever was told that it may go is gone for good, and must be none of those whom the newest configuration lists.
Rule 3. Some places are kept, whoever is in them: a client that rests has to find somebody where it knew a replica.
Rule 4. What is asked for is any change that the log allows: a new place, a voter less, another member in a place, the master's too.
"""

from collections.abc import Callable, Mapping
from typing import Final

from gaios.configuration import Configuration
from gaios.errors import InvalidCommand, Removed
from gaios.sim.dice import Dice
from gaios.sim.faults import MS
from gaios.sim.history import Violation
from gaios.sim.observations import Observations
from gaios.sim.onlooker import MEMBERS
from gaios.sim.seat import Seat, address
from gaios.sim.world import World

VOTERS_MIN: Final = 1
VOTERS_MAX: Final = 6
PLACES_KEPT: Final = 1
LOOK_NS: Final = 50 * MS
NOBODY: Final = 1 << 40
"""The connection of whoever asks: no client has it, and its answer goes nowhere."""


class Movers:
    """See the module. `make` sets up a machine for a member that a configuration lists, and starts it."""

    def __init__(
        self, world: World, seats: Mapping[int, Seat], observations: Observations, dice: Dice, make: Callable[[int, Configuration], None]
    ) -> None:
        self._world, self._seats, self._observations, self._dice, self._make = world, seats, observations, dice, make

    def begin(self) -> None:
        """Look now and then for whom a machine is missing, to the end of the run."""
        self._look()

    def _look(self) -> None:
        newest = self.newest()
        for member in newest.members if newest is not None else ():
            if member.number not in self._seats:
                assert newest is not None
                self._world.count("a new member's machine was set up")
                self._make(member.number, newest)
        self._world.after(LOOK_NS, self._look)

    def newest(self) -> Configuration | None:
        """The newest that any replica which runs knows to be chosen."""
        known = [seat.node.replica.configuration for seat in self._seats.values() if seat.node is not None]
        return max(known, key=lambda each: each.number, default=None)

    def move(self) -> None:
        """Ask a master for a change."""
        masters = [seat for seat in self._seats.values() if seat.node is not None and seat.is_serving]
        if not masters:
            return
        seat = self._dice.pick(masters)
        assert seat.node is not None, "it serves"
        replica = seat.node.replica
        try:
            wanted = self._change(replica.configuration)
        except InvalidCommand:
            return
        if replica.is_settled:
            self._world.note(f"change {seat.replica} {wanted.number}")
            self._world.count("a change of the members was asked for")
            replica.change(seat.now(), (NOBODY, wanted.number), wanted)
            seat.poke()

    def _change(self, known: Configuration) -> Configuration:
        voters = [member for member in known.members if member.votes]
        place = max(member.place for member in known.members) + 1
        what = self._dice.pick(("add", "remove", "replace"))
        if len(voters) <= VOTERS_MIN or (what == "add" and len(known.members) < VOTERS_MAX):
            return known.added(place, peer=f"peer:{place}", client=address(place))
        if what == "remove" or len(known.members) >= VOTERS_MAX:
            return known.removed(self._dice.pick([member for member in known.members if member.place > PLACES_KEPT]).number)
        return known.replaced(self._dice.pick(voters).number)

    def gone(self, seat: Seat, error: Removed) -> None:
        """A replica stopped because it was removed."""
        self._world.count("a removed member was told that it may go")
        newest = self.newest()
        if error.member != seat.replica or (newest is not None and newest.member(seat.replica) is not None):
            detail = f"member {seat.replica} went at {self._world.now_ns} ns, and is listed: {error}"
            self._observations.broken.append(Violation(MEMBERS, detail))
