"""sim campaign: many seeds, on all cores or on a Ray cluster.  [INTERFACE `sim campaign`]"""

import contextlib
import gc
import hashlib
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter, Token

from gaios.cli import exits, output
from gaios.cli.parameters import FORM, Form, Text, whole
from gaios.cli.simulate import LESS, SEED_MAX, Less, ScenarioName
from gaios.errors import ConfigurationError

if TYPE_CHECKING:
    from gaios.sim.attempt import Work
    from gaios.sim.campaign import Campaign, Runner, Totals

SEEDS_MAX = 1_000_000_000
CORES_MAX = 1_024
LIMIT_S_MAX = 86_400
SHRINK_MAX = 1_000
TOLD = 20
"""Failures that are told one by one; the rest are counted, and stand in the ledger and in JSON."""
NOTE_EVERY_S = 60.0
HOUR_S = 3_600


def _on(_: Any, tokens: Sequence[Token]) -> str:  # noqa: ANN401 (the seam of the argument parser)
    written = tokens[0].value
    if written not in {"cores", "ray"} and not (written.startswith("ray://") and written.count(":") > 1):
        message = f"{written!r} is none of cores, ray, ray://HOST:PORT"
        raise ValueError(message)
    return written


def campaign(
    *,
    seeds: Annotated[int, Parameter(converter=whole(1, SEEDS_MAX), help="How many.")],
    first: Annotated[int, Parameter(converter=whole(0, SEED_MAX), help="The first of them.")] = 0,
    ledger: Annotated[Text | None, Parameter(help="A file of finished seeds; the same campaign goes on where it was.")] = None,
    on: Annotated[str, Parameter(converter=_on, help="cores: this machine's; ray: Ray, here; ray://HOST:PORT: a cluster.")] = "cores",
    cores: Annotated[int | None, Parameter(converter=whole(1, CORES_MAX), help="Of this machine.  [default: all]")] = None,
    seed_seconds: Annotated[int, Parameter(converter=whole(1, LIMIT_S_MAX), help="What one seed may take before it has failed.")] = 300,
    shrink: Annotated[int, Parameter(converter=whole(0, SHRINK_MAX), help="How many of the failures to shrink, at the end.")] = 3,
    scenario: ScenarioName = "",
    less: Less = LESS,
    form: Form = FORM,
) -> int:
    """Run many seeds."""
    from gaios.sim.attempt import Work
    from gaios.sim.campaign import Campaign
    from gaios.sim.ledger import Ledger

    if first + seeds - 1 > SEED_MAX:
        raise ConfigurationError(reason=f"the last seed would be {first + seeds - 1}; {SEED_MAX} is the largest")
    if cores is not None and on != "cores":
        raise ConfigurationError(reason="--cores is about this machine", hint="leave --cores or --on out")
    with contextlib.ExitStack() as stack:
        smaller = less.smaller()
        work = Work(smaller=smaller, scenario=scenario, text=_text(scenario), limit_s=seed_seconds)
        opened = Ledger(Path(ledger), _configuration(work)) if ledger is not None else None
        if opened is not None:
            stack.callback(opened.close)
        runner, where = _runner(stack, on, cores)
        run = Campaign(work, range(first, first + seeds), runner, opened, shrink)
        began = time.monotonic()
        try:
            _follow(run, where, json=form.json)
        except KeyboardInterrupt:
            output.note(f"interrupted: {_counted(run.totals, len(run.seeds))}{_go_on(ledger)}")
            # The pool's semaphores go when nothing refers to them any more; else somebody would call them leaked.
            gc.collect()
            return exits.INTERRUPTED
        _finish(run, time.monotonic() - began, ledger, json=form.json)
    return exits.NO if run.totals.failures else exits.DONE


def _text(scenario: str) -> str:
    """A scenario's text, which is right."""
    if not scenario:
        return ""
    from gaios.sim.scenario import parse, read

    text = read(scenario)
    parse(text, scenario)
    return text


def _configuration(work: "Work") -> str:
    """What a ledger has to have been written with: flags, and what a scenario says."""
    digest = hashlib.blake2b(work.text.encode(), digest_size=4).hexdigest()
    return f"{work.flags()}{f' ({digest})' if work.scenario else ''}{work.smaller.flags()}"


def _runner(stack: contextlib.ExitStack, on: str, cores: int | None) -> "tuple[Runner, str]":
    """Who does the work, and where, in words."""
    if on == "cores":
        from gaios.sim.on_cores import on_cores

        workers = cores or len(os.sched_getaffinity(0))
        return partial(on_cores, workers=workers), f"{workers} cores"
    from gaios.sim.on_ray import OnRay

    cluster = OnRay(on)
    stack.callback(cluster.close)
    return cluster, f"{cluster.cores()} cores of {on}"


def _follow(run: "Campaign", where: str, *, json: bool) -> None:
    """Show what comes, as it comes."""
    if run.totals.resumed:
        output.note(f"{run.totals.resumed} of {len(run.seeds)} seeds are in the ledger already")
    tell = output.note if json else output.write_line
    with _progress(run, where) as show, contextlib.closing(run.run()) as outcomes:
        for outcome in outcomes:
            if outcome.violations and len(run.totals.failures) <= TOLD:
                failure = run.failure(outcome)
                what = "smaller" if failure.shrunk else f"seed {outcome.seed} fails"
                tell(f"{what}: {outcome.violations[0]}\n    again: {failure.replay}")
            show()


@contextlib.contextmanager
def _progress(run: "Campaign", where: str) -> "Iterator[Callable[[], None]]":
    """A bar for who watches; a line a minute for who reads later."""
    totals, all_ = run.totals, len(run.seeds)
    began = last = time.monotonic()

    def rate() -> str:
        return f"{_per_hour(totals, time.monotonic() - began):,.0f} seeds/hour on {where}"

    if sys.stderr is not None and sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        rate_and_failures = (TextColumn("{task.fields[rate]}"), TextColumn("{task.fields[failed]}"))
        columns = (BarColumn(), MofNCompleteColumn(), *rate_and_failures, TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True), redirect_stdout=sys.stdout.isatty()) as bar:
            task = bar.add_task("seeds", total=all_, completed=totals.done, rate="", failed="")

            def show() -> None:
                failed = f"[red]{len(totals.failures)} failed" if totals.failures else "none failed"
                bar.update(task, completed=totals.done, rate=rate(), failed=failed)

            yield show
        return

    def note() -> None:
        nonlocal last
        if time.monotonic() - last > NOTE_EVERY_S:
            last = time.monotonic()
            output.note(f"{_counted(totals, all_)}; {rate()}")

    yield note


def _per_hour(totals: "Totals", seconds: float) -> float:
    return (totals.done - totals.resumed) * HOUR_S / max(seconds, 1e-9)


def _counted(totals: "Totals", all_: int) -> str:
    return f"{totals.done} of {all_} seeds done, {len(totals.failures)} failed"


def _go_on(ledger: str | None) -> str:
    return f"; the same command goes on from {ledger}" if ledger else ""


def _finish(run: "Campaign", seconds: float, ledger: str | None, *, json: bool) -> None:
    """The last words."""
    totals = run.totals
    answer = {
        "first": run.seeds.start,
        "seeds": totals.done,
        "resumed": totals.resumed,
        "failures": [failure._asdict() for failure in run.failures()],
        "undecided_seeds": totals.undecided,
        "seeds_per_hour": round(_per_hour(totals, seconds)),
        "simulated_hours": round(totals.simulated_ms / HOUR_S / 1_000, 3),
        "cpu_hours": round(totals.cpu_s / HOUR_S, 3),
        "coverage": dict(sorted(totals.seeds_with.items())),
        "never": totals.never(),
        "ledger": ledger,
    }
    if json:
        output.write_json(answer)
        return
    for name, count in sorted(totals.seeds_with.items(), key=lambda item: (-item[1], item[0])):
        output.write_line(f"{count:>9}  {name}")
    for name in totals.never():
        output.write_line(f"{'never':>9}  fault {name}")
    hours = f"{answer['simulated_hours']} cell-hours simulated in {answer['cpu_hours']} core-hours, {answer['seeds_per_hour']} seeds/hour"
    undecided = f", {totals.undecided} with keys that the search could not decide" if totals.undecided else ""
    output.write_line(f"{totals.done} seeds from {run.seeds.start}: {len(totals.failures)} failed{undecided}; {hours}")
