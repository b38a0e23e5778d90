"""One seed of a campaign, in whatever process it runs: what came of it is an `Outcome`, also when the simulator itself fails.

Rule 1. Nothing escapes: a run that raises, or does not end within its time limit, is a failure of its seed, told like a violation.
Rule 2. A limit that Python code does not heed (it hangs in a library) ends the process; whoever started that tells of it.
"""

import faulthandler
import os
import shlex
import signal
import threading
import time
import traceback
from collections.abc import Callable
from functools import cache
from types import FrameType

import msgspec

from gaios.sim.plan import Plan
from gaios.sim.run import Report, run
from gaios.sim.scenario import parse
from gaios.sim.shrink import attempts, drawn, shrink, smaller_options
from gaios.sim.smaller import Smaller, active, causes

ENDS = "the run ends"
WORKS = "the simulator works"
LIVES = "the worker lives"
"""Properties beside the checkers' own."""
_GRACE_S = 10
"""Beyond the limit, until the process is ended."""
_SHRINKING = 20
"""Times the limit that a shrinking may take."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What came of one seed."""

    seed: int
    trace_hash: str = ""
    violations: list[str] = []
    events: int = 0
    simulated_ms: int = 0
    undecided_keys: int = 0
    cpu_s: float = 0.0
    seen: dict[str, int] = {}
    """What happened, and how often; `fault NAME` for every fault and rare setting that was on."""
    smaller: str = ""
    """The flags of a smaller run that fails in the same way, if one was looked for."""


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """What a campaign does with each seed."""

    smaller: Smaller = Smaller()
    scenario: str = ""
    """The name of a scenario; "": what each seed draws."""
    text: str = ""
    """What it says: its file need not be where the work is done."""
    limit_s: int = 300
    """Seconds that one run may take."""
    tries: int = 0
    """0: run it. More: it failed; shrink it, by so many runs."""

    def flags(self) -> str:
        """Of the command that runs one of its seeds."""
        return f" --scenario {shlex.quote(self.scenario)}" if self.scenario else ""

    def __call__(self, seed: int) -> Outcome:
        """Do it."""
        began = time.process_time()
        change = _change(self.text, self.scenario) if self.scenario else None
        try:
            with _Limit(self.limit_s * (_SHRINKING if self.tries else 1)):
                report = run(seed, smaller_options(self.smaller, change))
                if self.tries and report.violations:
                    found = shrink(attempts(seed, change), report, drawn(seed, change), start=self.smaller, tries=self.tries)
                    return _outcome(found.report, began, found.smaller, change)
                return _outcome(report, began, self.smaller, change)
        except _LimitReached as reached:
            return Outcome(seed=seed, violations=[f"{ENDS}: not within {self.limit_s} s; it was at {reached}"])
        except Exception as error:  # noqa: BLE001 (whatever it is, the campaign goes on)
            where = traceback.extract_tb(error.__traceback__)[-1]
            at = f"{where.filename.rpartition('gaios/')[2]}:{where.lineno}"
            return Outcome(seed=seed, violations=[f"{WORKS}: {type(error).__name__}: {error} [{at}]"])


def died(seed: int) -> Outcome:
    """What is told of a seed whose process died, or had to be ended, twice."""
    return Outcome(seed=seed, violations=[f"{LIVES}: the process that ran this seed died twice, or hung beyond its time limit"])


@cache
def _change(text: str, name: str) -> Callable[[Plan], Plan]:
    return parse(text, name).change


def _outcome(report: Report, began: float, smaller: Smaller, change: Callable[[Plan], Plan] | None) -> Outcome:
    on = active(smaller.change(drawn(report.seed, change)))
    faults = {f"fault {name}": 1 for name in causes() if name in on}
    return Outcome(
        seed=report.seed,
        trace_hash=report.trace_hash,
        violations=report.violations,
        events=report.statistics["events"],
        simulated_ms=report.statistics["simulated_ms"],
        undecided_keys=report.statistics["undecided_keys"],
        cpu_s=round(time.process_time() - began, 3),
        seen={**faults, **report.sometimes},
        smaller=smaller.flags(),
    )


class _LimitReached(BaseException):
    """No `Exception`: the simulator takes those of a replica for findings, and goes on."""


class _Limit:
    """Ends what runs within it after so many seconds of real time, where signals can: in the main thread."""

    def __init__(self, seconds: int) -> None:
        self._seconds = seconds
        self._is_main = threading.current_thread() is threading.main_thread()

    def __enter__(self) -> None:
        if self._is_main:
            self._before = signal.signal(signal.SIGALRM, _reached)
            signal.alarm(self._seconds)
        with open(os.devnull, "w") as nowhere:  # noqa: PTH123 (a file descriptor is what is wanted)
            faulthandler.dump_traceback_later(self._seconds + _GRACE_S, exit=True, file=nowhere)

    def __exit__(self, *_: object) -> None:
        faulthandler.cancel_dump_traceback_later()
        if self._is_main:
            signal.alarm(0)
            signal.signal(signal.SIGALRM, self._before)


def _reached(_: int, frame: FrameType | None) -> None:
    where = "?" if frame is None else f"{frame.f_code.co_filename.rpartition('gaios/')[2]}:{frame.f_lineno}"
    raise _LimitReached(where)
