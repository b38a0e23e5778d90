"""A campaign's work on the machines of a Ray cluster: `ray` starts one here, `ray://HOST:PORT` is one that runs.

Rule 1. This very package is what runs there: Ray ships it; its dependencies have to be installed there.
Rule 2. Placing, moving and watching over work is Ray's. Only as much is handed out as the cluster's cores can soon begin.
"""

import os
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import gaios
from gaios.errors import ConfigurationError, Unavailable
from gaios.sim.attempt import Outcome, died
from gaios.sim.on_cores import Job

LOCAL = "ray"
_QUIET = {"include_dashboard": False}
_AHEAD = 2
"""Seeds handed out for each core."""


class OnRay:
    """A connection to a cluster, until `close`."""

    def __init__(self, address: str) -> None:
        """Connect, or start a cluster on this machine.

        Raises:
            ConfigurationError: Ray is not installed here.
            Unavailable: no cluster answers at this address.
        """
        try:
            # Workers need not say what they print, and Ray need not tell anybody how it is used.
            os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
            import ray  # noqa: PLC0415 (an extra: hundreds of megabytes that only this needs)
        except ImportError:
            raise ConfigurationError(reason="Ray is not installed", hint="pip install 'ray[client]>=2.40'") from None
        self._ray: Any = ray
        self._address = address
        where = {} if address == LOCAL else {"address": address}
        package = {"py_modules": [str(Path(gaios.__file__).parent)]} if where else {}
        try:
            with warnings.catch_warnings(action="ignore"):
                ray.init(**where, runtime_env=package, log_to_driver=False, logging_level="ERROR", **({} if where else _QUIET))
        except (ConnectionError, RuntimeError, ValueError, TimeoutError) as error:
            failed = Unavailable(waited_ms=0, reason=f"no Ray cluster at {address}: {error}")
            failed.hint = "see whether it runs and its client port is open: ray status"
            raise failed from None

    def __call__(self, job: Job, seeds: Iterable[int]) -> Iterator[Outcome]:
        """Run seeds, in no particular order, as `on_cores` does."""
        ray = self._ray
        coming = iter(seeds)
        remote = ray.remote(max_retries=1, num_cpus=1)(_do)
        pending: dict[Any, int] = {}
        try:
            while True:
                cores = int(ray.cluster_resources().get("CPU", 1))
                while len(pending) < _AHEAD * cores and (seed := next(coming, None)) is not None:
                    pending[remote.remote(job, seed)] = seed
                if not pending:
                    return
                done, _ = ray.wait(list(pending), num_returns=1)
                for reference in done:
                    seed = pending.pop(reference)
                    try:
                        yield ray.get(reference)
                    except ray.exceptions.WorkerCrashedError:
                        yield died(seed)
        finally:
            for reference in pending:
                ray.cancel(reference, force=True)

    def cores(self) -> int:
        """How many the cluster has now."""
        return int(self._ray.cluster_resources().get("CPU", 1))

    def close(self) -> None:
        """Leave the cluster; one that was started here ends."""
        self._ray.shutdown()


def _do(job: Job, seed: int) -> Outcome:
    return job(seed)
