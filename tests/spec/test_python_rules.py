"""Rules as Python: what they write, say and share; compared with what an interpreter makes of the same tree."""

import random
from typing import Any

import pytest

from gaios.spec.python_module import emit_core
from gaios.spec.sorts import MapOf, SetOf, Sort
from tests.spec.interpreter import Interpreter
from tests.spec.small import SMALL, built, read

A1 = "acc[s] = Entry(1 + 0 * 2, v); high = max(high, s)"
T1 = "acc |= {t: a[t] for t in keys(a) if t > high}"
VOTERS = 0b1110


def method(name: str, *edits: tuple[str, str]) -> str:
    """The generated text of one method."""
    text = emit_core(read(*edits))
    return text[text.index(f"    def {name}(") :].split("\n\n")[0]


def random_value(sort: Sort, dice: random.Random) -> Any:
    """Something small of this sort, as an interpreter holds it."""
    if isinstance(sort, MapOf):
        if isinstance(sort.value, SetOf):
            return {}
        return {dice.randint(1, 6): (dice.randint(1, 3), b"%d" % dice.randrange(3)) for _ in range(dice.randrange(6))}
    if str(sort) == "Value":
        return dice.choice((b"", b"1", b"2"))
    return dice.randint(0, 9)


VARIANTS: dict[str, tuple[tuple[str, str], ...]] = {
    "as it is": (),
    "a run in the middle of a sum": ((A1, "high = 1 + run(acc[t].bal > 0 for t in range(2, LIMIT)) + len(seen)"),),
    "a run between bounds": ((A1, "high = max(high, run(acc[t].bal > 1 for t in range(min(s, high), max(s, high) + 1)))"),),
    "the last of a run": ((A1, "high = high + run(acc[t].bal > 0 for t in range(high + 1, min(s, LIMIT)))"),),
    "a merge with holes": ((A1, "acc |= {t: Entry(1, v) for t in range(s, LIMIT) if t != 3}"),),
    "an entry from elsewhere": ((T1, "acc[slot_of(src)] = a[high + 1] if a[high + 1].bal > 0 else Entry(1, NOTHING)"),
                                ("def busy()", "def slot_of(m: Member) -> Slot: return m % 7 + 1\ndef busy()")),
    "a loop over keys": ((A1, "for t in keys(acc): send(Shout(t))"),),
    "two branches": ((A1, f"if s > high:\n{'    ' * 4}high = s\n{'    ' * 3}else:\n{'    ' * 4}acc -= range(s, high); high = s"),),
}  # fmt: skip


@pytest.mark.parametrize("variant", VARIANTS)
def test_generated_rules_do_what_the_tree_means(variant: str) -> None:
    """Random events on random states: the same sends, writes and state as the interpreter's."""
    specification = read(*VARIANTS[variant])
    core = built(*VARIANTS[variant])
    dice = random.Random(variant)
    names = [item.name for item in specification.state if item.kind != "given"]
    fired = 0
    for _ in range(300):
        keeper = core.Keeper(dice.randint(1, 3), VOTERS)
        twin = Interpreter(specification, keeper.me, voters=frozenset({1, 2, 3}))
        acc = random_value(specification.state[1].sort, dice)
        start = {"acc": acc, "high": dice.randrange(7), "phase": dice.randrange(2), "marks": {2: dice.randint(1, 9)}}
        for name, value in start.items():
            setattr(keeper, name, dict(value) if isinstance(value, dict) else value)
        twin.state |= {**start, "seen": frozenset({1})}
        keeper.seen = 0b10
        for _ in range(6):
            event = dice.choice(specification.events)
            message = (event.tag, *(random_value(sort, dice) for _, sort in event.fields))
            src, now, outs = dice.randint(1, 3), dice.randint(1, 9), (core.Out(), core.Out())
            results = (keeper.step(message, src, now, outs[0]), twin.step(message, src, now, outs[1]))
            assert results[0] == results[1], message
            assert (outs[0].sends, outs[0].writes) == (outs[1].sends, outs[1].writes), message
            expected = {name: twin.state[name] for name in names}
            expected["seen"] = sum(1 << member for member in twin.state["seen"])
            assert {name: getattr(keeper, name) for name in names} == expected, message
            fired += results[0]
    assert fired > 300


def test_a_durable_field_is_written_only_when_it_changes() -> None:
    """A record is a sync."""
    core = built()
    keeper, out = core.Keeper(1, VOTERS), core.Out()
    for slot in (3, 2, 3):
        keeper.step((core.ADD, slot, b"x"), 1, 0, out)
    assert [write for write in out.writes if write[0] == core.F_HIGH] == [(core.F_HIGH, 3)]
    assert [write for write in out.writes if write[0] == core.F_ACC] == [(core.F_ACC, slot, 1, b"x") for slot in (3, 2, 3)]


def test_dropping_leaves_no_record() -> None:
    """The mark beside it tells what was dropped."""
    core = built()
    keeper, out = core.Keeper(1, VOTERS), core.Out()
    keeper.acc, keeper.high, keeper.phase = {1: (1, b"x"), 2: (1, b"y"), 9: (1, b"z")}, 2, core.BUSY
    keeper.step((core.SUM,), 1, 0, out)
    assert (out.writes, keeper.acc) == ([(core.F_HIGH, 0)], {9: (1, b"z")})


def test_merges_and_loops_go_in_key_order() -> None:
    """Records and messages of every replica are in the same order.  [SAFETY 27]"""
    core = built(("T1: take", "T1: take"))
    keeper, out = core.Keeper(1, VOTERS), core.Out()
    keeper.step((core.TELL, 1, {5: (1, b"5"), 1: (1, b"1"), 3: (1, b"3")}), 2, 0, out)
    assert [write[1] for write in out.writes] == [1, 3, 5]


def test_what_a_rule_reads_often_it_reads_once() -> None:
    """The law makes that right: every read means the state before the rule."""
    text = method("on_add", (A1, "high = high + high + high"), ("send(Tell(s, {t", "send(Shout(high)); send(Tell(s, {t"))
    assert text.count("self.high") == 3, text
    assert "high = self.high" in text


def test_a_method_that_sends_once_takes_no_detour() -> None:
    """A local for the list pays from the second send on."""
    assert "out.sends.append(" in method("on_shout")
    assert "sends = out.sends" in method("on_sum")


def test_a_sent_map_is_not_the_states() -> None:
    """The rule goes on, the message stays."""
    core = built(("{t: acc[t] for t in range(1, s) if acc[t].bal > 0}", "acc"))
    keeper, out = core.Keeper(1, VOTERS), core.Out()
    keeper.step((core.ADD, 1, b"x"), 1, 0, out)
    keeper.step((core.ADD, 2, b"y"), 1, 0, out)
    assert [message[2] for _, message in out.sends] == [{}, {1: (1, b"x")}]


def test_a_field_that_takes_a_messages_map_takes_a_copy() -> None:
    """Messages are immutable by convention, state is not."""
    edits = (("    marks: Map[Member, Time]", "    marks: Map[Member, Time]\n    last: Map[Slot, Entry]"), (T1, "last = a"))
    core = built(*edits)
    keeper = core.Keeper(1, VOTERS)
    report = {1: (1, b"x")}
    keeper.step((core.TELL, 1, report), 2, 0, core.Out())
    report[2] = (1, b"y")
    assert keeper.last == {1: (1, b"x")}
    assert SMALL.count(T1) == 1
