"""A gate that lost its servers says so."""

import pytest

from tests.fencing import mutants, services


def test_a_server_that_is_missing_is_named_and_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer without it is not stopped, but told what to install."""
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="PostgreSQL is not on this machine: apt-get install postgresql"):
        services.absent("PostgreSQL", "apt-get install postgresql")


def test_in_ci_a_server_that_is_missing_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """A gate that lost its tools must not be green."""
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="PostgreSQL"):
        services.absent("PostgreSQL", "apt-get install postgresql")


def test_a_bug_that_cannot_be_planted_is_noticed() -> None:
    """A mutant whose place was rewritten would be the sound module, and its test would fail for a reason that is hard to see."""
    with pytest.raises(AssertionError, match="0 times"):
        mutants.mutant(services, "no such text", "")
    with pytest.raises(pytest.fail.Exception), mutants.bites():
        pass
