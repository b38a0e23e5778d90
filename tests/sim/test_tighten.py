"""What the log knows of operations that nobody was answered."""

from gaios import api
from gaios.sim.checkers.linearizability import linearizability
from gaios.sim.checkers.witness import Chosen, replay
from gaios.sim.history import DONE, REFUSED, UNKNOWN, Call
from gaios.sim.project import project
from gaios.sim.tighten import LATE, tighten


def put(value: bytes) -> api.MultiOp:
    return api.MultiOp(then=(api.Put(b"a", value),))


LOG = [Chosen(3, 0, (1, 0, 1), put(b"1")), Chosen(4, 0, (1, 1, 1), put(b"2")), Chosen(5, 0, (1, 2, 1), put(b"3"))]
REPLAYED = replay(LOG)


def call(number: int, outcome: str, whose: tuple[int, int, int], began: int, ended: int | None = None) -> Call:
    return Call(number, 1, put(b"%d" % number), began, began, ended, 0, outcome, None, whose)


def test_what_stands_in_the_log_happened_before_what_stands_behind_it_was_answered() -> None:
    unknown, done, last = call(1, UNKNOWN, (1, 0, 1), 1), call(2, DONE, (1, 1, 1), 2, 9), call(3, UNKNOWN, (1, 2, 1), 3)
    first, same, late = tighten([unknown, done, last], LOG, REPLAYED)
    assert (first.outcome, first.ended, first.reply) == (DONE, 9, REPLAYED.replies[3, 0])
    assert same == done
    assert (late.outcome, late.ended) == (DONE, LATE)


def test_what_the_log_does_not_hold_never_happened() -> None:
    kept = call(5, REFUSED, (7, 0, 1), 2)
    assert tighten([call(4, UNKNOWN, (9, 0, 1), 1), kept], LOG, REPLAYED) == [kept]


def test_an_unknown_read_stays_what_it_is() -> None:
    read = Call(6, 1, api.Range(b"a"), 1, 1, 2, 2, UNKNOWN, None)
    assert tighten([read], LOG, REPLAYED) == [read]


def test_a_key_with_many_unknown_outcomes_is_decided() -> None:
    """Each of them may have happened or not, anywhere: too many for the search alone."""
    swaps, log = [], []
    value = None
    for number in range(40):
        guard = (api.Test(b"a", "absent"),) if value is None else (api.Test(b"a", "value", "==", value),)
        value = b"%d" % number
        command = api.MultiOp(guard, (api.Put(b"a", value),), (api.Get(b"a"),))
        whose = (number + 1, 0, 1)
        log.append(Chosen(number + 1, 0, whose, command))
        swaps.append(Call(number, 1, command, number, number, None, 0, UNKNOWN, None, whose))
    page = api.Page((api.Entry(b"a", b"0", 1, 2, 2),), False, 99)
    stale = Call(99, 1, api.Range(b"a"), 100, 100, 101, 101, DONE, page)
    fresh = Call(98, 1, api.Range(b"a"), 90, 90, 91, 91, DONE, page)
    tightened = tighten([*swaps, fresh, stale], log, replay(log))
    found, undecided = linearizability(project(tightened, [b"a"]), states_max=10_000)
    assert not undecided
    assert not found, "the swaps may all act after both reads"
