"""Claims about reading a past state by and by: nothing that is done meanwhile is in it, and nothing that was there is missing."""

import random

import pytest

from gaios import api
from gaios.api import Event
from gaios.db import Database
from gaios.db.view import KEYS
from tests.db.oracle import CONTEXT


def change(database: Database, dice: random.Random, keys: int) -> None:
    key = b"k%05d" % dice.randrange(keys)
    operation: api.Operation = api.Put(key, b"v") if dice.random() < 0.6 else api.Delete(key, None)
    command: api.Command = api.MultiOp(then=(operation,))
    if dice.random() < 0.1:
        command = api.Compact(dice.randrange(database.compacted, database.revision + 1))
    database.apply(api.encode(command), CONTEXT)


@pytest.mark.seeds(30)
def test_what_is_read_is_what_was_there(seed: int) -> None:
    """Whatever is put, deleted and compacted between two records, and however many views there are."""
    dice, database = random.Random(seed), Database()
    store = database._store
    for _ in range(600):
        change(database, dice, 60)
    views: list[tuple[list[Event], list[Event], object]] = []
    for _ in range(3):
        base, log = store.parts()
        assert store.base == len(base)
        reading = store.view()
        found: list[Event] = []
        for record in reading:
            if record is not None:
                found.append(record)
            for _ in range(dice.randrange(4)):
                change(database, dice, 60)
            database.check()
        assert found == [*base, *log]
        views.append((base, log, store.view()))
    for _ in range(300):
        change(database, dice, 60)
    assert len(store._views) == 3
    views.clear()
    assert store._views == []
    database.check()


def test_a_look_at_many_keys_pauses() -> None:
    """A base without records is passed over a few keys at a time: a loop that waits for it would wait long."""
    database = Database()
    for number in range(3 * KEYS):
        database.apply(api.encode(api.MultiOp(then=(api.Put(b"%05d" % number, b""),))), CONTEXT)
    records = list(database._store.view())
    assert records[:3] == [None] * 3
    assert None not in records[3:]
    assert len(records) == 3 + 3 * KEYS


def test_the_log_gives_no_room_back_while_it_is_read() -> None:
    """And does so afterwards."""
    database = Database()
    store = database._store
    for number in range(20_000):
        database.apply(api.encode(api.MultiOp(then=(api.Put(b"%d" % (number % 9), b""),))), CONTEXT)
    log = list(store._log)
    reading = store.view()
    database.apply(api.encode(api.Compact(database.revision)), CONTEXT)
    while store.sweeping:
        store.sweep(1_000)
    assert [record for record in reading if record is not None] == log
    database.apply(api.encode(api.MultiOp(then=(api.Put(b"x", b""),))), CONTEXT)
    database.apply(api.encode(api.Compact(database.revision)), CONTEXT)
    assert len(store._log) < 10
