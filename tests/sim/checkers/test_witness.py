"""Histories known to be good and bad, and random ones on which witness and search must agree.  [SAFETY 30]"""

from random import Random

import pytest

from gaios import api
from gaios.sim.checkers.linearizability import linearizability
from gaios.sim.checkers.witness import Chosen, replay, witness
from gaios.sim.history import DONE, REFUSED, UNKNOWN, Call
from gaios.sim.model import Model
from gaios.sim.project import project

KEYS = [b"a", b"b"]


def put(*keys: bytes, value: bytes = b"1") -> api.MultiOp:
    return api.MultiOp(then=tuple(api.Put(key, value) for key in keys))


def add(by: int = 1) -> api.MultiOp:
    return api.MultiOp(then=(api.Increment(b"a", by),))


def whose(number: int) -> tuple[int, int, int]:
    return (1, 0, number)


class Story:
    """A history that is made step by step, true unless a test tells it otherwise."""

    def __init__(self) -> None:
        self.model = Model()
        self.log: list[Chosen] = []
        self.calls: list[Call] = []

    def write(self, request: api.MultiOp, began: int = 0, ended: int = 0, *, told: bool = True) -> Call:
        """A write that takes the log's next slot; `told`: its client had the answer."""
        number = len(self.calls) + 1
        reply = self.model.apply(request)
        slot = len(self.log) + 1
        self.log.append(Chosen(slot, 0, whose(number), request))
        began, ended = began or 10 * number, ended or 10 * number + 5
        call = Call(number, 1, request, began, 0, ended, 0, DONE, reply, whose(number), slot)
        if reply is None:
            call = call._replace(outcome=REFUSED, slot=0)
        elif not told:
            call = call._replace(outcome=UNKNOWN, ended=None, reply=None, slot=0)
        self.calls.append(call)
        return call

    def read(self, key: bytes = b"", end: bytes | None = b"", began: int = 0, ended: int = 0) -> Call:
        """A read of the state as it is."""
        number = len(self.calls) + 1
        seen = tuple(entry for name, entry in sorted(self.model.entries.items()) if end is not None or name == key)
        page = api.Page(seen, False, self.model.revision)
        call = Call(number, 1, api.Range(key, end), began or 10 * number, 0, ended or 10 * number + 5, 0, DONE, page)
        self.calls.append(call)
        return call

    def change(self, call: Call, **fields: object) -> None:
        """Tell a call otherwise than it was."""
        self.calls[call.number - 1] = call._replace(**fields)  # type: ignore[arg-type]

    def verdict(self) -> list[str]:
        return [violation.detail for violation in witness(self.calls, self.log, replay(self.log))]


def one_of_each() -> Story:
    """Writes, a refused one, one whose answer was lost, and reads in between."""
    story = Story()
    story.read()
    story.write(put(b"a", b"b"))
    story.read()
    story.write(put(b"a", value=b"text"))
    story.write(add())
    story.read(b"a", None)
    story.write(api.MultiOp(then=(api.Delete(b"a"),)), told=False)
    story.write(add(5))
    story.read()
    return story


# -- good --------------------------------------------------------------------------------------------------------------------


def test_what_the_log_says_is_explained() -> None:
    story = one_of_each()
    assert [call.outcome for call in story.calls].count(REFUSED) == 1
    assert not story.verdict()


def test_an_empty_history_and_an_empty_log_are_explained() -> None:
    assert not Story().verdict()


def test_operations_at_once_may_stand_in_either_order() -> None:
    """Real time binds only what was answered before the other began."""
    story = Story()
    story.write(put(b"a", value=b"1"), 10, 30)
    story.write(put(b"a", value=b"2"), 5, 25)
    assert not story.verdict()


def test_a_read_may_stand_anywhere_while_its_revision_lasts() -> None:
    """A command that changes nothing leaves the revision as it is: before or behind it, the state is the same."""
    story = Story()
    story.write(put(b"a"), 1, 2)
    story.read(began=3, ended=4)
    story.write(api.MultiOp(then=(api.Delete(b"x"),)), 5, 6)
    story.read(began=7, ended=8)
    assert not story.verdict()


def test_a_write_that_never_came_to_the_log_and_that_nobody_saw_is_explained() -> None:
    """Unknown may mean never."""
    story = one_of_each()
    story.calls.append(Call(90, 2, put(b"a"), 1, 0, None, 0, UNKNOWN, None, (7, 0, 1)))
    assert not story.verdict()


# -- bad ---------------------------------------------------------------------------------------------------------------------


def test_a_lost_update_is_found() -> None:
    """Acknowledged, and not in the log."""
    story = Story()
    call = story.write(put(b"a"))
    story.log.clear()
    assert story.verdict() == [f"call {call.number} was acknowledged at slot 1.0; it took effect nowhere"]


def test_an_update_that_stands_elsewhere_is_found() -> None:
    """An answer that names another's place vouches for nothing."""
    story = Story()
    story.write(put(b"b"))
    call = story.write(put(b"a"))
    story.change(call, slot=9)
    assert "call 2 was acknowledged at slot 9.0; it took effect at 2.0" in story.verdict()


def test_an_answer_that_the_log_does_not_explain_is_found() -> None:
    story = Story()
    story.write(add())
    call = story.write(add())
    story.change(call, reply=api.MultiOpResult(True, 3, (api.IncrementResult(1),)))
    (found,) = story.verdict()
    assert found.startswith("call 2 was answered MultiOpResult(")
    assert "the log at 2.0 says" in found


def test_a_read_of_what_the_log_never_held_is_found() -> None:
    """A value, a missing key, half of a MultiOp: each at the revision that the answer names."""
    story = Story()
    story.write(put(b"a", b"b", value=b"1"))
    story.write(put(b"a", b"b", value=b"2"))
    call = story.read()
    page = call.reply
    assert isinstance(page, api.Page)
    first, second = page.entries
    torn = api.Entry(b"b", b"1", 1, first.create_revision, first.create_revision)
    for entries in ((first,), (), (first, second, api.Entry(b"c", b"9", 1, 1, 1)), (first, torn)):
        story.change(call, reply=api.Page(entries, False, page.revision))
        (found,) = story.verdict()
        assert found.startswith(f"call 3 read {entries} at revision {page.revision}")


def test_a_read_of_a_revision_that_never_was_is_found() -> None:
    story = Story()
    story.write(put(b"a"))
    call = story.read()
    story.change(call, reply=api.Page((), False, 99))
    assert story.verdict() == ["call 2 read revision 99, which the log never made"]


def test_a_stale_read_is_found() -> None:
    """Every word of it was true once."""
    story = Story()
    story.write(put(b"a", value=b"1"), 1, 2)
    old = story.read()
    story.write(put(b"a", value=b"2"), 3, 4)
    story.change(old, began=5, ended=6)
    assert story.verdict() == ["call 2 began after call 3 was answered, and stands before it in the log"]


def test_a_read_that_goes_back_behind_another_is_found() -> None:
    """No write's answer says so; another reader's does."""
    story = Story()
    story.write(put(b"a", value=b"1"), 1, 2)
    old = story.read()
    story.write(put(b"a", value=b"2"), 3, 90)
    story.read(began=5, ended=6)
    story.change(old, began=7, ended=8)
    assert story.verdict() == ["call 2 began after call 4 was answered, and stands before it in the log"]


def test_a_read_of_the_future_is_found() -> None:
    story = Story()
    write = story.write(put(b"a"), 50, 60)
    story.read(began=10, ended=20)
    assert story.verdict() == [f"call {write.number} began after call 2 was answered, and stands before it in the log"]


def test_two_writes_in_the_wrong_order_are_found() -> None:
    story = Story()
    story.write(put(b"a", value=b"1"), 30, 40)
    story.write(put(b"a", value=b"2"), 10, 20)
    assert story.verdict() == ["call 1 began after call 2 was answered, and stands before it in the log"]


def test_two_acknowledgements_of_one_place_are_found() -> None:
    """Exactly once: one command of the log is one operation."""
    story = Story()
    call = story.write(add())
    story.calls.append(call._replace(number=2, began=20, ended=25, whose=whose(2)))
    assert any("call 2 was acknowledged at slot 1.0" in found for found in story.verdict())


def test_a_refused_write_that_took_effect_is_found() -> None:
    """A refusal is a promise that nothing happened.  [SAFETY 20]"""
    story = Story()
    call = story.write(put(b"a"))
    story.change(call, outcome=REFUSED, ended=15, reply=None, slot=0, error="Overloaded: full")
    assert story.verdict() == ["call 1 was refused (Overloaded: full), and took effect at slot 1.0"]


# -- together with the search ------------------------------------------------------------------------------------------------


def random_story(dice: Random) -> Story:
    """Three clients on two keys: each acts at one instant between its call and its answer; half of them are then told of wrongly."""
    drawn = []
    for client in range(3):
        clock = dice.randint(0, 8)
        for _ in range(dice.randint(1, 4)):
            began, acts, ended = sorted(dice.sample(range(clock, clock + 16), 3))
            clock = ended + dice.randint(1, 4)
            drawn.append((acts * 3 + client, began * 3 + client + 1, ended * 3 + client + 1))
    story = Story()
    for number, (_, began, ended) in enumerate(sorted(drawn)):
        keys = dice.choice([(b"a",), (b"b",), (b"a", b"b")])
        if dice.random() < 0.5:
            story.write(put(*keys, value=b"v%d" % number), began, ended, told=dice.random() < 0.8)
        elif len(keys) == 1:
            story.read(keys[0], None, began, ended)
        else:
            story.read(began=began, ended=ended)
    pages = [call for call in story.calls if isinstance(call.reply, api.Page)]
    if pages and dice.random() < 0.6:
        call = dice.choice(pages)
        assert isinstance(call.request, api.Range)
        # A state that the log did make, at another time: mostly too old or too new, sometimes neither.
        replayed = replay(story.log)
        revision = dice.choice(list(replayed.states))
        state = replayed.states[revision]
        asked = call.request
        seen = tuple(state[key] for key in sorted(state) if asked.end is not None or key == asked.key)
        story.change(call, reply=api.Page(seen, False, revision))
    return story


def test_what_the_search_refuses_the_witness_refuses() -> None:
    """The search knows values alone and tries every order; the witness knows places and tries one. Neither asks the other."""
    dice = Random(11)
    verdicts = {(search, by_witness): 0 for search in (False, True) for by_witness in (False, True)}
    for _ in range(1_500):
        story = random_story(dice)
        refused, undecided = linearizability(project(story.calls, KEYS))
        assert not undecided
        verdict = story.verdict()
        assert not refused or verdict, (story.calls, refused)
        verdicts[bool(refused), bool(verdict)] += 1
    assert verdicts[False, False] > 300
    assert verdicts[True, True] > 200
    assert verdicts[False, True] > 0, "a witness that sees no more than the search does is not needed"


def test_an_untouched_history_is_explained_by_both() -> None:
    """A false alarm would cost a day each time."""
    dice = Random(12)
    for _ in range(300):
        story = random_story(dice)
        true = Story()
        for call in story.calls:
            if isinstance(call.request, api.Range):
                true.read(call.request.key, call.request.end, call.began, call.ended or 0)
            else:
                true.write(call.request, call.began, call.ended or 999, told=call.ended is not None)
        assert not true.verdict()
        assert not linearizability(project(true.calls, KEYS))[0]


@pytest.mark.parametrize("told", [True, False])
def test_a_torn_multiop_is_found_by_the_witness_alone(told: bool) -> None:
    """Key by key it is linearizable: the search judges keys one at a time."""
    story = Story()
    story.write(put(b"a", b"b", value=b"1"), 1, 2)
    story.write(put(b"a", b"b", value=b"2"), 3, 90, told=told)
    call = story.read(began=4, ended=5)
    page = call.reply
    assert isinstance(page, api.Page)
    old = api.Entry(b"b", b"1", 1, 2, 2)
    story.change(call, reply=api.Page((page.entries[0], old), False, page.revision))
    assert not linearizability(project(story.calls, KEYS))[0]
    assert story.verdict()
