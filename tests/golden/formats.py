"""Golden directories: replicas' disks as each version of the formats left them, kept for ever.  [SAFETY 15, 16, 26]

    tests/golden/formats/N/replica-R/…      a replica's directory, as it was when its process was killed
    tests/golden/formats/N/expected.json    what a start on it has to come to
    tests/golden/formats/N/samples.txt      one of everything that is written or said, a line each: name, bytes in hexadecimal

`python -m tests.golden.formats` makes the next one, `… N` makes that one anew: only for what was never released.
"""

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from gaios import api, entry, lock_api
from gaios.configuration import Configuration, Member
from gaios.errors import ProtocolError
from gaios.locks import LockService
from gaios.log import Bounds, Copies, Options, RecordKind, codec, encode
from gaios.log.applier import Applier
from gaios.log.quarantine import Quarantine
from gaios.log.records import Boot, State, encode_copies, encode_places
from gaios.log.sessions import Sessions
from gaios.log.snapshots import Closing, Handle, Part
from gaios.log.sums import Sum
from gaios.paxos import core
from gaios.server.node import Node
from gaios.storage import Identity, Record, Write, create, record, segment
from gaios.storage.snapshot import Writer
from gaios.transport import (
    KeepAlive,
    Kind,
    Welcome,
    encode_answer,
    encode_change,
    encode_events,
    encode_goodbye,
    encode_hello,
    encode_keepalive,
    encode_members,
    encode_pong,
    encode_read,
    encode_request,
    encode_submit,
    encode_watch,
    encode_watch_end,
    encode_welcome,
)
from gaios.transport.messages import Hello, Watch
from tests.server.parts import CELL, MS, HandCell, MemoryDisk, S, put

PLACE = Path(__file__).with_name("formats")
REPLICAS = 3
SEGMENT_BYTES = 8 << 10
OPTIONS = Options(snapshot_slots=25, snapshot_stagger_ms=1, snapshot_pause_us=1, keep_bytes=1, mark_ms=50, check_ms=200)
_BALLOT = 3 << 16 | 1
MEMBERS = Configuration(1, 2, 5, (Member(1, 1), Member(4, 2, votes=False, peer="h:1", client="h:2", admin="h:3"))).encode()


def versions() -> list[int]:
    """Of all that are kept, oldest first."""
    return sorted(int(path.name) for path in PLACE.iterdir())


# ------------------------------------------------------------------------------------------------------------- samples


def samples() -> dict[str, bytes]:
    """One of everything, by name: equal as long as no format changes."""
    return dict(_samples())


def _samples() -> Iterator[tuple[str, bytes]]:
    identity, part = Identity(CELL, 1, 2), Part(1, 9, bytes(16), 5, _BALLOT, 1, b"members", 1, 1, 7, 8)
    handle = Handle(1, CELL, 9, 1, bytes(16), _BALLOT, 5, 4, bytes(32))
    state = State(_BALLOT, 600, 8, 3, [(9, _BALLOT, b"value")], [(2, Boot(1, 2, 3, 4, 5))], b"why", [(10, _BALLOT)], 12, (4, b"value"))
    copies = Copies(_BALLOT, 600, 2, 77, [(1, 66), (2, 77)], 1)
    yield "record copies", encode_copies(copies)
    yield "record copies in doubt", encode_copies(replace(copies, is_doubted=True, silent_through=12))
    quarantine = Quarantine(1, 9, 8, Sum(9, bytes(16), 1, 2), Sum(9, bytes(16), 3, 4), "reason")
    for name, value in (("state", state), ("boot", Boot(1, 2, 3, 4, 5)), ("quarantine", quarantine), ("part", part)):
        yield f"record {name}", encode(value)
    yield "record handle", encode(handle)
    yield "record closing", Closing(handle, bytes(32)).encode()
    yield "record repair", encode_places([(1, 2, 3), (4, 5, 6)])
    for operation in create(identity, b"copies", Record(RecordKind.STATE, 0, 0, b"state"), segment_bytes=1 << 10):
        if isinstance(operation, Write):
            yield f"file {operation.name}", operation.data
    parts: list[bytes] = []
    encoder = record.Encoder(seed=record.seed(identity), segment=1, offset=64, sequence=1, previous=5)
    encoder.add(parts, RecordKind.ACCEPT, 9, _BALLOT, b"value", 3, 0)
    yield "file record", b"".join(parts)
    writer = Writer(CELL, 9)
    written = [*writer.begin(), *writer.chunk(b"chunk"), *writer.end(b"closing")]
    opening, *frames, trailer = [operation.data for operation in written if isinstance(operation, Write)]
    # Of frames what does not hang on how the library at hand compresses.
    yield "file snapshot", b"".join((opening, *(frame[:12] for frame in frames), trailer[:8]))
    machine, sessions = LockService(), Sessions(Bounds())
    applier = Applier(machine, sessions)
    applier.apply(1, entry.batch([entry.register(), entry.epoch(_BALLOT)], 5))
    applier.apply(2, entry.batch([put((1, 0), 1, b"key", b"value")], 6))
    opened = lock_api.encode(lock_api.OpenSession(bytes(16), 60_000))
    applier.apply(3, entry.batch([entry.encode(entry.Kind.COMMAND, entry.Identity(1, 0), 2, 1, opened)], 7))
    yield "snapshot machine", b"".join(machine.snapshot())
    yield "snapshot clients", b"".join(sessions.snapshot())
    own = (
        entry.epoch(_BALLOT),
        entry.master(_BALLOT, b"command"),
        entry.snapshot(_BALLOT),
        entry.check(_BALLOT),
        entry.feature(_BALLOT, 1),
        entry.configuration(_BALLOT, MEMBERS),
    )
    client = entry.encode(entry.Kind.COMMAND, entry.Identity(4, 1), 3, 2, b"command")
    for each in (entry.register(), client, *own):
        yield f"entry {entry.Kind(each[1]).name}", entry.batch([entry.bind(each, _BALLOT) if each is client else each], 5)
    for message in MESSAGES:
        yield f"message {message[0]}", codec.encode(1, 4, 1, [message])
    for frame in _frames():
        yield f"frame {Kind(frame[8]).name}", frame


MESSAGES: list[codec.Message] = [
    (core.PREPARE, _BALLOT, 1),
    (core.PROMISE, _BALLOT, 1, 5, {6: (_BALLOT, b"v")}, {7: _BALLOT}),
    (core.ACCEPT, _BALLOT, 1, 7, b"value"),
    (core.ACCEPTED, _BALLOT, 1, 7),
    (core.LEARN, _BALLOT, 1, 7),
    (core.FETCH, 3),
    (core.CHOSEN, 3, _BALLOT, b"value"),
    (core.HEARTBEAT, _BALLOT, 1, 123, 600),
    (core.GRANT, _BALLOT, 1, 123, 600),
    (core.RELEASE, _BALLOT, 1),
    (codec.POLL, 1, 2, 3),
    (codec.POLLED, 1, 1, 2, 3),
    (codec.BOOT, [(1, 66), (2, 77)]),
    (codec.BOOTED, 2, 77, [(1, 2, 77, 1, _BALLOT, 9)]),
    (codec.SUM, 7, bytes(16), (1 << 64) - 1, 0, 1),
    (codec.OFFER, b"handle"),
    (codec.ASK, 9, bytes(32), 1),
    (codec.PART, 9, bytes(32), 1, b"chunk"),
    (codec.GONE, 9, bytes(32)),
    (codec.TAKEN, 9, bytes(32), 1),
    (codec.WANT, 9),
    (codec.STAND, 7, 3),
    (codec.NEWS, MEMBERS, 1),
    (codec.ROOM, 2),
    (codec.FEATURE, 1 << 40, 1),
]


def _frames() -> Iterator[bytes]:
    told = ProtocolError(reason="r")
    yield encode_hello(Hello(role="peer", cell=CELL, member=1, boot=2, nonce=3, config=4, software="s"))
    yield encode_welcome(Welcome(version=1, cell=CELL, replica=1, member=1, boot=2, nonce=3, config=4, serving=True, master="h:1"))
    yield encode_goodbye(told)
    yield encode_submit(7, entry.register())
    yield encode_read(7, api.encode(api.Range(b"a", None)))
    yield encode_watch(7, Watch(b"a", b"b", 3))
    yield encode_change(7, MEMBERS)
    yield encode_members(2, ["h:1", "h:2"])
    yield encode_request(Kind.CANCEL, 7)
    yield encode_request(Kind.STATUS, 7)
    yield encode_request(Kind.PING, 7)
    yield encode_keepalive(KeepAlive(7, 3, 1, _BALLOT, 2, bytes(16)))
    yield encode_answer(7, 0, 9, 1, b"reply")
    yield encode_events(7, 9, [api.Event(b"a", b"1", 2, 7, 8), api.Event(b"b", None, 0, 0, 8)])
    yield encode_watch_end(7, told)
    yield encode_pong(7, True, "h:1")


# --------------------------------------------------------------------------------------------------------- directories


def make() -> HandCell:
    """A cell that wrote all kinds of records, some of its history dropped."""
    cell = HandCell(REPLICAS, options=OPTIONS, segment_bytes=SEGMENT_BYTES)
    master = cell.elect()
    node = cell.nodes[master]
    node.client_came(1)
    asked = 0

    def ask(data: bytes) -> Any:
        nonlocal asked
        asked += 1
        cell.ask(master, 1, asked, data)
        cell.run(5 * MS)
        return cell.answers(master, 1)[-1]

    registered = ask(entry.register())
    me, sequence = (registered.slot, registered.index), 0

    def do(command: Any) -> Any:
        nonlocal sequence
        sequence += 1
        data = lock_api.encode(command)
        return ask(entry.encode(entry.Kind.COMMAND, entry.Identity(*me), sequence, sequence - 1, data))

    def fill(count: int) -> None:
        nonlocal sequence
        for _ in range(count):
            sequence += 1
            assert ask(put(me, sequence, b"key-%d" % (sequence % 17), b"value %d" % sequence)).status == 0

    def change(members: Configuration) -> None:
        """A learner comes, whom nobody ever starts, and goes again: the founders govern on, under other numbers."""
        node.replica.change(cell.now, (1, 1), members)
        cell.drain(master)
        cell.run(S)
        assert [each.replica.configuration for each in cell.nodes.values()] == [members] * REPLICAS

    change(node.replica.configuration.added(4))
    fill(40)
    session = lock_api.decode_reply(do(lock_api.OpenSession(bytes(range(16)), 60_000)).body)
    assert isinstance(session, lock_api.SessionOpened)
    assert do(lock_api.Open(session.session, bytes(range(16)), "/f", lock_api.MAY_CREATE)).status == 0
    for number in range(1, 4):
        node.client_frame(
            cell.now, 1, Kind.KEEPALIVE, encode_keepalive(KeepAlive(900 + number, session.session, number, 0, 0, bytes(range(16))))[9:]
        )
        cell.drain(master)
        cell.run(15 * S)
    fill(60)
    replica = node.replica
    replica._reign._offer(cell.now, [entry.feature(replica.ballot, 1)])  # a level that it has raises nothing
    cell.drain(master)
    fill(20)
    change(node.replica.configuration.removed(4))
    rot(cell, 1 + master % REPLICAS)
    for each in cell.nodes.values():
        # What a doubt writes, and its end: the database itself is sound, and is to be served.
        steps, slot = each.replica._steps, each.replica.applied
        steps.judge(slot, encode(Quarantine(1, slot, 0, None, None, "made for a golden directory")))
        steps.judge(slot, b"")
    cell.run(S)
    ask(entry.register())
    node.retire(cell.now)
    cell.drain(master)
    cell.run(S)
    cell.elect()
    cell.run(16 * S)  # charges, as long as the session may live; checks
    return cell


def rot(cell: HandCell, member: int) -> None:
    """A value's record rots, is found at a start, and is fetched again; of a vote that rots only that is left."""
    replica, journal = cell.nodes[member].replica, cell.nodes[member].commit.journal
    where = journal.locate(RecordKind.ACCEPT, replica.chosen - 2)
    assert where is not None
    cell.disks[member].files[segment.name(where.place.segment)][where.place.start + record.HEADER_BYTES] ^= 1
    replica = cell.start(member).replica
    assert replica.core.faulty
    cell.run(S)
    assert not replica.core.faulty
    assert replica._steps.take((core.ROT, replica.chosen + 1, replica.ballot), member, cell.now)  # the next vote there ends it
    cell.drain(member)


def state(node: Node) -> dict[str, Any]:
    """What a replica came to, in a few numbers that formats have no part in."""
    applier = node.replica.applier
    page = api.decode_answer(applier.machine.query(api.encode(api.Range(b"", b""))))
    assert isinstance(page, api.Page)
    return {
        "applied": applier.applied,
        "chain": applier.chain.hex(),
        "checksum": f"{applier.machine.checksum():016x}",
        "trail": f"{applier.sessions.trail:016x}",
        "clients": len(applier.sessions),
        "epoch": applier.epoch,
        "feature": applier.feature,
        "time_ms": applier.time_ms,
        "promised": node.replica.ballot,
        "configuration": node.replica.config,
        "members": sorted(node.replica.members),
        "keys": {each.key.decode(): each.value.decode() for each in page.entries},
    }


def load(directory: Path) -> MemoryDisk:
    """A directory as a disk in memory."""
    disk = MemoryDisk()
    disk.files = {
        path.relative_to(directory).as_posix(): bytearray(path.read_bytes()) for path in sorted(directory.rglob("*")) if path.is_file()
    }
    return disk


def start(disk: MemoryDisk, member: int) -> Node:
    """A process on it, alone, until it has applied all that it knows to be chosen."""
    now = 1_000 * S
    node = Node.start(
        cell=CELL,
        member=member,
        members={number: number for number in range(1, REPLICAS + 1)},
        clients={},
        reader=disk,
        machine=LockService(),
        nonce=1,
        now=now,
        wall_ms=0,
        segment_bytes=SEGMENT_BYTES,
    )
    for _ in range(10_000):
        node.tick(now)
        effects = node.drain(now)
        node.check()
        if effects.disk is not None:
            disk.execute(effects.disk)
            node.disk_done(now)
        elif node.replica.applied == node.replica.chosen:
            return node
    raise AssertionError("it never comes to rest")


def main(arguments: list[str]) -> None:
    """Make one."""
    number = int(arguments[0]) if arguments else versions()[-1] + 1
    place = PLACE / str(number)
    shutil.rmtree(place, ignore_errors=True)
    cell = make()
    expected = {}
    for member, disk in cell.disks.items():
        home = place / f"replica-{member}"
        for name, data in disk.files.items():
            (home / name).parent.mkdir(parents=True, exist_ok=True)
            (home / name).write_bytes(data)
        expected[f"replica-{member}"] = state(start(load(home), member))
    (place / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")
    (place / "samples.txt").write_text("".join(f"{name}: {data.hex()}\n" for name, data in samples().items()))


if __name__ == "__main__":
    main(sys.argv[1:])
