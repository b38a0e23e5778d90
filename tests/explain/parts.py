"""A log for tests: entries of clients and masters in slots, as records of a replica's directory."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gaios import api, entry, lock_api
from gaios.entry import Identity
from gaios.lock_api import Charge
from gaios.locks import LockService
from gaios.locks.heard import encode as encode_heard
from gaios.log import Answer, Bounds, Copies, RecordKind, encode
from gaios.log.applier import Applier
from gaios.log.records import State
from gaios.log.sessions import Sessions
from gaios.log.snapshots import encode_handle, read_handle
from gaios.storage import Identity as Owner
from gaios.storage import Journal, Operation, Record, create
from gaios.storage.disk import Disk
from gaios.storage.snapshot import Writer
from tests.locks.parts import TOKEN

CELL = bytes(range(16))
EPOCH = 65_537
START_MS = 1_700_000_000_000


class Log:
    """A cell's log, and what a replica applied of it."""

    def __init__(self, bounds: Bounds | None = None) -> None:
        self.machine = LockService()
        self.applier = Applier(self.machine, Sessions(bounds or Bounds()))
        self.records: list[Record] = []
        self.epoch = EPOCH
        self.sequence = 0
        self.slot = 0
        self.me = Identity(0, 0)
        self.reign(EPOCH)
        self.me = self.register()

    def put(self, *entries: bytes, mark: bool = True) -> list[Answer]:
        """One slot's value, accepted, chosen, and marked so."""
        self.slot += 1
        value = entry.batch(entries, START_MS + self.slot)
        self.records.append(Record(RecordKind.ACCEPT, self.slot, self.epoch, value))
        answers, _ = self.applier.apply(self.slot, value)
        if mark:
            self.mark()
        return answers

    def mark(self) -> None:
        self.records.append(Record(RecordKind.CHOSEN, self.slot, 0, self.applier.chain))

    def reign(self, epoch: int) -> None:
        self.epoch = epoch
        self.put(entry.epoch(epoch))

    def register(self) -> Identity:
        self.put(entry.register())
        return Identity(self.slot, 0)

    def command(self, command: Any, sequence: int = 0, identity: Identity | None = None) -> bytes:
        """An entry of a client's; its next command, or one that it sends again."""
        module: Any = lock_api if isinstance(command, lock_api.LockCommand) else api
        if not sequence:
            self.sequence += 1
            sequence = self.sequence
        return entry.encode(entry.Kind.COMMAND, identity or self.me, sequence, 0, module.encode(command))

    def do(self, command: Any) -> Any:
        """A command, alone in a slot; its reply."""
        (answer,) = self.put(self.command(command))
        module: Any = lock_api if isinstance(command, lock_api.LockCommand) else api
        return module.decode_reply(answer.body)

    def charge(self, elapsed_ms: int, *heard: int) -> None:
        self.put(entry.master(self.epoch, lock_api.encode(Charge(elapsed_ms, encode_heard(heard)))))

    def hold(self, path: str, lease_ms: int = 1_000, lock_delay_ms: int = 0) -> tuple[int, int, int]:
        """A session with a lock: its number, the handle, the sequencer's revision."""
        session = self.do(lock_api.OpenSession(TOKEN, lease_ms, client=f"client of {path}")).session
        handle = self.do(lock_api.Open(session, TOKEN, path, lock_api.MAY_CREATE, lock_delay_ms=lock_delay_ms)).handle
        sequencer = self.do(lock_api.Acquire(session, TOKEN, handle)).sequencer
        return session, handle, sequencer.revision if sequencer is not None else 0

    def snapshot(self) -> tuple[list[Operation], bytes]:
        """What this moment's snapshot is as a file, and its handle."""
        capture, writer = self.applier.capture(0, b""), Writer(CELL, self.slot)
        done = writer.begin()
        while not capture.is_done:
            for chunk in capture.take():
                done += writer.chunk(chunk)
        closing = capture.closing(CELL)
        return done + writer.end(closing.encode()), encode_handle(closing.handle)


def truncated(path: Path, log: Log, behind: int, *, kept: Sequence[tuple[list[Operation], bytes]] = ()) -> None:
    """A replica's directory whose log begins behind a slot; its first segment opens with a state record that knows nothing of that yet."""
    path.mkdir(parents=True)
    disk, identity = Disk(path), Owner(CELL, 1, 1)
    early = Record(RecordKind.STATE, 0, log.epoch, encode(State(log.epoch, 0, behind, 0, [])))
    disk.execute_now(create(identity, encode(Copies()), early))
    journal, found = Journal.open(identity, disk.reader)
    disk.execute_now(found.operations)
    for record in [each for each in log.records if each.slot > behind]:
        disk.execute_now(journal.batch(None, [record], lambda: early))
    disk.execute_now(journal.batch(None, [Record(RecordKind.TRUNCATE, behind, 0, b"")], lambda: early))
    for operations, handle in kept:
        disk.execute_now(operations)
        for ballot in (0, 1):
            slot = read_handle(handle).slot
            disk.execute_now(journal.batch(None, [Record(RecordKind.SNAPSHOT, slot, ballot, handle)], lambda: early))
    disk.close()
