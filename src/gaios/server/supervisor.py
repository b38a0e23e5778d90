"""What `gaios up` does: keep the replicas of a local cell running.  [DESIGN §5; INTERFACE `up` and `down`]

Rule 1. A dead replica is started again after 0.2 s, twice as late after each early death up to 2 s, and after 0.2 s again once it had
lived for 10 s. Not after exit codes 2 and 4 (a person has to look), and not one that `down --replica` stopped.
Rule 2. Replicas live in sessions of their own: they outlive a killed supervisor, and the next one adopts them by the locks they hold.
Rule 3. What one replica's disk refuses is that replica's failure alone. Where its `log` cannot be written it is started all the same, and
speaks where the supervisor does: what else it can do without that disk it knows best.
Rule 4. One supervisor a cell, by a lock; whoever wants something of it asks over its socket (control.py).

`python -m gaios.server.supervisor DIR` is a detached one.
"""

import asyncio
import contextlib
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import IO, Any, Final

import msgspec

from gaios import errors
from gaios.server import config, control, failures, local
from gaios.server.local import LocalCell
from gaios.server.logs import Logger

RESTART_S: Final = 0.2
RESTART_S_MAX: Final = 2.0
HEALTHY_S: Final = 10.0
"""Whoever lived so long did not die of its start."""
FINAL_CODES: Final = (2, 4)
LOG_BYTES_MAX: Final = 16 << 20
"""A replica's `log` that is larger at a start is set aside as `log.old`."""


class Keeper:
    """One replica under supervision."""

    def __init__(self, cell: LocalCell, replica: int, changed: Callable[[], None], log: Logger) -> None:
        self.replica = replica
        self.state = "stopped"
        """`running`, `waiting` (for its restart), `stopped`, or `failed` (for good)."""
        self.pid = 0
        self.code: int | None = None
        self.reason = ""
        """Why it ended with an exit code that is not 0."""
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
        """Adopt the process that runs, or start one; nothing if it is under supervision already."""
        if self.state == "running":
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
        try:
            there = stat.S_ISDIR(home.stat().st_mode)
        except FileNotFoundError:
            there = False
        except OSError as error:
            self._fail(f"{home}: {error.strerror}")
            return
        if not there:
            self._fail(f"{home} is missing; it is never started empty")
            return
        command = [
            sys.executable,
            "-P",
            "-m",
            "gaios.server",
            "--config",
            str(self._cell.manifest),
            "--dir",
            str(home),
            "--id",
            str(self.replica),
        ]
        log = self._open_log(home / "log")
        environment = os.environ | self.settings
        self._child = subprocess.Popen(  # noqa: S603 (our own module)
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self._cell.dir, env=environment, start_new_session=True
        )
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

    def _fail(self, reason: str) -> None:
        """It cannot be started at all."""
        self.state, self.code, self.reason = "failed", 4, reason
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

    def _last_words(self) -> str:
        if self._said is None:
            return f"{self._unlogged} (exit code {self.code})" if self._unlogged else f"exit code {self.code}"
        return failures.last_words(Path(f"/proc/self/fd/{self._said.fileno()}"), self._log_from) or f"exit code {self.code}"

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
        self.reason = self._last_words() if (self.code or 0) > 0 else ""
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
            self.state = "waiting"
            self._timer = asyncio.get_running_loop().call_later(self._delay_s, self.start)
            self._delay_s = min(2 * self._delay_s, RESTART_S_MAX)
        self._changed()

    def _cancel_restart(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class Supervisor:
    """All replicas of one local cell."""

    def __init__(self, cell: LocalCell, *, log: Logger | None = None) -> None:
        self._cell = cell
        self._log = log or Logger(cell=cell.cell.name)
        self._event = asyncio.Event()
        self._keepers = {replica: Keeper(cell, replica, self._event.set, self._log) for replica in cell.ids}
        self._end = asyncio.Event()
        self.signal = 0
        """The signal that ended it, 0 if `down` did."""

    async def run(self, ready: Callable[[], Awaitable[None]] | None = None) -> None:
        """Supervise until `down`, SIGINT or SIGTERM; `ready` runs beside it once all replicas were started, and its error ends it.

        Raises:
            DirectoryInUse: the cell has a live supervisor.
            ConfigurationError, ReplicaFailed, Unavailable: before `ready` was done, no majority was left of those that did not fail
                for good and that nobody stopped.
        """
        held = control.hold(self._cell, wait_s=0.5)
        try:
            server = await self._listen()
            loop = asyncio.get_running_loop()
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, self._on_signal, number)
            for keeper in self._keepers.values():
                if not control.is_down(self._cell, keeper.replica):
                    keeper.begin()
            try:
                await self._until_end(ready)
            finally:
                server.close()
                await self._stop(list(self._keepers))
                for keeper in self._keepers.values():
                    keeper.leave()
                for number in (signal.SIGINT, signal.SIGTERM):
                    loop.remove_signal_handler(number)
                with contextlib.suppress(OSError):
                    (self._cell.dir / control.SOCKET).unlink()
        finally:
            os.close(held)

    async def _until_end(self, ready: Callable[[], Awaitable[None]] | None) -> None:
        ending = asyncio.ensure_future(self._end.wait())
        proving = asyncio.ensure_future(ready()) if ready is not None else None
        try:
            while proving is not None:
                changed = asyncio.ensure_future(self._event.wait())
                await asyncio.wait({ending, proving, changed}, return_when=asyncio.FIRST_COMPLETED)
                changed.cancel()
                self._event.clear()
                if proving.done():
                    proving.result()
                    proving = None
                elif ending.done():
                    return
                else:
                    self._check_hope()
            await ending
        finally:
            for task in (ending, proving):
                if task is not None:
                    task.cancel()
                    with contextlib.suppress(asyncio.CancelledError, errors.Error):
                        await task

    def _check_hope(self) -> None:
        states = {replica: keeper.state for replica, keeper in self._keepers.items()}
        failures.check_hope(self._cell, failures.States(states, self._failures()), rest_stops=True)

    def _failures(self) -> dict[int, failures.Failure]:
        """Those that do not run for a reason of their own: for good, or until they are tried again."""
        return {
            replica: failures.Failure(keeper.code, keeper.reason)
            for replica, keeper in self._keepers.items()
            if keeper.state in {"failed", "waiting"} and keeper.code is not None and keeper.reason
        }

    def _on_signal(self, number: int) -> None:
        self.signal = number
        self._log.info("supervisor_stopping", signal=signal.Signals(number).name)
        self._end.set()

    # The socket.

    async def _listen(self) -> asyncio.AbstractServer:
        (self._cell.dir / control.SOCKET).unlink(missing_ok=True)
        with control.socket_path(self._cell) as path:
            return await asyncio.start_unix_server(self._serve, path, limit=control.LINE_BYTES_MAX)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request: dict[str, Any] = {}
        try:
            line = await asyncio.wait_for(reader.readline(), control.STOP_S)
            request = msgspec.json.decode(line, type=dict[str, Any])
            answer = await self._answer(request)
        except (msgspec.DecodeError, ValueError, TimeoutError, OSError, errors.Error) as error:
            answer = {"error": str(error)}
        with contextlib.suppress(OSError):
            writer.write(msgspec.json.encode(answer) + b"\n")
            await writer.drain()
            writer.close()
        if request.get("do") == "stop" and not request.get("replicas"):
            self._end.set()

    async def _answer(self, request: dict[str, Any]) -> dict[str, Any]:
        verb, named = request.get("do"), request.get("replicas") or []
        if not (isinstance(named, list) and all(type(replica) is int for replica in named)):
            raise errors.ConfigurationError(reason="`replicas` is not a list of replica ids")
        if not {*named} <= {*self._cell.ids}:
            await self._reload()  # whoever changed the members was cut short before it told
        control.check_ids(self._cell, named)
        if verb == "stop":
            return {**self._state(), "stopped": await self._stop(named or list(self._keepers))}
        if verb == "start":
            settings = msgspec.convert(request.get("settings", {}), dict[str, str])
            started = [replica for replica in named if self._keepers[replica].state != "running"]
            for replica in started:
                self._keepers[replica].settings = settings
            for replica in named:
                while self._keepers[replica].state == "stopping":  # noqa: ASYNC110 (a rare race, a moment)
                    await asyncio.sleep(0.01)
                self._keepers[replica].begin()
            return {**self._state(), "started": started}
        if verb == "state":
            return self._state()
        if verb == "reload":
            await self._reload()
            return self._state()
        raise errors.ConfigurationError(reason=f"a supervisor cannot {verb!r}")

    async def _reload(self) -> None:
        """The cell has other replicas than before: those that are gone are let go, those that are new are started."""
        found = local.find(self._cell.dir)
        if found is None:
            raise errors.ConfigurationError(reason=f"there is no cell in {self._cell.dir} any more")
        self._cell = found
        for replica in self._keepers.keys() - {*found.ids}:
            await self._stop([replica])
            self._keepers.pop(replica).leave()
        for replica in found.ids:
            if replica not in self._keepers:
                self._keepers[replica] = Keeper(found, replica, self._event.set, self._log)
            if not control.is_down(found, replica):
                self._keepers[replica].begin()

    def _state(self) -> dict[str, Any]:
        return {
            "supervisor": os.getpid(),
            "replicas": {str(keeper.replica): keeper.state for keeper in self._keepers.values()},
            "failed": {str(replica): failure._asdict() for replica, failure in self._failures().items()},
            "settings": {str(keeper.replica): keeper.given for keeper in self._keepers.values() if keeper.pid and keeper.given is not None},
        }

    async def _stop(self, ids: list[int]) -> list[int]:
        keepers = [self._keepers[replica] for replica in ids]
        running = [keeper for keeper in keepers if keeper.stop()]
        end = time.monotonic() + control.STOP_S
        while any(keeper.state == "stopping" for keeper in keepers):
            await asyncio.sleep(0.01)
            if time.monotonic() > end:
                for keeper in keepers:
                    keeper.kill()
        return [keeper.replica for keeper in running]


def _log_file(path: "os.PathLike[str]") -> IO[bytes]:
    with contextlib.suppress(OSError):
        if os.path.getsize(path) > LOG_BYTES_MAX:  # noqa: PTH202 (one call)
            os.replace(path, f"{os.fspath(path)}.old")  # noqa: PTH105
    return open(path, "ab")  # noqa: PTH123 (the caller's `with` closes it)


def main(arguments: list[str]) -> int:
    """Supervise the cell of a directory until it is told to stop."""
    cell = local.find(arguments[0]) if arguments else None
    if cell is None:
        Logger().error("no_cell", directory=" ".join(arguments))
        return 2
    try:
        asyncio.run(Supervisor(cell).run())
    except errors.DirectoryInUse:
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
