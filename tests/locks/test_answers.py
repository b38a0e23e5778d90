"""Questions: a function of the state, one page at a time."""

import pytest

from gaios import errors, lock_api
from gaios.caching import FindNode
from gaios.lock_api import GetContentsAndStat, ListNodes, ListSessions, ReadDir
from gaios.locks import answers
from tests.locks.parts import TOKEN, Service


def test_contents_and_numbers_are_of_one_moment() -> None:
    """GetContentsAndStat returns both the contents and the metadata; GetStat the metadata alone. [CHUBBY §2.6]"""
    service = Service()
    a = service.session()
    handle, directory = a.open("/f", contents=b"x"), a.open("/d", directory=True)
    assert a.ask(GetContentsAndStat, handle) == lock_api.ContentsAndStat(b"x", a.stat(handle))
    assert a.ask(GetContentsAndStat, handle, contents=False).contents is None
    assert a.stat(directory).directory
    with pytest.raises(errors.WrongKindOfNode):
        a.contents(directory)


def test_a_directory_is_read_page_by_page_in_order() -> None:
    """ReadDir returns the names and metadata for the children of a directory. [CHUBBY §2.6]"""
    service = Service()
    a = service.session()
    handle = a.open("/d", directory=True)
    names = sorted(["b", "a", "é", "a b", "a.b", "ab", "B"], key=str.encode)
    for name in reversed(names):
        a.open(f"/d/{name}", directory=True)
        a.open(f"/d/{name}/below")
    found: list[str] = []
    more = True
    while more:
        page = a.ask(ReadDir, handle, after=found[-1] if found else "", limit=3)
        assert len(page.children) <= 3
        assert all(stat.children == 1 for _, stat in page.children)
        found += [name for name, _ in page.children]
        more = page.more
    assert found == names
    with pytest.raises(errors.WrongKindOfNode):
        a.ask(ReadDir, a.open("/d/a/below"))


def test_a_page_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """[SAFETY 28]"""
    monkeypatch.setattr(answers, "PAGE_BYTES_MAX", 500)
    service = Service()
    a = service.session()
    for number in range(6):
        a.open(f"/{number}")
    page = service.ask(ListNodes("/"))
    assert (len(page.nodes), page.more) == (2, True)


def test_a_page_counts_more_than_it_takes() -> None:
    """A page's bound is one of bytes on the wire."""
    service = Service()
    a = service.session()
    name = "n" * 120
    for number in range(20):
        a.acquire(a.open(f"/{number:03}", acl=(name, name, name)))
    page = service.ask(ListNodes("/"))
    assert len(lock_api.encode(page)) < len(page.nodes) * (answers.NODE_BYTES + 16 + 64 + 3 * 124)


def test_sessions_are_listed_with_what_they_have() -> None:
    service = Service()
    a = service.session(client="me", principal="who", caching=True)
    b = service.session(lock_api.LEASE_MS_MAX)
    a.acquire(a.open("/l"))
    a.open("/l")
    service.charge(0)
    service.charge(3_000)
    page = service.ask(ListSessions(limit=1))
    assert page == lock_api.Sessions((lock_api.SessionInfo(a.number, "me", "who", 12_000, 9_000, True, 2, 1),), 3_000, True)
    page = service.ask(ListSessions(after=a.number))
    assert ([each.session for each in page.sessions], page.more) == ([b.number], False)


def test_nodes_are_listed_with_who_holds_and_who_waits() -> None:
    service = Service()
    a, b = service.session(), service.session()
    ha, hb = a.open("/l"), b.open("/l")
    sequencer = a.acquire(ha, shared=True).sequencer
    b.acquire(hb)
    (node,) = service.ask(ListNodes("/")).nodes
    assert node == lock_api.NodeInfo("/l", a.stat(ha), ((a.number, sequencer.revision),), True, 1, 2)
    with pytest.raises(errors.NoSuchNode):
        service.ask(ListNodes("/none"))


def test_a_question_changes_nothing() -> None:
    service = Service()
    a = service.session()
    handle, root = a.open("/f"), a.open("/", create=0)
    before = list(service.machine.snapshot())
    a.stat(handle)
    a.holds(handle)
    a.ask(ReadDir, root)
    service.ask(ListNodes("/"))
    service.ask(ListSessions())
    service.ask(lock_api.CheckSequencer(lock_api.Sequencer("/f", False, 0, 1)))
    service.machine.check()
    assert list(service.machine.snapshot()) == before


def test_a_session_may_ask_whether_there_is_a_node() -> None:
    """[CHUBBY §2.7] To keep in mind that there is none."""
    service = Service()
    session = service.do(lock_api.OpenSession(TOKEN)).session
    service.do(lock_api.Open(session, TOKEN, "/f", lock_api.MAY_CREATE))
    assert service.ask(FindNode(session, TOKEN, "/f")).there
    assert not service.ask(FindNode(session, TOKEN, "/g")).there
    with pytest.raises(errors.UnknownLockSession):
        service.ask(FindNode(session, b"x" * 16, "/f"))
    with pytest.raises(errors.InvalidCommand):
        service.ask(FindNode(session, TOKEN, "f"))
