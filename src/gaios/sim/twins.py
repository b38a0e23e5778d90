"""Second processes on copies of directories, beside the replicas that they are copies of.  [SAFETY 3]

    a replica is down: its directory is copied ──► it starts again, and enough others record that ──► its twin starts on the copy

Peers' frames for the replica come to either, each peer's always to the same: two machines, one address.

Rule 1. A twin starts only once a majority of the others has recorded a boot of the original's: then every majority with which it could
register has somebody who knows better. Nobody has lost a state before, and nobody does afterwards.
Rule 2. A twin says nothing that binds it: it stops, or waits for ever. What it observes counts for nothing else.
Rule 3. The original may stop as well, once it hears of its twin, and each time that it does again: then its replica is lost.
"""

from collections.abc import Callable

from gaios.sim.dice import Dice
from gaios.sim.faults import MS
from gaios.sim.seat import Seat
from gaios.sim.world import World

LOOK_NS = 50 * MS
"""How often it is looked whether the original's boot is recorded."""


class Twins:
    """Of one world: one at most."""

    def __init__(self, world: World, dice: Dice, make: Callable[[Seat], Seat], fallen: Callable[[Seat, bool], None]) -> None:
        """`make` is given a seat, and makes another in its place, with nothing on its disk; `fallen` is told when a twin ends by itself."""
        self._world, self._dice, self._make, self._fallen = world, dice, make, fallen
        self.twin: Seat | None = None
        """The copy, running or not."""

    def copy(self, original: Seat) -> None:
        """Copy the directory of a replica that is down; the copy is started when it is time."""
        assert self.twin is None
        self.twin = self._make(original)
        self.twin.disk.has_rotted = original.disk.has_rotted
        self.twin.disk.put_back({name: original.disk.read(name, 0, original.disk.size(name)) for name in original.disk.names()})
        self.twin.onlooker.is_out = True
        self.twin.on_fall = self._fallen
        original.is_lost = original.onlooker.has_twin = True
        self._world.count("a directory was copied")
        self._world.after(LOOK_NS, self._look, original, self.twin)

    def _look(self, original: Seat, twin: Seat) -> None:
        """Is it time?"""
        boots = original.node.replica.boots if original.node is not None else None
        if boots is None or not (boots.is_registered and boots.is_certain):
            self._world.after(LOOK_NS, self._look, original, twin)
            return
        self._world.count("two processes ran on two copies")
        original.twins = dict.fromkeys(self._dice.some([member for member in twin.members if member != twin.replica]), twin)
        twin.start()
