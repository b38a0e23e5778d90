"""A campaign: many seeds, wherever they run, each once; what they found and what they covered.

Rule 1. A seed that the ledger holds is not run again.
Rule 2. An outcome is in the ledger before anybody is told of it.
Rule 3. The first failures are shrunk when all seeds are done.
"""

from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator
from typing import NamedTuple

from msgspec.structs import replace

from gaios.sim.attempt import ENDS, LIVES, WORKS, Outcome, Work
from gaios.sim.ledger import Ledger
from gaios.sim.smaller import causes

Runner = Callable[[Callable[[int], Outcome], Iterable[int]], Iterator[Outcome]]
"""Carries a job out for seeds, in any order: `on_cores`, `on_ray`."""
FAULT = "fault "
TRIES = 150
"""Runs for each failure that is shrunk."""


class Failure(NamedTuple):
    """A seed that failed."""

    seed: int
    violations: list[str]
    replay: str
    """The command that shows it again."""
    shrunk: bool


class Totals:
    """What a campaign has found so far."""

    def __init__(self) -> None:
        self.done = 0
        self.resumed = 0
        """Of them, how many an earlier campaign did."""
        self.simulated_ms = 0
        self.events = 0
        self.undecided = 0
        self.cpu_s = 0.0
        self.seeds_with: Counter[str] = Counter()
        """In how many seeds each thing happened."""
        self.failures: dict[int, Outcome] = {}

    def add(self, outcome: Outcome, *, resumed: bool = False) -> None:
        """Count a seed."""
        self.done += 1
        self.resumed += resumed
        self.simulated_ms += outcome.simulated_ms
        self.events += outcome.events
        self.undecided += bool(outcome.undecided_keys)
        self.cpu_s += outcome.cpu_s
        self.seeds_with.update(outcome.seen.keys())
        if outcome.violations:
            self.failures[outcome.seed] = outcome

    def never(self) -> list[str]:
        """Faults and rare settings that no seed had."""
        return [name for name in causes() if FAULT + name not in self.seeds_with]


class Campaign:
    """See the module. `totals` count what the ledger held, and what was run since."""

    def __init__(self, work: Work, seeds: range, runner: Runner, ledger: Ledger | None, shrink: int = 3) -> None:
        """`shrink` is how many of the failures are shrunk."""
        self.work, self.seeds, self._runner, self._ledger, self._shrink = work, seeds, runner, ledger, shrink
        self.totals = Totals()
        self._finished = dict(ledger.finished) if ledger is not None else {}
        for seed in seeds:
            if seed in self._finished:
                self.totals.add(self._finished[seed], resumed=True)

    def run(self) -> Generator[Outcome, None, None]:
        """Every outcome as it comes, then the first failures once more, shrunk."""
        for outcome in self._runner(self.work, (seed for seed in self.seeds if seed not in self._finished)):
            if self._ledger is not None:
                self._ledger.append(outcome)
            self.totals.add(outcome)
            yield outcome
        yield from self._shrunk()

    def _shrunk(self) -> Iterator[Outcome]:
        first = [outcome for _, outcome in sorted(self.totals.failures.items()) if _can_shrink(outcome)][: self._shrink]
        waiting = [outcome.seed for outcome in first if not self._is_shrunk(outcome)]
        if not waiting:
            return
        for outcome in self._runner(replace(self.work, tries=TRIES), waiting):
            if not _can_shrink(outcome):
                continue
            whole = self.totals.failures[outcome.seed]
            smaller = replace(whole, smaller=outcome.smaller, violations=outcome.violations)
            if self._ledger is not None:
                self._ledger.append(smaller)
            self.totals.failures[outcome.seed] = smaller
            yield smaller

    def _is_shrunk(self, outcome: Outcome) -> bool:
        return outcome.smaller not in {"", self.work.smaller.flags()}

    def failures(self) -> list[Failure]:
        """Every failure, by seed."""
        return [self.failure(outcome) for _, outcome in sorted(self.totals.failures.items())]

    def failure(self, outcome: Outcome) -> Failure:
        """A failed seed with the command that shows it again."""
        flags = outcome.smaller or self.work.smaller.flags()
        return Failure(
            outcome.seed, outcome.violations, f"gaios sim --seed {outcome.seed}{self.work.flags()}{flags}", self._is_shrunk(outcome)
        )


def _can_shrink(outcome: Outcome) -> bool:
    """A violation of the cell's; a run that does not end, or ends its process, would do so again and again."""
    return bool(outcome.violations) and outcome.violations[0].partition(":")[0] not in {ENDS, WORKS, LIVES}
