"""Rules and the law: a field is written at most once on a path, and never read after that."""

import pytest

from tests.spec.small import SMALL, line_of, read, refusal

A1 = "acc[s] = Entry(1 + 0 * 2, v); high = max(high, s)"
T1 = "seen = seen | {q}"
S2 = "phase = IDLE; acc -= range(1, high + 1); high = 0; marks = {}"
IF = "if n > 2:"
LOOP = "seen = {}\n                for s in range(1, n + 1):"


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        # The law.
        (A1, "high = s; acc[s] = Entry(1, v if high > 1 else NOTHING)", "46: 'high' is read after line 36 wrote it: bind it to"),
        (A1, "acc[s] = Entry(1, v); acc[1] = Entry(1, v)", "35: 'acc' is written twice on one path; first on line 36"),
        (A1, "high = s; high = s", "23: 'high' is written twice on one path; first on line 36"),
        (A1, "phase = BUSY; send(Shout(s if busy() else 1))", "43: 'phase' is read after line 36 wrote it"),
        (A1, "high = s; acc[high] = Entry(1, v)", "27: 'high' is read after"),
        (A1, "acc |= {t: acc[t + 1] for t in range(1, s)}", "24: 'acc' is read after line 36 wrote it"),
        (A1, "high = s; acc |= {t: Entry(1, v) for t in range(1, high)}", "64: 'high' is read after"),
        (IF, "seen = {}\n            if n > 2:", "17: 'seen' is written twice on one path"),
        (IF, "phase = BUSY\n            if busy():", "16: 'phase' is read after"),
        (LOOP, "high = n\n                for s in range(1, high):", "35: 'high' is read after"),
        # Fields.
        (A1, "voters = {}", "13: 'voters' is given and never changes"),
        (A1, "acc = {}", "13: a durable map changes by acc[k] = …, |= and -= only"),
        (A1, "high[s] = 1", "13: 'high' is no map"),
        (A1, "local[s] = 1", "13: 'local' is no field of the role"),
        (A1, "high = v", "20: expected Slot, this is Value"),
        (A1, "acc[s] = v", "22: expected Entry, this is Value"),
        (A1, "acc[v] = Entry(1, v)", "17: expected Slot, this is Value"),
        (A1, "acc |= {t: v for t in range(1, s)}", "24: expected Entry, this is Value"),
        (A1, "acc |= acc", "13: this kind of statement is not in the language"),
        (S2, "acc -= keys(acc); high = 0", "20: write acc -= range(LOW, HIGH) of Slot"),
        (S2, "acc -= range(1, high + 1)", "13: dropping leaves no record: a durable field"),
        # Statements.
        (A1, "s = 1", "13: 's' has a meaning here already"),
        (A1, "owner = 1", "13: 'owner' has a meaning here already"),
        (A1, "x = y = 1", "13: this kind of statement is not in the language"),
        (A1, "x: Slot = 1", "13: this kind of statement is not in the language"),
        (A1, "while True: pass", "13: this kind of statement is not in the language"),
        (A1, "return", "13: this kind of statement is not in the language"),
        (A1, "del acc[s]", "13: this kind of statement is not in the language"),
        (A1, "high += 1", "13: this kind of statement is not in the language"),
        (A1, "for t in range(1, s): high = t", "35: a loop only sends"),
        (A1, "x = 1 if s > run(acc[t].bal > 0 for t in range(1, s)) else 2", "26: run() stands in a rule's body"),
        (A1, "send(Shout(run(acc[t].bal > 0 for t in range(1, s))))", "24: run() stands in a rule's body"),
        # Sending.
        (A1, "send(Shout())", "18: Shout takes 1 (slot), 0 given"),
        (A1, "send(Shout(v))", "24: expected Slot, this is Value"),
        (A1, "send(Shouts(s))", "18: expected send(MESSAGE(…))"),
        (A1, "send(Sum())", "13: Sum is an input: nobody sends it"),
        (A1, "send(Whisper(v))", "13: Whisper has no route: send(Whisper(…), to=MEMBER)"),
        (A1, "send(Shout(s), to=src)", "31: Shout has its own route"),
        (A1, "send(Whisper(v), to=s)", "33: expected Member, this is Slot"),
        (A1, "send(Whisper(v), by=src)", "33: send() knows only to=MEMBER"),
        # Patterns.
        ("case Add(s, v) if", "case Adds(s, v) if", "14: unknown event 'Adds'"),
        ("case Add(s, v) if", "case Add(s) if", "14: Add has 2 fields (slot, val), 1 named"),
        ("case Add(s, v) if", "case Add(s, 1) if", "21: a field is named, or _"),
        ("case Add(s, v) if", "case Add(s, s) if", "21: 's' has a meaning here already"),
        ("case Add(s, v) if", "case Add(s, v, sender=q) if", "31: only the sender is named by a word: src=NAME"),
        ("case Add(s, v) if", "case (s, v) if", "14: expected case EVENT(NAME, …, src=NAME)"),
        ("s <= LIMIT and me in voters", "run(acc[t].bal > 0 for t in range(1, s)) > 1", "27: run() stands in a rule's body"),
        ('"A1: keep it"', '"keep it"', '13: a rule begins with "LABEL: what it does"'),
        ('"A1: keep it"', "high = 1", '13: a rule begins with "LABEL: what it does"'),
        ('"A1: keep it"', '"A1: keep it"; "PMS §2.2"', "28: behind what it does, a rule may cite its sources"),
        ('"W1: a value"\n            high = top(acc)', '"W1: a value"', "14: a rule does something"),
    ],
)  # fmt: skip
def test_a_bad_rule_is_refused_where_it_stands(old: str, new: str, problem: str) -> None:
    """Line and column, and what would be right."""
    said = refusal((old, new))
    assert problem in said, said
    first = line_of(old)
    assert first - 2 <= int(said.split(":")[0]) <= first + 6, said


def test_a_field_may_be_written_on_both_branches_and_read_before() -> None:
    """Once on a *path*: the branches of an `if` are two."""
    read((A1, "if s > high:\n                high = s\n            else:\n                high = high + 1"))


def test_a_field_that_was_written_on_one_branch_is_not_read_behind_the_if() -> None:
    """Whichever branch was taken, a read must mean the state before."""
    said = refusal((A1, "if s > 1:\n                high = s\n            send(Shout(high))"))
    assert "'high' is read after line 37 wrote it" in said


def test_locals_of_a_branch_end_with_it() -> None:
    """The other branch may use the name again; what follows may not use it at all."""
    branches = (
        "if s > 1:\n                x = s\n                high = x\n            else:\n                x = 1\n                high = x"
    )
    read((A1, branches))
    assert "unknown name 'x'" in refusal((A1, branches + "\n            send(Shout(x))"))


def test_an_event_without_a_rule_is_refused() -> None:
    """Events that are silently dropped are the classic trap."""
    said = refusal((SMALL[SMALL.index("        case Whisper(v)") :], ""))
    assert said.startswith(f"{line_of('class Whisper')}:1: no rule says what happens on Whisper")


def test_a_rule_that_is_never_reached_is_refused() -> None:
    """An earlier rule of the same event holds whenever it does, whatever the parameters are called."""
    extra = '        case Add(a, b) if me in voters and a <= LIMIT and b != NOTHING:\n            "A2: late"\n            high = a\n\n'
    said = refusal(("        case Sum() if not busy():", extra + "        case Sum() if not busy():"))
    assert said.startswith(
        f"{line_of('        case Sum() if not busy')}:14: never reached: 'A1' (small.spec.py:33) holds whenever this does"
    )


def test_two_rules_of_one_name_are_refused() -> None:
    """Traces, coverage and the table name rules by their label."""
    assert "two rules are called 'S1'; the other is at small.spec.py:38" in refusal(('"S2: begin anew"', '"S1: begin anew"'))


def test_the_sender_is_named_in_the_pattern() -> None:
    """`src=q` and `src` are the same."""
    assert read((T1, "seen = seen | {src}")).rules[3].body == read().rules[3].body


def test_the_first_rule_that_holds_is_carried_out() -> None:
    """Rules of one event are tried in the order of the text."""
    specification = read()
    assert [rule.label for rule in specification.rules_of(specification.events[1])] == ["S1", "S2"]
