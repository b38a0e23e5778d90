"""sim show: one run as a page to look at.  [INTERFACE `sim show`]"""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

from cyclopts import Parameter

from gaios.cli import exits, output
from gaios.cli.parameters import FORM, Form, Text, whole
from gaios.cli.simulate import LESS, SEED_MAX, Less, replay

if TYPE_CHECKING:
    from gaios.sim.plan import Plan


def show(
    seed: Annotated[int, Parameter(converter=whole(0, SEED_MAX), help="Which run.")],
    /,
    *,
    output_: Annotated[Text | None, Parameter(name="--output", help="The page's file.  [default: sim-SEED.html]")] = None,
    less: Less = LESS,
    form: Form = FORM,
) -> int:
    """Draw one run as a page."""
    from gaios.sim import run
    from gaios.sim.drawing import page
    from gaios.sim.recording import Recording
    from gaios.sim.shrink import drawn, smaller_options

    path = Path(output_ if output_ is not None else f"sim-{seed}.html")
    with _replaced(path) as file:
        recording, smaller = Recording(), less.smaller()
        report = run(seed, smaller_options(smaller, look=recording))
        recording.finish(report.violations)
        text = page(recording, report, replay(seed, smaller), _facts(smaller.change(drawn(seed)))).encode()
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
