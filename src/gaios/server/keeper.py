"""One replica of a local cell under supervision: started, adopted, started again, left down.  [INTERFACE `up`, `down`]

Rule 1. A dead replica is started again after 0.2 s, twice as late after each early death up to 2 s, and after 0.2 s again once it had
lived for 10 s. Not after exit codes 2 and 4 (a person has to look), and not one that `down --replica` stopped.
Rule 2. Replicas live in sessions of their own: they outlive a killed supervisor, and the next one adopts them by the locks they hold.
Rule 3. What one replica's disk refuses is that replica's failure alone. Where its `log` cannot be written it is started all the same, and
speaks where the supervisor does: what else it can do without that disk it knows best.
"""

import asyncio
import contextlib
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Final

from gaios.server import config, control, failures
from gaios.server.local import LocalCell
from gaios.server.logs import Logger

RESTART_S: Final = 0.2
RESTART_S_MAX: Final = 2.0
HEALTHY_S: Final = 10.0
"""Whoever lived so long did not die of its start."""
FINAL_CODES: Final = (2, failures.STATE)
LOST: Final = ("StateMissing", "StateLost", "StateDamaged")
"""Of the errors that leave with 4 those of a replica that may not vote again. At a disk that failed a person has to look, and a version
that is too old has lost nothing."""
LOG_BYTES_MAX: Final = 16 << 20
"""A replica's `log` that is larger at a start is set aside as `log.old`."""


class Keeper:
    """One replica under supervision."""

    def __init__(self, cell: LocalCell, replica: int, changed: Callable[[], None], log: Logger) -> None:
        self.replica = replica
        self.state = "stopped"
        """`running`, `stopping` (it was asked to end), `stopped`, `waiting` (for its restart), or `failed` (for good)."""
        self.pid = 0
        self.code: int | None = None
        self.reason = ""
        """Why it ended with an exit code that is not 0."""
        self.error = ""
        """The name of the error that says so, where one is known."""
        self.settings: dict[str, str] = {}
        """Variables that it is started with instead of the supervisor's own."""
        self.given: dict[str, str] | None = None
        """All settings that the process which runs was started with; None: it was adopted."""
        self._said: IO[bytes] | None = None
        """Where it says what it says, open: a log that was deleted meanwhile still tells why it ended."""
        self._log_from = 0
        self._unlogged = ""
        """Why it has no log of its own."""
        self._cell, self._changed, self._log = cell, changed, log
        self._child: subprocess.Popen[bytes] | None = None
        self._pidfd = -1
        self._began = 0.0
        self._delay_s = RESTART_S
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """Adopt the process that runs, or start one; nothing if it is under supervision already, also one that is about to stop."""
        if self.state in {"running", "stopping"}:
            return
        self._cancel_restart()
        pid = control.pid_of(self._cell, self.replica)
        if pid and self._watch(pid):
            self.given = None
            self._log.info("replica_adopted", replica=self.replica, pid=pid)
        else:
            self.start()

    def start(self) -> None:
        """Start it now, unless it runs."""
        self._cancel_restart()
        if self.state == "running":
            return
        home = self._cell.replica_dir(self.replica)
        if problem := _why_not(home):
            self._fail(*problem)
            return
        told = ("--config", str(self._cell.manifest), "--dir", str(home), "--id", str(self.replica))
        command = [sys.executable, "-P", "-m", "gaios.server", *told]
        log = self._open_log(home / "log")
        environment = os.environ | self.settings
        try:
            self._child = subprocess.Popen(  # noqa: S603 (our own module)
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self._cell.dir, env=environment, start_new_session=True
            )
        except OSError as error:  # no memory, or too many processes: there may be room later
            self.code, self.reason = 3, f"no process could be made: {error.strerror}"
            self._log.warning("replica_not_started", replica=self.replica, reason=self.reason, restart_s=self._delay_s)
            self._start_later()
            self._changed()
            return
        self.given = config.variables(environment)
        if self._watch(self._child.pid):
            self._log.info("replica_started", replica=self.replica, pid=self.pid)

    def stop(self) -> bool:
        """Ask it to end and do not start it again; whether it was running."""
        self._cancel_restart()
        if self.state != "running":
            self.state = "stopped"
            return False
        self.state = "stopping"
        control.send_stop(self.pid)
        return True

    def kill(self) -> None:
        """End it now."""
        if self.state in {"running", "stopping"}:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)

    def leave(self) -> None:
        """Stop watching; the process lives on."""
        self._cancel_restart()
        self._unwatch()
        self._close_log()

    def _fail(self, error: str, reason: str) -> None:
        """It cannot be started at all."""
        self.state, self.code, self.error, self.reason = "failed", failures.STATE, error, reason
        self._log.error("replica_failed", replica=self.replica, reason=reason)
        self._changed()

    def _open_log(self, path: Path) -> "IO[bytes] | int":
        self._close_log()
        try:
            self._said, self._unlogged = _log_file(path), ""
        except OSError as error:
            self._unlogged = f"{path}: {error.strerror}"
            self._log.warning("replica_without_log", replica=self.replica, reason=self._unlogged)
            return 2
        self._log_from = self._said.tell()
        return self._said

    def _close_log(self) -> None:
        if self._said is not None:
            self._said.close()
            self._said = None

    @property
    def is_lost(self) -> bool:
        """Whether it failed because its state is lost, so that its place is for a new member."""
        gone = self.error == "DiskFailed" and not os.path.lexists(self._cell.replica_dir(self.replica))  # it was deleted in use
        return self.state == "failed" and (self.error in LOST or gone)

    @property
    def is_lost_by_itself(self) -> bool:
        """Whether only what it found on its own disk says so: another start is as safe as the first one.

        What peers remember they may not tell it twice, for they may be down by then.
        """
        return self.is_lost and self.error != "StateLost"

    def _last_words(self) -> failures.Words:
        if self._said is None:
            return failures.Words(f"{self._unlogged} (exit code {self.code})" if self._unlogged else f"exit code {self.code}")
        said = failures.last_words(Path(f"/proc/self/fd/{self._said.fileno()}"), self._log_from)
        return said if said.reason else failures.Words(self._why_silent() or f"exit code {self.code}")

    def _why_silent(self) -> str:
        """Where its log takes nothing any more its last words are lost, and that is likely to be why it ended."""
        path = self._cell.replica_dir(self.replica) / "log"
        try:
            path.open("ab").close()
        except OSError as error:
            return f"{path}: {error.strerror} (exit code {self.code})"
        return ""

    def _watch(self, pid: int) -> bool:
        try:
            self._pidfd = os.pidfd_open(pid)
        except ProcessLookupError:
            return False
        self.pid, self.code, self.state, self._began = pid, None, "running", time.monotonic()
        asyncio.get_running_loop().add_reader(self._pidfd, self._ended)
        return True

    def _unwatch(self) -> None:
        if self._pidfd >= 0:
            asyncio.get_running_loop().remove_reader(self._pidfd)
            os.close(self._pidfd)
            self._pidfd = -1

    def _ended(self) -> None:
        self._unwatch()
        child, self._child = self._child, None
        # Of an adopted process nobody can tell us the code; a reason to stay down shows at its next start.
        self.code = child.wait() if child is not None and child.pid == self.pid else None
        self.reason, self.error = self._last_words() if (self.code or 0) > 0 else failures.Words()
        self._close_log()
        lived = time.monotonic() - self._began
        if self.state == "stopping":
            self.state = "stopped"
            self._log.info("replica_stopped", replica=self.replica, pid=self.pid, code=self.code)
        elif self.code in FINAL_CODES:
            self.state = "failed"
            see = failures.log_of(self._cell, self.replica)
            self._log.error("replica_failed", replica=self.replica, code=self.code, reason=self.reason, see=see)
        else:
            self._delay_s = RESTART_S if lived >= HEALTHY_S else self._delay_s
            self._log.warning(
                "replica_died", replica=self.replica, pid=self.pid, code=self.code, lived_s=round(lived, 1), restart_s=self._delay_s
            )
            self._start_later()
        self._changed()

    def _start_later(self) -> None:
        self.state = "waiting"
        self._timer = asyncio.get_running_loop().call_later(self._delay_s, self.start)
        self._delay_s = min(2 * self._delay_s, RESTART_S_MAX)

    def _cancel_restart(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _why_not(home: Path) -> tuple[str, str] | None:
    """Why no replica can be started on a directory, the error's name first; None: one can."""
    try:
        is_there = stat.S_ISDIR(home.stat().st_mode)
    except FileNotFoundError:
        is_there = False
    except OSError as error:
        return "DiskFailed", f"{home}: {error.strerror}"
    return None if is_there else ("StateMissing", f"{home} is missing; it is never started empty")


def _log_file(path: "os.PathLike[str]") -> IO[bytes]:
    with contextlib.suppress(OSError):
        if os.path.getsize(path) > LOG_BYTES_MAX:  # noqa: PTH202 (one call)
            os.replace(path, f"{os.fspath(path)}.old")  # noqa: PTH105
    return open(path, "ab")  # noqa: PTH123 (the keeper closes it when the replica has ended)
