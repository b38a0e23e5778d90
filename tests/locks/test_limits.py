"""What none may send, whatever the state: refused with a typed error before it is proposed.  [SAFETY 17, 28]"""

from typing import Any

import pytest
from msgspec.structs import replace

from gaios import errors, lock_api
from gaios.lock_api import (
    Acquire,
    Charge,
    CheckSequencer,
    GetSequencer,
    ListNodes,
    ListSessions,
    Open,
    OpenSession,
    ReadDir,
    Sequencer,
    SetAcl,
    SetContents,
    SetSequencer,
)
from gaios.locks import LockService, limits
from tests.hostile import damaged
from tests.locks.parts import CONTEXT, TOKEN, Service
from tests.test_lock_api import COMMANDS, QUESTIONS

BIG = 1 << 63
BAD_COMMANDS: list[Any] = [
    OpenSession(TOKEN[1:]),
    OpenSession(TOKEN, 999),
    OpenSession(TOKEN, 60_001),
    OpenSession(TOKEN, client="c" * 129),
    OpenSession(TOKEN, principal="p" * 129),
    OpenSession(TOKEN, principal="a\nb"),
    lock_api.CloseSession(0, TOKEN),
    lock_api.CloseSession(BIG, TOKEN),
    lock_api.Close(1, TOKEN, -1),
    Acquire(1, TOKEN, 0),
    Open(1, b"", "/a"),
    *[Open(1, TOKEN, path) for path in ("", "a", "/a/", "//", "/a//b", "/.", "/a/..", "/a\x00", "/" + "é" * 300, "/a" * 33)],
    Open(1, TOKEN, "/a", create=3),
    Open(1, TOKEN, "/a", events=128),
    Open(1, TOKEN, "/a", lock_delay_ms=60_001),
    Open(1, TOKEN, "/a", contents=bytes(lock_api.CONTENTS_BYTES_MAX + 1)),
    Open(1, TOKEN, "/a", contents=b"x", directory=True),
    Open(1, TOKEN, "/a", acl=("", "a/b", "")),
    SetContents(1, TOKEN, 1, bytes(lock_api.CONTENTS_BYTES_MAX + 1)),
    SetContents(1, TOKEN, 1, b"", generation=-1),
    SetAcl(1, TOKEN, 1, ("..", "", "")),
    SetAcl(1, TOKEN, 1, ("", "", "x" * 129)),
    SetSequencer(1, TOKEN, 1, Sequencer("a", False, 0, 1)),
    SetSequencer(1, TOKEN, 1, Sequencer("/a", False, -1, 1)),
    SetSequencer(1, TOKEN, 1, Sequencer("/a", False, 0, BIG)),
    Charge(0, b""),  # a client's
]
BAD_OWN = [Charge(-1, b""), Charge(60_001, b""), Charge(0, b"\x00"), OpenSession(TOKEN)]
BAD_QUESTIONS: list[Any] = [
    GetSequencer(1, b"", 1),
    GetSequencer(0, TOKEN, 1),
    GetSequencer(1, TOKEN, 0),
    ReadDir(1, TOKEN, 1, limit=-1),
    ReadDir(1, TOKEN, 1, after="x" * 513),
    CheckSequencer(Sequencer("/a", False, 0, 0)),
    ListSessions(after=-1),
    ListSessions(limit=BIG),
    ListNodes("a"),
]


@pytest.mark.parametrize("bad", BAD_COMMANDS, ids=str)
def test_a_bad_command_is_refused_before_it_is_proposed_and_when_applied(bad: Any) -> None:
    machine = LockService()
    for carry_out in (machine.validate, lambda data: machine.apply(data, CONTEXT)):
        with pytest.raises(errors.InvalidCommand):
            carry_out(lock_api.encode(bad))
    assert machine.revision == 1


@pytest.mark.parametrize("bad", BAD_OWN, ids=str)
def test_a_bad_command_of_the_masters_is_refused(bad: Any) -> None:
    with pytest.raises(errors.InvalidCommand):
        LockService().apply_own(lock_api.encode(bad), CONTEXT)


@pytest.mark.parametrize("bad", BAD_QUESTIONS, ids=str)
def test_a_bad_question_is_refused(bad: Any) -> None:
    with pytest.raises(errors.InvalidCommand):
        LockService().query(lock_api.encode(bad))


def test_a_command_has_a_length() -> None:
    with pytest.raises(errors.CommandTooLong):
        limits.check(OpenSession(TOKEN), (3 << 19) + 1)


def test_the_largest_that_may_be_may_be() -> None:
    """256 KB a file.  [CHUBBY §4.5]"""
    path = "/" + "/".join(["x" * 15] * 32)
    assert len(path) == lock_api.PATH_BYTES_MAX
    LockService().validate(lock_api.encode(Open(1, TOKEN, path, contents=bytes(256 << 10))))


def test_hostile_bytes_raise_nothing_but_ours() -> None:
    """Neither before a command is proposed, nor when it is applied, nor in a question; of a session that is there, or is not."""
    service = Service()
    client = service.session()
    mine = {"session": client.number, "token": TOKEN, "handle": client.open("/a")}
    client.open("/b")
    nouns: list[Any] = [*COMMANDS, *QUESTIONS]
    nouns += [replace(noun, **{name: mine[name] for name in mine if name in noun.__struct_fields__}) for noun in nouns]
    commands = [lock_api.encode(noun) for noun in nouns if isinstance(noun, lock_api.LockCommand)]
    machine = service.machine
    refused = carried_out = 0
    for number, data in enumerate(damaged(commands, seed=9, inputs=20_000)):
        for carry_out in (machine.validate, lambda data: machine.apply(data, CONTEXT), lambda data: machine.apply_own(data, CONTEXT)):
            try:
                carry_out(data)
                carried_out += 1
            except errors.InvalidCommand:
                refused += 1
            except errors.LockRefused:
                continue
        if number % 1_000 == 0:
            machine.check()
    assert refused > 20_000
    assert carried_out > 2_000
    for data in damaged([lock_api.encode(noun) for noun in nouns if isinstance(noun, lock_api.LockQuestion)], seed=9, inputs=20_000):
        try:
            machine.query(data)
        except (errors.InvalidCommand, errors.LockRefused):
            continue
    machine.check()
    assert service.restored().machine.checksum() == machine.checksum()
