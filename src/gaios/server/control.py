"""How commands reach a local cell: through its live supervisor's socket, or without one straight at the replicas.  [INTERFACE `up`, `down`]

    request   {"do": "state"} | {"do": "reload"} | {"do": "stop"} | {"do": "stop", "replicas": [2]} |
              {"do": "start", "replicas": [2], "settings": {"GAIOS_LOG_LEVEL": "debug", …}}
    answer    {"supervisor": pid, "replicas": {"1": "running", …}, "failed": {"2": {"code": 4, "reason": "…"}, …},
               "settings": {"1": {…}, …}, "stopped": […], "started": […]} | {"error": "…"}

`settings` are variables (config.py) that a replica is started with, over those of the supervisor; of one that was adopted nobody knows.

One line of JSON each way. A replica R that `down --replica` stopped has a file `down-R` in the cell's directory, where its own disk is not
asked: it stays down until that is gone. Whoever asks for a stop or a start writes it.
"""

import contextlib
import errno
import fcntl
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from gaios.errors import ConfigurationError, DirectoryInUse, PortTaken, Unavailable
from gaios.server import config, directory, local
from gaios.server.local import LocalCell

SOCKET: Final = "control"
LOCK: Final = "supervisor.lock"
LOG: Final = "supervisor.log"
DOWN: Final = "down-"
LINE_BYTES_MAX: Final = 65_536
STOP_S: Final = 10.0
"""A replica that has not stopped so long after SIGTERM is killed: it finishes one disk batch, which takes milliseconds."""
DYING_S: Final = 1.0
"""A supervisor that was killed holds its lock until the kernel has taken it away."""
ANEW_S: Final = 5.0
"""A supervisor whose socket somebody deleted makes it anew within two."""
PAUSED_S: Final = 1.0
"""A supervisor that says nothing for so long is looked at: one that somebody paused (SIGSTOP) answers no more, however long one waits."""
SEE_OUT_S: Final = 2.0
"""A supervisor that let its lock go ends within this; one that goes on does something else, in a program of somebody's own."""


def is_supervised(cell: LocalCell) -> bool:
    """Whether a live process supervises this cell."""
    try:
        looked = os.open(cell.dir / LOCK, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(looked, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(looked)
    return False


def hold(cell: LocalCell, *, wait_s: float = 0.0) -> int:
    """Become the cell's supervisor: the file descriptor to keep open. `wait_s` outlasts others that only look.

    Raises:
        DirectoryInUse: there is one already.
    """
    held = os.open(cell.dir / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    end = time.monotonic() + wait_s
    while True:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            if time.monotonic() >= end:
                os.close(held)
                raise DirectoryInUse(directory=str(cell.dir)) from None
            time.sleep(0.01)
        else:
            return held


@contextlib.contextmanager
def socket_path(cell: LocalCell) -> Iterator[str]:
    """A name for the control socket that is short enough: the kernel takes 107 bytes, and DIR may be longer."""
    folder = os.open(cell.dir, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{SOCKET}"
    finally:
        os.close(folder)


def ask(cell: LocalCell, request: dict[str, Any], *, timeout_s: float = 2 * STOP_S) -> dict[str, Any]:
    """The live supervisor's answer.

    Raises:
        Unavailable: there is none, or it died over this.
        ConfigurationError: it refused.
    """
    began = time.monotonic()
    data = b""
    try:
        with socket.socket(socket.AF_UNIX) as connection, socket_path(cell) as path:
            connection.settimeout(min(timeout_s, PAUSED_S))
            while not _connected(connection, path):
                if time.monotonic() > began + ANEW_S or not is_supervised(cell):
                    raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(cell.dir / SOCKET))
                time.sleep(0.05)
            connection.sendall(msgspec.json.encode(request) + b"\n")
            while not data.endswith(b"\n") and len(data) < LINE_BYTES_MAX:
                try:
                    part = connection.recv(LINE_BYTES_MAX)
                except TimeoutError:
                    if time.monotonic() >= began + timeout_s or _is_paused(connection):
                        raise
                    continue
                if not part:
                    break
                data += part
        answer = msgspec.json.decode(data, type=dict[str, Any])
    except (OSError, msgspec.DecodeError) as error:
        raise _silent(cell, began, f"no supervisor answers in {cell.dir}: {error}") from None
    if "error" in answer:
        raise ConfigurationError(reason=str(answer["error"]))
    return answer


def _connected(connection: socket.socket, path: str) -> bool:
    try:
        connection.connect(path)
    except FileNotFoundError:
        return False
    return True


def _is_paused(connection: socket.socket) -> bool:
    """Whether the process behind a connection is stopped; where the kernel does not say, it is not."""
    (pid,) = struct.unpack_from("i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")))
    try:
        return Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()[0] in {"T", "t"}
    except OSError:
        return False


def _silent(cell: LocalCell, began: float, reason: str) -> Unavailable:
    error = Unavailable(waited_ms=int((time.monotonic() - began) * 1_000), reason=reason)
    error.hint = (
        f"end its process, where there is one: replicas live on without it (kill -9), and `gaios up --dir {cell.dir}` brings another"
    )
    return error


def detach(cell: LocalCell, *, wait_s: float = 60.0) -> None:
    """Start a supervisor that outlives this process; returns when it answers, or at once when there is one.

    `wait_s` is a bound for a machine that is busy with other things: a supervisor that dies is noticed at once.

    Raises:
        Unavailable: it did not come up; the reason is in DIR/supervisor.log.
    """
    if is_supervised(cell):
        return
    with (cell.dir / LOG).open("ab") as log:
        process = subprocess.Popen(  # noqa: S603 (our own module)
            [sys.executable, "-P", "-m", "gaios.server.supervisor", str(cell.dir)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=cell.dir,
            start_new_session=True,
        )
    began = time.monotonic()
    while time.monotonic() < began + wait_s:
        with contextlib.suppress(Unavailable):
            ask(cell, {"do": "state"}, timeout_s=1.0)
            process.returncode = 0  # it lives on without us: no warning that we did not wait for it
            return
        if process.poll() is not None and not is_supervised(cell):
            break
        time.sleep(0.02)
    waited_ms = int((time.monotonic() - began) * 1_000)
    raise Unavailable(waited_ms=waited_ms, reason=f"the supervisor did not come up: see {cell.dir / LOG}")


def start(cell: LocalCell, ids: Collection[int]) -> list[int]:
    """`up --replica`: start these replicas, under the live supervisor or a new detached one; which of them were not running.

    They get the settings of this process's environment; what is not there they take from their supervisor's.

    Raises:
        ConfigurationError: the cell has no such replica.
    """
    check_ids(cell, ids)
    with local.alone(cell.dir):  # the others are to stay down: not those that another such command is about to start
        return _start(cell, ids)


def _start(cell: LocalCell, ids: Collection[int]) -> list[int]:
    if is_supervised(cell):
        for replica in ids:
            mark_down(cell, replica, down=False)
        answer = ask(cell, {"do": "start", "replicas": sorted(ids), "settings": config.variables()})
        return [int(replica) for replica in answer["started"]]
    before = {replica for replica in cell.ids if pid_of(cell, replica)}
    for replica in cell.ids:
        mark_down(cell, replica, down=replica not in ids and replica not in before)
    detach(cell)
    return sorted(set(ids) - before)


def stop(cell: LocalCell, ids: Collection[int] = ()) -> list[int]:
    """`down`: stop these replicas, or all of them and their supervisor; which of them were running.

    Raises:
        ConfigurationError: the cell has no such replica; or it cannot be kept that they stay down, and they were stopped all the same.
        Unavailable: they were stopped, and a supervisor that hangs will start them again.
    """
    check_ids(cell, ids)
    unmarked = ""
    try:
        for replica in ids or cell.ids:
            mark_down(cell, replica, down=bool(ids))
    except OSError as error:
        unmarked = f"{error.filename}: {error.strerror}"
    stopped: set[int] = set()
    began = time.monotonic()
    is_silent = False
    if is_supervised(cell):
        try:
            answer = ask(cell, {"do": "stop", **({"replicas": sorted(ids)} if ids else {})})
            stopped.update(answer["stopped"])
            end = time.monotonic() + STOP_S
            while not ids and is_supervised(cell) and time.monotonic() < end:
                time.sleep(0.01)
            if not ids:
                _see_out(answer["supervisor"])
        except Unavailable:  # it died meanwhile: then we do it
            is_silent = True
    stopped.update(_stop_directly(cell, ids))
    end = time.monotonic() + DYING_S
    while is_silent and is_supervised(cell) and time.monotonic() < end:
        time.sleep(0.01)
    if is_silent and is_supervised(cell):
        names = ", ".join(map(str, sorted(stopped))) or "none"
        raise _silent(
            cell, began, f"{names} stopped; their supervisor in {cell.dir} does not answer, and starts them again once it goes on"
        )
    if unmarked:
        raise ConfigurationError(
            reason=f"{', '.join(map(str, sorted(stopped))) or 'none'} stopped; whether they are to stay down cannot be kept: {unmarked}",
            hint=f"mend what {cell.dir} lies on; until then the next `gaios up` takes it as it was before",
        )
    return sorted(stopped)


def ignored(cell: LocalCell, ids: Collection[int]) -> dict[tuple[str, ...], list[int]]:
    """Variables of this process's environment, and which of these replicas were not started with them, as far as their supervisor knows."""
    mine = config.variables()
    told: dict[str, dict[str, str]] = {}
    if mine:
        with contextlib.suppress(Unavailable):
            told = ask(cell, {"do": "state"}).get("settings", {})
    found: dict[tuple[str, ...], list[int]] = {}
    for replica in sorted(replica for replica in ids if str(replica) in told):
        names = tuple(name for name, value in mine.items() if told[str(replica)].get(name, "") != value)
        if names:
            found.setdefault(names, []).append(replica)
    return found


def reload(cell: LocalCell) -> None:
    """A live supervisor is to look again which replicas the cell has; those that are new are started."""
    if is_supervised(cell):
        ask(cell, {"do": "reload"})


def check_ids(cell: LocalCell, ids: Collection[int]) -> None:
    """Raises `ConfigurationError` for a replica that the cell does not have."""
    for replica in ids:
        if replica not in cell.ids:
            raise ConfigurationError(
                reason=f"the cell in {cell.dir} has no replica {replica}", hint=f"it has {', '.join(map(str, cell.ids))}"
            )


def check_ports(cell: LocalCell, ids: Collection[int] = ()) -> None:
    """Raises `PortTaken` if a replica, one of these, that does not run could not listen."""
    try:
        check_free([founder for founder in cell.places if (not ids or founder.id in ids) and not pid_of(cell, founder.id)])
    except PortTaken as error:
        error.hint = f"stop what listens there: the ports of the cell in {cell.dir} are chosen when it is created"
        raise


def check_free(places: Iterable[config.Founder]) -> None:
    """Raises `PortTaken` if something listens at one of these places."""
    for founder in places:
        for text in (founder.client, founder.peer, founder.admin):
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind(config.address(text))
                except OSError:
                    raise PortTaken(address=text) from None


def pid_of(cell: LocalCell, replica: int) -> int:
    """The live process of a replica; 0 when there is none."""
    try:
        return directory.holder(cell.replica_dir(replica))
    except OSError:
        return 0  # its directory cannot be looked into, by whoever would start it neither: its start says why


def is_down(cell: LocalCell, replica: int) -> bool:
    """Whether `down --replica` stopped it."""
    return _down(cell, replica).exists()


def all_down(cell: LocalCell) -> list[int]:
    """The replicas that `down --replica` stopped and nobody started since."""
    return [replica for replica in cell.ids if is_down(cell, replica) and not pid_of(cell, replica)]


def mark_down(cell: LocalCell, replica: int, *, down: bool) -> None:
    """Remember that a replica is to stay down, or no longer is; nothing is written where that is known already."""
    if is_down(cell, replica) == down:
        return
    if down:
        _down(cell, replica).touch()
    else:
        _down(cell, replica).unlink(missing_ok=True)


def _down(cell: LocalCell, replica: int) -> Path:
    return cell.dir / f"{DOWN}{replica}"


def _stop_directly(cell: LocalCell, ids: Collection[int]) -> list[int]:
    running = {replica: pid for replica in ids or cell.ids if (pid := pid_of(cell, replica))}
    for pid in running.values():
        send_stop(pid)
    end = time.monotonic() + STOP_S
    while any(pid_of(cell, replica) == pid for replica, pid in running.items()):
        if time.monotonic() > end:
            for replica, pid in running.items():
                if pid_of(cell, replica) == pid:
                    _signal(pid, signal.SIGKILL)
            end += STOP_S
        time.sleep(0.02)
    return sorted(running)


def _see_out(pid: int) -> None:
    """Wait until a supervisor has ended: it stands in the cell's directory a little longer than it holds the lock, and keeps it mounted."""
    if pid == os.getpid():  # it runs in a thread of this very process
        return
    with contextlib.suppress(ProcessLookupError):
        handle = os.pidfd_open(pid)
        select.select([handle], [], [], SEE_OUT_S)
        os.close(handle)


def send_stop(pid: int) -> None:
    """Ask a process to end, also one that is paused."""
    _signal(pid, signal.SIGTERM)
    _signal(pid, signal.SIGCONT)


def _signal(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
