"""sim show: one run as a page to look at.  [INTERFACE `sim show`]"""

import contextlib
import os
import shlex
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

from cyclopts import Parameter

from gaios.cli import exits, output
from gaios.cli.parameters import FORM, Form, Text, whole
from gaios.cli.simulate import LESS, SEED_MAX, Less, ScenarioName, replay
from gaios.errors import ConfigurationError

if TYPE_CHECKING:
    from gaios.sim.plan import Plan


def show(
    seed: Annotated[int, Parameter(converter=whole(0, SEED_MAX), help="Which run.")],
    /,
    *,
    output_: Annotated[Text | None, Parameter(name="--output", help="The page's file.  [default: sim-SEED.html]")] = None,
    scenario: ScenarioName = "",
    exhibit: Annotated[str, Parameter(help="A bug of the museum to plant, by its name, in the world that it needs.")] = "",
    less: Less = LESS,
    form: Form = FORM,
) -> int:
    """Draw one run as a page."""
    from gaios.sim import run
    from gaios.sim.drawing import page
    from gaios.sim.recording import Recording
    from gaios.sim.shrink import drawn, smaller_options

    bug, change = _planted(exhibit, scenario)
    path = Path(output_ if output_ is not None else f"sim-{seed}.html")
    with _replaced(path) as file:
        recording, smaller = Recording(), less.smaller()
        with bug:
            report = run(seed, smaller_options(smaller, change, recording))
        recording.finish(report.violations)
        again = (
            replay(seed, smaller, scenario) if not exhibit else f"gaios sim show {seed} --exhibit {shlex.quote(exhibit)}{smaller.flags()}"
        )
        text = page(recording, report, again, _facts(smaller.change(drawn(seed, change)))).encode()
        file.write(text)
    events = len(recording.messages) + len(recording.marks) + len(recording.spans)
    answer = {
        "seed": seed,
        "trace_hash": report.trace_hash,
        "violations": report.violations,
        "file": str(path),
        "bytes": len(text),
        "events": events,
    }
    lines = [f"violated: {violation}" for violation in report.violations]
    lines.append(f"{path}: {events} events, {len(text) / 1e6:.1f} MB, {len(report.violations)} violations; open it in a browser")
    output.write_answer(answer, "\n".join(lines), json=form.json)
    return exits.NO if report.violations else exits.DONE


def _planted(name: str, scenario: str) -> "tuple[AbstractContextManager[None], Callable[[Plan], Plan] | None]":
    """A bug to plant, if one is named, and the world to run in.

    Raises:
        ConfigurationError: there is none of this name, the scenario is wrong, or both are named.
    """
    if not name:
        from gaios.sim.scenario import load

        return contextlib.nullcontext(), load(scenario).change if scenario else None
    from gaios.sim.museum.exhibits import EXHIBITS

    if scenario:
        raise ConfigurationError(reason="--exhibit brings its own world", hint="leave --scenario out")
    found = next((exhibit for exhibit in EXHIBITS if exhibit.name == name), None)
    if found is None:
        raise ConfigurationError(reason=f"the museum has no {name!r}", hint="gaios sim museum --list shows every name")
    return found.plant(), found.plan


def _facts(plan: "Plan") -> str:
    """A plan in a line."""
    from gaios.sim.smaller import active, causes

    on = active(plan)
    faults = ", ".join(name for name in causes() if name in on) or "no faults"
    return f"{plan.replicas} replicas, {plan.clients} clients, {plan.watchers} watchers; {faults}"


@contextlib.contextmanager
def _replaced(path: Path) -> Iterator[BinaryIO]:
    """A file beside it that takes its place when it is complete. It is opened first: a run is not for nothing.

    Raises:
        OSError: the place cannot be written to.
    """
    if path.is_dir():
        raise IsADirectoryError(21, os.strerror(21), str(path))
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise type(error)(error.errno, error.strerror, str(path)) from None
    try:
        with os.fdopen(handle, "wb") as file:
            os.fchmod(handle, 0o644)
            yield file
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink()
        raise
