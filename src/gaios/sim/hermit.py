"""An older copy of an only voter's directory that is started by itself again and again, and then meets those who came since.  [SAFETY 3, 8]

    a founder is alone ── its directory is copied ──► others join it ──► it dies ──► the copy runs, so many times ──► it is reached

Rule 1. While the copy is alone nobody reaches it, clients neither: nobody could tell it that it is one, and it serves. What is observed of
it counts for nothing (twins.py).
Rule 2. Once the others reach it, it stays out: the last boot that they recorded of this member is none of its own.
Rule 3. There is one in a world, and nobody else changes the members there.
"""

from collections.abc import Callable, Mapping
from typing import Final

from gaios.sim.census import Census
from gaios.sim.faults import MS
from gaios.sim.movers import NOBODY
from gaios.sim.seat import Seat, address
from gaios.sim.world import World

LOOK_NS: Final = 50 * MS
REST_NS: Final = 100 * MS
"""Each life of the copy serves for so long: what it then remembers is written down."""
VOTERS: Final = 3


class Hermit:
    """See the module. `make` and `fallen`: as in `Twins`, of the copy."""

    def __init__(
        self,
        world: World,
        seats: Mapping[int, Seat],
        census: Census,
        make: Callable[[Seat], Seat],
        fallen: Callable[[Seat, bool], None],
    ) -> None:
        self._world, self._seats, self._census, self._make, self._fallen = world, seats, census, make, fallen
        self._left = 0
        """How often the copy is yet to be started by itself."""

    def begin(self, starts: int) -> None:
        """Let the copy be started by itself so often."""
        (founder,) = self._seats.values()
        self._left = starts
        self._world.after(LOOK_NS, self._copy, founder)

    def _copy(self, founder: Seat) -> None:
        """Between two lives, while it is alone."""
        if not founder.is_serving:
            self._world.after(LOOK_NS, self._copy, founder)
            return
        founder.stop(power=False)
        files = {name: founder.disk.read(name, 0, founder.disk.size(name)) for name in founder.disk.names()}
        founder.start()
        self._world.after(LOOK_NS, self._grow, founder, files)

    def _grow(self, founder: Seat, files: Mapping[str, bytes]) -> None:
        """Others join, and record its boot; then it dies."""
        if founder.is_serving and founder.node is not None:
            replica, known = founder.node.replica, founder.node.replica.configuration
            is_whole = replica.is_settled and all(member.votes for member in known.members)
            if is_whole and len(known.members) == VOTERS and replica.boots.is_certain:
                founder.stop(power=False)
                self._settle(founder, files)
                return
            if is_whole and len(known.members) < VOTERS:
                place = len(known.members) + 1
                wanted = known.added(place, peer=f"peer:{place}", client=address(place))
                self._census.ask(wanted)
                replica.change(founder.now(), (NOBODY, wanted.number), wanted)
                founder.poke()
        self._world.after(LOOK_NS, self._grow, founder, files)

    def _settle(self, founder: Seat, files: Mapping[str, bytes]) -> None:
        """The copy stands where it was."""
        founder.is_lost = True
        copy = self._make(founder)
        copy.disk.put_back(files)
        copy.onlooker.is_out = True
        copy.on_fall = self._fallen
        copy.start()
        self._world.after(LOOK_NS, self._live, founder, copy)

    def _live(self, founder: Seat, copy: Seat) -> None:
        if not copy.is_serving:
            self._world.after(LOOK_NS, self._live, founder, copy)
        else:
            self._world.after(REST_NS, self._die, founder, copy)

    def _die(self, founder: Seat, copy: Seat) -> None:
        """It is started once more, by itself or among the others."""
        copy.stop(power=False)
        self._left -= 1
        if self._left > 0:
            copy.start()
            self._world.after(LOOK_NS, self._live, founder, copy)
            return
        self._world.count("an older copy from when it was alone met the others")
        founder.twins = dict.fromkeys([member for member in self._seats if member != founder.replica], copy)
        copy.start()
