"""sim: one seed of the simulator, whole or made smaller.  [INTERFACE `sim`]"""

import secrets
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import App, Parameter, Token

from gaios.cli import exits, output
from gaios.cli.parameters import FORM, Form, Text, whole

if TYPE_CHECKING:
    from gaios.sim import Report
    from gaios.sim.plan import Plan
    from gaios.sim.smaller import Smaller

SEED_MAX = (1 << 63) - 1
_DRAWN_BITS = 32
"""A seed that is drawn is short enough to be read aloud."""
REPLICAS_MAX = 7
CLIENTS_MAX = 100
OPERATIONS_MAX = 1_000_000
UNTIL_MS_MAX = 86_400_000
TRIES_MAX = 100_000

sim = App(name="sim", help="Run one seed of the simulator.")
sim.command("gaios.cli.sim_show:show", name="show", help="Draw one run as a page to look at.")
sim.command("gaios.cli.sim_museum:museum", name="museum", help="Plant known bugs, one after the other, and see them caught.")
sim.command("gaios.cli.sim_campaign:campaign", name="campaign", help="Run many seeds, on all cores or on a Ray cluster.")


def _only(_: Any, tokens: Sequence[Token]) -> str:  # noqa: ANN401 (the seam of the argument parser)
    from gaios.sim.smaller import NOTHING, names

    written = tokens[0].value
    unknown = [name for name in written.split(",") if name not in names()]
    if unknown and written != NOTHING:
        message = f"{unknown[0]!r} is no fault; there are {', '.join(names())}, and {NOTHING} alone"
        raise ValueError(message)
    return written


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Less:
    """What is left out of the run that the seed draws."""

    only: Annotated[
        str | None, Parameter(converter=_only, help="The faults and rare settings that are left in, FAULT,…; none leaves all out.")
    ] = None
    replicas: Annotated[int | None, Parameter(converter=whole(1, REPLICAS_MAX), help="How many, instead of what the seed draws.")] = None
    clients: Annotated[int | None, Parameter(converter=whole(1, CLIENTS_MAX), help="How many, instead of what the seed draws.")] = None
    operations: Annotated[int | None, Parameter(converter=whole(1, OPERATIONS_MAX), help="Of all clients together while faults last.")] = (
        None
    )
    until_ms: Annotated[
        int | None, Parameter(converter=whole(1, UNTIL_MS_MAX), help="When faults stop, in simulated milliseconds, if not before.")
    ] = None

    def smaller(self) -> "Smaller":
        """As the simulator takes it."""
        from gaios.sim.smaller import NOTHING, Smaller

        only = None if self.only is None else () if self.only == NOTHING else tuple(self.only.split(","))
        return Smaller(only=only, replicas=self.replicas, clients=self.clients, operations=self.operations, until_ms=self.until_ms)


LESS = Less()
ScenarioName = Annotated[
    str, Parameter(help="A file, or one that comes with gaios by its name: what it says stands instead of what is drawn.")
]


@sim.default
def one(
    *,
    seed: Annotated[int | None, Parameter(converter=whole(0, SEED_MAX), help="Which run; drawn by lot where it is not given.")] = None,
    scenario: ScenarioName = "",
    less: Less = LESS,
    shrink: Annotated[bool, Parameter(help="Look for a smaller run that fails in the same way, if this one fails.")] = False,
    tries: Annotated[int, Parameter(converter=whole(1, TRIES_MAX), help="How many runs --shrink may take.")] = 150,
    record: Annotated[Text | None, Parameter(help="A directory for recordings of every replica, see gaios spec trace.")] = None,
    form: Form = FORM,
) -> int:
    """Run one seed of the simulator."""
    import msgspec

    from gaios.sim import run
    from gaios.sim.scenario import load
    from gaios.sim.shrink import smaller_options

    change = load(scenario).change if scenario else None
    seed = secrets.randbits(_DRAWN_BITS) if seed is None else seed
    smaller = less.smaller()
    report = run(seed, msgspec.structs.replace(smaller_options(smaller, change), record=record or ""))
    shrunk = _shrink(report, smaller, tries, scenario, change) if shrink and report.violations else None
    if form.json:
        output.write_json({**_answer(report), **({"shrunk": shrunk} if shrunk else {})})
    else:
        _tell(report, replay(seed, smaller, scenario))
        if shrunk:
            output.write_line(f"smaller, after {shrunk['tries']} runs: {shrunk['violations'][0]}")
            output.write_line(f"{shrunk['calls']} calls, {shrunk['events']} events; again: {shrunk['replay']}")
    return exits.NO if report.violations else exits.DONE


def replay(seed: int, smaller: "Smaller", scenario: str = "") -> str:
    """The command that does this run again."""
    return f"gaios sim --seed {seed}{f' --scenario {shlex.quote(scenario)}' if scenario else ''}{smaller.flags()}"


def _answer(report: "Report") -> dict[str, Any]:
    return {"seed": report.seed, "trace_hash": report.trace_hash, "violations": report.violations}


def _tell(report: "Report", again: str) -> None:
    counts = ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in report.statistics.items())
    output.write_line(f"seed {report.seed}: trace {report.trace_hash}; {counts}")
    for violation in report.violations:
        output.write_line(f"violated: {violation}")
    output.write_line(f"{len(report.violations)} violations; again: {again}")


def _shrink(report: "Report", start: "Smaller", tries: int, scenario: str, change: "Callable[[Plan], Plan] | None") -> dict[str, Any]:
    """A smaller run that fails in the same way, as JSON holds it."""
    from gaios.sim.shrink import attempts, drawn, shrink

    output.note_if_watched(f"seed {report.seed} fails; looking for a smaller run, at most {tries} runs")
    found = shrink(attempts(report.seed, change), report, drawn(report.seed, change), start=start, tries=tries)
    counts = {name: found.report.statistics[name] for name in ("calls", "events")}
    return {"replay": replay(report.seed, found.smaller, scenario), "tries": found.tries, **counts, **_answer(found.report)}
