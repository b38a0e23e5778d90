"""Watches as frames, between a database's hub and connections."""

from typing import Any, cast

from gaios import api, errors, lock_api
from gaios.db import Database
from gaios.locks import LockService
from gaios.log.options import FAR
from gaios.machine import Context, Machine
from gaios.server.watches import PROGRESS_NS, Watches
from gaios.transport import Decoder, Kind, Watch, decode_events, decode_watch_end


class Plain:
    """A machine without history."""


def put(database: Database, watches: Watches, key: bytes, value: bytes) -> None:
    command = api.encode(api.MultiOp(then=(api.Put(key, value),)))
    _, effects = database.apply(command, Context(1, 0, 0, 1))
    watches.applied(effects)


def frame(data: bytes) -> tuple[int, bytes]:
    ((kind, body),) = Decoder(1 << 30, magic=False).feed(data)
    return kind, body


def test_a_watch_begins_with_an_empty_delivery_and_goes_on_with_events() -> None:
    database = Database()
    watches = Watches(database, 10)
    kind, body = frame(watches.begin(0, 1, 5, Watch(b"k", None, 0)))
    assert kind == Kind.EVENTS
    assert decode_events(body).events == ()
    put(database, watches, b"k", b"v")
    put(database, watches, b"other", b"v")
    ((connection, data),) = watches.take(0)
    events = decode_events(frame(data)[1])
    assert (connection, events.request) == (1, 5)
    assert [event.value for event in events.events] == [b"v"]
    assert watches.take(0) == []
    assert len(watches) == 1


def test_history_is_told_first() -> None:
    database = Database()
    watches = Watches(database, 10)
    for number in range(5):
        put(database, watches, b"k", b"%d" % number)
    watches.begin(0, 1, 5, Watch(b"k", None, 1))
    assert watches.due_ns() == 0
    events = [event for _, data in watches.take(0) for event in decode_events(frame(data)[1]).events]
    assert [event.value for event in events] == [b"0", b"1", b"2", b"3", b"4"]


def test_a_paused_client_gets_nothing_and_loses_nothing() -> None:
    database = Database()
    watches = Watches(database, 10)
    watches.begin(0, 1, 5, Watch(b"k", None, 0))
    watches.take(0)
    watches.paused(1, paused=True)
    for number in range(3_000):
        put(database, watches, b"k", b"%d" % number)
        assert watches.take(0) == []
    assert watches.due_ns() != 0, "nobody who could take anything waits"
    watches.paused(1, paused=False)
    got = []
    while watches.due_ns() == 0:
        got += [event.value for _, data in watches.take(0) for event in decode_events(frame(data)[1]).events]
    assert got == [b"%d" % number for number in range(3_000)]


def test_a_quiet_watch_is_told_how_far_it_has_come() -> None:
    """So that compaction does not overtake a client that resumes."""
    database = Database()
    watches = Watches(database, 10)
    assert watches.due_ns() == FAR
    watches.begin(0, 1, 5, Watch(b"k", None, 0))
    watches.take(0)
    put(database, watches, b"other", b"v")
    watches.take(0)
    assert watches.due_ns() == PROGRESS_NS
    ((_, data),) = watches.take(PROGRESS_NS)
    events = decode_events(frame(data)[1])
    assert events.events == ()
    assert events.next_revision == database.revision + 1
    watches.gone(1)
    watches.take(2 * PROGRESS_NS)
    assert watches.due_ns() == FAR


def test_a_watch_of_compacted_history_ends_with_that_error() -> None:
    database = Database()
    watches = Watches(database, 10)
    for number in range(5):
        put(database, watches, b"k", b"%d" % number)
    database.apply(api.encode(api.Compact(database.revision)), Context(2, 0, 0, 1))
    kind, body = frame(watches.begin(0, 1, 5, Watch(b"k", None, 1)))
    assert kind == Kind.WATCH_END
    assert isinstance(decode_watch_end(body)[1], errors.Compacted)


def test_cancelled_and_gone_watches_are_forgotten() -> None:
    database = Database()
    watches = Watches(database, 2)
    for request in (1, 2):
        watches.begin(0, 1, request, Watch(b"k", None, 0))
    assert isinstance(decode_watch_end(frame(watches.begin(0, 1, 3, Watch(b"k", None, 0)))[1])[1], errors.Overloaded)
    watches.cancel(1, 2)
    watches.cancel(1, 2)
    watches.cancel(9, 9)
    assert len(watches) == 1
    watches.gone(1)
    assert len(watches) == 0
    put(database, watches, b"k", b"v")
    assert watches.take(0) == []


def test_a_machine_without_history_has_no_watches() -> None:
    watches = Watches(cast("Machine", cast("Any", Plain())), 10)
    kind, body = frame(watches.begin(0, 1, 5, Watch(b"k", None, 0)))
    assert kind == Kind.WATCH_END
    assert isinstance(decode_watch_end(body)[1], errors.InvalidCommand)
    watches.applied([object()])
    watches.cancel(1, 5)
    watches.gone(1)
    assert watches.take(0) == []
    assert len(watches) == 0


def test_what_a_lock_service_tells_its_master_is_no_watchs_matter() -> None:
    """Its effects that are no events are passed over; its reserved keys are seen by no watch of a range, and no watch falls behind."""
    machine = LockService()
    watches = Watches(machine, 10)

    def do(command: lock_api.LockCommand) -> Any:
        reply, effects = machine.apply(lock_api.encode(command), Context(1, 0, 0, 1))
        watches.applied(effects)
        return lock_api.decode_reply(reply)

    token = bytes(lock_api.TOKEN_BYTES)
    before = do(lock_api.OpenSession(token))
    do(lock_api.CloseSession(before.session, token))
    frame(watches.begin(0, 1, 5, Watch(b"", b"", 0)))
    watches.take(0)
    session = do(lock_api.OpenSession(token)).session
    do(lock_api.Open(session, token, "/", events=lock_api.EVENTS))
    do(lock_api.Open(session, token, "/a", create=1))
    do(lock_api.CloseSession(session, token))
    assert watches.take(0) == []
    put(machine.database, watches, b"k", b"v")
    ((_, data),) = watches.take(0)
    assert [event.key for event in decode_events(frame(data)[1]).events] == [b"k"]
