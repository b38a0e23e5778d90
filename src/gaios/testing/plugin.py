"""The pytest plugin: the fixture `gaios_cell`.

    @pytest.mark.gaios(replicas=3, seeds=20)
    async def test_something(gaios_cell): ...

    --gaios-seed N      for this seed alone: what a failing test prints
    --gaios-seeds N     for the seeds 0 … N-1

Rule 1. An `async` test that has the fixture runs on the cell's event loop, in simulated time, whatever other plugins run other tests on.
Rule 2. A failing test ends with the one command that runs it again.
Rule 3. Loading this costs nothing: the simulator is imported by the first test that wants it.
"""

import inspect
import shlex
from collections.abc import Generator
from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from gaios.testing.cell import SimulatedCell

SEEDS: Final = 1
"""How many, where neither the command line nor the test says."""
_MARK: Final = "gaios"
_CELL: Final = "gaios_cell"
_SEED: Final = "gaios_seed"
_OPTIONS: Final = frozenset({"replicas", "machine", "faults", "limit_s"})


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--gaios-seed`, `--gaios-seeds`."""
    group = parser.getgroup("gaios", "simulated cells")
    group.addoption("--gaios-seed", type=int, default=None, metavar="N", help="run tests with a simulated cell for this seed alone")
    group.addoption("--gaios-seeds", type=int, default=None, metavar="N", help="run tests with a simulated cell for the seeds 0 … N-1")


def pytest_configure(config: pytest.Config) -> None:
    """Name the mark."""
    line = "gaios(seeds=N, seed=N, replicas=5, machine=…, faults=…, limit_s=…): how the simulated cell of `gaios_cell` is made"
    config.addinivalue_line("markers", line)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give each test its seeds."""
    if _SEED in metafunc.fixturenames:
        seeds = _seeds(metafunc.config, _arguments(metafunc.definition))
        metafunc.parametrize(_SEED, seeds, ids=[f"seed{seed}" for seed in seeds])


@pytest.fixture
def gaios_seed(request: pytest.FixtureRequest) -> int:
    """The seed of this run of the test."""
    seed: int = request.param  # pytest_generate_tests gives it
    return seed


@pytest.fixture
def gaios_cell(request: pytest.FixtureRequest, gaios_seed: int) -> "SimulatedCell":
    """A cell of production replicas in a simulated world; an `async` test that has it runs in that world."""
    from gaios.testing.cell import SimulatedCell  # noqa: PLC0415 (Rule 3)

    options = {name: value for name, value in _arguments(request.node).items() if name in _OPTIONS}
    return SimulatedCell(seed=gaios_seed, **options)


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_pycollect_makeitem() -> Generator[None, Any, Any]:
    """Rule 1: wrapped here, before a plugin for asyncio sees that the test is `async`."""
    made = yield
    for item in made if isinstance(made, list) else [made]:
        if isinstance(item, pytest.Function) and _CELL in item.fixturenames and inspect.iscoroutinefunction(item.obj):
            item.obj = _in_its_world(item, item.obj)
    return made


def _in_its_world(item: pytest.Function, test: Any) -> Any:  # noqa: ANN401 (a test's function)
    def run(**arguments: Any) -> None:  # noqa: ANN401 (fixtures)
        cell: Any = item.funcargs[_CELL]
        cell.run(test(**arguments))

    return run


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, pytest.TestReport]:
    """Rule 2."""
    report: pytest.TestReport = yield
    callspec = getattr(item, "callspec", None)
    if report.failed and call.excinfo is not None and callspec is not None and _SEED in callspec.params:
        command = f"pytest {shlex.quote(item.nodeid)} --gaios-seed {callspec.params[_SEED]}"
        report.sections.append(("gaios", f"reproduce: {command}"))
    return report


def _arguments(node: pytest.Item) -> dict[str, Any]:
    """What the test's marks say, the closest last."""
    found: dict[str, Any] = {}
    for mark in reversed(list(node.iter_markers(_MARK))):
        unknown = sorted(mark.kwargs.keys() - _OPTIONS - {"seed", "seeds"})
        if mark.args or unknown:
            message = (
                f"{node.nodeid}: pytest.mark.gaios takes seeds, seed, {', '.join(sorted(_OPTIONS))} by name, not {mark.args or unknown}"
            )
            raise pytest.UsageError(message)
        found |= mark.kwargs
    return found


def _seeds(config: pytest.Config, said: dict[str, Any]) -> list[int]:
    """The command line has the last word."""
    one, many = config.getoption("--gaios-seed"), config.getoption("--gaios-seeds")
    if one is not None:
        return [one]
    if many is None and "seed" in said:
        return [said["seed"]]
    count = said.get("seeds", SEEDS) if many is None else many
    if count < 1:
        raise pytest.UsageError(f"{count} seeds are none")
    return list(range(count))
