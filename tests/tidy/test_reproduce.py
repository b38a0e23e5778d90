"""A failing test that carries a seed prints the one command that runs it again.  [STYLE 3]"""

import pytest

from tests.tidy.tree import TESTS, read

pytest_plugins = ["pytester"]


@pytest.fixture
def inner(pytester: pytest.Pytester) -> pytest.Pytester:
    """A pytest of its own with our conftest and three failing tests."""
    pytester.makeconftest(read(TESTS / "conftest.py"))
    pytester.makeini("[pytest]\nmarkers = seeds(count)\nasyncio_default_fixture_loop_scope = function\n")
    pytester.makepyfile(
        test_it="""
        import pytest

        @pytest.mark.seeds(3)
        def test_parity(seed):
            assert seed != 2

        def test_recorded(record_property):
            record_property("seed", 7)
            assert False

        def test_command(record_property):
            record_property("reproduce", "gaios sim --seed 9")
            assert False

        def test_plain():
            assert False
        """
    )
    return pytester


def test_a_failure_prints_its_own_reproduction(inner: pytest.Pytester) -> None:
    """The command stands in the report, also when the seed was recorded, or when another command replays it."""
    result = inner.runpytest_subprocess("-p", "no:cacheprovider")
    result.assert_outcomes(passed=2, failed=4)
    lines = [line for line in result.outlines if line.startswith("reproduce: ")]
    assert lines == [
        "reproduce: pytest test_it.py::test_parity --seed 2",
        "reproduce: pytest test_it.py::test_recorded --seed 7",
        "reproduce: gaios sim --seed 9",
    ]


def test_the_option_runs_one_seed_alone(inner: pytest.Pytester) -> None:
    """`--seed N` is what the printed command relies on, and N may lie outside the range of the gate."""
    inner.runpytest_subprocess("--seed", "2", "-k", "parity").assert_outcomes(failed=1)
    inner.runpytest_subprocess("--seed", "1000", "-k", "parity").assert_outcomes(passed=1)
