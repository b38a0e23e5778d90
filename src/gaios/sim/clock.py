"""Clocks: what a replica believes about time.  [SAFETY 10, 12]

A clock is CLOCK_BOOTTIME of one machine: it runs through pauses and process restarts, drifts within a bound, and begins anew
near zero when the machine itself restarts (a power cut). Between restarts its rate is constant.

Rule 1. Two clocks gain on each other by at most `bound_ppm`: each keeps within half of it of true time, unless a scenario breaks the rule.
Rule 2. Only differences mean anything: every clock starts at a random reading.
"""

from gaios.sim.dice import Dice

WALL_MS = 1_700_000_000_000  # what the wall clock shows when the world begins
WALL_OFF_MS = 86_400_000  # how far a wall clock may be off, either way
_PPM = 1_000_000


def wall_clock(true_ns: int, dice: Dice, jump: float) -> tuple[int, bool]:
    """What a wall clock shows, in ms, which may be anything, and whether it is off; `jump` is how likely that is."""
    off = dice.between(-WALL_OFF_MS, WALL_OFF_MS) if (is_off := dice.chance(jump)) else 0
    return WALL_MS + true_ns // 1_000_000 + off, is_off


class Clock:
    """One machine's clock."""

    __slots__ = ("_base_ns", "_dice", "_origin_ns", "_rate", "drift_ppm")

    def __init__(self, dice: Dice, bound_ppm: int, drift_ppm: int | None = None) -> None:
        """`drift_ppm` is drawn within the bound unless it is given."""
        self._dice = dice
        half = bound_ppm // 2
        # The ends of the range matter most: a third of all clocks run at one of them.
        drawn = dice.pick((-half, half, dice.between(-half, half)))
        self.drift_ppm = drawn if drift_ppm is None else drift_ppm
        self._rate = _PPM + self.drift_ppm
        self._base_ns = dice.between(1, 10**15)
        self._origin_ns = 0

    def read(self, true_ns: int) -> int:
        """The clock's reading at a true time, ns."""
        return self._base_ns + (true_ns - self._origin_ns) * self._rate // _PPM

    def when(self, reading_ns: int) -> int:
        """The first true time, ns, at which the clock shows at least this reading; the machine's last restart if it did so before."""
        ahead = reading_ns - self._base_ns
        if ahead <= 0:
            return self._origin_ns
        return self._origin_ns - (-ahead * _PPM // self._rate)

    def skew(self, true_ns: int, drift_ppm: int) -> None:
        """From now on it runs at another rate."""
        self._base_ns, self._origin_ns = self.read(true_ns), true_ns
        self.drift_ppm, self._rate = drift_ppm, _PPM + drift_ppm

    def restart(self, true_ns: int) -> None:
        """The machine lost power: the clock counts from its start again."""
        self._origin_ns = true_ns
        self._base_ns = self._dice.between(1, 60_000_000_000)
