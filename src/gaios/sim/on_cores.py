"""A campaign's work on this machine's cores, by the standard library's pool of processes.

Rule 1. A worker that dies takes the pool with it; the seeds that were under way are run again, each alone, and only one that kills its
process again is to blame.
Rule 2. No worker outlives the campaign: not its end, not an interrupt, not a `kill -9`.
"""

import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress

from gaios.sim.attempt import Outcome, died

Job = Callable[[int], Outcome]
_AHEAD = 2
"""Seeds handed out for each worker, so that none waits for the next."""


def on_cores(job: Job, seeds: Iterable[int], workers: int) -> Iterator[Outcome]:
    """Run seeds, in no particular order.

    Args:
        job: importable by name, and picklable.
        seeds: taken as workers become free.
        workers: processes.
    """
    coming = iter(seeds)
    pool = _pool(workers)
    pending: dict[Future[Outcome], int] = {}
    refused: list[int] = []
    try:
        while True:
            try:
                while len(pending) < _AHEAD * workers and (seed := next(coming, None)) is not None:
                    refused.append(seed)
                    pending[pool.submit(job, seed)] = seed
                    refused.pop()
                if not pending:
                    return
                done, _ = wait(pending, return_when=FIRST_COMPLETED)
                for future in done:
                    outcome = future.result()
                    del pending[future]
                    yield outcome
            except BrokenProcessPool:
                suspects = [*pending.values(), *refused]
                pending.clear()
                refused.clear()
                _end(pool)
                for seed in suspects:
                    yield _alone(job, seed)
                pool = _pool(workers)
    finally:
        _end(pool)


def _alone(job: Job, seed: int) -> Outcome:
    """A seed that may have killed its worker."""
    pool = _pool(1)
    try:
        return pool.submit(job, seed).result()
    except BrokenProcessPool:
        return died(seed)
    finally:
        _end(pool)


def _pool(workers: int) -> ProcessPoolExecutor:
    # Not forked: the parent has threads. Processes end after a while, so that what leaks in one does not grow for a whole night.
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(workers, mp_context=context, initializer=_begin, max_tasks_per_child=500)


def _end(pool: ProcessPoolExecutor) -> None:
    """End the pool now; what is under way is given up."""
    processes = list((pool._processes or {}).values())  # noqa: SLF001 (Python 3.14 has kill_workers)
    for process in processes:
        with suppress(ProcessLookupError, ValueError):
            process.kill()
    pool.shutdown(wait=True, cancel_futures=True)


def _begin() -> None:
    """In the worker: an interrupt is the parent's to handle; without a parent there is nothing to do."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_outlive_nobody, daemon=True).start()


def _outlive_nobody() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        multiprocessing.connection.wait([parent.sentinel])
    os._exit(1)
