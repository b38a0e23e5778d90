"""A simulated network: what is sent may be lost, doubled, late, early, damaged, or blocked, one way or both.

Between replicas each frame fares alone, which is worse than any TCP connection: whatever survives this survives reconnections.
Between a client and a replica there are connections: bytes come in order, in pieces of any size, until the connection breaks;
then both ends hear of it, later, and what was under way is lost.

Rule 1. What travels is bytes, made and read by the real codecs at the ends; here nobody looks inside.
Rule 2. A blocked link swallows; a clogged one holds everything back, and delivers it when it is free again.
"""

from collections.abc import Callable
from functools import partial

from gaios.sim.dice import Dice
from gaios.sim.faults import NetworkFaults
from gaios.sim.world import World

Deliver = Callable[[bytes], None]


class Network:
    """Ends are small numbers: replicas from 1, clients from 1001."""

    def __init__(self, world: World, dice: Dice, faults: NetworkFaults) -> None:
        self._world, self._dice = world, dice
        self.faults = faults
        self._blocked: dict[tuple[int, int], int] = {}
        """(from, to) → how many partitions block it now."""
        self._clogged: dict[tuple[int, int], int] = {}
        """(from, to) → how often it is clogged now."""
        self._held: dict[tuple[int, int], list[Callable[[], None]]] = {}
        """What arrives on a clogged link when it is free again."""
        self._last_ns: dict[tuple[int, int], int] = {}
        """(from, to) → when the newest frame arrives, so that it is not overtaken."""

    # -- partitions ------------------------------------------------------------------------------------------------------

    def block(self, links: list[tuple[int, int]]) -> None:
        """From now on these swallow everything, until as many `unblock`s."""
        for link in links:
            self._blocked[link] = self._blocked.get(link, 0) + 1

    def unblock(self, links: list[tuple[int, int]]) -> None:
        """Take one block of each away."""
        for link in links:
            if self._blocked.get(link, 0) > 1:
                self._blocked[link] -= 1
            else:
                self._blocked.pop(link, None)

    def is_blocked(self, source: int, target: int) -> bool:
        """Whether what is sent now would be swallowed."""
        return (source, target) in self._blocked

    def clog(self, links: list[tuple[int, int]]) -> None:
        """From now on these hold everything back, until as many `unclog`s."""
        for link in links:
            self._clogged[link] = self._clogged.get(link, 0) + 1
            self._held.setdefault(link, [])

    def unclog(self, links: list[tuple[int, int]]) -> None:
        """Take one clog of each away; what was held back arrives, in order."""
        for link in links:
            self._clogged[link] -= 1
            if not self._clogged[link]:
                del self._clogged[link]
                for arrive in self._held.pop(link):
                    arrive()

    @property
    def is_clogged(self) -> bool:
        """Whether any link is."""
        return bool(self._held)

    def holds(self, link: tuple[int, int], arrive: Callable[[], None]) -> bool:
        """Whether a link is clogged; then `arrive` is called when it is free."""
        held = self._held.get(link)
        if held is None:
            return False
        held.append(arrive)
        self._world.count("a clogged link held something back")
        return True

    # -- frames ----------------------------------------------------------------------------------------------------------

    def send(self, source: int, target: int, frame: bytes, deliver: Deliver) -> None:
        """One frame, which fares alone."""
        faults, throw = self.faults, self._dice.throw
        if (source, target) in self._blocked or (faults.loss and throw() < faults.loss):
            self._world.count("a message was lost")
            return
        if faults.corrupt and throw() < faults.corrupt:
            frame = damaged(frame, self._dice)
        self._arrive(source, target, frame, deliver)
        if faults.duplicate and throw() < faults.duplicate:
            self._world.count("a message came twice")
            self._arrive(source, target, frame, deliver)
        if faults.stale and throw() < faults.stale:
            self._world.count("a message came again, much later")
            self._world.after(self._dice.around(faults.stale_ns), deliver, frame)

    def _arrive(self, source: int, target: int, frame: bytes, deliver: Deliver) -> None:
        if self.is_clogged and self.holds((source, target), partial(self._arrive, source, target, frame, deliver)):
            return
        faults = self.faults
        at = self._world.now_ns + faults.delay_ns + self._dice.around(faults.jitter_ns)
        if not faults.reorder:
            link = (source, target)
            last = self._last_ns.get(link, 0)
            if last > at:
                at = last
            self._last_ns[link] = at
        self._world.at(at, deliver, frame)

    def delay_ns(self) -> int:
        """How long a message takes."""
        return self.faults.delay_ns + self._dice.around(self.faults.jitter_ns)

    # -- connections -----------------------------------------------------------------------------------------------------

    def connect(self, client: int, replica: int) -> "Connection":
        """A connection, open from now on; the caller decides whether anybody listens."""
        return Connection(self, self._world, self._dice, (client, replica))


def damaged(frame: bytes, dice: Dice) -> bytes:
    """One bit flipped."""
    at = dice.below(len(frame))
    return frame[:at] + bytes((frame[at] ^ 1 << dice.below(8),)) + frame[at + 1 :]


class Connection:
    """Bytes in order, both ways, until it breaks. `ends` are (client, replica); side 0 is the client's."""

    __slots__ = ("_dice", "_heard", "_last_ns", "_network", "_world", "ends", "is_open", "on_broken", "on_bytes", "on_full")

    def __init__(self, network: Network, world: World, dice: Dice, ends: tuple[int, int]) -> None:
        self._network, self._world, self._dice = network, world, dice
        self.ends = ends
        self.is_open = True
        self._last_ns = [0, 0]
        self._heard = [False, False]
        self.on_bytes: list[Deliver | None] = [None, None]
        """What each side does with bytes that arrive."""
        self.on_broken: list[Callable[[], None] | None] = [None, None]
        """What each side does when it hears of the break."""
        self.on_full: Callable[[bool], None] | None = None
        """What the replica's side does when the client takes nothing more for now, or again."""

    def send(self, side: int, data: bytes) -> None:
        """Bytes from this side to the other."""
        network, dice = self._network, self._dice
        if not self.is_open:
            return
        loss = network.faults.loss
        if network.is_blocked(self.ends[side], self.ends[1 - side]) or (loss and dice.throw() < loss / 20):
            # TCP sends again until one side gives up: either it gets through late, or the connection ends. Here it ends.
            self.break_off(dice.around(200_000_000))
            return
        if len(data) > 1 and dice.throw() < 0.1:
            cut = 1 + dice.below(len(data) - 1)
            self._arrive(side, data[:cut])
            data = data[cut:]
        self._arrive(side, data)

    def _arrive(self, side: int, data: bytes) -> None:
        network, world = self._network, self._world
        if network.is_clogged and network.holds((self.ends[side], self.ends[1 - side]), partial(self._arrive, side, data)):
            return
        faults = network.faults
        at = world.now_ns + faults.delay_ns + self._dice.around(faults.jitter_ns)
        if at < self._last_ns[side]:
            at = self._last_ns[side]
        self._last_ns[side] = at
        world.at(at, self._deliver, side, data)

    def _deliver(self, side: int, data: bytes) -> None:
        deliver = self.on_bytes[1 - side]
        if self.is_open and deliver is not None:
            deliver(data)

    def break_off(self, delay_ns: int = 0) -> None:
        """It ends: nothing more arrives, and each side hears of it after this delay and the network's own."""
        if not self.is_open:
            return
        self.is_open = False
        for side in (0, 1):
            self._world.after(delay_ns + self._network.delay_ns(), self._hear, side)

    def _hear(self, side: int) -> None:
        broken = self.on_broken[side]
        if broken is not None and not self._heard[side]:
            self._heard[side] = True
            broken()
