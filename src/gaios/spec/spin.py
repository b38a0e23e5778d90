"""Spin, run on a model: compiled, searched, and what it said.

Rule 1. A search that did not see everything is no result: too small a depth or too little memory is a failure, never a pass.
Rule 2. A search is stopped by an interrupt, so that it still tells how far it came.
"""

import contextlib
import re
import shutil
import signal
import subprocess
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from gaios.errors import ConfigurationError, InvariantViolated
from gaios.spec.promela import emit_promela
from gaios.spec.scope import Scope

TOOLS: Final = ("spin", "gcc")
MEMORY_MB: Final = 1_300
"""What one search may use."""
DEPTH_MAX: Final = 100_000
"""Steps of the longest path that a search follows."""
HASH_BITS: Final = 22
_STORED: Final = re.compile(r"^\s*(\d[\d.e+]*) states, stored", re.MULTILINE)
_ERRORS: Final = re.compile(r"errors: (\d+)")
_MEMORY: Final = re.compile(r"^\s*([\d.]+)\s+total actual memory usage", re.MULTILINE)
_FIRED: Final = re.compile(r"^fired (\d+) (\d+)$", re.MULTILINE)
_STEP: Final = re.compile(r"^\s*\d+:\s+proc.*\[D_STEP(\d+)\]$", re.MULTILINE)
_DEPTH: Final = re.compile(r"depth reached (\d+)")


@dataclass(slots=True)
class Result:
    """What a search found."""

    states: int
    depth: int
    """Steps of the longest path that was followed."""
    is_violated: bool
    """Whether an invariant does not hold."""
    trail: list[int] = field(default_factory=list)
    """The numbers of the instances that lead to the violation."""
    fired: dict[str, int] = field(default_factory=dict)
    """How often each rule was taken."""
    seconds: float = 0.0
    """Of the search."""
    build_seconds: float = 0.0
    """Of generating and compiling the model."""
    memory_mb: float = 0.0
    coverage: str = ""
    """What a search by bitstate hashing says of itself; empty for an exhaustive one."""


def missing_tools() -> list[str]:
    """The programs that this needs and that are not installed."""
    return [tool for tool in TOOLS if shutil.which(tool) is None]


def check_tools() -> None:
    """Be sure that Spin can run.

    Raises:
        ConfigurationError: a program is not installed.
    """
    missing = missing_tools()
    if missing:
        raise ConfigurationError(
            reason=f"{' and '.join(missing)} not found: the model checker needs Spin and a C compiler",
            hint="apt-get install spin gcc libc6-dev",
        )


@dataclass(slots=True)
class Search:
    """How to search."""

    folder: Path
    """Where the model is compiled; what is in it is overwritten."""
    shortest: bool = False
    """In breadth, so that a violation's trail is the shortest."""
    bitstate: int = 0
    """Hash states into 2**N bits instead of keeping them, and say how much of the whole that may have been."""
    optimize: str = "-O1"
    memory_mb: int = MEMORY_MB
    seconds_max: float = 0.0
    """Stop after so long; 0: never."""


def run(scope: Scope, search: Search) -> Result:
    """Search a model.

    Raises:
        ConfigurationError: Spin or a C compiler is not installed.
        InvariantViolated: Spin refused the model, or did not see all of it.
    """
    check_tools()
    started = time.monotonic()
    model = emit_promela(scope, shares=not search.shortest)
    folder = search.folder
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.pml").write_text(model.text, encoding="utf-8")
    (folder / "model.pml.trail").unlink(missing_ok=True)
    _tool(["spin", "-o3", "-a", "model.pml"], folder)
    flags = ["-DSAFETY", "-DNOREDUCE", "-DNOBOUNDCHECK", "-DVECTORSZ=4096", f"-DMEMLIM={search.memory_mb}"]
    flags += ["-DBFS"] if search.shortest else []
    flags += ["-DBITSTATE"] if search.bitstate else []
    _tool(["gcc", search.optimize, "-w", *flags, "-o", "pan", "pan.c"], folder)
    built = time.monotonic()
    text = _pan(folder, search)
    result = read_answer(text, scope, is_exhaustive=not search.bitstate)
    result.build_seconds, result.seconds = built - started, time.monotonic() - built
    if result.is_violated:
        result.trail = _trail(folder, model.steps)
    return result


def _tool(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603 - our own arguments
    if done.returncode or done.stdout.strip():
        text = (done.stdout + done.stderr).strip()
        raise InvariantViolated(invariant=f"{command[0]} takes the generated model", detail=text[:500])


def _pan(folder: Path, search: Search) -> str:
    """Run the search, and read what it says."""
    size = search.bitstate or HASH_BITS
    command = [str(folder / "pan"), f"-m{DEPTH_MAX}", f"-w{size}", "-E"]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:  # noqa: S603
        timer = threading.Timer(search.seconds_max, process.send_signal, [signal.SIGINT])
        if search.seconds_max:
            timer.start()
        try:
            said, _ = process.communicate()
        except BaseException:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGINT)
            raise
        finally:
            timer.cancel()
    return said


def read_answer(text: str, scope: Scope, *, is_exhaustive: bool = True) -> Result:
    """What a search said.

    Raises:
        InvariantViolated: it did not see everything.
    """
    stored, errors = _STORED.search(text), _ERRORS.search(text)
    if stored is None or errors is None:
        raise InvariantViolated(invariant="Spin finishes its search", detail=text.strip()[-500:])
    depth, memory = _DEPTH.search(text), _MEMORY.search(text)
    result = Result(int(float(stored[1])), int(depth[1]) if depth else 0, errors[1] != "0", memory_mb=float(memory[1]) if memory else 0.0)
    for number, count in _FIRED.findall(text):
        for label in scope.instances[int(number)].labels:
            result.fired[label] = result.fired.get(label, 0) + int(count)
    if result.is_violated:
        pass
    elif "max search depth too small" in text:
        raise InvariantViolated(invariant="a search sees every state", detail=f"a path is longer than {DEPTH_MAX} steps")
    elif is_exhaustive and "Search not completed" in text:
        raise InvariantViolated(
            invariant="a search sees every state", detail=f"stopped after {result.states} states: out of memory or time"
        )
    factor = re.search(r"hash factor: ([\d.]+)", text)
    if not is_exhaustive and factor is not None:
        stopped = ", stopped before its end" if "Search not completed" in text else ""
        result.coverage = f"bitstate, hash factor {factor[1]}{stopped}"
    return result


def _trail(folder: Path, steps: dict[int, int]) -> list[int]:
    """The numbers of the instances that lead to the violation."""
    command = [str(folder / "pan"), "-r"]
    replay = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False).stdout  # noqa: S603 - our own arguments
    return [steps[line] for line in map(int, _STEP.findall(replay)) if line in steps]
