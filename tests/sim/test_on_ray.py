"""What is asked of Ray. A real cluster is tried by `make ray`: its wheel is too heavy for the gate."""

import sys
from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from gaios.errors import ConfigurationError, Unavailable
from gaios.sim.attempt import LIVES, Outcome
from gaios.sim.on_ray import OnRay


class WorkerCrashedError(Exception):
    """As Ray's."""


class FakeRay(ModuleType):
    """A cluster of two cores in this process; tasks are done in the order in which they were handed out."""

    def __init__(self) -> None:
        super().__init__("ray")
        self.exceptions = SimpleNamespace(WorkerCrashedError=WorkerCrashedError)
        self.started: list[dict[str, Any]] = []
        self.under_way: list[object] = []
        self.most = 0
        self.cancelled: list[object] = []
        self.ended = False

    def init(self, **options: Any) -> None:
        if options.get("address") == "ray://nobody:1":
            raise ConnectionError("refused")
        self.started.append(options)

    def cluster_resources(self) -> dict[str, float]:
        return {"CPU": 2.0}

    def remote(self, **_: Any) -> Callable[[Callable[..., Outcome]], Any]:
        return lambda function: SimpleNamespace(remote=lambda *arguments: self._hand_out(function, arguments))

    def _hand_out(self, function: Callable[..., Outcome], arguments: tuple[Any, ...]) -> object:
        reference = (function, arguments)
        self.under_way.append(reference)
        self.most = max(self.most, len(self.under_way))
        return reference

    def wait(self, references: list[Any], num_returns: int) -> tuple[list[Any], list[Any]]:
        assert references == self.under_way
        return references[:num_returns], references[num_returns:]

    def get(self, reference: Any) -> Outcome:
        self.under_way.remove(reference)
        function, arguments = reference
        return function(*arguments)  # type: ignore[no-any-return]

    def cancel(self, reference: object, *, force: bool) -> None:
        assert force
        self.cancelled.append(reference)

    def shutdown(self) -> None:
        self.ended = True


@pytest.fixture
def ray(monkeypatch: pytest.MonkeyPatch) -> FakeRay:
    fake = FakeRay()
    monkeypatch.setitem(sys.modules, "ray", fake)
    return fake


def job(seed: int) -> Outcome:
    if seed == 3:
        raise WorkerCrashedError
    return Outcome(seed=seed)


def test_every_seed_is_told_once_and_a_dead_worker_is_told(ray: FakeRay) -> None:
    cluster = OnRay("ray")
    outcomes = {outcome.seed: outcome for outcome in cluster(job, range(8))}
    assert sorted(outcomes) == list(range(8))
    assert [seed for seed, outcome in outcomes.items() if outcome.violations] == [3]
    assert outcomes[3].violations[0].startswith(LIVES)
    cluster.close()
    assert ray.ended


def test_no_more_is_handed_out_than_the_cores_can_soon_begin(ray: FakeRay) -> None:
    list(OnRay("ray")(easy, range(20)))
    assert ray.most == 4


def easy(seed: int) -> Outcome:
    return Outcome(seed=seed)


def test_what_is_under_way_when_nobody_listens_any_more_is_cancelled(ray: FakeRay) -> None:
    outcomes = OnRay("ray")(easy, range(20))
    next(outcomes)
    del outcomes
    assert len(ray.cancelled) == 3


def test_a_cluster_elsewhere_is_sent_this_very_package(ray: FakeRay) -> None:
    cluster = OnRay("ray://there:10001")
    assert cluster.cores() == 2
    (options,) = ray.started
    assert options["address"] == "ray://there:10001"
    assert [path.endswith("gaios") for path in options["runtime_env"]["py_modules"]] == [True]


@pytest.mark.usefixtures("ray")
def test_a_cluster_that_does_not_answer_is_unavailable() -> None:
    with pytest.raises(Unavailable, match="no Ray cluster at ray://nobody:1: refused"):
        OnRay("ray://nobody:1")


def test_without_ray_the_way_to_install_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ConfigurationError, match="Ray is not installed") as raised:
        OnRay("ray")
    assert raised.value.hint == "pip install 'ray[client]>=2.40'"
