"""Events."""

import pytest

from gaios import lock_api
from gaios.lock_api import (
    CHILD_ADDED,
    CHILD_MODIFIED,
    CHILD_REMOVED,
    CONFLICTING_REQUEST,
    CONTENTS_MODIFIED,
    EVENTS,
    HANDLE_INVALID,
    LOCK_ACQUIRED,
)
from tests.locks.parts import Client, Service
from tests.locks.test_steward import begun


@pytest.fixture
def told() -> tuple[Service, Client, Client, int, int]:
    """A service, two clients, and the first one's handles of /d and /d/f, which want to be told of everything."""
    service = Service()
    one, two = service.session(), service.session()
    directory = one.open("/d", directory=True, events=EVENTS)
    file = one.open("/d/f", events=EVENTS)
    service.notices()
    return service, one, two, directory, file


def test_contents_modified(told: tuple[Service, Client, Client, int, int]) -> None:
    """[CHUBBY §2.5] A file's contents were modified; of its directory, that a child was."""
    service, _, two, directory, file = told
    two.do(lock_api.SetContents, two.open("/d/f"), b"x")
    assert set(service.notices()) == {(file, CONTENTS_MODIFIED, ""), (directory, CHILD_MODIFIED, "f")}


def test_children_added_and_removed(told: tuple[Service, Client, Client, int, int]) -> None:
    """[CHUBBY §2.5] A child node was added or removed; an ephemeral one by itself, with the client that had it open."""
    service, _, two, directory, _ = told
    two.open("/d/g", ephemeral=True)
    assert service.notices() == [(directory, CHILD_ADDED, "g")]
    two.do(lock_api.CloseSession)
    assert service.notices() == [(directory, CHILD_REMOVED, "g")]


def test_a_handle_is_invalid(told: tuple[Service, Client, Client, int, int]) -> None:
    """[CHUBBY §2.5] A handle, and its lock, has become invalid: told whether it was asked for or not."""
    service, one, two, _, _ = told
    plain = two.open("/d/f")
    two.do(lock_api.DeleteNode, two.open("/d/f"))
    assert (plain, HANDLE_INVALID, "") in service.notices()
    assert one.number


def test_a_lock_was_acquired(told: tuple[Service, Client, Client, int, int]) -> None:
    """[CHUBBY §2.5] A lock was acquired by who waited for it."""
    service, one, two, _, file = told
    one.acquire(file)
    waits = two.open("/d/f")
    two.acquire(waits)
    service.notices()
    one.release(file)
    assert (waits, LOCK_ACQUIRED, "") in service.notices()


def test_a_conflicting_request(told: tuple[Service, Client, Client, int, int]) -> None:
    """[CHUBBY §2.5] Somebody asks for a lock that conflicts with the one that a client holds."""
    service, one, two, _, file = told
    one.acquire(file)
    service.notices()
    two.acquire(two.open("/d/f"))
    assert service.notices() == [(file, CONFLICTING_REQUEST, "")]


def test_the_master_failed_over() -> None:
    """[CHUBBY §2.5] The master failed over: told to each session before anything else, since other events may have been lost."""
    bench = begun(7)
    bench.hear(7)
    bench.choose()
    bench.reign += 65_536
    bench.step()
    bench.hear(7, 2)
    assert bench.last(7).epoch == bench.reign
    assert bench.last(7).notices == ()


def test_an_event_comes_after_the_action(told: tuple[Service, Client, Client, int, int]) -> None:
    """[CHUBBY §2.5] Who is told that a file has changed, and then reads it, reads the new data, or data yet newer."""
    service, one, two, _, file = told
    reply = two.do(lock_api.SetContents, two.open("/d/f"), b"new")
    notice = next(notice for _, notice in service.told if notice.what == CONTENTS_MODIFIED)
    assert notice.revision == reply.revision <= service.machine.revision
    assert one.contents(file) == b"new"
