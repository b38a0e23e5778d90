"""sim: one seed of the simulator.  [INTERFACE `sim`]"""

import secrets
from typing import Annotated

from cyclopts import Parameter

from gaios.cli import exits, output
from gaios.cli.parameters import FORM, Form, Text, whole

SEED_MAX = (1 << 63) - 1
_DRAWN_BITS = 32
"""A seed that is drawn is short enough to be read aloud."""


def sim(
    *,
    seed: Annotated[int | None, Parameter(converter=whole(0, SEED_MAX), help="Which run; drawn by lot where it is not given.")] = None,
    record: Annotated[Text | None, Parameter(help="A directory for recordings of every replica, see gaios spec trace.")] = None,
    form: Form = FORM,
) -> int:
    """Run one seed of the simulator."""
    from gaios.sim import RunOptions, run

    report = run(secrets.randbits(_DRAWN_BITS) if seed is None else seed, RunOptions(record=record or ""))
    if form.json:
        output.write_json({"seed": report.seed, "trace_hash": report.trace_hash, "violations": report.violations})
    else:
        counts = ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in report.statistics.items())
        output.write_line(f"seed {report.seed}: trace {report.trace_hash}; {counts}")
        for violation in report.violations:
            output.write_line(f"violated: {violation}")
        output.write_line(f"{len(report.violations)} violations; again: gaios sim --seed {report.seed}")
    return exits.NO if report.violations else exits.DONE
