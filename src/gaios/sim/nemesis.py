"""Who makes faults happen: crashes, pauses, partitions, clogged links, stalled clients, each at its own rate, until told to stop.

Rule 1. Any number of replicas may be down at once: the cell need not work then, it must only never be wrong.
Rule 2. A replica whose disk failed stays down until an operator comes, as one that ended with exit code 4; all others are supervised.
Rule 3. `stop` ends all faults that last: partitions heal, links are free, disks, machines and clients go on, dead replicas are started, an
upgrade is brought to its end, and nothing new begins.
"""

from collections.abc import Callable, Sequence

from gaios.errors import TooOld
from gaios.sim.census import Census
from gaios.sim.client import SimulatedClient
from gaios.sim.faults import MS, Faults
from gaios.sim.losses import COPY_NS, Losses
from gaios.sim.memory import Memory
from gaios.sim.network import Network
from gaios.sim.partitions import Link, shape
from gaios.sim.rot import Rot
from gaios.sim.seat import Seat
from gaios.sim.store import Store
from gaios.sim.world import World

ROT_LEAST = 3
"""Where fewer vote nothing rots: a record of one of two is more than the other can make good.  [SAFETY 6]"""
FLAP_NS = (5 * MS, 300 * MS)
"""A partition that comes and goes stays in either state for so long."""


class Nemesis:
    """See the module."""

    def __init__(
        self,
        world: World,
        network: Network,
        seats: Sequence[Seat],
        clients: Sequence[SimulatedClient],
        faults: Faults,
        *,
        twin: Callable[[Seat], Seat] | None = None,
        spares_majority: bool = False,
        store: Store | None = None,
    ) -> None:
        """`twin` makes another seat for a seat's replica; without it none is cloned.

        With `spares_majority` no crash, pause or hanging disk comes while so many are ill that one more would leave no majority.
        """
        self._clients = clients
        self._spares_majority = spares_majority
        self._world, self._network, self._seats, self._faults = world, network, seats, faults
        self._dice = world.dice.split("nemesis")
        self._running = True
        self._memories = list[Memory]()
        self.census = Census(seats)
        self.on_move: Callable[[set[int]], None] | None = None
        """Called when somebody is to change the members, with those whose database is wrong."""
        self._losses = Losses(world, self._dice, seats, self.census, faults.process, twin, self.fallen)
        self._rots = Rot(world, world.dice.split("rot"), seats, store, self._faults.disk)
        self._blocks: list[list[Link]] = []
        self._clogs: list[list[Link]] = []
        for seat in seats:
            self.look_after(seat)

    def look_after(self, seat: Seat) -> None:
        """One of the seats, from now on also one that is new among them."""
        self._memories.append(Memory(seat))
        seat.on_fall = self.fallen
        seat.disk.on_crash_point = lambda: self._crash_one(seat)
        if not self._running:
            self._calm(seat)

    def _move(self) -> None:
        if self.on_move is not None:
            self.on_move(self._odd())

    def _odd(self) -> set[int]:
        return {seat.replica for seat, memory in zip(self._seats, self._memories, strict=True) if memory.is_odd}

    def _present(self) -> list[Seat]:
        """All but those that were removed, and went."""
        return [seat for seat in self._seats if not seat.is_gone]

    def begin(self) -> None:
        """Let faults happen from now on."""
        process, network = self._faults.process, self._faults.network
        for every_ns, act in (
            (process.crash_every_ns, self._crash),
            (process.pause_every_ns, self._pause),
            (process.flip_every_ns, self._flip),
            (process.upgrade_every_ns, self._upgrade),
            (COPY_NS if process.lose_disk and process.rolled_back else 0, self._losses.copy),
            (process.change_every_ns, self._move),
            (self._faults.disk.hang_every_ns, self._hang),
            (self._faults.disk.full_every_ns, self._fill),
            (self._faults.disk.drag_every_ns, self._drag),
            (self._faults.disk.rot_every_ns, self._rot),
            (network.partition_every_ns, self._partition),
            (network.clog_every_ns, self._clog),
            (network.break_every_ns, self._break_one),
            (self._faults.client.stall_every_ns, self._stall),
            (self._faults.client.kill_every_ns if self._mortals() else 0, self._kill),
        ):
            if every_ns:
                self._world.after(self._dice.around(every_ns), self._again, every_ns, act)

    def stop(self) -> None:
        """No more faults."""
        self._running = False
        self._network.faults = self._faults.calm().network
        for links in self._blocks:
            self._network.unblock(links)
        self._blocks.clear()
        for links in self._clogs:
            self._network.unclog(links)
        self._clogs.clear()
        for client in self._clients:
            client.go_on()
        for seat in self._seats:
            self._calm(seat)
            if seat.node is None and not seat.is_lost:
                seat.start()

    def _calm(self, seat: Seat) -> None:
        seat.disk.faults = self._faults.calm().disk
        seat.disk.go_on()
        seat.disk.is_full, seat.disk.drag_ns = False, 0
        seat.resume()
        if self._faults.process.upgrade_every_ns and not seat.is_next:
            seat.stop(power=False)
            seat.is_next = True

    def _again(self, every_ns: int, act: Callable[[], None]) -> None:
        if self._running:
            act()
            self._world.after(self._dice.around(every_ns), self._again, every_ns, act)

    def _victim(self) -> Seat | None:
        alive = [seat for seat in self._seats if seat.node is not None]
        if self._spares_majority and not self.census.spares({seat.replica for seat in self._seats if seat.is_ill}, 1):
            return None
        masters = [seat for seat in alive if seat.is_serving]
        if masters and self._dice.chance(self._faults.process.at_master):
            return self._dice.pick(masters)
        return self._dice.pick(alive) if alive else None

    def _crash(self) -> None:
        if self._dice.chance(self._faults.process.all_at_once):
            which = self._dice.pick(("all", "all but the master", "some"))
            victims = list(self._seats) if which != "some" else self._dice.some(self._seats)
            if which == "all but the master":
                victims = [seat for seat in victims if not seat.is_serving]
            if which == "all":
                self._world.count("all replicas crashed at once")
            for seat in victims:
                self._crash_one(seat)
        elif (victim := self._victim()) is not None:
            self._crash_one(victim)

    def _crash_one(self, seat: Seat) -> None:
        if seat.node is None or not self._running:
            return
        if self._dice.chance(self._faults.process.retire):
            self._world.count("a replica was asked to go")
            seat.retire()
            self._world.after(self._dice.around(5_000_000), self._end, seat, seat.life)
            return
        self._end(seat, seat.life)

    def _end(self, seat: Seat, life: int) -> None:
        if seat.life != life or seat.node is None or not self._running:
            return
        self._world.count("a replica crashed")
        seat.stop(power=self._dice.chance(self._faults.process.power_cut))
        self._losses.strike(seat)
        self._restart_later(seat)

    def fallen(self, seat: Seat, disk_failed: bool) -> None:
        """It ended by itself."""
        self._install_newer(seat)
        if not disk_failed:
            self._restart_later(seat)
            return
        process = self._faults.process
        self._world.after(self._dice.around(process.operator_ns), self._operator_comes, seat, seat.life)

    def _operator_comes(self, seat: Seat, life: int) -> None:
        """Somebody looks at a replica whose disk failed; some replace the machine's power supply, too."""
        if seat.node is None and seat.life == life and not seat.is_gone:
            self._world.count("an operator started a replica")
            if self._dice.chance(self._faults.process.power_cut):
                seat.lose_power()
            seat.start()

    def _restart_later(self, seat: Seat) -> None:
        self._world.after(self._dice.around(self._faults.process.down_ns), self._restart, seat, seat.life)

    def _restart(self, seat: Seat, life: int) -> None:
        if seat.node is None and seat.life == life and not seat.is_gone:
            self._world.count("a replica restarted")
            seat.start()
            if self._install_newer(seat):
                self._restart_later(seat)

    def _upgrade(self) -> None:
        """An operator installs another version somewhere, and it is started."""
        seat = self._dice.pick(self._present())
        seat.is_next = not self._dice.chance(self._faults.process.roll_back)
        self._world.count("the next version was installed" if seat.is_next else "the version before was installed again")
        self._world.note(f"install {seat.replica} {seat.is_next}")
        self._crash_one(seat)

    def _install_newer(self, seat: Seat) -> bool:
        """A version that stopped because it is too old is replaced; whether it was."""
        if not isinstance(seat.refusal, TooOld):
            return False
        self._world.note(f"install {seat.replica} True")
        seat.is_next = True
        return True

    def _pause(self) -> None:
        seat, faults = self._victim(), self._faults.process
        if seat is None:
            return
        duration = self._dice.around(faults.pause_ns)
        if self._dice.chance(faults.suspend):
            self._world.count("a machine was suspended")
            seat.pause(duration, "suspend")
        else:
            self._world.count("a replica was paused")
            seat.pause(duration, "take" if self._dice.chance(faults.mid_receive) else self._dice.pick(("poll", "carry out")))
        if self._dice.chance(faults.cut_when_paused):
            others = [other.replica for other in self._seats if other is not seat]
            self._cut([link for other in others for link in ((seat.replica, other), (other, seat.replica))], duration + duration // 4)

    def _flip(self) -> None:
        """A bit of a replica's memory flips."""
        odd = self._odd()
        sound = [seat for seat in self._seats if seat.node is not None and not seat.is_serving and seat.replica not in odd]
        if not sound or not self.census.spares(odd, 1):
            return
        if self._memories[self._seats.index(self._dice.pick(sound))].flip(self._dice):
            self._world.count("a bit flipped in a database")

    def _hang(self) -> None:
        """A disk stands still for a while."""
        seat = self._victim()
        if seat is not None:
            self._world.count("a disk hung")
            seat.disk.stand_still(self._dice.around(self._faults.disk.hang_ns))

    def _fill(self) -> None:
        """Somebody fills disks, and takes it away again after a while."""
        which = self._dice.pick(("one", "some", "all"))
        present = self._present()
        seats = [self._dice.pick(present)] if which == "one" else self._dice.some(present) if which == "some" else present
        for seat in seats:
            self._world.count("a disk was full")
            seat.disk.is_full = True
            self._world.after(self._dice.around(self._faults.disk.full_ns), self._empty, seat)

    def _empty(self, seat: Seat) -> None:
        seat.disk.is_full = False

    def _drag(self) -> None:
        """A disk is slow for a while."""
        seat = self._victim()
        if seat is not None:
            self._world.count("a disk was slow for a while")
            seat.disk.drag_ns = self._faults.disk.drag_sync_ns
            self._world.after(self._dice.around(self._faults.disk.drag_ns), self._speed_up, seat)

    def _speed_up(self, seat: Seat) -> None:
        seat.disk.drag_ns = 0

    def _rot(self) -> None:
        """Something on some disk is not what it was."""
        if self.census.newest.voters.bit_count() >= ROT_LEAST:
            self._rots.strike(down=frozenset(seat.replica for seat in self._seats if seat.node is None))

    def _stall(self) -> None:
        """A client stands still for a while."""
        self._world.count("a client stalled")
        self._dice.pick(self._clients).stall(self._dice.around(self._faults.client.stall_ns))

    def _kill(self) -> None:
        """A process with sessions is killed."""
        self._dice.pick(self._mortals())()

    def _mortals(self) -> list[Callable[[], None]]:
        return [client.on_kill for client in self._clients if client.on_kill is not None]

    def _break_one(self) -> None:
        self._world.count("a client's connection was broken")
        self._dice.pick(self._clients).break_one(self._dice.pick)

    # -- links -----------------------------------------------------------------------------------------------------------

    def _partition(self) -> None:
        """Some links fail, one way or both."""
        dice, faults = self._dice, self._faults.network
        kind = dice.pick(faults.kinds)
        masters = [seat.replica for seat in self._seats if seat.is_serving]
        out, back = shape(kind, dice, [seat.replica for seat in self._present()], masters, [client.end for client in self._clients])
        if back and dice.chance(faults.one_way):
            self._world.count("a partition was one-way")
            out, back = dice.pick(((out, []), (back, [])))
        self._world.count(f"a partition of kind {kind} began")
        self._cut(out + back, dice.around(faults.partition_ns), flaps=dice.chance(faults.flap))

    def _cut(self, links: list[Link], duration_ns: int, *, flaps: bool = False) -> None:
        self._world.count("a partition began")
        self._world.note(f"partition {links}")
        self._network.block(links)
        self._blocks.append(links)
        if flaps:
            self._world.count("a partition flapped")
            self._world.after(self._dice.skewed(*FLAP_NS), self._flap, links, self._world.now_ns + duration_ns)
        else:
            self._world.after(duration_ns, self._heal, links)

    def _heal(self, links: list[Link]) -> None:
        if _take(self._blocks, links):
            self._world.note(f"heal {links}")
            self._network.unblock(links)

    def _flap(self, links: list[Link], end_ns: int) -> None:
        """Heal them, or block them again, until the end."""
        if not self._running:
            return
        if self._world.now_ns >= end_ns:
            self._heal(links)
            return
        if not _take(self._blocks, links):
            self._network.block(links)
            self._blocks.append(links)
        else:
            self._network.unblock(links)
        self._world.after(self._dice.skewed(*FLAP_NS), self._flap, links, end_ns)

    def _clog(self) -> None:
        """Some links hold everything back: all between some ends, and each for a time of its own.  [FDB: swizzle-clogging]"""
        dice = self._dice
        present = self._present()
        ends = [*(seat.replica for seat in present), *(client.end for client in self._clients)]
        replicas = len(present)
        links = [(a, b) for a in ends for b in ends[:replicas] if a != b]
        links += [(b, a) for a, b in links if a not in ends[:replicas]]
        self._world.count("links were clogged")
        for link in dice.some(links, dice.pick((0.05, 0.3, 1.0))):
            self._network.clog([link])
            self._clogs.append([link])
            self._world.after(dice.around(self._faults.network.clog_ns), self._unclog, self._clogs[-1])

    def _unclog(self, links: list[Link]) -> None:
        if _take(self._clogs, links):
            self._network.unclog(links)


def _take(lists: list[list[Link]], links: list[Link]) -> bool:
    """Take this very list out, if it is there."""
    for at, other in enumerate(lists):
        if other is links:
            del lists[at]
            return True
    return False
