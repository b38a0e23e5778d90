"""A voter that is down until the others were replaced: it comes back to a cell in which it knows nobody, or too few.  [SAFETY 3, 8, 18]

Rule 1. It comes back as it was, or with the directory of an earlier life. Then it stays out: who recorded its boots since has left, and
those who came in their places must know what they knew.
Rule 2. Where some of the others stay it is removed itself, and learns that of them alone: its boot is never registered again.
Rule 3. There is one in a world, and nobody else changes the members there.
"""

from collections.abc import Mapping
from typing import Final

from gaios.sim.census import Census
from gaios.sim.dice import Dice
from gaios.sim.faults import MS
from gaios.sim.movers import NOBODY
from gaios.sim.seat import Seat
from gaios.sim.world import World

LOOK_NS: Final = 50 * MS
REST_NS: Final = 2_000 * MS
"""After the last replacement: its news are told by then, and nobody looks for a master any more."""


class LeftBehind:
    """See the module."""

    def __init__(self, world: World, seats: Mapping[int, Seat], census: Census, dice: Dice) -> None:
        self._world, self._seats, self._census, self._dice = world, seats, census, dice
        self._files: Mapping[str, bytes] = {}
        self._staying = 0

    def begin(self, after_ns: int, older: float, staying: int = 0) -> None:
        """Let it go down after so long, until all the others but so many were replaced.

        `older`: how likely it comes back with the directory of an earlier life.
        """
        self._staying = staying
        self._world.after(self._dice.around(after_ns), self._copy if self._dice.chance(older) else self._leave)

    def _pick(self) -> Seat | None:
        idle = [seat for seat in self._seats.values() if seat.node is not None and not seat.is_lost and not seat.is_serving]
        return self._dice.pick(idle) if idle and any(seat.is_serving for seat in self._seats.values()) else None

    def _copy(self) -> None:
        """Its directory is copied between two lives."""
        if (seat := self._pick()) is None:
            self._world.after(LOOK_NS, self._copy)
            return
        seat.stop(power=False)
        self._files = {name: seat.disk.read(name, 0, seat.disk.size(name)) for name in seat.disk.names()}
        seat.start()
        self._world.after(LOOK_NS, self._wait, seat)

    def _wait(self, seat: Seat) -> None:
        """Its newer boot is to be known for certain."""
        if seat.node is not None and seat.node.replica.boots.is_registered and seat.node.replica.boots.is_certain:
            self._go(seat)
        else:
            self._world.after(LOOK_NS, self._wait, seat)

    def _leave(self) -> None:
        if (seat := self._pick()) is None:
            self._world.after(LOOK_NS, self._leave)
        else:
            self._go(seat)

    def _go(self, seat: Seat) -> None:
        seat.stop(power=False)
        others = frozenset(member for member in self._seats if member != seat.replica)
        self._world.after(LOOK_NS, self._replace, seat, others)

    def _replace(self, seat: Seat, others: frozenset[int]) -> None:
        """Ask a master to replace the next of those whom it knows, or to remove it itself; when that is done, let it come back."""
        newest = self._census.newest
        left = [member for member in newest.members if member.number in others][self._staying :]
        is_done = not left and not (self._staying and self._census.lists(seat.replica))
        if is_done and all(member.votes for member in newest.members):
            self._world.after(REST_NS, self._return, seat)
            return
        for master in [other for other in self._seats.values() if not is_done and other.node is not None and other.is_serving]:
            assert master.node is not None, "it serves"
            replica = master.node.replica
            if replica.is_settled and all(member.votes for member in replica.configuration.members):
                wanted = replica.configuration.replaced(left[0].number) if left else replica.configuration.removed(seat.replica)
                self._census.ask(wanted)
                replica.change(master.now(), (NOBODY, wanted.number), wanted)
                master.poke()
        self._world.after(LOOK_NS, self._replace, seat, others)

    def _return(self, seat: Seat) -> None:
        if seat.node is not None:  # faults are over, and whoever was down was started
            return
        if self._files:
            self._world.count("an older directory was put back where all others had been replaced")
            seat.disk.put_back(self._files)
            seat.is_lost = seat.onlooker.is_out = True
        else:
            whom = "too few" if self._staying else "nobody"
            self._world.count(f"a voter came back to a cell in which it knew {whom}")
        seat.start()
