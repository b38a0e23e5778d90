"""Directories of a live cell, and stores, for tests of backups."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from gaios import api
from gaios.backup.history import History
from gaios.backup.manifest import Head
from gaios.backup.rebuild import read_head
from gaios.backup.stores import OBJECT_BYTES_MAX, Found, Store
from gaios.errors import Unavailable
from gaios.locks import LockService
from gaios.log import Options
from tests.server.parts import MS, HandCell, MemoryDisk, S
from tests.server.test_snapshots import Client

NOW_MS = 1_700_000_000_000
NEVER = Options(snapshot_slots=1_000_000)
"""No snapshot is taken: the log goes back to slot 1."""
OFTEN = Options(snapshot_slots=20, snapshot_pause_us=1_000, snapshot_stagger_ms=1)
SHORT = Options(snapshot_slots=20, snapshot_pause_us=1_000, snapshot_stagger_ms=1, keep_bytes=1)
"""And the log before the older of two is given up."""


class Living:
    """A cell whose replicas' directories are written out when a test wants them."""

    def __init__(self, options: Options, segment_bytes: int = 1 << 20) -> None:
        self.cell = HandCell(3, options=options, segment_bytes=segment_bytes)
        self.client = Client(self.cell)

    def put(self, times: int) -> None:
        """So many puts, and time in which marks are written, until they cover all."""
        self.client.put(times)
        self.cell.run(S)
        while {disk_reach(disk) for disk in self.cell.disks.values()} != {self.applied}:
            self.cell.run(5 * MS)

    @property
    def machine(self) -> LockService:
        """Replica 1's."""
        machine = self.cell.nodes[1].replica.applier.machine
        assert isinstance(machine, LockService)
        return machine

    @property
    def applied(self) -> int:
        """What it has applied."""
        return self.cell.nodes[1].replica.applied

    def write(self, path: Path, member: int = 1) -> Path:
        """A replica's directory as it is on its disk now."""
        for file, data in self.cell.disks[member].files.items():
            place = path / file
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(data)
        return path


class Watched:
    """A store that counts what is written, and may fail or let others act before a call."""

    def __init__(self, store: Store) -> None:
        self.inner, self.url = store, store.url
        self.written: list[str] = []
        self.fail_after: int | None = None
        self.before: Any = lambda _what, _name: None

    def get(self, name: str, limit: int = OBJECT_BYTES_MAX) -> Found | None:
        self.before("get", name)
        return self.inner.get(name, limit)

    def put(self, name: str, data: bytes) -> None:
        self._write("put", name)
        self.inner.put(name, data)

    def create(self, name: str, data: bytes) -> bool:
        self._write("create", name)
        return self.inner.create(name, data)

    def replace(self, name: str, data: bytes, version: Any) -> bool:
        self._write("replace", name)
        return self.inner.replace(name, data, version)

    def names(self) -> list[str]:
        return self.inner.names()

    def delete(self, names: Iterable[str]) -> None:
        self.inner.delete(names)

    def _write(self, what: str, name: str) -> None:
        self.before(what, name)
        if self.fail_after is not None and len(self.written) >= self.fail_after:
            raise Unavailable(waited_ms=0, reason="the network is gone")
        self.written.append(name)


def disk_reach(disk: MemoryDisk) -> int:
    """The last slot that a mark covers."""
    return History(disk, "it").reach().chosen


def head_of(store: Store) -> Head:
    """The head."""
    return read_head(store)[0]


def value(machine: LockService, key: bytes) -> bytes | None:
    """What stands under a key."""
    page = api.decode_answer(machine.query(api.encode(api.Range(key))))
    assert isinstance(page, api.Page)
    return page.entries[0].value if page.entries else None


def keys(machine: LockService) -> int:
    """How many keys there are."""
    return machine.database.look().keys
