"""Nodes and handles.  [CHUBBY §2.3, §2.5, §2.6]"""

import pytest
from xxhash import xxh3_64_intdigest

from gaios import errors, lock_api
from gaios.lock_api import (
    CHILD_ADDED,
    CHILD_MODIFIED,
    CHILD_REMOVED,
    CONTENTS_MODIFIED,
    EVENTS,
    HANDLE_INVALID,
    MAY_CREATE,
    MUST_CREATE,
    Changed,
    Close,
    CloseSession,
    DeleteNode,
    SetAcl,
    SetContents,
)
from tests.locks.parts import Service


def paths(service: Service, path: str = "/") -> list[str]:
    return [node.path for node in service.ask(lock_api.ListNodes(path)).nodes]


def test_a_node_is_created_if_it_may_or_must_be() -> None:
    """The caller says whether a new file or directory should, or must, be created; it is told whether one was. [CHUBBY §2.6]"""
    service = Service()
    a = service.session()
    with pytest.raises(errors.NoSuchNode):
        a.open("/f", create=0)
    first = a.opened("/f", create=MUST_CREATE, contents=b"initial")
    assert (first.created, first.handle, first.stat.instance) == (True, service.machine.revision, service.machine.revision)
    assert a.contents(first.handle) == b"initial"
    second = a.opened("/f", create=MAY_CREATE, contents=b"not taken")
    assert (second.created, second.stat) == (False, first.stat)
    with pytest.raises(errors.NodeExists):
        a.open("/f", create=MUST_CREATE)


def test_a_node_stands_in_a_directory() -> None:
    """A strict tree of files and directories. [CHUBBY §2.3]"""
    service = Service()
    a = service.session()
    with pytest.raises(errors.NoSuchNode, match="no node /ls/local/d"):
        a.open("/d/f")
    a.open("/d", directory=True)
    a.open("/d/f")
    with pytest.raises(errors.WrongKindOfNode):
        a.open("/d/f/g")
    for path, directory in (("/d", False), ("/d/f", True)):
        with pytest.raises(errors.WrongKindOfNode):
            a.open(path, directory=directory)
        assert a.open(path, directory=directory, create=0)
    assert (paths(service), paths(service, "/d")) == (["/d"], ["/d/f"])


def test_the_root_is_always_there() -> None:
    service = Service()
    a = service.session()
    root = a.open("/", create=0)
    assert (a.stat(root).instance, a.stat(root).directory, a.stat(root).children) == (1, True, 0)
    a.do(SetAcl, root, ("r", "", ""))
    a.acquire(root)
    a.open("/f")
    for each in (service, service.restored()):
        assert each.machine._index.nodes["/"].stat == lock_api.Stat(1, 0, 1, 2, 0, 0, 1, True, False, ("r", "", ""))
    with pytest.raises(errors.InvalidCommand, match="root"):
        a.do(DeleteNode, root)


def test_contents_are_whole_and_counted() -> None:
    """Contents are read and written in their entirety; a generation makes it a compare and set. [CHUBBY §2.6]"""
    service = Service()
    a = service.session()
    handle = a.open("/f", contents=b"1")
    stat = a.stat(handle)
    assert (stat.content_generation, stat.checksum, stat.length) == (1, xxh3_64_intdigest(b"1"), 1)
    changed = a.do(SetContents, handle, b"22", generation=1)
    assert (changed.done, changed.stat, a.contents(handle)) == (True, a.stat(handle), b"22")
    assert (changed.stat.content_generation, changed.stat.checksum, changed.stat.length) == (2, xxh3_64_intdigest(b"22"), 2)
    before = service.machine.revision
    assert a.do(SetContents, handle, b"333", generation=1) == Changed(before, False, a.stat(handle))
    assert service.machine.revision == before
    a.do(SetContents, handle, b"")
    assert (a.contents(handle), a.stat(handle).content_generation) == (b"", 3)
    directory = a.open("/d", directory=True)
    with pytest.raises(errors.WrongKindOfNode):
        a.do(SetContents, directory, b"")


def test_the_acl_generation_increases_when_the_names_are_written() -> None:
    """[CHUBBY §2.3]"""
    service = Service()
    a = service.session()
    handle = a.open("/f")
    assert (a.stat(handle).acl_generation, a.stat(handle).acl) == (1, ("", "", ""))
    assert a.do(SetAcl, handle, ("r", "w", ""), generation=1).stat.acl == ("r", "w", "")
    assert not a.do(SetAcl, handle, ("", "", ""), generation=1).done
    assert a.stat(handle).acl_generation == 2


def test_an_instance_is_above_any_earlier_ones_of_the_name() -> None:
    """[CHUBBY §2.3]"""
    service = Service()
    a = service.session()
    instances = []
    for _ in range(3):
        handle = a.open("/f")
        instances.append(a.stat(handle).instance)
        a.do(DeleteNode, handle)
        service.restored()
    assert instances == sorted(set(instances))


def test_a_handle_is_of_an_instance_and_not_of_a_name() -> None:
    """Calls fail when the node was deleted, even if it was created anew. [CHUBBY §2.3]"""
    service = Service()
    a, b = service.session(), service.session()
    old, mine = a.open("/f"), b.open("/f")
    b.acquire(mine)
    a.acquire(old)
    assert a.do(DeleteNode, old).done
    new = b.open("/f", create=MUST_CREATE)
    for restored in (False, True):
        if restored:
            service = service.restored()
            a.service = b.service = service
        for client, handle in ((a, old), (b, mine)):
            for call in (client.acquire, client.release, client.stat, client.holds):
                with pytest.raises(errors.HandleInvalid):
                    call(handle)
        assert b.stat(new).lock_generation == 0
        assert service.ask(lock_api.ListNodes("/")).nodes[0].handles == 1
    assert a.do(Close, old).done
    assert b.acquire(new).sequencer


def test_deletion_takes_the_lock_and_its_queue_along_and_tells_all() -> None:
    """Handle invalid: told whether asked for or not. [CHUBBY §2.5]"""
    service = Service()
    a, b = service.session(), service.session()
    mine, other, reader = a.open("/f"), b.open("/f"), b.open("/f", write=False)
    sequencer = a.acquire(mine).sequencer
    b.acquire(other)
    service.notices()
    with pytest.raises(errors.ReadOnlyHandle):
        b.do(DeleteNode, reader)
    b.do(DeleteNode, other)
    assert service.notices() == [(each, HANDLE_INVALID, "") for each in (mine, other, reader)]
    assert not service.ask(lock_api.CheckSequencer(sequencer)).valid
    assert {key[7:8] for key in service.machine.database.reserved(b"\x00gaios/", b"\x00gaios0")} == {b"o", b"s"}


def test_only_a_node_without_children_is_deleted() -> None:
    """[CHUBBY §2.6]"""
    service = Service()
    a = service.session()
    directory, file = a.open("/d", directory=True), a.open("/d/f")
    with pytest.raises(errors.NotEmpty):
        a.do(DeleteNode, directory)
    a.do(DeleteNode, file)
    assert a.do(DeleteNode, directory).done
    assert paths(service) == []


def test_an_ephemeral_file_goes_with_its_last_handle() -> None:
    """Ephemeral nodes are deleted if no client has them open. [CHUBBY §2.3]"""
    service = Service()
    a, b = service.session(), service.session()
    first, second = a.open("/f", ephemeral=True, contents=b"x"), b.open("/f")
    assert a.stat(first).ephemeral
    a.do(Close, first)
    assert (paths(service), b.contents(second)) == (["/f"], b"x")
    b.do(CloseSession)
    assert paths(service) == []
    assert not list(service.machine.database.reserved(b"\x00gaios/f/", b"\x00gaios/f0"))


def test_an_ephemeral_directory_goes_when_it_is_empty_too() -> None:
    """And so on upwards. [CHUBBY §2.3]"""
    service = Service()
    a = service.session()
    handles = [a.open(path, directory=True, ephemeral=True) for path in ("/d", "/d/e", "/d/e/f")]
    stays = a.open("/d/e/f/stays")
    for handle in handles:
        a.do(Close, handle)
    assert paths(service) == ["/d"]
    a.do(DeleteNode, stays)
    assert paths(service) == []


def test_closing_never_fails() -> None:
    """[CHUBBY §2.6]"""
    service = Service()
    a = service.session()
    handle = a.open("/f")
    assert a.do(Close, handle).done
    before = service.machine.revision
    assert a.do(Close, handle) == Changed(before, False)
    with pytest.raises(errors.UnknownHandle):
        a.acquire(handle)


def test_events_tell_of_contents_and_children() -> None:
    """Contents modified; child added, removed, modified: to the handles that asked. [CHUBBY §2.5]"""
    service = Service()
    a, b = service.session(), service.session()
    directory = a.open("/", create=0, events=CHILD_ADDED | CHILD_REMOVED | CHILD_MODIFIED)
    b.open("/", create=0)
    file = b.open("/f", events=CONTENTS_MODIFIED)
    assert service.notices() == [(directory, CHILD_ADDED, "f")]
    b.do(SetContents, file, b"x")
    assert service.notices() == [(file, CONTENTS_MODIFIED, ""), (directory, CHILD_MODIFIED, "f")]
    b.do(SetAcl, file, ("", "", ""))
    assert service.notices() == [(directory, CHILD_MODIFIED, "f")]
    b.do(DeleteNode, file)
    assert service.notices() == [(file, HANDLE_INVALID, ""), (directory, CHILD_REMOVED, "f")]


def test_an_event_is_delivered_after_the_fact() -> None:
    """A client that hears of a change and reads then sees it, or a later one. [CHUBBY §2.5]"""
    service = Service()
    a = service.session()
    handle = a.open("/f", events=EVENTS)
    service.told.clear()
    a.do(SetContents, handle, b"new")
    ((session, notice),) = service.told
    assert (session, notice.handle, notice.revision) == (a.number, handle, service.machine.revision)
    assert a.contents(handle) == b"new"


def test_handles_have_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """[SAFETY 28]"""
    monkeypatch.setattr("gaios.locks.tree.HANDLES_MAX", 2)
    service = Service()
    a = service.session()
    handle = a.open("/a")
    a.open("/a")
    with pytest.raises(errors.LimitReached):
        a.open("/a")
    a.do(Close, handle)
    a.open("/a")
