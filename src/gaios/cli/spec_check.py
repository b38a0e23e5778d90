"""spec check: the specification, model-checked.  [INTERFACE `spec check`; SAFETY 29, 30]

Progress goes to standard error where a person watches; a counterexample is part of the answer.
"""

import os
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from gaios.cli import exits, output
from gaios.cli.parameters import FORM, Form, whole

JOBS_MAX = 64

Scope = Annotated[
    Literal["small", "ci", "large"],
    Parameter(help="small: each concern, in a minute or two; ci: the gate's, in minutes; large: what does not fit in there too."),
]


def check(
    *,
    scope: Scope = "small",
    jobs: Annotated[int, Parameter(converter=whole(1, JOBS_MAX), help="Searches at a time; each may take 1.3 GB.")] = min(
        2, os.cpu_count() or 1
    ),
    diagrams: Annotated[
        Path | None, Parameter(help="A directory to write each counterexample to: transcript, diagram, and Mermaid for a browser.")
    ] = None,
    form: Form = FORM,
) -> int:
    """Model-check the specification."""
    from gaios.spec.check import check as check_scope

    outcome = check_scope(scope, jobs=jobs, progress=output.note_if_watched if form.json else output.note)
    broken = [each for each in outcome.configurations if each.violated]
    if diagrams is not None:
        diagrams.mkdir(parents=True, exist_ok=True)
        for each in broken:
            (diagrams / f"{each.name}.txt").write_text(f"{each.transcript}\n{each.diagram}", encoding="utf-8")
            (diagrams / f"{each.name}.mmd").write_text(each.mermaid, encoding="utf-8")
    if form.json:
        output.write_json(outcome.json())
        return exits.NO if outcome.problems else exits.DONE
    for each in broken:
        output.write_line(f"{each.transcript}\n{each.diagram}")
    for problem in outcome.problems:
        output.write_line(f"violated: {problem}")
    caught = sum(bool(each.violated) for each in outcome.mutations)
    configurations = f"{len(outcome.configurations)} configurations, {outcome.states:,} states"
    mutations = f"{caught} of {len(outcome.mutations)} planted changes caught"
    output.write_line(f"{configurations}; {mutations}; {len(outcome.problems)} violations; {outcome.seconds:.0f} s")
    return exits.NO if outcome.problems else exits.DONE
