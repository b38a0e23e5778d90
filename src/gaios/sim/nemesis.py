"""Who makes faults happen: crashes, pauses, partitions, broken connections, each at its own rate, until told to stop.

Rule 1. Any number of replicas may be down at once: the cell need not work then, it must only never be wrong.
Rule 2. `stop` ends all faults that last: partitions heal, dead replicas are started, and nothing new begins.
"""

from collections.abc import Callable, Sequence

from gaios.sim.faults import Faults
from gaios.sim.network import Network
from gaios.sim.seat import Seat
from gaios.sim.world import World


class Nemesis:
    """See the module."""

    def __init__(
        self, world: World, network: Network, seats: Sequence[Seat], clients: Sequence[int], faults: Faults, break_one: Callable[[], None]
    ) -> None:
        """`clients` are the ends of links that are theirs; `break_one` breaks some client's connection."""
        self._clients = clients
        self._world, self._network, self._seats, self._faults = world, network, seats, faults
        self._dice = world.dice.split("nemesis")
        self._break_one = break_one
        self._running = True
        self._blocks: list[list[tuple[int, int]]] = []
        for seat in seats:
            seat.on_fall = self._restart_later
            seat.disk.on_crash_point = lambda seat=seat: self._crash_one(seat)

    def begin(self) -> None:
        """Let faults happen from now on."""
        process, network = self._faults.process, self._faults.network
        for every_ns, act in (
            (process.crash_every_ns, self._crash),
            (process.pause_every_ns, self._pause),
            (network.partition_every_ns, self._partition),
            (network.break_every_ns, self._break_one),
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
        for seat in self._seats:
            seat.disk.faults = self._faults.calm().disk
            seat.resume()
            if seat.node is None:
                seat.start()

    def _again(self, every_ns: int, act: Callable[[], None]) -> None:
        if self._running:
            act()
            self._world.after(self._dice.around(every_ns), self._again, every_ns, act)

    def _victim(self) -> Seat | None:
        alive = [seat for seat in self._seats if seat.node is not None]
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
        self._restart_later(seat)

    def _restart_later(self, seat: Seat) -> None:
        self._world.after(self._dice.around(self._faults.process.down_ns), self._restart, seat, seat.life)

    def _restart(self, seat: Seat, life: int) -> None:
        if seat.node is None and seat.life == life:
            self._world.count("a replica restarted")
            seat.start()

    def _pause(self) -> None:
        seat, faults = self._victim(), self._faults.process
        if seat is None:
            return
        self._world.count("a replica was paused")
        point = "take" if self._dice.chance(faults.mid_receive) else self._dice.pick(("poll", "carry out"))
        duration = self._dice.around(faults.pause_ns)
        seat.pause(duration, point)
        if self._dice.chance(faults.cut_when_paused):
            others = [other.replica for other in self._seats if other is not seat]
            self._cut([link for other in others for link in ((seat.replica, other), (other, seat.replica))], duration + duration // 4)

    def _partition(self) -> None:
        """Some replicas are cut off from the rest and from some clients, one way or both; or a link; or all but a ring of majorities."""
        dice, faults = self._dice, self._faults.network
        ids = [seat.replica for seat in self._seats]
        kind = dice.pick(faults.kinds)
        back: list[tuple[int, int]] = []
        if kind == "link" and len(ids) > 1:
            first, second = dice.shuffled(ids)[:2]
            out, back = [(first, second)], [(second, first)]
        elif kind == "ring" and len(ids) > 3:
            order = dice.shuffled(ids)
            near = {(order[at], order[(at + step) % len(order)]) for at in range(len(order)) for step in (-1, 0, 1)}
            out = [(a, b) for a in ids for b in ids if (a, b) not in near]
        else:
            masters = [seat.replica for seat in self._seats if seat.is_serving]
            if kind in {"one", "master"}:
                cut_off = masters[:1] if masters and (kind == "master" or dice.chance(0.6)) else [dice.pick(ids)]
            else:
                cut_off = dice.shuffled(ids)[: dice.between(1, max(1, len(ids) // 2))]
            others = [replica for replica in ids if replica not in cut_off]
            others += [client for client in self._clients if dice.chance(0.3)]
            out = [(a, b) for a in cut_off for b in others]
            back = [(b, a) for a, b in out]
        if back and dice.chance(faults.one_way):
            self._world.count("a partition was one-way")
            out, back = dice.pick(((out, []), (back, [])))
        links = out + back
        self._cut(links, dice.around(faults.partition_ns))

    def _cut(self, links: list[tuple[int, int]], duration_ns: int) -> None:
        self._world.count("a partition began")
        self._world.note(f"partition {links}")
        self._network.block(links)
        self._blocks.append(links)
        self._world.after(duration_ns, self._heal, links)

    def _heal(self, links: list[tuple[int, int]]) -> None:
        if links in self._blocks:
            self._blocks.remove(links)
            self._world.note(f"heal {links}")
            self._network.unblock(links)
