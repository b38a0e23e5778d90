"""What every test shares: seeds, and a failure that prints its own reproduction.

A test that takes the argument `seed` and carries `@pytest.mark.seeds(n)` runs once for each of the seeds 0 … n-1, and for N alone
with `--seed N`. When it fails, or when a failing test recorded one (`record_property("seed", n)`), the report ends with one command.
A test whose failure is replayed by another command records that one: `record_property("reproduce", "gaios sim --seed 7")`.

`pytest -n 2` shares the tests between two processes. Those of real replicas, clients and programs stay in one of them,
one after the other: two cells at once would wait for each other's processor time. Of the others, a file is never divided, for its tests
share what they worked out; the museum is, a test at a time.
"""

import shlex
import signal
from collections.abc import Callable, Generator, Mapping
from pathlib import PurePosixPath
from typing import Any

import pytest
from hypothesis import settings
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

# Hypothesis takes the same examples in every run: the gate says the same twice, and searching is a campaign's work.
settings.register_profile("gate", parent=settings.get_profile("ci"))
settings.load_profile("gate")

# Whoever was started in the background of a script ignores interrupts, and so would every process that a test starts and interrupts.
signal.signal(signal.SIGINT, signal.default_int_handler)


PROCESSES = {"backup", "cli", "client", "docs", "fencing", "paper", "server", "storage", "system", "testing", "tools"}
"""Rooms whose tests start processes, or wait for the kernel."""
DIVIDED = {"museum"}
"""Rooms of long tests that share nothing."""
CARRIED_OUT = "carried out"


class Sharing(LoadScopeScheduling):
    """Which tests stay together, when several processes share them."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        room = PurePosixPath(file).parts[1]
        return nodeid if room in DIVIDED else "processes" if room in PROCESSES else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Sharing:
    """The scheduler's own groups, of `--dist loadgroup`, are the tests' markers; with pytest 9.2 xdist 3.8 does not see them."""
    return Sharing(config, log)


@pytest.fixture
def carried_out(record_property: Callable[[str, object], None]) -> Callable[[str, Mapping[str, int]], None]:
    """Report at the end how often a tier of tests carried out each rule, by label.  [SAFETY 30]"""
    return lambda tier, counts: record_property(CARRIED_OUT, (tier, dict(counts)))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Which rules of the specification each tier carried out, where it was counted."""
    reports = [report for report in terminalreporter.getreports("passed") if report.when == "call"]
    for tier, counts in (told for report in reports for name, told in report.user_properties if name == CARRIED_OUT):
        never = [label for label, count in counts.items() if not count]
        rest = f"; never {', '.join(never)}" if never else ""
        terminalreporter.write_line(f"rules carried out, {tier}: {len(counts) - len(never)} of {len(counts)}{rest}")


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--seed N`, `--rewrite`."""
    parser.addoption("--seed", type=int, default=None, metavar="N", help="run tests that take seeds for this seed alone")
    parser.addoption("--rewrite", action="store_true", help="write golden transcripts anew; read the difference before it is committed")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Give `seed` its values."""
    mark = metafunc.definition.get_closest_marker("seeds")
    if mark is None:
        return
    chosen = metafunc.config.getoption("--seed")
    metafunc.parametrize("seed", range(mark.args[0]) if chosen is None else [chosen])


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Any, pytest.TestReport]:
    """Add `reproduce: <one command>` to the report of a failing test that carries a seed."""
    report: pytest.TestReport = yield
    if report.failed and (command := reproduction(item)) and call.excinfo is not None:
        report.sections.append(("reproduce", f"reproduce: {command}"))
    return report


def reproduction(item: pytest.Item) -> str:
    """The one command that runs a failing test again; empty where no seed is known."""
    properties = dict(item.user_properties)
    if "reproduce" in properties:
        return str(properties["reproduce"])
    callspec = getattr(item, "callspec", None)
    seed = properties.get("seed", callspec.params.get("seed") if callspec is not None else None)
    if not isinstance(seed, int):
        return ""
    return f"pytest {shlex.quote(item.nodeid.split('[', 1)[0])} --seed {seed}"
