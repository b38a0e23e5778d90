"""What `gaios up` does: keep the replicas of a local cell running.  [DESIGN §5; INTERFACE `up` and `down`]

Rule 1. Each replica has a keeper (keeper.py), who starts it again when it dies.
Rule 2. One supervisor a cell, by a lock; whoever wants something of it asks over its socket (control.py).
Rule 3. Who has lost its state is replaced after a while (replacing.py), unless `GAIOS_REPLACE_LOST_S` is 0.
Rule 4. It ends, and its replicas with it, when the cell's directory was deleted, moved or replaced. Lock and socket it makes anew where
somebody deleted them, as cleaners of /tmp do; where another supervisor took the lock meanwhile, it leaves the replicas to that one.

`python -m gaios.server.supervisor DIR` is a detached one.
"""

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

import msgspec

from gaios import errors
from gaios.server import config, control, failures, local, replacing
from gaios.server.keeper import Keeper
from gaios.server.local import LocalCell
from gaios.server.logs import Logger

LOOK_S: Final = 2.0
"""How often it is looked whether the cell's directory is still there."""


class Supervisor:
    """All replicas of one local cell."""

    def __init__(self, cell: LocalCell, *, log: Logger | None = None) -> None:
        """Raises `ConfigurationError`: the environment says nothing sensible about replacing (replacing.py)."""
        self._cell = cell
        self._log = log or Logger(cell=cell.cell.name)
        self._replace_lost_s = replacing.after_s(os.environ)
        self._event = asyncio.Event()
        self._keepers = {replica: Keeper(cell, replica, self._event.set, self._log) for replica in cell.ids}
        self._end = asyncio.Event()
        self._is_gone = False
        self._is_replaced = False
        self._held = -1
        self._server: asyncio.AbstractServer | None = None
        self.signal = 0
        """The signal that ended it, 0 if `down` did."""

    async def run(self, ready: Callable[[], Awaitable[None]] | None = None) -> None:
        """Supervise until `down`, SIGINT or SIGTERM; `ready` runs beside it once all replicas were started, and its error ends it.

        Raises:
            DirectoryInUse: the cell has a live supervisor.
            ConfigurationError, ReplicaFailed, Unavailable: before `ready` was done, no majority was left of those that did not fail
                for good and that nobody stopped.
            ConfigurationError: the cell's directory is gone, and its replicas were stopped.
        """
        self._held = control.hold(self._cell, wait_s=0.5)
        looking = asyncio.ensure_future(self._look(self._cell.dir.stat()))
        try:
            self._server = await self._listen()
            loop = asyncio.get_running_loop()
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.add_signal_handler(number, self._on_signal, number)
            for keeper in self._keepers.values():
                if not control.is_down(self._cell, keeper.replica):
                    keeper.begin()
            told = (self._cell.dir, self._replace_lost_s, self._replicas, self._is_lost_again, self._log)
            mending = asyncio.ensure_future(replacing.watch(*told))
            try:
                await self._until_end(ready)
            finally:
                mending.cancel()
                await asyncio.wait({mending})
                self._server.close()
                if not self._is_replaced:
                    await self._stop(list(self._keepers))
                for keeper in self._keepers.values():
                    keeper.leave()
                for number in (signal.SIGINT, signal.SIGTERM):
                    loop.remove_signal_handler(number)
                if not (self._is_gone or self._is_replaced):  # what is there now is another's
                    with contextlib.suppress(OSError):
                        (self._cell.dir / control.SOCKET).unlink()
        finally:
            looking.cancel()
            os.close(self._held)
        if self._is_gone:
            raise errors.ConfigurationError(reason=f"{self._cell.dir} was deleted, moved or replaced; its replicas were stopped")

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

    async def _look(self, mine: os.stat_result) -> None:
        """End when the directory is not there any more, or is another: nobody could ask for anything over the socket in it."""
        while not (self._is_gone or self._is_replaced):
            await asyncio.sleep(LOOK_S)
            try:
                self._is_gone = not os.path.samestat(mine, self._cell.dir.stat())
                if not self._is_gone:
                    await self._look_at_files()
            except FileNotFoundError:
                self._is_gone = not self._cell.dir.exists()
            except OSError:
                continue  # whether it is there, nobody can tell
        self._log.error("cell_gone" if self._is_gone else "supervisor_replaced", directory=self._cell.dir)
        self._end.set()

    async def _look_at_files(self) -> None:
        """Make the lock and the socket anew where somebody deleted them: nobody could ask for anything, and a second supervisor begin."""
        lock, place = self._cell.dir / control.LOCK, self._cell.dir / control.SOCKET
        if not (lock.exists() and os.path.samestat(lock.stat(), os.fstat(self._held))):
            try:
                held = control.hold(self._cell)
            except errors.DirectoryInUse:
                self._is_replaced = True
                return
            os.close(self._held)
            self._held = held
            self._log.warning("file_gone", file=lock, done="made anew")
        if self._server is not None and not place.exists():
            self._server.close()
            self._server = await self._listen()
            self._log.warning("file_gone", file=place, done="made anew")

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

    def _replicas(self) -> replacing.Replicas:
        members = {place.id: local.member_of(place) for place in self._cell.places}
        lost = {replica: members[replica] for replica, keeper in self._keepers.items() if keeper.is_lost and replica in members}
        return replacing.Replicas(lost, [replica for replica in self._keepers if control.is_down(self._cell, replica)])

    async def _is_lost_again(self, replica: int) -> bool:
        """Start one whose own directory says that its state is lost once more: whether it says so again."""
        keeper = self._keepers[replica]
        if not keeper.is_lost_by_itself:
            return True
        admin = next(place.admin for place in self._cell.places if place.id == replica)
        keeper.begin()
        end = time.monotonic() + replacing.TIMEOUT_S
        answering = asyncio.ensure_future(_answers(*config.address(admin)))
        try:
            while keeper.state in {"running", "waiting"} and not answering.done() and time.monotonic() < end:  # noqa: ASYNC110 (rare)
                await asyncio.sleep(0.05)
        finally:
            answering.cancel()
        return keeper.is_lost

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


async def _answers(host: str, port: int) -> None:
    """Return when a replica's admin port answers anything: its ports are taken before its directory is read, and served behind that."""
    while True:
        with contextlib.suppress(OSError):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                writer.write(b"GET /status HTTP/1.1\r\nHost: cell\r\n\r\n")
                if await reader.read(1):
                    return
            finally:
                writer.close()
        await asyncio.sleep(0.1)


def main(arguments: list[str]) -> int:
    """Supervise the cell of a directory until it is told to stop."""
    cell = local.find(arguments[0]) if arguments else None
    if cell is None:
        Logger().error("no_cell", directory=" ".join(arguments))
        return 2
    try:
        asyncio.run(Supervisor(cell).run())
    except errors.ConfigurationError as error:
        Logger().error("exit", error=type(error).__name__, reason=str(error))
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
