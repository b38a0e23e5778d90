"""All cores work, each seed is told once, and no worker is left behind."""

import os
import signal
import time
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from gaios.sim.attempt import LIVES, Outcome
from gaios.sim.on_cores import on_cores

pytestmark = pytest.mark.timeout(300)


def easy(seed: int) -> Outcome:
    return Outcome(seed=seed, events=os.getpid())


def deadly(seed: int) -> Outcome:
    if seed == 3:
        os._exit(1)
    return easy(seed)


def deadly_once(directory: Path, seed: int) -> Outcome:
    """The system ended the worker for a reason of its own."""
    if seed == 3 and not (directory / "died").exists():
        (directory / "died").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return easy(seed)


def endless(directory: Path, seed: int) -> Outcome:
    (directory / str(os.getpid())).touch()
    while seed:
        time.sleep(0.01)
    return easy(seed)


def test_every_seed_is_told_once_by_another_process() -> None:
    outcomes = list(on_cores(easy, range(10), 2))
    assert sorted(outcome.seed for outcome in outcomes) == list(range(10))
    assert os.getpid() not in {outcome.events for outcome in outcomes}


def test_no_seeds_are_no_work() -> None:
    assert list(on_cores(easy, [], 2)) == []


def test_a_seed_that_kills_its_worker_is_told_and_the_others_are_done() -> None:
    outcomes = {outcome.seed: outcome for outcome in on_cores(deadly, range(8), 2)}
    assert sorted(outcomes) == list(range(8))
    assert [seed for seed, outcome in outcomes.items() if outcome.violations] == [3]
    assert outcomes[3].violations[0].startswith(LIVES)


def test_a_seed_is_not_blamed_for_what_happened_to_its_worker_once(tmp_path: Path) -> None:
    outcomes = list(on_cores(partial(deadly_once, tmp_path), range(6), 2))
    assert sorted(outcome.seed for outcome in outcomes) == list(range(6))
    assert not any(outcome.violations for outcome in outcomes)


def test_whoever_stops_listening_stops_the_workers(tmp_path: Path) -> None:
    with closing(on_cores(partial(endless, tmp_path), range(4), 2)) as outcomes:  # type: ignore[type-var]
        assert next(outcomes).seed == 0
    workers = [int(path.name) for path in tmp_path.iterdir()]
    assert workers
    for worker in workers:
        with pytest.raises(ProcessLookupError):
            os.kill(worker, 0)
