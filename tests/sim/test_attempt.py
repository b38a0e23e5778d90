"""Whatever a seed does to the process that runs it, something is told of it."""

import subprocess
import sys
import threading
from typing import Any

import pytest

from gaios.sim import attempt, run
from gaios.sim.attempt import ENDS, WORKS, Outcome, Work, died
from gaios.sim.scenario import parse
from gaios.sim.shrink import smaller_options
from gaios.sim.smaller import Smaller, causes

SMALL = Smaller(only=("crash",), clients=1, operations=5, until_ms=500)


def test_an_outcome_is_the_runs_own() -> None:
    outcome = Work(smaller=SMALL)(7)
    assert outcome.seed == 7
    assert outcome.violations == []
    assert outcome.smaller == " --only crash --clients 1 --operations 5 --until-ms 500"
    assert outcome.seen["a master was elected"] > 0
    assert {name for name in outcome.seen if name.startswith("fault ")} <= {f"fault {name}" for name in causes()}


def test_the_trace_is_that_of_the_command_that_replays_it() -> None:
    assert Work()(5).trace_hash == run(5).trace_hash


def test_a_scenario_is_run_from_its_text_alone() -> None:
    """Its file need not be on the machine that does the work."""
    text = 'description = "One replica."\n[plan]\nreplicas = 1\n'
    outcome = Work(smaller=SMALL, scenario="/no/such/file.toml", text=text)(7)
    assert outcome.trace_hash == run(7, smaller_options(SMALL, parse(text, "").change)).trace_hash
    assert outcome.trace_hash != Work(smaller=SMALL)(7).trace_hash


def test_a_simulator_that_raises_is_told_as_a_failure_of_the_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> Any:
        raise KeyError("nothing")

    monkeypatch.setattr(attempt, "run", broken)
    (violation,) = Work()(7).violations
    assert violation.startswith(f"{WORKS}: KeyError: 'nothing' [")
    assert "test_attempt.py:" in violation


def test_a_run_that_does_not_end_is_told_with_the_place_where_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even code that catches every `Exception` goes on."""

    def endless(*_: Any) -> Any:
        while True:
            try:
                threading.Event().wait(0.01)
            except Exception:  # noqa: BLE001 (as a seat catches whatever its replica raises)
                continue

    monkeypatch.setattr(attempt, "run", endless)
    (violation,) = Work(limit_s=1)(7).violations
    assert violation.startswith(f"{ENDS}: not within 1 s; it was at ")


@pytest.mark.timeout(300)
def test_a_hang_that_no_signal_reaches_ends_the_process() -> None:
    """A library that holds the interpreter: the watchdog is a thread that needs none of it."""
    program = """
import signal, time
from gaios.sim import attempt
def hangs(*_):
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGALRM])
    while True:
        time.sleep(1)
attempt.run, attempt._GRACE_S = hangs, 1
attempt.Work(limit_s=1)(7)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, timeout=280, check=False)
    assert done.returncode == 1
    assert done.stdout == b""


def test_a_failure_is_shrunk_when_that_is_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = run(7)
    failed = type(whole)(**{name: getattr(whole, name) for name in whole.__struct_fields__} | {"violations": ["agreement: no"]})
    monkeypatch.setattr(attempt, "run", lambda *_: failed)
    monkeypatch.setattr(attempt, "attempts", lambda *_: lambda _: failed)
    outcome = Work(tries=200)(7)
    assert outcome.smaller == " --only none --replicas 1 --clients 1 --operations 1 --until-ms 1"
    assert outcome.violations == ["agreement: no"]


def test_a_process_that_died_is_told() -> None:
    assert died(7) == Outcome(seed=7, violations=died(7).violations)
    assert died(7).violations[0].startswith(attempt.LIVES)
