"""sim museum: known bugs, planted one after the other, and caught.  [INTERFACE `sim`; SAFETY 30]"""

import statistics
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from gaios.cli import exits, output
from gaios.cli.parameters import FORM, Form, whole
from gaios.errors import ConfigurationError

if TYPE_CHECKING:
    from gaios.sim.museum import Exhibit

SEEDS_MAX = 100_000


def museum(
    *,
    list_: Annotated[bool, Parameter(name="--list", help="Plant nothing: say which seeds are known to catch what.")] = False,
    name: Annotated[str, Parameter(help="Only the bugs whose name holds this.")] = "",
    seeds: Annotated[int, Parameter(converter=whole(1, SEEDS_MAX), help="How many seeds a bug is given to be caught.")] = 50,
    form: Form = FORM,
) -> int:
    """Plant known bugs, one after the other, and see them caught."""
    from gaios.sim.museum import search
    from gaios.sim.museum.exhibits import EXHIBITS, pins

    exhibits = [exhibit for exhibit in EXHIBITS if name in exhibit.name]
    if not exhibits:
        raise ConfigurationError(reason=f"no bug's name holds {name!r}", hint="gaios sim museum --list names them all")
    known, rows = pins(), []
    for number, exhibit in enumerate(exhibits, 1):
        if list_:
            found = known.get(exhibit.name, [])
        else:
            output.note_if_watched(f"{number} of {len(exhibits)}: {exhibit.name}")
            found = search(exhibit, range(seeds), enough=1)
        rows.append(_row(exhibit, found, seeds))
        if not form.json:
            output.write_line(_line(exhibit, rows[-1]))
    if form.json:
        output.write_json(rows)
    else:
        until = statistics.median(row["seeds"] for row in rows)
        caught = sum(row["caught"] for row in rows)
        output.write_line(f"{caught} of {len(rows)} bugs caught; median {until:g} seeds")
    return exits.DONE if all(row["caught"] for row in rows) else exits.NO


def _row(exhibit: "Exhibit", found: list[int], tried: int) -> dict[str, Any]:
    """As JSON holds it. `seeds` is how many it took from seed 0 on, or how many were tried in vain."""
    return {
        "name": exhibit.name,
        "layer": exhibit.layer,
        "caught": bool(found),
        "seeds": min(found) + 1 if found else tried,
        "rule": exhibit.rule,
    }


def _line(exhibit: "Exhibit", row: dict[str, Any]) -> str:
    until = f"caught in {row['seeds']} seeds" if row["caught"] else f"NOT caught in {row['seeds']} seeds"
    return f"{exhibit.layer:9} {exhibit.rule:9} {exhibit.name}: {until}"
