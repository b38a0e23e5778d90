"""Claims about asking a store of backups: the loop never waits for it, and whatever befalls it is said once."""

import asyncio
import io
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from gaios.backup import stores
from gaios.backup.save import save
from gaios.backup.stores import DirectoryStore, Found
from gaios.errors import Unavailable
from gaios.log.codec import ASK, GONE, OFFER, PART, WANT, Message
from gaios.log.snapshots import read_closing, read_handle
from gaios.server import remote
from gaios.server.node import Node
from gaios.server.remote import WAITING_MAX, Remote
from tests.backup.parts import NOW_MS, OFTEN, Living
from tests.server.parts import CELL, HandCell
from tests.server.shells import quiet
from tests.servers import until


class Store:
    """A directory's, asked through a `Remote`; what it says is kept instead of being handed to the replica."""

    def __init__(self, path: Path, cell: str = CELL.hex()) -> None:
        self.path, self.log, self.heard = path, quiet(), list[Message]()
        self.node: Node = HandCell(1).nodes[1]
        self.remote = Remote(path.as_uri(), cell, self.node, self.log)
        self.node.store_said = lambda now, message: self.heard.append(message)  # type: ignore[method-assign]
        self.loop = asyncio.get_running_loop()

    def here(self, tell: Callable[[int], None]) -> Callable[[], None]:
        return lambda: void(self.loop.call_soon_threadsafe(tell, 7))

    def ask(self, *asked: Message) -> None:
        self.remote.ask(asked, self.here)

    async def says(self, *asked: Message) -> list[Message]:
        """What it says to these, in order."""
        self.heard.clear()
        self.ask(*asked)
        await self.is_idle()
        return list(self.heard)

    async def is_idle(self) -> None:
        await until(lambda: self.remote._thread is None)
        await asyncio.sleep(0)

    @property
    def problem(self) -> str:
        return self.node.snapshots.store_problem

    @property
    def lines(self) -> list[str]:
        stream = self.log._stream
        assert isinstance(stream, io.StringIO)
        return stream.getvalue().splitlines()


def void(_: object) -> None:
    """Nothing of it."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with a backup."""
    living, path = Living(OFTEN), tmp_path_factory.mktemp("made")
    living.put(60)
    save(DirectoryStore(path / "store"), living.write(path / "replica"), now_ms=NOW_MS)
    return path / "store"


@pytest.fixture
def path(made: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return shutil.copytree(made, tmp_path / "store")


async def test_the_store_offers_its_newest_and_sends_the_parts(path: Path) -> None:
    """[PML §5.5] As a peer would; what it does not have is gone."""
    store = Store(path)
    assert store.node.snapshots.has_store
    (offered,) = await store.says((WANT, 1))
    assert offered[0] == OFFER
    handle = read_handle(offered[1])
    asked = (ASK, handle.slot, handle.digest)
    closing, chunk, gone = await store.says((*asked, 0), (*asked, 1), (ASK, handle.slot, bytes(32), 1))
    assert closing[:4] == (PART, handle.slot, handle.digest, 0)
    read_closing(closing[4]).check(0, chunk[4])
    assert gone == (GONE, handle.slot, bytes(32))
    assert (store.lines, store.problem) == ([], "")


async def test_a_store_that_has_none_is_told_of_once(path: Path) -> None:
    """For people; the replica hears nothing."""
    store = Store(path)
    for _ in range(2):
        assert await store.says((WANT, 10_000)) == []
    assert "behind slot 10000" in store.problem
    assert len(store.lines) == 1
    assert "store_has_none" in store.lines[0]
    assert await store.says((WANT, 1)) != []
    assert store.problem == ""


async def test_another_cells_store_is_refused(path: Path) -> None:
    """[SAFETY 2] It is told; and whoever asks for a part goes elsewhere at once, without a look at the store for a while."""
    store = Store(path, "ee" * 16)
    assert await store.says((ASK, 84, bytes(32), 0)) == [(GONE, 84, bytes(32))]
    assert "cell" in store.problem
    assert "store_refused" in store.lines[0]
    shutil.rmtree(path)
    assert await store.says((ASK, 84, bytes(32), 0), (WANT, 1)) == [(GONE, 84, bytes(32))]
    assert len(store.lines) == 1


async def test_damage_is_told_and_its_part_is_gone(path: Path) -> None:
    """[SAFETY 26] With the object's name."""
    chunk = next(name for name in DirectoryStore(path).names() if "/c/" in name)
    (path / chunk).write_bytes(b"rot")
    store = Store(path)
    (offered,) = await store.says((WANT, 1))
    handle = read_handle(offered[1])
    assert await store.says((ASK, handle.slot, handle.digest, 1)) == [(GONE, handle.slot, handle.digest)]
    assert chunk in store.problem
    assert "store_damaged" in store.lines[0]


async def test_an_outage_is_silence_and_then_it_is_asked_again(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that what came of a snapshot is kept."""
    is_away, looks, get = True, list[str](), DirectoryStore.get

    def read(self: DirectoryStore, name: str, limit: int = stores.OBJECT_BYTES_MAX) -> Found | None:
        looks.append(name)
        if is_away:
            raise Unavailable(waited_ms=0, reason="the network is gone")
        return get(self, name, limit)

    monkeypatch.setattr(DirectoryStore, "get", read)
    store = Store(path)
    assert await store.says((WANT, 1)) == []
    assert "the network is gone" in store.problem
    is_away = False
    assert await store.says((ASK, 84, bytes(32), 0)) == [], "not so soon"
    assert (len(looks), len(store.lines)) == (1, 1)
    store.remote._not_before_s = 0.0
    assert [message[0] for message in await store.says((WANT, 1))] == [OFFER]
    assert store.problem == ""


async def test_whatever_a_library_raises_ends_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the replica nor the thread."""

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    store = Store(path)
    monkeypatch.setattr(DirectoryStore, "get", broken)
    assert await store.says((WANT, 1)) == []
    assert "ZeroDivisionError" in store.problem
    monkeypatch.undo()
    store.remote._not_before_s = 0.0
    assert await store.says((WANT, 1)) != []


async def test_a_store_that_hangs_holds_nobody_up(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """[SAFETY 28] It is told; what waits behind the question is bounded, nothing is asked twice, and a stop does not wait."""
    answers, get = threading.Event(), DirectoryStore.get

    def hang(self: DirectoryStore, name: str, limit: int = stores.OBJECT_BYTES_MAX) -> Found | None:
        answers.wait(60)
        return get(self, name, limit)

    monkeypatch.setattr(DirectoryStore, "get", hang)
    monkeypatch.setattr(remote, "HANGS_S", 0.0)
    store = Store(path)
    store.ask((WANT, 1))
    await until(lambda: store.remote._under_way is not None)
    for number in range(10 * WAITING_MAX):
        store.ask((WANT, 1), (ASK, number, b"", 0), (ASK, number, b"", 0))
    assert len(store.remote._waiting) == WAITING_MAX
    assert len(set(store.remote._waiting)) == WAITING_MAX
    assert store.heard == []
    assert len(store.lines) == 1
    assert "store_hangs" in store.lines[0]
    store.remote.close()
    assert not store.remote._waiting
    answers.set()
    await store.is_idle()
    assert [message[0] for message in store.heard] == [OFFER]
