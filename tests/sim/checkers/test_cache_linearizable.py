"""Histories known to be good and bad.  [SAFETY 30]"""

import pytest
from msgspec.structs import replace

from gaios import caching, lock_api
from gaios.lock_api import Children, ContentsAndStat, LockAnswer, LockCommand, LockQuestion
from gaios.sim.checkers.cache_linearizable import cache_linearizable
from gaios.sim.locks.history import Recalled
from gaios.sim.locks.replay import LockLog

TOKEN = b"t" * 16
COMMANDS: list[LockCommand] = [
    lock_api.OpenSession(TOKEN, caching=True),  # revision 2
    lock_api.Open(2, TOKEN, "/d", lock_api.MAY_CREATE, directory=True),  # 3
    lock_api.Open(2, TOKEN, "/d/f", lock_api.MAY_CREATE, contents=b"one"),  # 4
    lock_api.SetContents(2, TOKEN, 4, b"two"),  # 5
    lock_api.SetAcl(2, TOKEN, 4, ("", "", "a")),  # 6
    lock_api.Acquire(2, TOKEN, 4),  # 7
    lock_api.DeleteNode(2, TOKEN, 4),  # 8
    lock_api.Close(2, TOKEN, 3),  # 9
]
"""Each in a slot of its own, from 2; a replica applies slot n, which makes revision n, first at n * 10 ns."""
FIRST_NS = {slot: slot * 10 for slot in range(2, 10)}
READ = lock_api.GetContentsAndStat(2, TOKEN, 4)
LIST = lock_api.ReadDir(2, TOKEN, 3)
FIND = caching.FindNode(2, TOKEN, "/d/f")


def carried_out() -> LockLog:
    log = LockLog()
    revision = 1
    for number, command in enumerate(COMMANDS, 2):
        revision = log.carry_out((number, 0), (1, 0, number), command, revision)
    assert revision == 9
    return log


LOG = carried_out()


def contents(revision: int) -> ContentsAndStat:
    version = LOG.at("/d/f", revision)
    assert version.stat is not None
    return ContentsAndStat(version.contents, version.stat)


def children(revision: int) -> Children:
    return Children(LOG.at("/d", revision).children, more=False)


def judged(path: str, question: LockQuestion, answer: LockAnswer, began_ns: int, ended_ns: int = 0) -> list[str]:
    kept = Recalled(7, 1, path, question, answer, 1, 2, began_ns, ended_ns or began_ns)
    return [violation.detail for violation in cache_linearizable([kept], LOG, FIRST_NS)]


@pytest.mark.parametrize(("revision", "from_ns", "until_ns"), [(4, 40, 49), (5, 51, 60), (6, 61, 79)])
def test_contents_and_access_lists_are_those_of_that_moment(revision: int, from_ns: int, until_ns: int) -> None:
    assert not judged("/d/f", READ, contents(revision), from_ns)
    assert not judged("/d/f", READ, contents(revision), until_ns)
    (found,) = judged("/d/f", READ, contents(revision), until_ns + 12 if revision != 6 else 59)
    assert found.startswith("cached read 7 of client 1, /d/f at ")


def test_what_changes_in_that_nanosecond_is_before_or_after() -> None:
    assert not judged("/d/f", READ, contents(4), 50)
    assert not judged("/d/f", READ, contents(5), 50)
    assert judged("/d/f", READ, contents(4), 51)


def test_an_answer_that_took_a_while_may_be_of_any_moment_of_it() -> None:
    assert not judged("/d/f", READ, contents(5), 45, 65)
    assert judged("/d/f", READ, replace(contents(5), contents=b"one"), 45, 65)
    assert judged("/d/f", READ, contents(6), 41, 59)


def test_a_lock_generation_may_be_old_and_nothing_else() -> None:
    assert contents(7).stat.lock_generation != contents(6).stat.lock_generation
    assert not judged("/d/f", READ, contents(6), 75)
    assert not judged("/d", LIST, children(6), 75)
    stat = replace(contents(6).stat, content_generation=9)
    assert judged("/d/f", READ, replace(contents(6), stat=stat), 75)


def test_children_are_those_of_that_moment_and_their_numbers_too() -> None:
    assert children(3) == Children((), more=False)
    assert not judged("/d", LIST, children(3), 35)
    assert not judged("/d", LIST, children(5), 55)
    assert judged("/d", LIST, children(4), 55)
    assert judged("/d", LIST, children(6), 85)
    assert not judged("/d", LIST, children(8), 85)


def test_a_node_is_there_or_not_at_that_moment() -> None:
    for at_ns, there in ((35, False), (45, True), (85, False)):
        assert not judged("/d/f", FIND, caching.Found(there), at_ns)
        assert judged("/d/f", FIND, caching.Found(not there), at_ns)
    assert "it is None" in judged("/d/f", READ, contents(7), 85)[0]


def test_a_handle_that_is_closed_answers_nothing() -> None:
    assert not judged("/d", LIST, children(8), 89)
    assert judged("/d", LIST, children(8), 95)
