"""The generated module as a whole, its variants, and what they add."""

from typing import Any

import pytest

from gaios.spec import compile_participant, core_texts, read_specification
from gaios.spec.python_module import emit_core
from tests.spec.small import built, read

VOTERS = 0b1110


def test_the_production_text_pays_nothing_for_its_variants() -> None:
    """No counters, no hooks, no branches for them."""
    text = emit_core(read_specification(core_texts()))
    assert not any(word in text for word in ("tracer", "FIRED", "REFUSED", "Transition"))


def test_conditions_that_rules_of_one_event_share_are_asked_once() -> None:
    """A second rule costs what distinguishes it."""
    text = emit_core(read_specification(core_texts()))
    accept = text[text.index("def on_accept(") : text.index("def on_accepted(")]
    assert accept.count("b >= self.promised") == 1


def test_rules_share_a_condition_whatever_they_call_their_parameters() -> None:
    """The tree compares meanings, not spellings."""
    rule = '        case Add(a, b) if me in voters and a <= 20:\n            "A2: more"\n            high = a\n\n'
    second = rule + "        case Sum() if not busy():"
    text = emit_core(read(("        case Sum() if not busy():", second)))
    add = text[text.index("def on_add(") : text.index("def on_sum(")]
    assert add.count("self._me_in_voters") == 1
    core = built(("        case Sum() if not busy():", second))
    keeper = core.Keeper(1, VOTERS)
    assert keeper.step((core.ADD, 15, b"x"), 1, 0, core.Out())
    assert keeper.high == 15


def test_coverage_counts_what_fired_and_what_did_not_hold() -> None:
    """By rule, in the order of `RULES`.  [SAFETY 30]"""
    core = built(coverage=True)
    keeper = core.Keeper(1, VOTERS)
    for event in ((core.ADD, 1, b"x"), (core.ADD, 99, b"x"), (core.SUM,), (core.WHISPER, b"")):
        keeper.step(event, 2, 0, core.Out())
    counts = {label: (fired, refused) for (label, _, _), fired, refused in zip(core.RULES, core.FIRED, core.REFUSED, strict=True)}
    assert counts == {"A1": (1, 1), "S1": (1, 0), "S2": (0, 0), "T1": (0, 0), "H1": (0, 0), "W1": (0, 1)}


def test_tracing_tells_each_rule_with_the_state_before_and_after() -> None:
    """And exactly what this step sent and wrote, whatever `out` held before."""
    core = built(trace=True)
    keeper, out = core.Keeper(1, VOTERS), core.Out()
    seen: list[Any] = []
    keeper.step((core.ADD, 1, b"x"), 1, 5, out)
    keeper.tracer = seen.append
    keeper.step((core.ADD, 2, b"y"), 3, 7, out)
    (step,) = seen
    assert core.RULES[step.rule][0] == "A1"
    assert (step.event, step.src, step.now) == ((core.ADD, 2, b"y"), 3, 7)
    assert (step.before["high"], step.after["high"]) == (1, 2)
    assert step.sends == out.sends[1:]
    assert step.writes == [(core.F_ACC, 2, 1, b"y"), (core.F_HIGH, 2)]


def test_variants_do_what_production_does() -> None:
    """An instrument that changes what it measures is none."""
    cores = [built(), built(coverage=True), built(trace=True), built(trace=True, coverage=True)]
    results = []
    for core in cores:
        keeper, out = core.Keeper(1, VOTERS), core.Out()
        fired = [
            keeper.step(event, 2, 3, out)
            for event in ((core.ADD, 2, b"x"), (core.SUM,), (core.TELL, 1, {4: (1, b"")}), (core.ADD, 50, b""))
        ]
        results.append((fired, out.sends, out.writes, keeper.acc, keeper.high))
    assert results[1:] == results[:1] * 3


def test_a_planted_bug_is_compiled_from_the_text() -> None:
    """The museum edits what the protocol says, not what the compiler made of it."""
    majority = "bool:  return 2 * len(part & whole) > len(whole)"
    core = compile_participant(edits=[(majority, majority.replace("> len", ">= len"))])
    assert core.Participant(1, 0b1111 << 1).quorum(0b110)
    assert not compile_participant().Participant(1, 0b1111 << 1).quorum(0b110)


def test_two_compilations_share_nothing() -> None:
    """Counters of one test are not another's."""
    first, second = built(coverage=True), built(coverage=True)
    first.Keeper(1, VOTERS).step((first.SUM,), 1, 0, first.Out())
    assert sum(first.FIRED) == 1
    assert sum(second.FIRED) == 0


@pytest.mark.parametrize("name", ["me", "voters", "acc", "high", "phase", "seen", "marks"])
def test_the_state_is_in_slots(name: str) -> None:
    """Flat, and a misspelt field is an error."""
    core = built()
    assert name in core.Keeper.__slots__
    with pytest.raises(AttributeError):
        core.Keeper(1, VOTERS).phse = 1
