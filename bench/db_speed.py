"""What one command costs the database, in microseconds: `python bench/db_speed.py [KEYS]`.

A put on the hot path should stay below 6 µs, decoding, checksum and reply included; the best of five rounds is printed.
"""

import sys
from collections.abc import Callable
from time import perf_counter_ns

from gaios import api
from gaios.db import Database, Hub
from gaios.machine import Context

ROUNDS = 5
CALLS = 20_000


def best(call: Callable[[], object]) -> float:
    """Microseconds a call."""
    fastest = 0.0
    for _ in range(ROUNDS):
        start = perf_counter_ns()
        for _ in range(CALLS):
            call()
        took = (perf_counter_ns() - start) / CALLS / 1_000
        fastest = took if not fastest else min(fastest, took)
    return fastest


def main(keys: int) -> None:
    """Print one line a measurement."""
    database = Database()
    context = Context(1, 0, 0, 65_537)
    value = b"v" * 100
    names = [b"bench/%08d" % (number * 7_919 % keys) for number in range(keys)]
    puts = [api.encode(api.MultiOp(then=(api.Put(name, value),))) for name in names]
    start = perf_counter_ns()
    for command in puts:
        database.apply(command, context)
    print(f"put of {keys} new keys:         {(perf_counter_ns() - start) / keys / 1_000:6.2f} µs")
    commands = iter(puts * (ROUNDS * CALLS // keys + 1))
    print(f"put of a present key:          {best(lambda: database.apply(next(commands), context)):6.2f} µs")
    guarded = api.encode(
        api.MultiOp(guard=(api.Test(names[0], "mod_revision", ">", 0),), then=(api.Put(names[0], value),), otherwise=(api.Get(names[0]),))
    )
    print(f"compare and set:               {best(lambda: database.apply(guarded, context)):6.2f} µs")
    increment = api.encode(api.MultiOp(then=(api.Increment(b"counter"),)))
    print(f"increment:                     {best(lambda: database.apply(increment, context)):6.2f} µs")
    get = api.encode(api.Range(names[0]))
    print(f"get:                           {best(lambda: database.query(get)):6.2f} µs")
    page = api.encode(api.Range(b"bench/", b"bench0", 100))
    print(f"range of 100 keys:             {best(lambda: database.query(page)):6.2f} µs")
    print(f"checksum:                      {best(database.checksum):6.2f} µs")
    print(f"validate a put:                {best(lambda: database.validate(puts[0])):6.2f} µs")
    hub = Hub(database)
    for number in range(100):
        hub.watch(number, names[0], None)
        hub.watch((number, "prefix"), b"bench/", b"bench0")
    once = iter(puts * 2)

    def fan_out() -> None:
        hub.publish(database.apply(next(once), context)[1])
        hub.drain()

    print(f"put with 100 prefix watchers:  {best_few(fan_out, min(keys, 2_000)):6.2f} µs")
    start = perf_counter_ns()
    chunks = list(database.snapshot())
    took = perf_counter_ns() - start
    print(f"snapshot: {len(chunks)} chunks, {sum(map(len, chunks)) >> 20} MiB, {took / 1e6:.0f} ms")
    start = perf_counter_ns()
    Database().restore(chunks)
    print(f"restore:  {(perf_counter_ns() - start) / 1e6:.0f} ms")
    revision = database.revision
    start = perf_counter_ns()
    database.apply(api.encode(api.Compact(revision)), context)
    print(f"compaction: {(perf_counter_ns() - start) / 1e6:.2f} ms at once")
    commands = iter(puts)
    few = min(keys, 2_000)
    print(f"put while it is swept:         {best_few(lambda: database.apply(next(commands), context), few):6.2f} µs")


def best_few(call: Callable[[], object], calls: int) -> float:
    """Microseconds a call, of one round: for calls that change what the next one costs."""
    start = perf_counter_ns()
    for _ in range(calls):
        call()
    return (perf_counter_ns() - start) / calls / 1_000


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
