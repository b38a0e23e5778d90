"""One operation of a client, as it is written and as it is described."""

import pytest

from gaios import api, lock_api
from gaios.api import MultiOp, Put
from gaios.entry import Entry, Identity, Kind
from gaios.errors import InvalidCommand, NotANumber, pack
from gaios.explain.operation import Failed, Operation, attempt, describe, failed_test, parse
from gaios.explanation import Moment
from gaios.locks import LockService
from gaios.log import Answer, Status
from gaios.machine import Context
from tests.locks.parts import TOKEN

AT = Moment(3, 65_537, 0)
CONTEXT = Context(3, 0, 0, 65_537)


def test_what_is_written_is_what_was_meant() -> None:
    operation = Operation(Identity(12, 3), 45)
    assert str(operation) == "12.3:45"
    assert parse("12.3:45") == operation


@pytest.mark.parametrize("text", ["", "12:3", "12.3", "1.2:3.4", "-1.0:1", "1.0:x", "1.0:1 ", "٣.0:1", "9" * 30 + ".0:1"])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(InvalidCommand, match=r"SLOT\.INDEX:SEQUENCE"):
        parse(text)


def test_commands_are_called_by_their_names() -> None:
    assert describe(api.encode(MultiOp())) == ("MultiOp", 0)
    assert describe(lock_api.encode(lock_api.Acquire(7, TOKEN, 9))) == ("Acquire", 7)
    for broken in (b"", b"\x91", b"\x92\x75\x01", b"\xff\xff"):
        assert describe(broken) == ("a command that cannot be read", 0)


def test_the_first_test_that_fails_is_the_one_that_is_told() -> None:
    machine = LockService()
    machine.apply(api.encode(MultiOp(then=(Put(b"k", b"v"),))), CONTEXT)
    holds, present = api.Test(b"k", "value", "==", b"v"), api.Test(b"none", "present")
    over = api.Test(b"a", "absent", end=b"z")

    def found(*guard: api.Test) -> Failed | None:
        before = machine.checksum()
        told = failed_test(machine, api.encode(MultiOp(guard=guard, then=(Put(b"k", b"w"),))), CONTEXT, lambda revision: 10 * revision)
        assert machine.checksum() == before
        return told

    assert found(holds) is None
    assert found(holds, present, over) == Failed(present, None, 0, 0, 0, 0)
    assert found(api.Test(b"k", "version", ">", 1)) == Failed(api.Test(b"k", "version", ">", 1), b"v", 1, 2, 2, 20)
    assert found(over) == Failed(over, None, 0, 0, 0, 0)
    assert failed_test(machine, b"\xff\xff", CONTEXT, int) is None
    assert failed_test(machine, api.encode(api.Compact(1)), CONTEXT, int) is None


def test_what_an_answer_says_is_read() -> None:
    one = Entry(Kind.COMMAND, Identity(2, 0), 1, 0, api.encode(MultiOp(then=(Put(b"k", b"v"),))))
    done = Answer(Status.DONE, 3, 0, api.encode(api.MultiOpResult(False, 9, ())))
    told = attempt(AT, 4, one, done, first=True, failed=None)
    assert (told.index, told.command, told.revision, told.succeeded, told.error) == (4, "MultiOp", 9, False, None)
    refused = Answer(Status.REFUSED, 3, 0, pack(NotANumber(key=b"k", reason="it is text")))
    assert isinstance(attempt(AT, 0, one, refused, first=True, failed=None).error, NotANumber)
    two = one._replace(command=lock_api.encode(lock_api.Release(7, TOKEN, 9)))
    nothing = Answer(Status.DONE, 3, 0, lock_api.encode(lock_api.Changed(5, done=False)))
    told = attempt(AT, 0, two, nothing, first=True, failed=None)
    assert (told.session, told.revision, told.succeeded) == (7, 5, False)
    assert attempt(AT, 0, one, Answer(Status.STALE), first=False, failed=None).error is None
