"""spec trace: recordings of real processes, or of a simulation, against the text.  [INTERFACE `spec trace`; SAFETY 5, 30]"""

from typing import Annotated

import msgspec
from cyclopts import Parameter

from gaios.cli import exits, output
from gaios.cli.parameters import FORM, Form, Text
from gaios.errors import ConfigurationError

File = Annotated[Text, Parameter(name="FILE", help="Recordings of all replicas of a cell; a directory stands for all in it.")]


def trace(*files: File, form: Form = FORM) -> int:
    """Check recordings of replicas, together."""
    from gaios.trace import check

    if not files:
        raise ConfigurationError(reason="gaios spec trace needs FILE", hint="name what gaios up --record or gaios sim --record wrote")
    report = check(files)
    if form.json:
        output.write_json({**msgspec.structs.asdict(report), "violations": [found._asdict() for found in report.violations]})
    else:
        rate = f"{report.steps} steps of {len(report.members)} members in {report.boots} boots, {report.slots} slots chosen"
        output.write_line(f"{report.files} files: {rate}; {report.seconds} s")
        for note in report.notes:
            output.write_line(f"note: {note}")
        if report.unverified:
            output.write_line(f"note: {report.unverified} messages came from boots that nobody recorded")
        rules = ", ".join(f"{label} {count}" for label, count in report.coverage.items() if count)
        output.write_line(f"rules carried out: {rules}")
        if never := [label for label, count in report.coverage.items() if not count]:
            output.write_line(f"rules never carried out: {', '.join(never)}")
        for found in report.violations:
            output.write_line(f"illegal: {found}")
        output.write_line("illegal" if report.violations else "legal")
    return exits.NO if report.violations else exits.DONE
