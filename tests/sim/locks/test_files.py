"""Files become registers, which the search of linearizability can judge alone."""

from gaios import lock_api
from gaios.lock_api import Changed, ContentsAndStat, LockCommand, LockQuestion, Opened, Stat
from gaios.sim.checkers.linearizability import linearizability
from gaios.sim.history import DONE, REFUSED, UNKNOWN
from gaios.sim.locks.files import project_files
from gaios.sim.locks.history import Asked, Recalled

TOKEN = b"t" * 16


def stat(generation: int) -> Stat:
    return Stat(3, generation, 0, 1, 0, 0, 0, directory=False, ephemeral=False, acl=("", "", ""))


def asked(number: int, request: LockCommand | LockQuestion, reply: object, outcome: str = DONE) -> Asked:
    ended = None if outcome == UNKNOWN else number * 10 + 5
    return Asked(number, 1, request, number * 10, number, ended, number, outcome, reply)  # type: ignore[arg-type]


def opened(number: int, contents: bytes, *, created: bool, path: str = "/f/0") -> Asked:
    command = lock_api.Open(2, TOKEN, path, lock_api.MAY_CREATE, contents=contents)
    return asked(number, command, Opened(7, created, stat(1)))


def read(number: int, contents: bytes, generation: int) -> Asked:
    return asked(number, lock_api.GetContentsAndStat(2, TOKEN, 7), ContentsAndStat(contents, stat(generation)))


def write(number: int, contents: bytes, generation: int | None = None, *, done: bool = True, outcome: str = DONE) -> Asked:
    reply = Changed(9, done, stat(2)) if outcome == DONE else None
    return asked(number, lock_api.SetContents(2, TOKEN, 7, contents, generation), reply, outcome)


GOOD = [opened(1, b"a", created=True), read(2, b"a", 1), write(3, b"b", 1), write(4, b"c", 1, done=False), write(5, b"d"), read(6, b"d", 3)]


def judged(*calls: Asked) -> int:
    found, undecided = linearizability(project_files(calls))
    assert not undecided
    return len(found)


def test_steps_are_those_of_a_register() -> None:
    steps = project_files(GOOD)[b"/f/0"]
    assert [(step.kind, step.argument, step.result) for step in steps] == [
        ("swap", (None, b"a"), True),
        ("read", None, b"a"),
        ("swap", (b"a", b"b"), True),
        ("swap", (b"a", b"c"), False),
        ("write", b"d", None),
        ("read", None, b"d"),
    ]
    assert not judged(*GOOD)


def test_a_stale_read_and_a_swap_that_must_have_failed_are_found() -> None:
    assert judged(*GOOD[:5], read(6, b"b", 2))
    assert judged(*GOOD[:3], write(4, b"c", 1))


def recalled(number: int, contents: bytes, path: str = "/f/0") -> Recalled:
    answer = ContentsAndStat(contents, stat(1))
    return Recalled(number, 1, path, lock_api.GetContentsAndStat(2, TOKEN, 7), answer, number * 10 + 6, number * 10 + 7, number, number)


def test_what_a_cache_answered_is_a_read_like_any_other() -> None:
    for contents, wrong in ((b"b", 0), (b"a", 1)):
        found, undecided = linearizability(project_files(GOOD, [recalled(3, contents), recalled(3, b"x", path="/c/0")]))
        assert (len(found), undecided) == (wrong, [])


def test_a_file_is_created_once() -> None:
    assert not judged(GOOD[0], opened(2, b"z", created=False))
    assert judged(GOOD[0], opened(2, b"z", created=True))


def test_what_was_refused_did_nothing_and_what_is_unknown_may_have() -> None:
    assert not judged(*GOOD[:3], write(4, b"x", outcome=REFUSED), read(5, b"b", 2))
    assert judged(*GOOD[:3], write(4, b"x", outcome=REFUSED), read(5, b"x", 3))
    assert not judged(*GOOD[:3], write(4, b"x", outcome=UNKNOWN), read(5, b"x", 3))
    assert not judged(*GOOD[:3], write(4, b"x", outcome=UNKNOWN), read(5, b"b", 2))


def test_nodes_that_may_be_deleted_are_left_out() -> None:
    assert not project_files([opened(1, b"a", created=True, path="/d/0"), read(2, b"a", 1)])


def test_a_generation_that_nobody_read_makes_a_write_of_what_was_done() -> None:
    steps = project_files([GOOD[0], write(2, b"b", 5), write(3, b"c", 5, done=False)])[b"/f/0"]
    assert [step.kind for step in steps] == ["swap", "write"]
