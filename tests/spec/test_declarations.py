"""Declarations: what may be declared, and what is said about anything else."""

import pytest

from gaios.spec import SpecError, Text, read_specification
from gaios.spec.sorts import Enum, MapOf, Nat, Opaque, Record, SetOf
from tests.spec.small import line_of, read, refusal

LIMIT = "LIMIT = Const(model=2, run=8) "


def test_everything_that_is_declared_is_in_the_specification() -> None:
    """In the order of the text: tags and fields are numbered by it."""
    specification = read()
    assert [(item.name, item.model, item.run, item.note) for item in specification.constants] == [("LIMIT", 2, 8, "things that fit")]
    assert [event.name for event in specification.events] == ["Add", "Sum", "Tell", "Shout", "Whisper"]
    assert [event.tag for event in specification.events] == [1, 2, 3, 4, 5]
    assert [(item.name, item.kind) for item in specification.state] == [
        ("voters", "given"), ("acc", "durable"), ("high", "durable"), ("phase", "volatile"), ("seen", "volatile"), ("marks", "volatile"),
    ]  # fmt: skip
    assert {type(sort) for sort in specification.sorts} == {Nat, Opaque, Enum, Record}


def test_a_message_knows_its_route_and_whether_it_waits() -> None:
    """`to` and `after` are part of the protocol, not of the shell."""
    tell, shout, whisper = read().events[2:]
    assert (tell.others, tell.after, tell.to is not None) == (False, True, True)
    assert (shout.others, shout.after, shout.to) == (True, False, None)
    assert (whisper.others, whisper.after, whisper.to) == (False, False, None)


def test_sorts_of_fields_are_resolved() -> None:
    """Sets, maps with a bound, and names."""
    specification = read()
    assert isinstance(specification.state[0].sort, SetOf)
    report = dict(specification.events[2].fields)["acc"]
    assert isinstance(report, MapOf)
    assert (str(report), report.most) == ("Map[Slot, Entry]", "LIMIT")


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (LIMIT, "LIMIT = Const(8) ", "1: a text declares"),
        (LIMIT, "LIMIT = Const(model=2) ", "9: run=NUMBER is missing"),
        (LIMIT, 'LIMIT = Const(model=2, run="8") ', "28: expected model=NUMBER, run=NUMBER"),
        (LIMIT, "LIMIT = Const(model=2, run=True) ", "28: expected model=NUMBER"),
        (LIMIT, "LIMIT = 8 ", "1: a text declares"),
        (LIMIT, "import os\nLIMIT = Const(model=2, run=8) ", "1: a text declares"),
        ("Slot   = Nat(model=2)", "Slot   = Nat(2)", "10: write Nat(model=NUMBER)"),
        ("Slot   = Nat(model=2)", "Slot   = Nat(most=2)", "19: expected model=NUMBER"),
        ("Slot   = Nat(model=2)", "Member = Nat(model=2)", "1: 'Member' is declared twice; first at small.spec.py:5"),
        ("Slot   = Nat(model=2)", "send   = Nat(model=2)", "1: 'send' is a word of the language"),
        ('Opaque("A", noop="NOTHING")', 'Opaque("A")', '10: Opaque needs noop="NAME"'),
        ('Opaque("A", noop="NOTHING")', 'Opaque(noop="NOTHING")', "10: Opaque needs at least one name"),
        ('Enum("IDLE", "BUSY")', 'Enum("IDLE", 2)', "23: expected a name in quotation marks"),
        ('Enum("IDLE", "BUSY")', 'Enum("IDLE", "IDLE")', "10: 'IDLE' is declared twice"),
        ('Enum("IDLE", "BUSY")', 'Enum("IDLE", first="BUSY")', "10: Enum takes names only"),
        ("class Entry(Record): bal: Ballot; val: Value", "class Entry(Record): pass", "1: record Entry has no parts"),
        ("class Entry(Record): bal: Ballot; val", "class Entry(Record): val: Ballot; val", "35: field 'val' is declared twice"),
        ("class Entry(Record): bal: Ballot", "class Entry(Record): bal: Balot", "27: unknown sort 'Balot'"),
        ("class Entry(Record): bal: Ballot", "class Entry(Record): bal: Ballot = 1", "22: expected NAME: SORT"),
        ("class Sum(Input): pass", "class Sum(Inputs): pass", "1: a text declares"),
        ("class Sum(Input): pass", "class Sum(Input): to = OTHERS", "19: an input has no 'to'"),
        ("class Shout(Msg): slot: Slot; to = OTHERS", "class Shout(Msg): slot: Slot; after = LATER", "31: expected after = RECORDS"),
        ("Map[Slot, Entry, LIMIT]", "Map[Slot, Entry]", "30: a map in a message states its bound"),
        ("Map[Slot, Entry, LIMIT]", "Map[Slot, Entry, 8]", "52: a map's bound is a declared constant"),
        ("Map[Slot, Entry, LIMIT]", "Map[Slot, Map[Slot, Slot], LIMIT]", "45: a map of maps is not in the language"),
        ("Map[Slot, Entry, LIMIT]", "Map[Value, Entry, LIMIT]", "39: members of sets and keys of maps are Nat, not Value"),
        ("Map[Slot, Entry, LIMIT]", "list[Slot]", "35: expected a sort"),
        ("    high: Durable[Slot]", "    acc: Durable[Slot]", "5: 'acc' is declared twice"),
        ("    high: Durable[Slot]", "    high: Durable[Slot] = 0", "5: a role holds"),
    ],
)  # fmt: skip
def test_a_bad_declaration_is_refused_where_it_stands(old: str, new: str, problem: str) -> None:
    """Line and column, and what would be right."""
    line = line_of(old)
    assert refusal((old, new)).startswith(f"{line}:{problem}"), refusal((old, new))


def test_there_is_one_role() -> None:
    """Several texts re-open it."""
    second = "\nclass Other(Role):\n    more: Slot\n"
    assert "there is one role, Keeper" in refusal(("            high = top(acc)\n", "            high = top(acc)\n" + second))
    with pytest.raises(SpecError, match=r"^t:1:1: no role is declared"):
        read_specification((Text("t", "Member = Nat(model=1)\n"),))
