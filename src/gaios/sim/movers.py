"""Who changes the members of a simulated cell: what `gaios member` does, and the machines that come with it.  [PML §5.4; SAFETY 8, 18]

Rule 1. A new member's machine is set up once somebody knows its configuration to be chosen, and never before: its number is given by then.
Rule 2. Whoever was told that it may go is gone for good, and must be none of those whom the newest configuration lists.
Rule 3. Some places are kept, whoever is in them: a client that rests has to find somebody where it knew a replica.
Rule 4. What is asked for is any change that the log allows: a new place, a voter less, another member in a place, the master's too; but
none that would leave no majority with a sound state. An operator who waits for no fault knows as much.
Rule 5. Who lost its state, or has a twin, is replaced now and then, and all such when faults stop: that is the way back.  [SAFETY 8]
"""

from collections.abc import Callable, Mapping
from typing import Final

from gaios.configuration import Configuration
from gaios.errors import InvalidCommand, Removed
from gaios.sim.census import Census
from gaios.sim.faults import MS
from gaios.sim.history import Violation
from gaios.sim.observations import Observations
from gaios.sim.onlooker import MEMBERS
from gaios.sim.seat import Seat, address
from gaios.sim.world import World

VOTERS_MAX: Final = 6
PLACES_KEPT: Final = 1
LOOK_NS: Final = 50 * MS
MEND_NS: Final = 300 * MS
NOBODY: Final = 1 << 40
"""The connection of whoever asks: no client has it, and its answer goes nowhere."""


class Movers:
    """See the module. `make` sets up a machine for a member that a configuration lists, and starts it."""

    def __init__(
        self,
        world: World,
        seats: Mapping[int, Seat],
        observations: Observations,
        census: Census,
        make: Callable[[int, Configuration], None],
        *,
        voters_min: int = 1,
    ) -> None:
        """`voters_min` stay, whoever they are, but for the time in which one is replaced."""
        self._world, self._seats, self._observations, self._census, self._make = world, seats, observations, census, make
        self._dice, self._voters_min = world.dice.split("movers"), voters_min

    def begin(self) -> None:
        """Look now and then for whom a machine is missing, to the end of the run."""
        newest = self._census.newest
        for member in newest.members:
            if member.number not in self._seats:
                self._world.count("a new member's machine was set up")
                self._make(member.number, newest)
        self._world.after(LOOK_NS, self.begin)

    def move(self, odd: set[int]) -> None:
        """Ask a master for a change; the databases of `odd` are wrong."""
        lost = sorted(self._census.lost())
        if lost and self._dice.chance(0.5):
            self.replace(self._dice.pick(lost))
        else:
            self._ask(self._change, odd)

    def mend(self) -> None:
        """Replace all who lost their state, one after the other, to the end of the run.

        Each is stopped first: a master with a twin may hear too few to change anything, and be let reign (seed 4336 of the swarm).
        """
        for member in sorted(self._census.lost())[:1]:
            self._seats[member].stop(power=False)
            self.replace(member)
        self._world.after(MEND_NS, self.mend)

    def replace(self, member: int) -> bool:
        """Whether a master was asked to put a new member in this one's place."""
        is_lost = member in self._census.lost()
        is_asked = self._ask(lambda known: known.replaced(member), set())
        if is_asked and is_lost:
            self._world.count("a member that lost its state was to be replaced")
        return is_asked

    def _ask(self, change: Callable[[Configuration], Configuration], odd: set[int]) -> bool:
        """Whether a master was asked for the change."""
        masters = [seat for seat in self._seats.values() if seat.node is not None and seat.is_serving]
        if not masters:
            return False
        seat = self._dice.pick(masters)
        assert seat.node is not None, "it serves"
        replica = seat.node.replica
        try:
            wanted = change(replica.configuration)
        except InvalidCommand:
            return False
        if not replica.is_settled or not self._census.spares(self._census.lost() | odd, wanted=wanted):
            return False
        self._world.note(f"change {seat.replica} {wanted.number}")
        self._world.count("a change of the members was asked for")
        self._census.ask(wanted)
        replica.change(seat.now(), (NOBODY, wanted.number), wanted)
        seat.poke()
        return True

    def _change(self, known: Configuration) -> Configuration:
        voters = [member for member in known.members if member.votes]
        place = max(member.place for member in known.members) + 1
        what = self._dice.pick(("add", "remove", "replace"))
        has_room = len(known.members) < VOTERS_MAX
        if len(voters) <= self._voters_min or (what == "add" and has_room):
            return known.added(place, peer=f"peer:{place}", client=address(place))
        if what == "remove" or not has_room:
            return known.removed(self._dice.pick([member for member in known.members if member.place > PLACES_KEPT]).number)
        return known.replaced(self._dice.pick(voters).number)

    def gone(self, seat: Seat, error: Removed) -> None:
        """A replica stopped because it was removed."""
        self._world.count("a removed member was told that it may go")
        if error.member != seat.replica or self._census.lists(seat.replica):
            detail = f"member {seat.replica} went at {self._world.now_ns} ns, and is listed: {error}"
            self._observations.broken.append(Violation(MEMBERS, detail))
