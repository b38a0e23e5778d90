"""One command, one MultiOp: what it changed is seen at once, and what came and went leaves nothing."""

import pytest

from gaios.db import Database
from gaios.errors import DatabaseFull, InvariantViolated
from gaios.explanation import LOST
from gaios.lock_api import CHILD_ADDED, CONTENTS_MODIFIED, Notice
from gaios.locks import keys
from gaios.locks.change import Change, Ended, Told
from gaios.locks.index import Index
from gaios.locks.records import Delay, Handle, Node, Session, encode
from tests.locks.parts import CONTEXT

DELAY = keys.delay("/a")


def change() -> Change:
    return Change(Database(), Index())


def test_a_change_is_seen_at_once() -> None:
    one = change()
    one.put(DELAY, Delay(7))
    assert (one.keys, one.index.delays) == ({DELAY: encode(Delay(7))}, {"/a": 7})
    one.set_contents("/f", b"x")
    assert one.contents("/f") == b"x"


def test_what_came_and_went_leaves_nothing() -> None:
    one = change()
    one.put(DELAY, Delay(7))
    one.delete(DELAY)
    one.set_contents("/f", b"x")
    one.set_contents("/f", b"")
    assert (one.keys, one.index) == ({}, Index())


def test_what_is_there_leaves_a_delete() -> None:
    one = change()
    one.put(DELAY, Delay(7))
    one.set_contents("/f", b"x")
    one.database.change(one.keys, CONTEXT)
    two = Change(one.database, one.index)
    assert two.contents("/f") == b"x"
    two.put(DELAY, Delay(8))
    two.delete(DELAY)
    two.set_contents("/f", b"")
    two.set_contents("/none", b"")
    assert two.keys == {DELAY: None, keys.contents("/f"): None}
    assert two.contents("/f") == b""


def test_a_key_does_not_come_back_in_one_multiop() -> None:
    """Its create revision would be the old one: a sequencer, or an instance, would not grow.  [SAFETY 23]"""
    one = change()
    one.put(DELAY, Delay(7))
    one.database.change(one.keys, CONTEXT)
    two = Change(one.database, one.index)
    two.delete(DELAY)
    with pytest.raises(InvariantViolated):
        two.put(DELAY, Delay(9))


def test_a_notice_goes_to_the_handles_that_asked_for_it() -> None:
    """[CHUBBY §2.5]"""
    one = change()
    one.put(keys.session(2), Session(b"", 1_000, False, "", "", 0))
    one.put(keys.node("/a"), Node(directory=False))
    instance = one.index.nodes["/a"].instance
    for number, events in ((5, CONTENTS_MODIFIED), (6, CHILD_ADDED), (7, CONTENTS_MODIFIED | CHILD_ADDED)):
        one.put(keys.handle("/a", 2, number), Handle(instance, True, events, 0))
    one.tell(one.index.nodes["/a"], CHILD_ADDED, "c")
    one.end(one.index.sessions[2], LOST)
    assert one.effects == [
        Told(2, Notice(6, CHILD_ADDED, "c", one.revision)),
        Told(2, Notice(7, CHILD_ADDED, "c", one.revision)),
        Ended(2, LOST, charge=0, heard_ms=0, handles=3),
    ]


def test_room_is_that_of_a_clients_put(monkeypatch: pytest.MonkeyPatch) -> None:
    one = change()
    one.check_room(10, 1 << 20)
    monkeypatch.setattr("gaios.db.database.DATABASE_BYTES_MAX", 10_000)
    one.check_room(5)
    with pytest.raises(DatabaseFull):
        one.check_room(5, 5_000)
