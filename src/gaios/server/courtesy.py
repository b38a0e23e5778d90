"""Replicas that share their processors let each other finish, while clients come in crowds.

Each message wakes a peer. On processors that it shares with the sender, the kernel lets it interrupt the sender in the middle of a turn, so
that both go on with cold caches. Under `SCHED_BATCH` who is woken waits until whoever runs there pauses, or has had its slice of a few
milliseconds.  [decision 11]

Rule 1. Only in a crowd: a slot of many entries gains more than it waits. A lone client's put waits for every wake-up on its way, and beside
busy programs of others would take two or three times as long.
Rule 2. Only where another replica runs on the same host, and only a process of our own, that nobody gave a policy before.
Rule 3. It is speed alone: where the kernel forbids it, nothing happens.
"""

import asyncio
import contextlib
import os
from pathlib import Path
from typing import Final

from gaios.server import config
from gaios.server.replica import Replica

CROWD: Final = 32
"""Entries a slot. With 16 clients beside busy programs the median rose by a quarter, with 64 it did not."""
LOOK_S: Final = 1.0


class Courtesy:
    """How large the slots are that this replica applies."""

    def __init__(self, replica: Replica) -> None:
        self._replica = replica
        self._slots = self._entries = 0
        self.is_courteous = False

    def look(self) -> None:
        """Every `LOOK_S`: take the policy that fits what was applied since the last look. A replay of the log is no crowd."""
        log = self._replica.node.replica
        slots, entries = log.applied - self._slots, log.applier.entries - self._entries
        self._slots, self._entries = log.applied, log.applier.entries
        courteous = not log.is_behind and slots > 0 and entries >= CROWD * slots
        if courteous != self.is_courteous:
            self.is_courteous = courteous
            set_policy(os.SCHED_BATCH if courteous else os.SCHED_OTHER)


async def be_courteous(replica: Replica) -> None:
    """Look until cancelled; returns at once where nobody would gain."""
    if not shares_host(replica.settings) or os.sched_getscheduler(0) != os.SCHED_OTHER:
        return
    courtesy = Courtesy(replica)
    while True:
        await asyncio.sleep(LOOK_S)
        courtesy.look()


def shares_host(settings: config.Settings) -> bool:
    """Whether another replica of the cell is on this one's host, as far as addresses tell."""
    own = config.address(settings.me.peer)[0]
    return any(place.id != settings.id and config.address(place.peer)[0] == own for place in settings.replica)


def set_policy(policy: int) -> None:
    """For every thread of this process."""
    for thread in Path("/proc/self/task").iterdir():
        with contextlib.suppress(OSError):  # forbidden here, or it has ended meanwhile
            os.sched_setscheduler(int(thread.name), policy, os.sched_param(0))
