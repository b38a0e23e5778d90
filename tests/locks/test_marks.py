"""Claims about counting changes of nodes."""

from gaios.locks.marks import Marks


def test_a_node_is_marked_until_each_change_is_done() -> None:
    marks = Marks()
    marks.add(frozenset(("/a", "/")))
    marks.add(frozenset(("/a",)))
    marks.remove(frozenset(("/a", "/")))
    assert (marks.has("/a"), marks.has("/")) == (True, False)
    marks.remove(frozenset(("/a",)))
    assert not marks.has("/a")


def test_everything_is_every_node() -> None:
    marks = Marks()
    marks.add(None)
    assert marks.has("/a")
    marks.remove(None)
    assert not marks.has("/a")
    marks.add(None)
    marks.add(frozenset(("/a",)))
    marks.clear()
    assert not marks.has("/a")
