"""One choke point: whose session, whose handle, what may its principal do?  [CHUBBY §2.3]"""

import pytest

from gaios import errors, lock_api
from gaios.locks import access
from tests.locks.parts import TOKEN, Client, Service


def lists(service: Service, **files: str) -> Client:
    """An administrator, and access lists of theirs."""
    admin = service.session(principal="admin")
    admin.open("/acl", directory=True)
    for name, principals in files.items():
        admin.open(f"/acl/{name}", contents=principals.encode())
    return admin


def test_access_lists_are_files_of_principals() -> None:
    """If F's write ACL name is foo, and the ACL directory has a file foo with an entry bar, then bar may write F. [CHUBBY §2.3]"""
    service = Service()
    admin = lists(service, foo="bar\nbaz\n")
    admin.open("/F", acl=("", "foo", ""))
    for principal in ("bar", "baz"):
        assert service.session(principal=principal).open("/F")
    for principal in ("", "ba", "ar", "foo", "bar\u200b", "BAR"):
        other = service.session(principal=principal)
        assert other.open("/F", write=False)
        with pytest.raises(errors.PermissionDenied) as refused:
            other.open("/F")
        assert (refused.value.right, refused.value.acl, refused.value.path) == ("write", "foo", "/F")


def test_each_list_is_of_one_right() -> None:
    """One for reading, one for writing, one for changing the names. [CHUBBY §2.3]"""
    service = Service()
    admin = lists(service, r="reader", w="writer", c="changer")
    admin.open("/f", acl=("r", "w", "c"))
    with pytest.raises(errors.PermissionDenied):
        service.session(principal="writer").open("/f")
    reader = service.session(principal="reader")
    assert reader.open("/f", write=False)
    admin.do(lock_api.SetContents, admin.open("/acl/w"), b"reader\nwriter")
    handle = reader.open("/f")
    with pytest.raises(errors.PermissionDenied) as refused:
        reader.do(lock_api.SetAcl, handle, ("", "", ""))
    assert refused.value.right == access.CHANGE
    admin.do(lock_api.SetContents, admin.open("/acl/c"), b"*")
    assert reader.do(lock_api.SetAcl, handle, ("", "", "")).done


def test_a_node_inherits_its_parents_lists_when_it_is_created() -> None:
    """Unless overridden. [CHUBBY §2.3]"""
    service = Service()
    admin = lists(service, only="admin")
    directory = admin.opened("/d", directory=True, acl=("", "only", ""))
    assert admin.opened("/d/f").stat.acl == ("", "only", "")
    assert admin.opened("/d/g", acl=("", "", "")).stat.acl == ("", "", "")
    admin.do(lock_api.SetAcl, directory.handle, ("", "", ""))
    assert admin.opened("/d/f").stat.acl == ("", "only", "")


def test_to_create_is_to_write_the_directory() -> None:
    service = Service()
    admin = lists(service, only="admin")
    admin.open("/d", directory=True, acl=("", "only", ""))
    with pytest.raises(errors.PermissionDenied):
        service.session(principal="other").open("/d/f")
    assert admin.open("/d/f")


def test_a_node_without_lists_is_everybodys() -> None:
    """So is one whose lists are not there, or that names anyone."""
    service = Service()
    admin = lists(service, all="somebody\n*\n")
    admin.open("/acl/directory", directory=True)
    for path, name in (("/a", ""), ("/b", "none"), ("/c", "all"), ("/d", "directory")):
        admin.open(path, acl=(name, name, name))
        assert service.session().open(path)


def test_no_access_depends_on_the_directories_above() -> None:
    """Access to a file is controlled by the permissions on the file itself. [CHUBBY §2.3]"""
    service = Service()
    admin = lists(service, only="admin")
    admin.open("/d", directory=True, acl=("only", "only", "only"))
    admin.open("/d/f", acl=("", "", ""))
    assert service.session().open("/d/f")


def test_a_handle_keeps_what_it_was_given() -> None:
    """A full access check is made only when a handle is created. [CHUBBY §2.3]"""
    service = Service()
    admin = lists(service, only="admin")
    mine = admin.open("/f")
    other = service.session()
    theirs = other.open("/f")
    admin.do(lock_api.SetAcl, mine, ("only", "only", "only"))
    assert other.do(lock_api.SetContents, theirs, b"x").done
    with pytest.raises(errors.PermissionDenied):
        other.open("/f")


def test_a_handle_is_its_sessions() -> None:
    service = Service()
    a, b = service.session(), service.session()
    handle = a.open("/f")
    with pytest.raises(errors.UnknownHandle):
        b.acquire(handle)
    with pytest.raises(errors.UnknownHandle):
        service.ask(lock_api.GetSequencer(b.number, TOKEN, handle))
