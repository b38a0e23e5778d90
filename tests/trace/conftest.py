"""A recorded run that every test may copy and alter."""

import shutil
from pathlib import Path

import msgspec
import pytest

from gaios.sim import RunOptions, run
from gaios.sim.plan import Plan
from gaios.trace import check

FILES = 20
"""Recordings that a run must leave to be of use here: one with kills, power cuts and restarts."""
STEPS = 5_000


def five(plan: Plan) -> Plan:
    """A cell of five that stay, whatever the seed draws."""
    process = msgspec.structs.replace(plan.faults.process, change_every_ns=0)
    return msgspec.structs.replace(plan, replicas=5, faults=msgspec.structs.replace(plan.faults, process=process))


@pytest.fixture(scope="session")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Recordings as the simulator wrote them, of the first seed that is stormy enough."""
    for seed in range(2, 100):
        directory: Path = tmp_path_factory.mktemp("recordings") / str(seed)
        assert not run(seed, RunOptions(plan=five, record=str(directory))).violations
        if len(list(directory.iterdir())) >= FILES and check([str(directory)]).steps > STEPS:
            return directory
    raise AssertionError("no seed restarts its replicas often")


@pytest.fixture
def copy(sound: Path, tmp_path: Path) -> Path:
    """The same, to be altered."""
    return Path(shutil.copytree(sound, tmp_path / "copy"))


@pytest.fixture
def restless(copy: Path) -> list[Path]:
    """The recordings of the member with the most boots, in their order; the first is boot 1, and one that was cut short is begun anew."""
    found: dict[str, list[Path]] = {}
    for path in copy.iterdir():
        found.setdefault(path.name.split("-")[1], []).append(path)
    _, most = max((len({path.name.split("-")[3] for path in paths}), paths) for paths in found.values())
    return sorted(most, key=lambda path: int(path.name.split("-")[3]))
