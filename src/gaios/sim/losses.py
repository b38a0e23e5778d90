"""Who loses its state, and what an operator makes of a directory: a minority of whoever may be members.  [SAFETY 2, 3, 8]

    a disk is empty │ a directory of an earlier life is put back │ one of earlier in the same life │ a second process runs on a copy

Rule 1. A majority of the voters keeps its state, whichever change of the members is chosen next; a learner may be a voter soon.
Rule 2. Older directories are fewer than a majority of any configuration that ever was: they may know no newer one.
Rule 3. Who would notice a roll-back or a clone must know what it knows: nothing more is lost behind either.
"""

from collections.abc import Callable, Sequence

from gaios.sim.census import Census
from gaios.sim.dice import Dice
from gaios.sim.faults import MS, ProcessFaults
from gaios.sim.outcasts import Shelf
from gaios.sim.seat import Seat
from gaios.sim.twins import Twins
from gaios.sim.world import World

COPY_NS = 500 * MS
"""Between two copies of running replicas' directories."""


class Losses:
    """Of one cell. `make` and `fallen`: as in `Twins`; without `make` nobody is cloned."""

    def __init__(
        self,
        world: World,
        dice: Dice,
        seats: Sequence[Seat],
        census: Census,
        process: ProcessFaults,
        make: Callable[[Seat], Seat] | None,
        fallen: Callable[[Seat, bool], None],
    ) -> None:
        self._world, self._dice, self._seats, self._census, self._process = world, dice, seats, census, process
        self._shelf, self._copies = Shelf(), world.dice.split("copies")
        self._twins = Twins(world, self._copies, make, fallen) if make is not None else None
        self._is_last = False
        """Nothing more may be lost."""
        self._older = 0
        """How many directories were put back."""

    def strike(self, seat: Seat) -> None:
        """A replica that is down may lose its state."""
        if seat.is_lost or self._is_last or not self._census.lists(seat.replica):
            return
        if self._census.spares(self._census.lost() | {seat.replica}) and self._dice.chance(self._process.lose_disk):
            self._lose(seat)

    def copy(self) -> None:
        """Somebody copies the directory of a replica while it runs."""
        running = [seat for seat in self._seats if seat.node is not None and not seat.is_lost]
        if running:
            self._shelf.copy(self._copies.pick(running))

    def _lose(self, seat: Seat) -> None:
        """Its disk is empty, or holds what it held in an earlier life, or earlier in this one; or it is copied."""
        process = self._process
        voters = self._census.newest.voters
        may_be_older = 2 * (self._older + 1) < self._census.least
        if not self._census.lost() and may_be_older:
            if self._twins is not None and process.cloned and self._copies.chance(process.cloned):
                self._is_last = True
                self._twins.copy(seat)
                return
            if process.rolled_back and self._copies.chance(process.rolled_back) and self._shelf.roll_back(seat, self._seats, voters):
                self._world.count("a directory was rolled back")
                self._is_last = seat.is_lost = seat.onlooker.is_out = True
                return
        if self._dice.chance(process.put_back):
            if may_be_older and self._shelf.put_back(seat, self._seats, voters):
                self._older += 1
                self._world.count("an older directory was put back")
                seat.is_lost = seat.onlooker.is_out = True
            else:
                self._shelf.keep(seat)
        else:
            self._world.count("a disk was lost for good")
            seat.lose_disk()
