"""`python -m gaios.spec compile|check|table`: write the generated files, name the stale ones, print the rule table."""

import sys
from collections.abc import Callable
from pathlib import Path

from gaios.errors import Error
from gaios.spec.emit_codec import emit_codec
from gaios.spec.emit_python import emit
from gaios.spec.rules import read_specification
from gaios.spec.source import FOLDER, core_texts
from gaios.spec.tree import Specification

USAGE = "usage: python -m gaios.spec compile | check | table"


def generated() -> dict[Path, Callable[[Specification], str]]:
    """Every generated file and what makes it."""
    return {FOLDER / "core.py": emit, FOLDER / "codec.py": emit_codec}


def main(arguments: list[str]) -> int:
    """Exit code: 0 done, 1 a file is stale, 2 wrong usage or a bad text."""
    if arguments not in (["compile"], ["check"], ["table"]):
        sys.stderr.write(USAGE + "\n")
        return 2
    try:
        specification = read_specification(core_texts())
    except Error as error:
        sys.stderr.write(f"{error}\n{error.hint}\n")
        return 2
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


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
