"""The master's backups, every so often.  [PML §5.5; SAFETY 14, 16, 23]

Rule 1. Only a master that serves begins one. It asks the store how old the newest is, so a fail-over brings none forward.
Rule 2. A process of its own makes it, from this replica's directory: the master's loop is not held up, and its memory is not doubled.
Rule 3. Who is deposed meanwhile may end it: what is in it is chosen, and the store's head orders whoever writes there. So no epoch
guards it.
Rule 4. One that fails is tried again after `RETRY_S`, and is told in status until one succeeds.
"""

import asyncio
import contextlib
import sys
import time
from collections.abc import Callable
from typing import Any, Final

import msgspec

from gaios.server.config import Backup
from gaios.server.logs import Logger

LOOK_S: Final = 1.0
"""Between two looks whether this replica is master and a backup is due."""
RETRY_S: Final = 60.0
LONGEST_S: Final = 3_600.0
"""A backup that takes longer than this, and than the time between two, is ended: its network hangs."""


class Backups:
    """Has a backup made whenever this replica is master and it is time; knows how the newest one went."""

    def __init__(self, settings: Backup, directory: str, is_master: Callable[[], bool], log: Logger) -> None:
        self._settings, self._directory, self._is_master, self._log = settings, directory, is_master, log
        self.facts: dict[str, Any] = {"url": settings.url, "id": None, "slot": None, "taken_ms": None, "problem": ""}
        """For status: the newest backup that this replica knows of, and why there is none newer."""
        self.made = self.failed = 0
        """Since the start."""
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look for the time."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """End what is under way: it counts for nothing yet."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def _run(self) -> None:
        due_s = 0.0
        while True:
            await asyncio.sleep(LOOK_S)
            if not self._is_master():
                due_s = 0.0
            elif time.monotonic() >= due_s:
                due_s = time.monotonic() + await self._make()

    async def _make(self) -> float:
        """Have one made, unless there is one that is young enough; in how many seconds the next is due."""
        every_s = float(self._settings.every_s)
        answer = await self._ask(max(every_s, LONGEST_S))
        if "error" in answer:
            self.failed += 1
            self.facts["problem"] = f"the last backup failed: {answer['reason']}"
            self._log.warning("backup_failed", url=self._settings.url, error=answer["error"], reason=answer["reason"])
            return min(every_s, RETRY_S)
        self.facts.update({name: answer[name] for name in ("id", "slot", "taken_ms")}, problem="")
        if answer["fresh"]:
            self.made += 1
            self._log.info("backup", **{name: answer[name] for name in ("id", "slot", "gap")})
            return every_s
        age_s = time.time() - answer["taken_ms"] / 1_000
        return min(every_s, max(every_s - age_s, LOOK_S)) if age_s < every_s else every_s

    async def _ask(self, limit_s: float) -> dict[str, Any]:
        settings = self._settings
        asked = {"dir": self._directory, "url": settings.url, "keep": settings.keep, "younger-ms": settings.every_s * 1_000}
        arguments = [f"--{name}={value}" for name, value in asked.items()]
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(sys.executable, "-m", "gaios.backup", *arguments, stdout=pipe, stderr=pipe)
        errors = b""
        try:
            async with asyncio.timeout(limit_s):
                output, errors = await process.communicate()
            return dict(msgspec.json.decode(output, type=dict[str, Any]))
        except TimeoutError:
            return {"error": "Unavailable", "reason": f"it did not end within {limit_s:.0f} s"}
        except msgspec.DecodeError:
            last = errors.decode(errors="replace").strip().rpartition("\n")[2]
            return {"error": "Unknown", "reason": f"its process ended with {process.returncode}: {last[:300]}"}
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
