"""The results of model checking as tables, for people: docs/spec-checks.md.

Rule 1. What is told was measured (pins.json): states are exact, and checked again by every run; seconds are one machine's.
"""

from typing import Any

from gaios.spec.configuration import Configuration
from gaios.spec.configurations import SCOPES
from gaios.spec.mutations import MUTATIONS


def emit_checks(pins: dict[str, Any]) -> str:
    """The tables in Markdown."""
    lines = [
        "# What the model checker found",
        "",
        "Generated from `configurations.py`, `mutations.py` and `pins.json` in `src/gaios/spec`; do not edit; run `make fix`.",
        "[model-checking.md](model-checking.md) says what all this means. Seconds are of the search alone, on one core of the machine that",
        "last pinned.",
        "",
        "## Configurations",
        "",
        "*Both* engines: the running code was driven through all of its states too, and counted the same number.",
        "",
        "| configuration | scope | states | engines | seconds | members | ballots | slots | why |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    lines.extend(_configuration(each, pins["configurations"].get(each.name, {})) for each in SCOPES["large"])
    fired: dict[str, list[str]] = {}
    for name, result in pins["configurations"].items():
        for label, count in result["fired"].items():
            if count:
                fired.setdefault(label, []).append(name)
    lines += ["", "## Which rules fire where", "", "| rule | configurations |", "|---|---|"]
    lines.extend(f"| {label} | {', '.join(sorted(names))} |" for label, names in sorted(fired.items()))
    lines += [
        "",
        "## Planted bugs",
        "",
        "Each is an edit of the text. *Alone*: no other configuration of the gate catches it. A harmless change must be caught by nothing:",
        "it shows that the checker does not cry wolf.",
        "",
        "| planted | breaks | configuration | caught by the invariant | states until then | seconds |",
        "|---|---|---|---|---|---|",
    ]
    for mutation in MUTATIONS:
        result = pins["mutations"].get(mutation.name, {})
        where = f"{mutation.configuration}{', alone' if mutation.alone else ''}"
        caught = "nothing: harmless" if mutation.is_harmless else f"`{result.get('violated', '')}`"
        lines.append(
            f"| {mutation.name} | [{mutation.rule}] | {where} | {caught} | {result.get('states', 0):,} | {result.get('seconds', 0)} |"
        )
    return "\n".join(lines) + "\n"


def _configuration(each: Configuration, result: dict[str, Any]) -> str:
    scope = next(name for name, found in SCOPES.items() if each in found)
    engines = "both" if result.get("second") else f"Spin, {result['coverage']}" if result.get("coverage") else "Spin"
    return " | ".join(
        [
            f"| {each.name}",
            scope,
            f"{result.get('states', 0):,}",
            engines,
            str(result.get("seconds", 0)),
            str(len(each.members)),
            ", ".join(map(str, each.ballots)),
            str(each.slots),
            f"{each.why} |",
        ]
    )
