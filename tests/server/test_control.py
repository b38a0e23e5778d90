"""The control socket: requests and answers between commands and a supervisor."""

import asyncio
import errno
import os
import shutil
import socket
from collections.abc import Collection
from pathlib import Path

import pytest

from gaios import errors
from gaios.server import config, control, local
from gaios.server.supervisor import Supervisor
from tests.server.parts import places
from tests.server.shells import quiet, until
from tests.servers import PATIENCE_S


@pytest.fixture
def cell(tmp_path: Path) -> local.LocalCell:
    """A cell whose directory has a name too long for a socket."""
    made = local.create(tmp_path / ("long-" * 20) / "cell", places(3))
    for replica in made.ids:
        control.mark_down(made, replica, down=True)
    return made


def test_of_two_commands_that_start_replicas_neither_keeps_the_others_down(cell: local.LocalCell, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a supervisor each says of all others that they are to stay down, and then makes one: the second has to find it."""
    alone: list[str] = []

    def detach(cell: local.LocalCell) -> None:
        monkeypatch.setattr(local, "ALONE_S", 0.0)
        with pytest.raises(errors.ConfigurationError, match="another process"), local.alone(cell.dir):
            pass
        alone.extend(str(replica) for replica in cell.ids if not control.is_down(cell, replica))

    monkeypatch.setattr(control, "detach", detach)
    assert control.start(cell, [2]) == [2]
    assert alone == ["2"]


async def test_a_supervisor_answers_one_line_with_one(cell: local.LocalCell) -> None:
    """Whatever else is said on the socket gets an error, and the supervisor lives on."""
    running = asyncio.ensure_future(Supervisor(cell, log=quiet()).run())
    await until((cell.dir / control.SOCKET).exists)
    answer = await asyncio.to_thread(control.ask, cell, {"do": "state"})
    assert answer == {"supervisor": os.getpid(), "replicas": {"1": "stopped", "2": "stopped", "3": "stopped"}, "failed": {}, "settings": {}}
    for wrong in (
        {},
        {"do": "dance"},
        {"do": "start", "replicas": [9]},
        {"do": "stop", "replicas": "x"},
        {"do": "stop", "replicas": [True]},
        {"do": "start", "replicas": [], "settings": {"GAIOS_LOG_LEVEL": 7}},
    ):
        with pytest.raises(errors.ConfigurationError):
            await asyncio.to_thread(control.ask, cell, wrong)
    for raw in (b"\n", b"nonsense\n", b"[1]\n", b"\xff\xfe\n", b"x" * 70_000 + b"\n"):
        with control.socket_path(cell) as path, socket.socket(socket.AF_UNIX) as connection:
            connection.connect(path)
            connection.setblocking(False)
            try:
                await asyncio.get_running_loop().sock_sendall(connection, raw)
                said = await asyncio.wait_for(asyncio.get_running_loop().sock_recv(connection, 10_000), PATIENCE_S)
            except ConnectionError:
                continue
            assert b"error" in said
    assert await asyncio.to_thread(control.stop, cell) == []
    await asyncio.wait_for(running, PATIENCE_S)


def test_without_a_supervisor_nobody_answers(cell: local.LocalCell) -> None:
    assert not control.is_supervised(cell)
    with pytest.raises(errors.Unavailable):
        control.ask(cell, {"do": "state"})


def test_a_replica_that_the_cell_does_not_have_is_named(cell: local.LocalCell) -> None:
    with pytest.raises(errors.ConfigurationError, match="no replica 7"):
        control.stop(cell, [7])
    with pytest.raises(errors.ConfigurationError, match="no replica 0"):
        control.start(cell, [0])


def test_a_full_down_forgets_what_was_down(cell: local.LocalCell) -> None:
    """[INTERFACE]: they stay down until `up --replica`, or the next `up` after a full `down`."""
    assert control.is_down(cell, 1)
    control.stop(cell)
    assert not any(control.is_down(cell, replica) for replica in cell.ids)


def test_who_is_down_is_known_without_the_replicas_own_disk(cell: local.LocalCell) -> None:
    """A file system that went read-only, or away, with one of them must keep nobody from being stopped."""
    for replica in cell.ids:
        shutil.rmtree(cell.replica_dir(replica))
    assert control.all_down(cell) == [1, 2, 3]
    assert control.stop(cell) == []
    assert control.all_down(cell) == []
    assert control.stop(cell, [2]) == []
    assert control.all_down(cell) == [2]


def test_what_cannot_be_marked_is_stopped_and_then_told(cell: local.LocalCell, monkeypatch: pytest.MonkeyPatch) -> None:
    control.mark_down(cell, 2, down=False)
    asked = list[Collection[int]]()

    def stop(cell: local.LocalCell, ids: Collection[int]) -> list[int]:
        asked.append(ids)
        return [2]

    def touch(path: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    monkeypatch.setattr(Path, "touch", touch)
    monkeypatch.setattr(control, "_stop_directly", stop)
    with pytest.raises(errors.ConfigurationError, match=f"^2 stopped; .*{cell.dir / 'down-2'}: No space left"):
        control.stop(cell, [2])
    assert asked == [[2]]


def test_settings_that_a_replica_was_not_started_with_are_named(cell: local.LocalCell, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of one that nobody knows of, nothing is said."""
    told = {"settings": {"1": {"GAIOS_LOG_LEVEL": "debug"}, "2": {"GAIOS_LOG_LEVEL": "info"}, "3": {}}}
    monkeypatch.setattr(control, "ask", lambda cell, request: told)
    monkeypatch.setenv("GAIOS_LOG_LEVEL", "debug")
    monkeypatch.setenv("GAIOS_BACKUP_URL", "")  # as good as not set
    assert control.ignored(cell, [1, 2, 3, 4]) == {("GAIOS_LOG_LEVEL",): [2, 3]}
    assert control.ignored(cell, [1]) == {}


def test_a_taken_port_is_named_before_anything_is_started(cell: local.LocalCell) -> None:
    control.check_ports(cell)
    with socket.create_server(config.address(cell.founders[2].peer)), pytest.raises(errors.PortTaken, match=cell.founders[2].peer):
        control.check_ports(cell)


def test_the_hint_of_a_taken_port_can_be_followed(cell: local.LocalCell) -> None:
    """A cell that exists keeps its ports: another one would be refused."""
    with socket.create_server(config.address(cell.founders[2].peer)):
        control.check_ports(cell, [1])
        with pytest.raises(errors.PortTaken) as raised:
            control.check_ports(cell, [3])
    assert "choose" not in raised.value.hint
    assert str(cell.dir) in raised.value.hint


def test_all_down_are_those_that_were_stopped_and_do_not_run(cell: local.LocalCell) -> None:
    assert control.all_down(cell) == [1, 2, 3]
    control.mark_down(cell, 2, down=False)
    assert control.all_down(cell) == [1, 3]
