"""What is said in models only, and that the core does not notice."""

import pytest

from gaios.spec.claims import Model, read_model
from gaios.spec.rules import read_specification
from gaios.spec.source import SpecError, Text, core_texts, model_texts
from tests.spec.small import small

CLAIMS = '''\
"""Claims of the small text."""

LATE = Const(model=2, run=0)

class Wait(Input): pass

Once(Tell, slot)

class Keeper(Role):
    age: Ghost[Time]

    match event:
        case Wait() if age < LATE and all(age < q.age + 1 for q in Member):
            "W2: time goes on"
            age = age + 1

def told(s: Slot) -> bool:
    return any(sent(Tell(s, _), src=q) for q in Member)

@restart
def age() -> Time:
    return 0

@after("A1")
def age() -> Time:
    return 1

@assume(Add)
def few(s: Slot, v: Value) -> bool:
    return s <= LATE

@invariant
def kept(q: Member, s: Slot) -> bool:
    return q.high >= s or not told(s) or q.many({r for r in Member if r.acc[s].bal > 0})
'''


def claims(*edits: tuple[str, str]) -> Model:
    content = CLAIMS
    for old, new in edits:
        assert old in content, old
        content = content.replace(old, new, 1)
    return read_model((small(),), (Text("claims.spec.py", content),))


def refusal(*edits: tuple[str, str]) -> str:
    with pytest.raises(SpecError) as caught:
        claims(*edits)
    return str(caught.value)


def test_the_core_is_what_it_is_without_its_claims() -> None:
    """Replicas run nothing of a model's text."""
    assert claims().specification == read_specification((small(),))
    assert read_model(core_texts(), model_texts()).specification == read_specification(core_texts())


def test_everything_that_is_said_is_read() -> None:
    model = claims()
    assert [ghost.name for ghost in model.ghosts] == ["age"]
    assert [event.name for event in model.inputs] == ["Wait"]
    assert [rule.label for rule in model.rules] == ["W2"]
    assert model.once == {"Tell": ("slot",)}
    assert model.constants["LATE"] == 2
    assert list(model.restarts) == ["age"]
    assert [(claim.about, claim.function.name) for claim in model.updates] == [("A1", "age")]
    assert [(claim.about, claim.function.name) for claim in model.assumptions] == [("Add", "few")]
    assert [invariant.name for invariant in model.invariants] == ["kept"]
    assert model.event("Wait").name == "Wait"
    assert [rule.label for rule in model.rules_of(model.event("Sum"))] == ["S1", "S2"]


def test_a_ghost_may_stand_on_the_disk() -> None:
    """Then a disk that lags forgets it like everything durable."""
    model = read_model(core_texts(), model_texts())
    lives = {ghost.name: (ghost.is_ghost, ghost.is_on_disk) for ghost in model.ghosts}
    assert {name for name, (_, is_on_disk) in lives.items() if is_on_disk} == {"mark", "known", "them", "bare"}
    assert {name for name, (_, is_on_disk) in lives.items() if not is_on_disk} == {"clock", "first", "lost", "rots"}
    assert all(is_ghost for is_ghost, _ in lives.values())


def test_what_rests_on_a_ghost_that_is_not_told_apart_stays_as_the_disk_says() -> None:
    model = read_model(core_texts(), model_texts())
    assert set(model.restarts_without(())) == {"chosen", "config", "voters", "first", "lost"}
    assert set(model.restarts_without(("mark", "known", "them"))) == {"first", "lost"}


@pytest.mark.parametrize(
    ("edits", "problem"),
    [
        ([("Once(Tell, slot)", "Once(Add, slot)")], "'Add' is no message"),
        ([("Once(Tell, slot)", "Once(Tell, size)")], "write Once(Tell, FIELD, …)"),
        ([("q.high", "q.height")], "'height' is no field of the role"),
        ([("q.many(", "q.most(")], "expected MEMBER.FUNCTION(…)"),
        ([("sent(Tell(s, _)", "sent(Tell(s)")], "Tell has 2 fields, 1 given"),
        ([("sent(Tell(s, _)", "sent(Add(s, _)")], "write sent(MESSAGE(…))"),
        ([("src=q) for q", "to=q) for q")], "sent() knows only src=MEMBER"),
        ([("for q in Member)\n\n@restart", "for q in Members)\n\n@restart")], "write … for NAME in SORT"),
        ([("@assume(Add)", "@assume(Sum)")], "an assumption's parameters are the fields of Sum"),
        ([('@after("A1")', '@after("Z9")')], "write @after(LABEL) of a rule of the core"),
        ([("@restart\ndef age() -> Time", "@restart\ndef age() -> Slot")], "age is Time, this is Slot"),
        ([("@invariant", "@invariance")], "a model's function is plain, or an @invariant"),
        ([("case Wait() if", "case Sum() if")], "Sum belongs to the core"),
        ([("class Wait(Input): pass", "class Wait(Input): pass\nclass Idle(Input): pass")], "no rule says what happens on Idle"),
    ],
)  # fmt: skip
def test_what_the_language_does_not_have_is_refused_with_its_place(edits: list[tuple[str, str]], problem: str) -> None:
    told = refusal(*edits)
    assert problem in told
    assert told.startswith("claims.spec.py:")


def test_a_ghost_in_the_core_is_refused() -> None:
    """It would be a field that replicas do not have."""
    with pytest.raises(SpecError, match="'high' is a ghost: only models have such fields"):
        read_specification((small(("high: Durable[Slot]", "high: Ghost[Slot]")),))
