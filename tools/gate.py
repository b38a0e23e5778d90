"""The gate: every check, in stages, with the minutes that each took. `make test` and `.ci/run` run it.

Rule 1. It reads; it writes nothing that is tracked. `make fix` is its mutating twin.
Rule 2. Every stage runs, also after one failed; the exit code is 1 if any did.
Rule 3. A check whose tool is not installed is named and counted as skipped; with CI=true a skip is a failure.
Rule 4. pytest runs last, so that the output ends on its summary.
"""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent


class Stage(NamedTuple):
    """One check: the tool in `.venv/bin` that it needs, its arguments, how a failure is mended, and what else must be installed."""

    name: str
    tool: str
    arguments: tuple[str, ...]
    mend: str = ""
    programs: tuple[str, ...] = ()


STAGES = (
    Stage("format", "ruff", ("format", "--check", "."), "make fix"),
    Stage("lint", "ruff", ("check", "."), "make fix mends some of it"),
    Stage("types", "mypy", ()),
    Stage("walls", "lint-imports", ("--no-logo",), "DESIGN's table of rooms is in docs/architecture.md"),
    Stage("lock", "uv", ("lock", "--check", "--offline", "--quiet"), "make lock"),
    Stage("pins", "python", ("tools/lock.py", "--check"), "make lock"),
    Stage("specification", "python", ("-m", "gaios.spec", "check"), "make fix writes the generated files anew"),
    Stage("sync twin", "python", ("-m", "gaios.client.generate", "--check"), "make fix writes it anew"),
    Stage("model checker", "gaios", ("spec", "check", "--scope", "ci"), "docs/model-checking.md tells what it checks", ("spin", "gcc")),
    Stage("tests", "pytest", ()),
)


def run(stage: Stage) -> str:
    """Run one stage: `passed`, `failed` or `skipped`."""
    tool = BIN / stage.tool
    missing = [stage.tool] if not tool.exists() else [program for program in stage.programs if shutil.which(program) is None]
    if missing:
        print(f"==> {stage.name}: skipped, {' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not installed", flush=True)
        return "skipped"
    print(f"==> {stage.name}: {stage.tool} {' '.join(stage.arguments)}", flush=True)
    started = time.monotonic()
    code = subprocess.run([tool, *stage.arguments], cwd=ROOT, stdin=subprocess.DEVNULL, check=False).returncode
    if stage is not STAGES[-1]:  # Rule 4
        outcome = "passed" if code == 0 else f"failed with exit code {code}"
        mend = f"; {stage.mend}" if code and stage.mend else ""
        print(f"    {stage.name} {outcome} after {(time.monotonic() - started) / 60:.1f} min{mend}", flush=True)
    return "passed" if code == 0 else "failed"


def summary(outcomes: dict[str, str]) -> str:
    """How many stages passed, failed and were skipped, and which ones."""
    parts = []
    for outcome in ("passed", "failed", "skipped"):
        names = [name for name, each in outcomes.items() if each == outcome]
        parts.append(f"{len(names)} {outcome}" + (f" ({', '.join(names)})" if names and outcome != "passed" else ""))
    return ", ".join(parts)


def main() -> int:
    """Run all stages; 0 when none failed."""
    started = time.monotonic()
    outcomes: dict[str, str] = {}
    for stage in STAGES:
        if stage is STAGES[-1]:
            print(f"==> before the tests, {(time.monotonic() - started) / 60:.1f} min: {summary(outcomes)}", flush=True)
        outcomes[stage.name] = run(stage)
    refused = {"failed", "skipped"} if os.environ.get("CI") == "true" else {"failed"}
    return 1 if refused & set(outcomes.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
