"""Database implementation."""

from typing import Any

import pytest

from gaios import lock_api
from gaios.locks import keys
from tests.locks.parts import Service


def test_siblings_are_neighbours() -> None:
    """[CHUBBY §2.10] Names are ordered by their number of components first, so that a directory's children are one range of keys."""
    paths = ["/b", "/a", "/a/c", "/a/b", "/a/b/c", "/ab", "/a/b!"]
    ordered = sorted(paths, key=keys.node)
    assert ordered == ["/a", "/ab", "/b", "/a/b", "/a/b!", "/a/c", "/a/b/c"]
    start, end = keys.children("/a")
    assert [path for path in ordered if start <= keys.node(path) < end] == ["/a/b", "/a/b!", "/a/c"]


COMMANDS: list[tuple[Any, ...]] = [
    (lock_api.SetContents, b"x"), (lock_api.SetAcl, ("a", "b", "c")), (lock_api.Acquire,), (lock_api.DeleteNode,), (lock_api.Close,),
]  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0].__name__)
def test_an_operation_is_one_transaction(command: tuple[Any, ...]) -> None:
    """[CHUBBY §2.10] Each operation is one atomic change of the database: one revision, whatever it touches."""
    service = Service()
    one, two = service.session(), service.session()
    one.open("/d", directory=True, events=lock_api.EVENTS)
    handle = one.open("/d/f", ephemeral=True)
    two.open("/d/f")
    before = service.machine.revision
    one.do(command[0], handle, *command[1:])
    assert service.machine.revision == before + 1


def test_what_a_master_needs_is_in_the_database() -> None:
    """[CHUBBY §2.10] State is kept in the replicated database: another replica that has the keys answers everything alike."""
    service = Service()
    one, two = service.session(), service.session()
    first, second = one.open("/f", lock_delay_ms=1_000), two.open("/f")
    one.acquire(first)
    two.acquire(second)
    service.charge(500, one.number)
    other = service.restored()
    for question in (lock_api.ListSessions(), lock_api.ListNodes("/")):
        assert service.ask(question) == other.ask(question)
    assert other.machine.checksum() == service.machine.checksum()
