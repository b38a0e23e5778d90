"""The checked tree: what is below what, and what is the same."""

from gaios.spec.sorts import PLAIN, TRUTH
from gaios.spec.source import Place
from gaios.spec.tree import Binary, Call, Compare, Local, MapBy, Number, Range, State, children, reads, walk
from tests.spec.small import read

HERE, THERE = Place("a", 1, 1), Place("b", 2, 2)


def test_expressions_are_equal_when_they_mean_the_same() -> None:
    """So the conditions that rules share are found, whatever each rule calls its parameters."""
    assert Compare(TRUTH, HERE, "<", Local(PLAIN, HERE, 0, "x"), Number(PLAIN, HERE, 1)) == Compare(
        TRUTH, THERE, "<", Local(PLAIN, THERE, 0, "y"), Number(PLAIN, THERE, 1)
    )
    assert Local(PLAIN, HERE, 0, "x") != Local(PLAIN, HERE, 1, "x")


def test_walking_reaches_domains_tests_and_variables() -> None:
    """Nothing that is read escapes the law."""
    item = Local(PLAIN, HERE, 7, "x")
    domain = Range(Number(PLAIN, HERE, 1), State(PLAIN, HERE, "high"))
    test = Compare(TRUTH, HERE, "<", item, State(PLAIN, HERE, "low"))
    expr = MapBy(PLAIN, HERE, item, Binary(PLAIN, HERE, "+", item, Number(PLAIN, HERE, 2)), domain, test)
    assert {node.name for node in walk(expr) if isinstance(node, State)} == {"high", "low"}
    assert len(children(expr)) == 5


def test_reads_go_through_functions_and_are_placed_at_the_call() -> None:
    """`busy()` reads `phase`, and a complaint about it points at the rule."""
    rule = next(rule for rule in read().rules if rule.label == "S1")
    call = next(node for node in walk(rule.guard[0]) if isinstance(node, Call))
    (state,) = reads(call)
    assert (state.name, state.at) == ("phase", call.at)
