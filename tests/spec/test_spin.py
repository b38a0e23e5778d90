"""Spin, and what it says. Where it is not installed these tests show that this is said; the rest is read from recorded answers."""

from dataclasses import replace
from pathlib import Path

import pytest

from gaios.errors import ConfigurationError, InvariantViolated
from gaios.spec import spin
from tests.spec.models import OWN_VALUE, TINY, scope, with_spin

ANSWER = """
State-vector 28 byte, depth reached 21, errors: 0
     4188 states, stored
   37.359	total actual memory usage
fired 0 7
fired 1 0
"""


def test_it_counts_every_state(tmp_path: Path) -> None:
    found = with_spin(lambda: spin.run(scope(), spin.Search(tmp_path)))
    if found is not None:
        assert not found.is_violated
        assert found.states > 1_000
        assert found.fired["P1a"] > 0
        assert found.depth > 10


def test_in_breadth_it_counts_the_same_states(tmp_path: Path) -> None:
    found = with_spin(lambda: [spin.run(scope(), spin.Search(tmp_path / str(flag), shortest=flag)).states for flag in (False, True)])
    if found is not None:
        assert found[0] == found[1]


def test_a_violation_comes_with_its_trail(tmp_path: Path) -> None:
    found = with_spin(lambda: spin.run(scope(TINY, OWN_VALUE), spin.Search(tmp_path, shortest=True)))
    if found is not None:
        assert found.is_violated
        labels = [scope(TINY, OWN_VALUE).instances[number].label for number in found.trail]
        assert labels.count("P1a") == 2
        assert labels.count("P2a") == 2


def test_too_little_memory_is_a_failure_and_never_a_pass(tmp_path: Path) -> None:
    """A search that did not see everything is no result."""

    def starved() -> None:
        with pytest.raises(InvariantViolated, match="a search sees every state"):
            spin.run(scope(replace(TINY, slots=2)), spin.Search(tmp_path, memory_mb=34))

    with_spin(starved)


def test_what_it_says_is_read() -> None:
    found = spin.read_answer(ANSWER, scope())
    assert (found.states, found.depth, found.memory_mb, found.is_violated) == (4188, 21, 37.359, False)
    assert found.fired[scope().instances[0].label] >= 7


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (("errors: 0", "errors: 0\nerror: max search depth too small"), "a search sees every state"),
        (("errors: 0", "errors: 0\nWarning: Search not completed"), "a search sees every state"),
        (("4188 states, stored", "nothing"), "Spin finishes its search"),
    ],
)
def test_a_search_that_did_not_finish_is_refused(change: tuple[str, str], problem: str) -> None:
    with pytest.raises(InvariantViolated, match=problem):
        spin.read_answer(ANSWER.replace(*change), scope())


def test_a_search_by_bitstate_hashing_says_so() -> None:
    answer = ANSWER + "hash factor: 12.5 (best if > 100.)\n+ bitstate\nWarning: Search not completed\n"
    assert spin.read_answer(answer, scope(), is_exhaustive=False).coverage == "bitstate, hash factor 12.5, stopped before its end"


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert spin.missing_tools() == ["spin", "gcc"]
    with pytest.raises(ConfigurationError, match="spin and gcc not found") as caught:
        spin.check_tools()
    assert caught.value.hint == "apt-get install spin gcc libc6-dev"


def test_a_tool_that_refuses_the_model_is_quoted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in spin.TOOLS:
        (tmp_path / name).write_text("#!/bin/sh\necho syntax error in line 7\nexit 1\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    with pytest.raises(InvariantViolated, match="syntax error in line 7"):
        spin.run(scope(), spin.Search(tmp_path / "work"))
