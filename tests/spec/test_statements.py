"""The checked rules: what a back end gets to see."""

from gaios.spec.statements import Assign, Drop, Each, If, Let, Merge, Put, Send
from tests.spec.small import read


def test_rules_hold_their_guard_as_a_conjunction_and_their_body_in_order() -> None:
    """Back ends need neither the text nor its syntax."""
    rules = {rule.label: rule for rule in read().rules}
    assert [len(rules[label].guard) for label in ("A1", "S1", "S2", "H1")] == [2, 1, 0, 2]
    assert [type(item) for item in rules["A1"].body] == [Send, Put, Assign]
    assert [type(item) for item in rules["S1"].body] == [Let, If]
    assert [type(item) for item in rules["S2"].body] == [Assign, Drop, Assign, Assign]
    assert [type(item) for item in rules["T1"].body] == [Assign, Merge, Put]


def test_a_loop_holds_sends() -> None:
    """And nothing else: loops over state do not exist."""
    branch = read().rules[1].body[1]
    assert isinstance(branch, If)
    loop = branch.other[1]
    assert isinstance(loop, Each)
    assert [send.message.name for send in loop.sends] == ["Shout"]


def test_the_specification_knows_an_events_rules() -> None:
    """In the order in which they are tried."""
    specification = read()
    by_event = {event.name: [rule.label for rule in specification.rules_of(event)] for event in specification.events}
    assert by_event == {"Add": ["A1"], "Sum": ["S1", "S2"], "Tell": ["T1"], "Shout": ["H1"], "Whisper": ["W1"]}
