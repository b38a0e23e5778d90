"""The machine as a whole: what it hands to the database, and how it comes back from a snapshot."""

import pytest

from gaios import api, errors, lock_api
from gaios.db import Database, Hub
from gaios.errors import ProtocolError
from gaios.locks import LockService, index, keys, records
from gaios.machine import Context
from tests.locks.parts import CONTEXT, TOKEN, Service


def test_the_databases_commands_and_questions_are_its_own() -> None:
    """Byte for byte what a database alone answers: replies, events, refusals, and the state."""
    service, database = LockService(), Database()
    commands: list[api.Command] = [
        api.MultiOp(then=(api.Put(b"k", b"v"),)),
        api.MultiOp((api.Test(b"k", "present"),), (api.Increment(b"n"), api.Get(b"", b"")), (api.Delete(b"k"),)),
        api.Compact(3),
        api.Compact(1),
        api.MultiOp(then=(api.Delete(b"", b""),)),
    ]
    for command in commands:
        data = api.encode(command)
        service.validate(data)
        try:
            expected = database.apply(data, CONTEXT)
        except errors.Compacted:
            with pytest.raises(errors.Compacted):
                service.apply(data, CONTEXT)
            continue
        assert service.apply(data, CONTEXT) == expected
    for question in (api.Range(b"", b""), api.History(b"k", None, 3), api.Look()):
        assert service.query(api.encode(question)) == database.query(api.encode(question))
    service.begin_epoch(Context(9, 0, 0, 77))
    page = api.decode_answer(service.query(api.encode(api.Range(api.EPOCH_KEY))))
    assert isinstance(page, api.Page)
    assert page.entries[0].value == b"77"


def test_bytes_of_neither_are_refused() -> None:
    for data in (b"", b"\x91", b"\x94\x6f", b"\x91\x70", b"\x92\xcc\xa0", b"\xc0"):
        for call in (LockService().validate, LockService().query, lambda data: LockService().apply(data, CONTEXT)):
            with pytest.raises(errors.InvalidCommand):
                call(data)


def test_what_users_see_has_no_trace_of_the_lock_service() -> None:
    """Ranges, counts, history, watches; and a delete of everything spares it."""
    service = Service()
    hub = Hub(service.machine.database)
    hub.watch("all", b"", b"", 0)
    client = service.session()
    handle = client.open("/l")
    client.acquire(handle)
    service.do(api.MultiOp(then=(api.Put(b"k", b"v"), api.Put(b"\x00", b"low"), api.Put(b"\x00gaios0", b"next"))))
    service.charge(0)
    assert service.do(api.MultiOp(then=(api.Delete(b"", b""),))).results == (api.DeleteResult(3),)
    assert client.holds(handle)
    assert service.ask(api.Range(b"", b"")).entries == ()
    assert service.ask(api.Look()).keys == 0
    users = [event.key for event in service.events if not event.key.startswith(api.RESERVED_PREFIX)]
    hub.publish(service.events)
    (delivery,) = hub.drain()
    assert [event.key for event in delivery.events] == users == [b"\x00", b"\x00gaios0", b"k"] * 2
    assert [event.key for event in service.ask(api.History(b"", b"", 1)).events] == users
    assert delivery.next_revision == service.machine.revision + 1


def test_users_neither_write_nor_read_the_lock_services_keys() -> None:
    """But for who holds a lock."""
    service = Service()
    client = service.session()
    handle = client.open("/l", contents=b"secret")
    client.acquire(handle)
    key = lock_api.holder_key("/l", handle)
    assert service.ask(api.Range(key)).entries[0].create_revision == service.machine.revision
    for hidden in (keys.contents("/l"), keys.session(client.number), b"\x00gaios/"):
        for question in (api.Range(hidden), api.History(hidden, None, 1)):
            with pytest.raises(errors.InvalidCommand, match="reserved"):
                service.ask(question)
        for guard in (api.MultiOp((api.Test(hidden, "present"),)), api.MultiOp(then=(api.Get(hidden),))):
            with pytest.raises(errors.InvalidCommand, match="reserved"):
                service.do(guard)
    for forbidden in (api.Put(key, b""), api.Delete(key), api.Increment(key)):
        with pytest.raises(errors.InvalidCommand, match="reserved"):
            service.do(api.MultiOp(then=(forbidden,)))


def test_a_holders_key_can_be_watched() -> None:
    """The receiver of a sequencer hears when the lock is lost."""
    service = Service()
    client = service.session()
    handle = client.open("/l")
    client.acquire(handle)
    hub = Hub(service.machine.database)
    hub.watch("holder", lock_api.holder_key("/l", handle), None)
    with pytest.raises(errors.InvalidCommand):
        hub.watch("hidden", keys.session(client.number), None)
    service.events.clear()
    client.release(handle)
    hub.publish(service.events)
    ((_, (event,), _, _),) = hub.drain()
    assert event.type == "delete"


def test_what_a_command_tells_comes_before_its_events() -> None:
    """Who matches events may look at the last effect alone."""
    machine = LockService()
    reply, _ = machine.apply(lock_api.encode(lock_api.OpenSession(TOKEN)), CONTEXT)
    opened = lock_api.decode_reply(reply)
    assert isinstance(opened, lock_api.SessionOpened)
    _, effects = machine.apply(lock_api.encode(lock_api.CloseSession(opened.session, TOKEN)), CONTEXT)
    assert [type(effect).__name__ for effect in effects] == ["Ended", "Event"]


def test_a_refused_command_changes_nothing() -> None:
    service = Service()
    client = service.session()
    before = list(service.machine.snapshot())
    with pytest.raises(errors.NoSuchNode):
        client.open("/a", create=0)
    service.machine.check()
    assert list(service.machine.snapshot()) == before


def test_a_snapshot_is_restored_whole_or_not_at_all() -> None:
    service = Service()
    client = service.session()
    client.acquire(client.open("/l", contents=b"x"))
    service.charge(0)
    before = list(service.machine.snapshot())
    restored = service.restored()
    assert restored.machine.checksum() == service.machine.checksum()
    broken = LockService()
    broken.database.change({keys.handle("/l", 5, 6): records.encode(records.Handle(1, True, 0, 0))}, CONTEXT)
    with pytest.raises(ProtocolError, match="lock service"):
        service.machine.restore(broken.snapshot())
    with pytest.raises(ProtocolError):
        service.machine.restore([b"x"])
    service.machine.check()
    assert list(service.machine.snapshot()) == before


def test_whoever_holds_the_database_finds_the_restored_state() -> None:
    service, other = Service(), Service()
    other.session()
    database = service.machine.database
    service.machine.restore(other.machine.snapshot())
    assert service.machine.database is database
    assert database.revision == other.machine.revision


def test_a_database_alone_and_a_lock_service_do_not_read_each_others_snapshots() -> None:
    assert (Database.version, LockService.version) == (1, 2)
    for one, other in ((Database(), LockService()), (LockService(), Database())):
        with pytest.raises(ProtocolError, match="version"):
            one.restore(other.snapshot())


def test_a_refusal_after_a_change_stops_the_replica(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would be a bug of ours: half a command must not become state."""
    service = Service()
    client = service.session()

    def refuse(*_: object) -> None:
        raise errors.NoSuchNode(path="/a")

    monkeypatch.setattr(index.Index, "put", refuse)
    with pytest.raises(errors.InvariantViolated):
        client.open("/a")


def test_keys_that_are_not_the_lock_services_are_noticed() -> None:
    """The check can fail."""
    service = Service()
    service.machine.database.change({keys.handle("/l", 5, 6): records.encode(records.Handle(1, True, 0, 0))}, CONTEXT)
    with pytest.raises(errors.InvariantViolated, match="lock service"):
        service.machine.check()


def test_a_generation_is_state_and_only_grows() -> None:
    """[SAFETY 23] What a restore makes of a machine is in its snapshots, and in its checksum."""
    service = LockService()
    before = service.checksum()
    service.begin_generation(3, CONTEXT)
    assert (service.generation, service.revision) == (3, 2)
    assert service.checksum() != before
    service.check()
    other = LockService()
    other.restore(service.snapshot())
    assert other.generation == 3
    for stale in (2, 3):
        with pytest.raises(errors.InvariantViolated, match="generations grow"):
            service.begin_generation(stale, CONTEXT)
