"""How replicas of a local cell whose state is lost are replaced by themselves, with the operator's own command.  [SAFETY 1, 8; CHUBBY §2.2]

A replica whose state is lost never votes again as what it was: whoever comes in its place is a new member. That is asked for when
nobody has brought the state back for a while; `gaios member replace` is crash-safe, and refuses what would endanger the cell.

Rule 1. Only who has been lost without a break for `after_s`, and is when it is started once more, is replaced, and one at a time: what it
lacked may be back, as with a disk that was mounted late. Who was stopped by a person is not lost.
Rule 2. A command that failed is given again after `RETRY_S`: there may be no majority yet, or the new one has not caught up.
Rule 3. Nobody is replaced twice within `AGAIN_S`: where disks fail that fast, a new directory beside the old one mends nothing.
Rule 4. The command names the member that is to go: whom a person has put in its place meanwhile, here or elsewhere, stays.
"""

import asyncio
import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Collection, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from gaios.errors import ConfigurationError
from gaios.server import local
from gaios.server.logs import Logger

VARIABLE: Final = "GAIOS_REPLACE_LOST_S"
AFTER_S: Final = 60
"""Long enough for a person, or a mount that comes late, to bring the state back."""
AFTER_S_MAX: Final = 31_536_000
LOOK_S: Final = 0.5
RETRY_S: Final = 30.0
AGAIN_S: Final = 3_600.0
TIMEOUT_S: Final = 120.0
"""For the new member to vote; a cell of a million keys takes some ten seconds."""


def after_s(environment: Mapping[str, str]) -> int:
    """After how many seconds a lost replica is replaced; 0: never.

    Raises:
        ConfigurationError: the variable is no such number.
    """
    told = environment.get(VARIABLE) or str(AFTER_S)
    if not (told.isascii() and told.isdecimal() and int(told) <= AFTER_S_MAX):
        raise ConfigurationError(
            reason=f"{VARIABLE}={told}: not a number of seconds from 0 to {AFTER_S_MAX}", hint="0: lost replicas are not replaced"
        )
    return int(told)


class Replicas(NamedTuple):
    """What a supervisor knows of its replicas."""

    lost: Mapping[int, int]
    """Their state is lost; none of them runs. Each with the member whose place it is."""
    stopped: Collection[int]
    """By a person."""


class Patience:
    """Who is to be replaced when. All times are in seconds of one monotonic clock."""

    def __init__(self, after_s: float) -> None:
        self._after_s = after_s
        self._since: dict[int, float] = {}
        self._not_before: dict[int, float] = {}

    def due(self, lost: Collection[int], now_s: float) -> int | None:
        """Whose turn it is, of those that are lost now; None: nobody's."""
        self._since = {replica: self._since.get(replica, now_s) for replica in lost}
        due = [
            (since, replica)
            for replica, since in self._since.items()
            if now_s >= max(since + self._after_s, self._not_before.get(replica, now_s))
        ]
        return min(due)[1] if due else None

    def is_back(self, replica: int) -> None:
        """It is not lost: should it be lost again, its time begins anew."""
        self._since.pop(replica, None)

    def replaced(self, replica: int, now_s: float) -> None:
        """A new member votes in its place."""
        self._not_before[replica] = now_s + AGAIN_S

    def failed(self, replica: int, now_s: float) -> None:
        """It could not be replaced now."""
        self._not_before[replica] = now_s + RETRY_S


async def watch(
    cell: Path, after_s: float, ask: Callable[[], "Replicas"], is_lost_again: Callable[[int], Awaitable[bool]], log: Logger
) -> None:
    """Replace those that are lost of the local cell in a directory, until cancelled; nobody where `after_s` is 0.

    `is_lost_again` starts one of them once more. A command that runs when this is cancelled is ended, and may be given again.
    """
    if not after_s:
        return
    patience = Patience(after_s)
    unfinished: dict[int, int] = {}
    """Places whose new member is here and does not vote yet, each with the member that it replaces."""
    while True:
        await asyncio.sleep(LOOK_S)
        try:
            lost, stopped = ask()
        except OSError:  # the cell's own directory cannot be looked at now
            continue
        replica = patience.due({*lost, *unfinished} - {*stopped}, time.monotonic())
        if replica is None:
            continue
        if replica in lost and not await is_lost_again(replica):
            patience.is_back(replica)
            log.info("lost_is_back", replica=replica)
            continue
        log.warning("replacing_lost", replica=replica, lost_s=after_s)
        old = lost[replica] if replica in lost else unfinished[replica]
        failure = await _replace(cell, replica, old)
        unfinished.pop(replica, None)
        if failure:
            patience.failed(replica, time.monotonic())
            log.error("lost_not_replaced", replica=replica, reason=failure, again_s=RETRY_S)
            if local.member_in(cell / f"replica-{replica}") not in {0, old}:
                unfinished[replica] = old  # the new one is here, and does not vote yet
        else:
            patience.replaced(replica, time.monotonic())
            log.info("lost_replaced", replica=replica)


async def _replace(where: Path, replica: int, old: int) -> str:
    """Why this member could not be replaced; empty: it is."""
    told = (str(replica), "--member", str(old), "--dir", str(where), "--timeout", str(TIMEOUT_S))
    command = [sys.executable, "-P", "-m", "gaios", "member", "replace", *told]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GAIOS_")}  # another cell's endpoints, perhaps
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=environment,
            start_new_session=True,  # an interrupt of the terminal's is the supervisor's to handle
        )
    except OSError as error:
        return f"no process could be made: {error.strerror}"
    try:
        _, said = await process.communicate()
    except asyncio.CancelledError:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        await process.wait()
        raise
    lines = said.decode(errors="replace").strip().splitlines()
    return "" if process.returncode == 0 else " ".join(lines) or f"exit code {process.returncode}"
