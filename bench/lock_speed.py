"""What the lock service costs one replica: `python -m bench.lock_speed [SESSIONS]`.

Every session has a handle of one file of its own, and holds its lock. The best of some rounds is printed.
"""

import sys
from collections.abc import Callable, Iterable
from itertools import count
from time import perf_counter_ns
from typing import Any

from gaios import lock_api
from gaios.lock_api import LockCommand
from gaios.locks import LockService
from gaios.locks.heard import encode as encode_heard
from gaios.machine import Context
from tests.locks.parts import TOKEN

CONTEXT = Context(1, 0, 0, 65_537)
CALLS = 2_000


class Bench:
    """A service with so many sessions."""

    def __init__(self, sessions: int) -> None:
        self.machine = LockService()
        self.sessions = [self.do(lock_api.OpenSession(TOKEN)).session for _ in range(sessions)]
        self.handles = [self.do(lock_api.Open(each, TOKEN, f"/{each}", create=1)).handle for each in self.sessions]
        for session, handle in zip(self.sessions, self.handles, strict=True):
            self.do(lock_api.Acquire(session, TOKEN, handle))

    def do(self, command: LockCommand) -> Any:  # noqa: ANN401 (the reply that belongs to it)
        """Carry out a command."""
        apply = self.machine.apply_own if isinstance(command, lock_api.Charge) else self.machine.apply
        return lock_api.decode_reply(apply(lock_api.encode(command), CONTEXT)[0])

    def ms(self, commands: Iterable[LockCommand], rounds: int) -> tuple[float, float]:
        """Milliseconds a command: the fastest and the slowest."""
        took = []
        for _, command in zip(range(rounds), commands, strict=False):
            data = lock_api.encode(command)
            apply = self.machine.apply_own if isinstance(command, lock_api.Charge) else self.machine.apply
            start = perf_counter_ns()
            apply(data, CONTEXT)
            took.append((perf_counter_ns() - start) / 1e6)
        return min(took), max(took)

    def us(self, *commands: LockCommand) -> list[float]:
        """Microseconds of each of these commands, in turn, on average of the best of some rounds."""
        encoded = [lock_api.encode(command) for command in commands]
        best = [float("inf")] * len(encoded)
        for _ in range(5):
            total = [0] * len(encoded)
            for _ in range(CALLS):
                for place, data in enumerate(encoded):
                    start = perf_counter_ns()
                    self.machine.apply(data, CONTEXT)
                    total[place] += perf_counter_ns() - start
            best = [min(pair) for pair in zip(best, (each / CALLS / 1_000 for each in total), strict=True)]
        return best


def timed(call: Callable[[], object]) -> float:
    """Milliseconds."""
    start = perf_counter_ns()
    call()
    return (perf_counter_ns() - start) / 1e6


def main(sessions: int) -> None:
    """Print one line a measurement."""
    bench = Bench(sessions)
    everybody, every_second = encode_heard(bench.sessions), encode_heard(bench.sessions[::2])
    for what, heard in (("all", everybody), ("half", every_second)):
        fast, slow = bench.ms((lock_api.Charge(1_000, heard) for _ in count()), 10)
        print(f"a charge that lists {what} of {sessions} sessions ({len(heard)} bytes): {fast:6.1f} ms, at worst {slow:.1f} ms")
    apart = [number * 1_000 for number in range(1, sessions + 1)]
    fast, _ = bench.ms((lock_api.Charge(0, encode_heard(apart)) for _ in count()), 5)
    print(f"a charge whose list has two bytes a session:   {fast:6.1f} ms")
    bench.do(lock_api.Charge(0, everybody))
    session, handle = bench.sessions[0], bench.handles[0]
    release, acquire = bench.us(lock_api.Release(session, TOKEN, handle), lock_api.Acquire(session, TOKEN, handle))
    print(f"acquire {acquire:6.1f} µs, release {release:6.1f} µs")
    (write,) = bench.us(lock_api.SetContents(session, TOKEN, handle, b"v" * 100))
    print(f"set contents of 100 bytes {write:6.1f} µs")
    chunks: list[bytes] = []
    took = timed(lambda: chunks.extend(bench.machine.snapshot()))
    print(f"snapshot: {sum(map(len, chunks)) >> 10} KiB, {took:.0f} ms; restore: {timed(lambda: LockService().restore(chunks)):.0f} ms")
    bench.do(lock_api.Charge(lock_api.LEASE_MS, b""))
    charges, worst, took = 0, 0.0, 0.0
    more = True
    while more:
        data = lock_api.encode(lock_api.Charge(1, b""))
        start = perf_counter_ns()
        reply, _ = bench.machine.apply_own(data, CONTEXT)
        one = (perf_counter_ns() - start) / 1e6
        charges, worst, took = charges + 1, max(worst, one), took + one
        charged = lock_api.decode_reply(reply)
        more = isinstance(charged, lock_api.Charged) and charged.more
    print(f"all of them end: {charges} charges, {took:.0f} ms, {worst:.1f} ms at worst; {len(bench.machine.sessions())} are left")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 20_000)
