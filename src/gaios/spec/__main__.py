"""`python -m gaios.spec`: write the generated files, name the stale ones, print the rule table, pin the states that a scope has."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

from gaios.errors import Error
from gaios.spec.check import PINS, check, pin, read_pins
from gaios.spec.checks_table import emit_checks
from gaios.spec.configurations import SCOPES
from gaios.spec.python_codec import emit_codec
from gaios.spec.python_module import emit_core
from gaios.spec.rules import read_specification
from gaios.spec.source import FOLDER, core_texts
from gaios.spec.statements import Specification
from gaios.spec.table import emit_table
from gaios.spec.text_page import emit_text

USAGE = "usage: python -m gaios.spec compile | check | table | pin small|ci|large"
DOCS = FOLDER.parent.parent.parent / "docs"
"""Where a checkout has its documents; an installed package has none."""


def generated() -> dict[Path, Callable[[Specification], str]]:
    """Every generated file of this checkout, and what makes it."""
    files: dict[Path, Callable[[Specification], str]] = {FOLDER / "core.py": emit_core, FOLDER / "codec.py": emit_codec}
    if DOCS.is_dir():
        files[DOCS / "spec-rules.md"] = emit_table
        files[DOCS / "spec-text.md"] = emit_text
        files[DOCS / "spec-checks.md"] = lambda _: emit_checks(read_pins())
    return files


def main(arguments: list[str]) -> int:
    """Exit code: 0 done, 1 a file is stale, 2 wrong usage or a text that the compiler refuses."""
    if arguments[:1] == ["pin"] and arguments[1:] in ([name] for name in SCOPES):
        return _pin(arguments[1])
    if arguments not in (["compile"], ["check"], ["table"]):
        sys.stderr.write(USAGE + "\n")
        return 2
    try:
        specification = read_specification(core_texts())
    except Error as error:
        sys.stderr.write(f"{error}\n{error.hint}\n")
        return 2
    if arguments == ["table"]:
        sys.stdout.write(emit_table(specification))
        return 0
    stale = 0
    for path, make in generated().items():
        text = make(specification)
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        if arguments == ["compile"]:
            path.write_text(text, encoding="utf-8")
            sys.stdout.write(f"wrote {path}\n")
        else:
            sys.stdout.write(f"{path} is stale: make fix\n")
            stale = 1
    return stale


def _tell(line: str) -> None:
    sys.stderr.write(f"{line}\n")


def _pin(scope: str) -> int:
    outcome = check(scope, progress=_tell, compare=False)
    for problem in outcome.problems:
        sys.stderr.write(f"{problem}\n")
    if outcome.problems:
        return 1
    PINS.write_text(json.dumps(pin(outcome, read_pins()), indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return main(["compile"])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
