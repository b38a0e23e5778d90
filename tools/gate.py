"""The gate: every check, in stages, with the minutes that each took. `make test` and `.ci/run` run it.

Rule 1. It reads; it writes nothing that is tracked. `make fix` is its mutating twin.
Rule 2. Every stage runs, also after one failed; the exit code is 1 if any did.
Rule 3. A check whose tool is not installed is named and counted as skipped; with CI=true a skip is a failure.
Rule 4. pytest runs last, and the output ends on its summary.
Rule 5. There are two cores at least: two processes share the tests, and what else takes long runs beside them, behind them in priority.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
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
    is_beside: bool = False
    """Whether the tests do not wait for it."""


STAGES = (
    Stage("format", "ruff", ("format", "--check", "."), "make fix"),
    Stage("lint", "ruff", ("check", "."), "make fix mends some of it"),
    Stage("types", "mypy", ()),
    Stage("walls", "lint-imports", ("--no-logo",), "DESIGN's table of rooms is in docs/architecture.md"),
    Stage("lock", "uv", ("lock", "--check", "--offline", "--quiet"), "make lock"),
    Stage("pins", "python", ("tools/lock.py", "--check"), "make lock"),
    Stage("specification", "python", ("-m", "gaios.spec", "check"), "make fix writes the generated files anew"),
    Stage("sync twin", "python", ("-m", "gaios.client.generate", "--check"), "make fix writes it anew"),
    Stage(
        "model checker",
        "gaios",
        ("spec", "check", "--scope", "ci"),
        "docs/model-checking.md tells what it checks",
        ("spin", "gcc"),
        is_beside=True,
    ),
    Stage("tests", "pytest", ("-n", "2")),
)


def missing(stage: Stage) -> str:
    """What it needs and is not installed, said to whoever runs the gate; empty when all is there."""
    tool = BIN / stage.tool
    absent = [stage.tool] if not tool.exists() else [program for program in stage.programs if shutil.which(program) is None]
    if not absent:
        print(f"==> {stage.name}: {stage.tool} {' '.join(stage.arguments)}", flush=True)
        return ""
    said = f"{' and '.join(absent)} {'is' if len(absent) == 1 else 'are'} not installed"
    print(f"==> {stage.name}: skipped, {said}", flush=True)
    return said


def told(stage: Stage, code: int, started: float) -> str:
    """Say how it ended: `passed` or `failed`."""
    outcome = "passed" if code == 0 else f"failed with exit code {code}"
    mend = f"; {stage.mend}" if code and stage.mend else ""
    print(f"    {stage.name} {outcome} after {(time.monotonic() - started) / 60:.1f} min{mend}", flush=True)
    return "passed" if code == 0 else "failed"


def run(stage: Stage) -> str:
    """Run one stage to its end: `passed`, `failed` or `skipped`."""
    if missing(stage):
        return "skipped"
    started = time.monotonic()
    code = subprocess.run([BIN / stage.tool, *stage.arguments], cwd=ROOT, stdin=subprocess.DEVNULL, check=False).returncode
    return told(stage, code, started)


def begin(stage: Stage) -> Callable[[], str]:
    """Run one stage beside the others; what is returned waits for its end, and shows what it said."""
    if missing(stage):
        return lambda: "skipped"
    print(f"    {stage.name} goes on beside the others", flush=True)
    started, said = time.monotonic(), tempfile.TemporaryFile()  # noqa: SIM115 (it is read when the process has ended)
    command = ["/usr/bin/env", "nice", "-n", "5", str(BIN / stage.tool), *stage.arguments]
    process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=said, stderr=said)

    def end() -> str:
        code = process.wait()
        with said:
            said.seek(0)
            sys.stdout.write(said.read().decode(errors="replace"))
        return told(stage, code, started)

    return end


def run_last(stage: Stage, beside: dict[str, Callable[[], str]]) -> dict[str, str]:
    """Run the tests; their last line is held back until what runs beside them has ended.  [Rule 4]"""
    if missing(stage):
        return {stage.name: "skipped", **{name: end() for name, end in beside.items()}}
    command = [str(BIN / stage.tool), *stage.arguments]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, errors="replace") as process:
        assert process.stdout is not None, "it is a pipe"
        held = ""
        for line in process.stdout:
            print(held, end="", flush=True)
            held = line
    outcomes = {name: end() for name, end in beside.items()}
    print(held, end="", flush=True)
    return {stage.name: "passed" if process.returncode == 0 else "failed", **outcomes}


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
    beside: dict[str, Callable[[], str]] = {}
    for stage in STAGES[:-1]:
        if stage.is_beside:
            beside[stage.name] = begin(stage)
        else:
            outcomes[stage.name] = run(stage)
    print(f"==> before the tests, {(time.monotonic() - started) / 60:.1f} min: {summary(outcomes)}", flush=True)
    outcomes |= run_last(STAGES[-1], beside)
    refused = {"failed", "skipped"} if os.environ.get("CI") == "true" else {"failed"}
    return 1 if refused & set(outcomes.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
