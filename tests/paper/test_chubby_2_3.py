"""Files, directories and handles."""

import pytest

from gaios import errors, lock_api
from gaios.lock_api import MAY_CREATE, MUST_CREATE
from tests.locks.parts import TOKEN, Service


def test_a_node_is_permanent_or_ephemeral() -> None:
    """[CHUBBY §2.3] Ephemeral files are deleted when no client has them open; ephemeral directories when they are empty besides."""
    service = Service()
    one, two = service.session(), service.session()
    kept = one.open("/kept")
    directory = one.open("/d", directory=True, ephemeral=True)
    mine, theirs = one.open("/d/f", ephemeral=True), two.open("/d/f")
    for handle in (kept, directory, mine):
        one.do(lock_api.Close, handle)
    assert {"/kept", "/d", "/d/f"} <= set(service.machine._index.nodes), "somebody has /d/f open, so /d is not empty"
    two.do(lock_api.Close, theirs)
    assert "/kept" in service.machine._index.nodes
    assert not {"/d", "/d/f"} & set(service.machine._index.nodes)


def test_an_ephemeral_file_tells_that_a_client_is_alive() -> None:
    """[CHUBBY §2.3] Ephemeral files are indicators to others that a client is alive."""
    service = Service()
    one, two = service.session(1_000), service.session(60_000)
    one.open("/alive", ephemeral=True)
    service.charge(0, one.number, two.number)
    service.charge(1_001, two.number)
    with pytest.raises(errors.NoSuchNode):
        two.opened("/alive", create=0)


def test_any_node_is_an_advisory_reader_writer_lock() -> None:
    """[CHUBBY §2.3] Any node, file or directory, permanent or ephemeral, can act as a lock."""
    service = Service()
    one, two = service.session(), service.session()
    for number, how in enumerate(({}, {"directory": True}, {"ephemeral": True}, {"directory": True, "ephemeral": True})):
        path = f"/{number}"
        assert one.acquire(one.open(path, **how)).sequencer
        assert not two.acquire(two.open(path, **how), wait=False).sequencer


def test_a_new_instance_has_a_greater_number() -> None:
    """[CHUBBY §2.3] The instance number is greater than that of any previous node of the same name."""
    service = Service()
    one = service.session()
    instances = []
    for _ in range(3):
        handle = one.open("/f")
        instances.append(one.stat(handle).instance)
        one.do(lock_api.DeleteNode, handle)
    assert instances == sorted(set(instances))


def test_the_other_numbers_count_writes_locks_and_changes_of_the_access_lists() -> None:
    """[CHUBBY §2.3] Content, lock and ACL generations increase when contents are written, a lock is held anew, ACLs are written."""
    service = Service()
    one, two = service.session(), service.session()
    handle, other = one.open("/f"), two.open("/f")

    def numbers() -> tuple[int, int, int]:
        stat = one.stat(handle)
        return stat.content_generation, stat.lock_generation, stat.acl_generation

    content, lock, acl = numbers()
    one.do(lock_api.SetContents, handle, b"x")
    assert numbers() == (content + 1, lock, acl)
    one.acquire(handle, shared=True)
    two.acquire(other, shared=True)
    assert numbers() == (content + 1, lock + 1, acl), "the second holder met a lock that was held"
    one.release(handle)
    two.release(other)
    two.acquire(other)
    assert numbers() == (content + 1, lock + 2, acl)
    one.do(lock_api.SetAcl, handle, ("", "", ""))
    assert numbers() == (content + 1, lock + 2, acl + 1)


def test_a_checksum_tells_whether_files_differ() -> None:
    """[CHUBBY §2.3] A 64-bit checksum of a file's contents is exposed, so that clients may tell whether files differ."""
    service = Service()
    one = service.session()
    a, b, c = (one.open(path, contents=contents) for path, contents in (("/a", b"same"), ("/b", b"same"), ("/c", b"sane")))
    assert one.stat(a).checksum == one.stat(b).checksum != one.stat(c).checksum
    assert 0 <= one.stat(a).checksum < 1 << 64


def test_access_lists_are_inherited_at_creation() -> None:
    """[CHUBBY §2.3] Unless overridden, a node inherits the names of its three access lists from its parent when it is created."""
    service = Service()
    one = service.session()
    one.open("/d", directory=True, acl=("r", "w", "c"))
    assert one.stat(one.open("/d/f")).acl == ("r", "w", "c")
    assert one.stat(one.open("/d/g", acl=("", "x", ""))).acl == ("", "x", "")


def test_an_access_list_is_a_file_that_lists_principals() -> None:
    """[CHUBBY §2.3] If F's write ACL is named foo, and the directory of ACLs has a file foo with an entry bar, then bar may write F."""
    service = Service()
    bar, baz = service.session(principal="bar"), service.session(principal="baz")
    bar.open("/acl", directory=True)
    bar.open("/acl/foo", contents=b"bar\n")
    bar.open("/f", acl=("", "foo", ""))
    assert bar.opened("/f").handle
    with pytest.raises(errors.PermissionDenied):
        baz.opened("/f")
    assert baz.opened("/f", write=False).handle


def test_handles_cannot_be_guessed() -> None:
    """[CHUBBY §2.3] Handles have check digits that prevent clients from creating or guessing them."""
    service = Service()
    one = service.session()
    handle = one.open("/f")
    forged = bytes(len(TOKEN))
    with pytest.raises(errors.UnknownLockSession):
        service.do(lock_api.SetContents(one.number, forged, handle, b"x"))
    two = service.session()
    with pytest.raises(errors.UnknownHandle):
        two.do(lock_api.SetContents, handle, b"x")


def test_access_is_checked_when_a_node_is_opened() -> None:
    """[CHUBBY §2.3] Full access control checks need be performed only when handles are created."""
    service = Service()
    me = service.session(principal="me")
    me.open("/acl", directory=True)
    listed = me.open("/acl/l", contents=b"me\n")
    handle = me.open("/f", acl=("", "l", ""))
    me.do(lock_api.SetContents, listed, b"somebody else\n")
    assert me.do(lock_api.SetContents, handle, b"x").done
    with pytest.raises(errors.PermissionDenied):
        me.opened("/f")


def test_an_old_handle_is_good_at_a_restarted_master() -> None:
    """[CHUBBY §2.3] A newly restarted master is shown an old handle, and recreates its state: here it was in the database."""
    service = Service()
    one = service.session()
    handle = one.open("/f")
    one.acquire(handle)
    one.service = service.restored()
    assert one.do(lock_api.SetContents, handle, b"x").done
    assert one.holds(handle)


@pytest.mark.parametrize(("create", "expected"), [(MAY_CREATE, False), (MUST_CREATE, None)])
def test_names_are_a_strict_tree(create: int, expected: bool | None) -> None:
    """[CHUBBY §2.3] The name space is a strict tree of files and directories, and nothing is opened by two names."""
    service = Service()
    one = service.session()
    one.open("/f")
    for path in ("/f/below", "/f/./g", "//f", "/f/"):
        with pytest.raises(errors.Refused):
            one.opened(path, create=create)
    if expected is None:
        with pytest.raises(errors.NodeExists):
            one.opened("/f", create=create)
    else:
        assert one.opened("/f", create=create).created is expected
