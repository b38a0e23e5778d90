"""The gate's mutating twin: format, mend what the linter can mend, write generated files anew. `make fix` runs it."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent

STEPS = (
    ("python", "-m", "gaios.spec", "compile"),
    ("python", "-m", "gaios.client.generate"),
    ("ruff", "check", "--fix", "."),
    ("ruff", "format", "."),
)


def main() -> int:
    """Run all steps; 0 when nothing is left to mend by hand."""
    code = 0
    for tool, *arguments in STEPS:
        print(f"==> {tool} {' '.join(arguments)}", flush=True)
        code |= subprocess.run([BIN / tool, *arguments], cwd=ROOT, check=False).returncode
    return min(code, 1)


if __name__ == "__main__":
    sys.exit(main())
