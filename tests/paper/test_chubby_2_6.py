"""The API."""

from typing import Any

import pytest

from gaios import errors, lock_api
from gaios.lock_api import CONTENTS_BYTES_MAX, MAY_CREATE, MUST_CREATE, GetContentsAndStat, ReadDir
from tests.locks.parts import Client, Service


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
def one(service: Service) -> Client:
    return service.session()


@pytest.fixture
def two(service: Service) -> Client:
    return service.session()


def test_open_says_whether_it_created(one: Client, two: Client) -> None:
    """[CHUBBY §2.6] Open tells whether it created the node; the caller may say that it has to be new, and give its first contents."""
    first = one.opened("/f", create=MUST_CREATE, contents=b"first")
    again = two.opened("/f", create=MAY_CREATE, contents=b"second")
    assert (first.created, again.created) == (True, False)
    assert two.contents(again.handle) == b"first"
    with pytest.raises(errors.NodeExists):
        two.opened("/f", create=MUST_CREATE)


def test_close_never_fails(one: Client) -> None:
    """[CHUBBY §2.6] Close closes an open handle, and never fails."""
    handle = one.open("/f")
    assert one.do(lock_api.Close, handle).done
    assert not one.do(lock_api.Close, handle).done
    assert not one.do(lock_api.Close, handle + 99).done


def test_contents_are_read_and_written_whole(one: Client) -> None:
    """[CHUBBY §2.6] GetContentsAndStat and SetContents read and write the whole of a file, atomically."""
    handle = one.open("/f", contents=b"long contents")
    one.do(lock_api.SetContents, handle, b"short")
    found = one.ask(GetContentsAndStat, handle)
    assert (found.contents, found.stat.length) == (b"short", 5)


def test_files_are_small(one: Client) -> None:
    """[CHUBBY §2.6] Reading and writing whole files discourages large ones; here they have a bound."""
    handle = one.open("/f")
    one.do(lock_api.SetContents, handle, bytes(CONTENTS_BYTES_MAX))
    with pytest.raises(errors.InvalidCommand):
        one.do(lock_api.SetContents, handle, bytes(CONTENTS_BYTES_MAX + 1))


def test_read_dir_gives_names_and_metadata(one: Client) -> None:
    """[CHUBBY §2.6] ReadDir returns the names and meta-data of the children of a directory."""
    directory = one.open("/d", directory=True)
    handle = one.open("/d/b", contents=b"x")
    one.open("/d/a")
    found = one.ask(ReadDir, directory).children
    assert [name for name, _ in found] == ["a", "b"]
    assert found[1][1] == one.stat(handle)


def test_set_contents_with_a_generation_is_a_compare_and_swap(one: Client, two: Client) -> None:
    """[CHUBBY §2.6] With a content generation number SetContents writes only if that is the current one."""
    mine, theirs = one.open("/f"), two.open("/f")
    generation = one.stat(mine).content_generation
    assert one.do(lock_api.SetContents, mine, b"one", generation).done
    assert not two.do(lock_api.SetContents, theirs, b"two", generation).done
    assert one.contents(mine) == b"one"


def test_set_acl_is_like_it(one: Client, two: Client) -> None:
    """[CHUBBY §2.6] SetACL does the same for the names of the access lists."""
    mine, theirs = one.open("/f"), two.open("/f")
    generation = one.stat(mine).acl_generation
    assert one.do(lock_api.SetAcl, mine, ("a", "", ""), generation).done
    assert not two.do(lock_api.SetAcl, theirs, ("b", "", ""), generation).done
    assert one.stat(mine).acl == ("a", "", "")


def test_only_a_node_without_children_is_deleted(one: Client) -> None:
    """[CHUBBY §2.6] Delete deletes the node if it has no children."""
    directory = one.open("/d", directory=True)
    child = one.open("/d/f")
    with pytest.raises(errors.NotEmpty):
        one.do(lock_api.DeleteNode, directory)
    one.do(lock_api.DeleteNode, child)
    assert one.do(lock_api.DeleteNode, directory).done


def test_locks_are_acquired_tried_and_released(one: Client, two: Client) -> None:
    """[CHUBBY §2.6] Acquire, TryAcquire and Release acquire and release locks."""
    mine, theirs = one.open("/f"), two.open("/f")
    assert one.acquire(mine).sequencer
    tried = two.acquire(theirs, wait=False)
    assert (tried.sequencer, tried.waits) == (None, False)
    assert two.acquire(theirs).waits
    assert one.release(mine)
    assert two.holds(theirs)


def test_get_sequencer_describes_the_lock_that_a_handle_holds(one: Client) -> None:
    """[CHUBBY §2.6] GetSequencer returns the sequencer that describes any lock held by this handle."""
    handle = one.open("/f")
    assert one.holds(handle) is None
    assert one.acquire(handle).sequencer == one.holds(handle)


@pytest.mark.parametrize(
    "command", [(lock_api.SetContents, b"x"), (lock_api.SetAcl, ("", "", "")), (lock_api.Acquire,), (lock_api.DeleteNode,)]
)
def test_set_sequencer_makes_later_calls_fail_when_it_is_no_longer_valid(one: Client, two: Client, command: Any) -> None:
    """[CHUBBY §2.6] SetSequencer associates a sequencer with a handle: subsequent operations fail if it is no longer valid."""
    lock = one.open("/lock")
    sequencer = one.acquire(lock).sequencer
    data = two.open("/data")
    two.do(lock_api.SetSequencer, data, sequencer)
    assert two.do(lock_api.SetContents, data, b"while it is held").done
    one.release(lock)
    with pytest.raises(errors.StaleSequencer):
        two.do(command[0], data, *command[1:])
    assert two.contents(data) == b"while it is held"


def test_calls_fail_when_the_node_was_deleted_though_it_was_created_anew(one: Client, two: Client) -> None:
    """[CHUBBY §2.6] A handle is associated with an instance of a file, rather than with its name."""
    handle = one.open("/f", contents=b"old")
    two.do(lock_api.DeleteNode, two.open("/f"))
    two.open("/f", contents=b"new")
    for call in (lambda: one.contents(handle), lambda: one.do(lock_api.SetContents, handle, b"x"), lambda: one.acquire(handle)):
        with pytest.raises(errors.HandleInvalid):
            call()


def test_a_primary_is_elected(service: Service) -> None:
    """[CHUBBY §2.6] All candidates open the lock file and try to acquire; one succeeds, and writes its identity for the others to read."""
    candidates = [service.session() for _ in range(3)]
    handles = [each.open("/primary") for each in candidates]
    won = [bool(each.acquire(handle, wait=False).sequencer) for each, handle in zip(candidates, handles, strict=True)]
    assert won.count(True) == 1
    primary = won.index(True)
    candidates[primary].do(lock_api.SetContents, handles[primary], b"%d" % primary)
    assert {each.contents(handle) for each, handle in zip(candidates, handles, strict=True)} == {b"%d" % primary}
