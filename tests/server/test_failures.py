"""Whoever waits for replicas that do not come is told which and why, at once."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from gaios import errors
from gaios.server import control, failures, local
from gaios.server.failures import Failure, States
from gaios.server.logs import Logger
from tests.server.parts import places

MISSING = Failure(4, "promise-1 is missing")
OTHER = Failure(2, "it belongs to another cell")


@pytest.fixture
def cell(tmp_path: Path) -> local.LocalCell:
    return local.create(tmp_path / "cell", places(5))


def told(words: str, failed: Mapping[int, Failure]) -> States:
    return States(dict(enumerate(words.split(), 1)), dict(failed))


@pytest.mark.parametrize("form", ["console", "json"])
@pytest.mark.parametrize("reason", ["plain", "two words", 'it\'s "quoted" = \\ here'])
def test_the_last_words_are_the_reason_of_the_exit(tmp_path: Path, form: str, reason: str) -> None:
    """What a start before this one said is not this one's reason."""
    path = tmp_path / "log"
    with path.open("w") as stream:
        log = Logger(format=form, stream=stream, replica=1)
        log.error("exit", error="StateMissing", reason="of yesterday", hint="h")
    since = path.stat().st_size
    assert failures.last_words(path) == ("of yesterday", "StateMissing")
    assert failures.last_words(path, since) == ("", "")
    with path.open("a") as stream:
        log = Logger(format=form, stream=stream, replica=1)
        log.info("started")
        log.error("exit", error="StateDamaged", reason=reason, hint="reason='none'")
    assert failures.last_words(path, since) == (reason, "StateDamaged")


def test_a_crash_has_last_words_too(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("Traceback (most recent call last):\n  File ...\nZeroDivisionError: division by zero\n\n")
    assert failures.last_words(tmp_path / "log") == ("ZeroDivisionError: division by zero", "")
    assert failures.last_words(tmp_path / "none") == ("", "")


@pytest.mark.parametrize("form", ["console", "json"])
def test_a_line_about_something_else_is_not_why_it_ended(tmp_path: Path, form: str) -> None:
    """Its disk went read-only: its last words were lost, and the line before them says that it became master."""
    with (tmp_path / "log").open("w") as stream:
        Logger(format=form, stream=stream, replica=1).info("became_master", ballot=65_537)
        Logger(format=form, stream=stream, replica=1).info("stopped")
    assert failures.last_words(tmp_path / "log") == ("", "")


def test_a_majority_that_may_still_start_is_hope(cell: local.LocalCell) -> None:
    failures.check_hope(cell, told("failed waiting running failed running", {1: MISSING, 4: OTHER}))
    # What a full `down` stops was not stopped by name.
    failures.check_hope(cell, told("stopped stopped stopped stopped stopped", {}))


def test_each_replica_that_failed_is_named_with_its_reason(cell: local.LocalCell) -> None:
    damaged = told("failed running failed failed running", {1: MISSING, 3: OTHER, 4: MISSING})
    with pytest.raises(errors.ReplicaFailed) as raised:
        failures.check_hope(cell, damaged)
    assert str(raised.value) == (
        "3 of 5 replicas cannot start, and 3 are needed: replicas 1, 4: promise-1 is missing; replica 3: it belongs to another cell"
    )
    assert raised.value.hint.startswith("replicas 2, 5 still run; gaios down ")
    with pytest.raises(errors.ReplicaFailed) as raised:
        failures.check_hope(cell, damaged, rest_stops=True)
    assert raised.value.hint.startswith("the others were stopped; gaios verify")


def test_where_all_are_misconfigured_no_state_is_to_blame(cell: local.LocalCell) -> None:
    with pytest.raises(errors.ConfigurationError, match="replicas 1, 2, 3: it belongs to another cell") as raised:
        failures.check_hope(cell, told("failed failed failed running running", {1: OTHER, 2: OTHER, 3: OTHER}))
    assert "verify" not in raised.value.hint  # which finds nothing wrong


def test_stopped_and_failed_replicas_are_missing_together(cell: local.LocalCell) -> None:
    control.mark_down(cell, 2, down=True)
    control.mark_down(cell, 3, down=True)
    with pytest.raises(errors.ReplicaFailed, match=r"1 of 5 replicas cannot start.*; replicas 2, 3 were stopped by `gaios down --replica`"):
        failures.check_hope(cell, told("failed stopped stopped running running", {1: MISSING}))


def test_replicas_that_down_stopped_are_named_with_the_way_back(cell: local.LocalCell) -> None:
    """[INTERFACE]: they stay down until `up --replica`."""
    failures.check_down(cell, [1, 4])
    for replica in (1, 3, 4):
        control.mark_down(cell, replica, down=True)
    with pytest.raises(errors.Unavailable, match=r"^replicas 1, 3, 4 of 5 were stopped by `gaios down --replica`") as raised:
        failures.check_hope(cell, told("stopped running stopped stopped running", {}))
    assert raised.value.hint == f"start them: gaios up --dir {cell.dir} --replica 1 3 4"


def test_a_start_that_was_refused_has_the_exit_code_of_its_reason(cell: local.LocalCell) -> None:
    error = failures.refused(cell, {2: MISSING})
    assert isinstance(error, errors.ReplicaFailed)
    assert str(error) == "replica 2 did not start: promise-1 is missing"
    assert error.hint == f"see {failures.log_of(cell, 2)}"
    assert isinstance(failures.refused(cell, {2: OTHER}), errors.ConfigurationError)


def test_the_log_that_is_named_is_one_that_can_be_written(cell: local.LocalCell) -> None:
    own = cell.replica_dir(2) / "log"
    assert failures.log_of(cell, 2) == "what the `gaios up` said that supervises it"
    (cell.dir / control.LOG).touch()
    assert failures.log_of(cell, 2) == str(cell.dir / control.LOG)
    own.touch()
    assert failures.log_of(cell, 2) == str(own)


def test_without_a_supervisor_nobody_tells(cell: local.LocalCell) -> None:
    assert failures.ask(cell) is None
