"""A checker is worth what it refuses: histories known to be good and bad, and brute force over all orders.  [SAFETY 30]"""

from random import Random

import pytest

from gaios.sim.checkers.linearizability import Step, _after, _legal, judge, linearizability


def history(*steps: tuple[str, object, object, int, int | None]) -> list[Step]:
    """(kind, argument, result, began, ended) each."""
    return [Step(at, kind, argument, result, began, ended) for at, (kind, argument, result, began, ended) in enumerate(steps)]


GOOD = {
    "nothing happened": history(),
    "a read sees the write before it": history(("write", b"1", None, 1, 2), ("read", None, b"1", 3, 4)),
    "a read beside a write sees either": history(("write", b"1", None, 1, 5), ("read", None, None, 2, 3), ("read", None, b"1", 2, 4)),
    "an unknown write may have happened": history(("write", b"1", None, 1, None), ("read", None, b"1", 2, 3)),
    "an unknown write may happen late": history(("write", b"1", None, 1, None), ("read", None, None, 2, 3), ("read", None, b"1", 4, 5)),
    "an unknown write may never happen": history(("write", b"1", None, 1, None), ("read", None, None, 2, 3)),
    "an unseen unknown write explains a lost swap": history(
        ("write", b"1", None, 1, 2), ("write", b"2", None, 3, None), ("swap", (b"1", b"3"), False, 4, 5), ("read", None, b"2", 6, 7)
    ),
    "an unseen unknown write is noticed by a failed swap alone": history(
        ("write", b"1", None, 1, 2), ("write", b"2", None, 3, None), ("swap", (b"1", b"3"), False, 4, 5)
    ),
    "concurrent increments take either order": history(("add", 1, 2, 1, 4), ("add", 1, 1, 2, 3)),
    "an unknown increment counts": history(("add", 1, None, 1, None), ("add", 1, 2, 2, 3)),
    "a deleted key is absent": history(
        ("write", b"1", None, 1, 2), ("delete", None, 1, 3, 4), ("read", None, None, 5, 6), ("delete", None, 0, 7, 8)
    ),
    "a swap from absent": history(("swap", (None, b"1"), True, 1, 2), ("swap", (None, b"2"), False, 3, 4), ("read", None, b"1", 5, 6)),
    "an unknown operation has a bit of its own": history(  # the simulator found it sharing the swap's
        ("write", b"2", None, 1, 2), ("swap", (b"2", b"2"), True, 3, 6), ("write", b"3", None, 4, 5), ("delete", None, None, 7, None)
    ),
    "reads overlap a chain of writes": history(
        ("write", b"1", None, 1, 10),
        ("write", b"2", None, 2, 9),
        ("read", None, b"1", 3, 4),
        ("read", None, b"2", 5, 6),
        ("read", None, b"2", 11, 12),
    ),
}
BAD = {
    "a stale read": history(("write", b"1", None, 1, 2), ("write", b"2", None, 3, 4), ("read", None, b"1", 5, 6)),
    "a lost write": history(("write", b"1", None, 1, 2), ("read", None, None, 3, 4)),
    "back in time": history(("write", b"1", None, 1, 10), ("read", None, b"1", 2, 3), ("read", None, None, 4, 5)),
    "two swaps of one value": history(
        ("write", b"1", None, 1, 2), ("swap", (b"1", b"2"), True, 3, 6), ("swap", (b"1", b"3"), True, 4, 5)
    ),
    "a swap that lost though nothing changed": history(("write", b"1", None, 1, 2), ("swap", (b"1", b"2"), False, 3, 4)),
    "an increment counted twice": history(("add", 1, 1, 1, 2), ("add", 1, 3, 3, 4)),
    "an increment lost": history(("add", 1, 1, 1, 2), ("add", 1, 1, 3, 4)),
    "a value out of nowhere": history(("write", b"1", None, 1, 2), ("read", None, b"9", 3, 4)),
    "read before it was written": history(("read", None, b"1", 1, 2), ("write", b"1", None, 3, 4)),
    "an unknown write that came and went": history(
        ("write", b"1", None, 1, 2), ("write", b"2", None, 3, None), ("read", None, b"2", 4, 5), ("read", None, b"1", 6, 7)
    ),
    "deleted twice": history(("write", b"1", None, 1, 2), ("delete", None, 1, 3, 4), ("delete", None, 1, 5, 6)),
    "two values in two orders": history(
        ("write", b"1", None, 1, 20), ("write", b"2", None, 2, 21),
        ("read", None, b"1", 3, 4), ("read", None, b"2", 5, 6), ("read", None, b"1", 7, 8),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", GOOD)
def test_a_good_history_is_explained(name: str) -> None:
    assert judge(GOOD[name]) is True


@pytest.mark.parametrize("name", BAD)
def test_a_bad_history_is_not_explained(name: str) -> None:
    verdict = judge(BAD[name])
    assert isinstance(verdict, Step)


def test_the_answer_that_cannot_be_explained_is_named() -> None:
    found, undecided = linearizability(
        {b"a": GOOD["a stale read"] if "a stale read" in GOOD else BAD["a stale read"], b"b": GOOD["a deleted key is absent"]}
    )
    assert not undecided
    assert [str(violation) for violation in found] == [
        "linearizability: key b'a': no order of operations explains call 2 (read None → b'1')"
    ]


def test_a_search_that_grows_too_large_says_so() -> None:
    """An undecided key must never look like a good one."""
    found, undecided = linearizability({b"a": BAD["two values in two orders"]}, states_max=1)
    assert not found
    assert undecided[0].key == b"a"


def test_writes_that_were_never_answered_do_not_make_the_search_grow() -> None:
    """They are under way for ever, and every delete that found something could have found any of them."""
    lost = [Step(call, "write", b"%d" % call, None, call, None) for call in range(30)]
    lost += [Step(call, "delete", None, None, call, None) for call in range(30, 60)]
    seen = [Step(call, "delete", None, 1, 2 * call, 2 * call + 1) for call in range(60, 85)]
    seen += [Step(85 + at, "read", None, b"%d" % at, 200 + 2 * at, 201 + 2 * at) for at in range(5)]
    assert judge([*lost, *seen], states_max=200) is True


def explained_by_some_order(steps: list[Step], value: bytes | None = None) -> bool:
    """The definition itself: every order that agrees with real time, every subset of the unknown operations, without short cuts."""
    if all(step.ended is None for step in steps):
        return True
    first_answer = min(step.ended for step in steps if step.ended is not None)
    return any(
        step.began < first_answer and _legal(step, value) and explained_by_some_order(steps[:at] + steps[at + 1 :], _after(step, value))
        for at, step in enumerate(steps)
    )


def random_history(dice: Random) -> list[Step]:
    """What four clients might have seen of a true register, with one result changed in half of the cases, and some never told."""
    values = [b"1", b"2", b"3"] if dice.random() < 0.5 else [b"%d" % value for value in range(1, 9)]
    numeric = dice.random() < 0.2
    drawn = []
    for client in range(4):
        clock = dice.randint(0, 8)
        for _ in range(dice.randint(0, 3)):
            began, acts, ended = sorted(dice.sample(range(clock, clock + 16), 3))
            clock = ended + dice.randint(1, 4)
            kind = dice.choice(["add", "add", "read", "delete"] if numeric else ["read", "read", "write", "write", "delete", "swap"])
            argument = {
                "write": dice.choice(values), "swap": (dice.choice([None, *values]), dice.choice(values)), "add": 1,
            }.get(kind)  # fmt: skip
            drawn.append((acts * 4 + client, began * 4 + client, ended * 4 + client, kind, argument))
    steps, state = [], None
    for call, (_, began, ended, kind, argument) in enumerate(sorted(drawn)):
        step = Step(call, kind, argument, None, began, ended)
        result: object = {
            "read": state, "delete": int(state is not None), "swap": isinstance(argument, tuple) and state == argument[0],
            "add": int(state or b"0") + 1 if kind == "add" else 0,
        }.get(kind)  # fmt: skip
        happens = dice.random() < 0.9
        is_told = happens and (kind == "read" or dice.random() < 0.75)
        step = step._replace(result=result) if is_told else step._replace(ended=None)
        state = _after(step, state) if happens else state
        steps.append(step)
    if dice.random() < 0.5 and steps:
        at = dice.randrange(len(steps))
        wrong: object = {"read": dice.choice([None, *values]), "delete": 0, "swap": dice.random() < 0.5, "add": 2}.get(steps[at].kind)
        if steps[at].ended is not None:
            steps[at] = steps[at]._replace(result=wrong)
    return steps


def test_the_search_agrees_with_brute_force_over_all_orders() -> None:
    """The search's six short cuts must change no verdict."""
    dice = Random(7)
    verdicts = {True: 0, False: 0}
    for _ in range(6_000):
        steps = random_history(dice)
        expected = explained_by_some_order(steps)
        assert (judge(steps) is True) == expected, steps
        verdicts[expected] += 1
    assert min(verdicts.values()) > 500
