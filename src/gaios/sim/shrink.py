"""Shrinking: a failing run becomes a small one that still violates the same property.  [Zeller and Hildebrandt 2002, delta debugging]

Rule 1. A smaller run is taken only if it violates the property that the whole run violated first; whatever else it does.
Rule 2. The number of runs is bounded, and so is what they cost: time is cut first, so that all later runs are short.
Rule 3. There are no dice: the same failure shrinks to the same run.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from msgspec.structs import replace

from gaios.sim.dice import Dice
from gaios.sim.faults import MS
from gaios.sim.plan import Plan, draw
from gaios.sim.recording import Recording
from gaios.sim.run import Report, RunOptions, run
from gaios.sim.smaller import Smaller, active

TRIES = 150
"""Runs that a shrinking may take unless it is told otherwise: minutes."""
_FINE = 16
"""Time is cut to within this part of itself."""
Attempt = Callable[[Smaller], Report]


class Shrunk(NamedTuple):
    """The smallest run that was found."""

    smaller: Smaller
    report: Report
    tries: int
    """How many runs it took."""


def attempts(seed: int, scenario: Callable[[Plan], Plan] | None = None) -> Attempt:
    """Runs of one seed, in a scenario or in what the seed draws, for `shrink` to try."""
    return lambda smaller: run(seed, smaller_options(smaller, scenario))


def smaller_options(smaller: Smaller, scenario: Callable[[Plan], Plan] | None = None, look: Recording | None = None) -> RunOptions:
    """The options of a smaller run."""
    return RunOptions(plan=lambda plan: smaller.change(scenario(plan) if scenario else plan), until_ns=smaller.until_ns, look=look)


def shrink(attempt: Attempt, report: Report, plan: Plan, *, start: Smaller | None = None, tries: int = TRIES) -> Shrunk:
    """Make a failing run smaller.

    Args:
        attempt: runs it without something.
        report: what came of the run as `start` has it; it has violations.
        plan: what its seed draws, in its scenario.
        start: what is left out already.
        tries: how many runs this may take.
    """
    search = _Search(attempt, report, start or Smaller(), tries)
    before = None
    while search.best != before and search.left:
        before = search.best
        search.cut_time(plan.safety_ns // MS)
        search.lower("clients", plan.clients)
        search.lower("replicas", plan.replicas)
        search.lower("operations", plan.operations)
        search.drop(active(search.best.change(plan)))
    return Shrunk(search.best, search.report, tries - search.left)


def drawn(seed: int, scenario: Callable[[Plan], Plan] | None = None) -> Plan:
    """The plan of a seed."""
    plan = draw(Dice(seed).split("plan"))
    return scenario(plan) if scenario else plan


class _Search:
    """The best so far, and how many runs are left."""

    def __init__(self, attempt: Attempt, report: Report, best: Smaller, tries: int) -> None:
        self._attempt, self.report, self.best, self.left = attempt, report, best, tries
        self._property = properties(report)[0]
        self._known: dict[Smaller, bool] = {best: True}

    def try_(self, smaller: Smaller) -> bool:
        """Whether this run still fails; if so it is the best."""
        if smaller not in self._known:
            if not self.left:
                return False
            self.left -= 1
            report = self._attempt(smaller)
            self._known[smaller] = self._property in properties(report)
            if self._known[smaller]:
                self.best, self.report = smaller, report
        return self._known[smaller]

    def cut_time(self, all_ms: int) -> None:
        """End safety mode as early as possible: between `low`, which is too early, and `high`, which is not."""
        low, high = 0, self.best.until_ms or all_ms
        while high - low > max(1, high // _FINE):
            middle = (low + high) // 2
            if self.try_(replace(self.best, until_ms=middle)):
                high = middle
            else:
                low = middle

    def drop(self, names: Sequence[str]) -> None:
        """Leave faults out: first all of them, then halves, quarters, at last one by one."""
        size = len(names)
        while size:
            for start in range(0, len(names), size):
                chunk = names[start : start + size]
                if self.try_(replace(self.best, only=tuple(name for name in names if name not in chunk))):
                    names = [name for name in names if name not in chunk]
                    break
            else:
                size //= 2

    def lower(self, field: str, drawn: int) -> None:
        """Fewer of something: the fewest of a few numbers that does."""
        now = getattr(self.best, field) or drawn
        for fewer in sorted({1, 2, 3, now // 4, now // 2, now * 3 // 4}):
            if 0 < fewer < now and self.try_(replace(self.best, **{field: fewer})):
                return


def properties(report: Report) -> list[str]:
    """The names of what a run violated, in the order of its violations."""
    return [violation.partition(":")[0] for violation in report.violations]
