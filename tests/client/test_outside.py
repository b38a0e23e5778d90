"""What a client reads from the world."""

import os
import time
from contextvars import copy_context

from gaios.client.outside import OUTSIDE, Outside, boottime_ns


def test_a_real_process_reads_the_real_world() -> None:
    before = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    assert before <= boottime_ns() <= time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    outside = OUTSIDE.get()
    assert len({outside.random_bytes(16) for _ in range(9)}) == 9
    assert outside.name().endswith(f":{os.getpid()}")


def test_another_world_is_that_of_its_context() -> None:
    context = copy_context()
    context.run(OUTSIDE.set, Outside(lambda: 7, bytes, lambda: "p"))
    assert context.run(boottime_ns) == 7
    assert boottime_ns() != 7
