"""The rule table: for people, from the same tree."""

from gaios.spec.table import emit_table
from tests.spec.small import CITED, line_of, read


def test_a_row_tells_event_guard_effects_and_place() -> None:
    """Durable fields are bold, messages that wait are in italics."""
    row = next(line for line in emit_table(read(CITED)).splitlines() if line.startswith("| A1"))
    assert row == (
        "| A1: keep it | `Add(s, v)` | `s <= LIMIT and me in voters` | **acc**, **high** | *Tell* | "
        f"small.spec.py:{line_of('case Add')} | [PMS §2.2; SAFETY 5] |"
    )  # fmt: skip


def test_a_later_rule_of_an_event_says_that_earlier_ones_did_not_hold() -> None:
    """First match wins: a reader must not have to know that."""
    rows = emit_table(read()).splitlines()
    assert any(row.startswith("| S2: begin anew | `Sum()` | not S1; always | ") for row in rows)


def test_effects_of_branches_and_loops_are_collected() -> None:
    """Whichever path is taken."""
    row = next(line for line in emit_table(read()).splitlines() if line.startswith("| S1"))
    assert "| phase, seen | Shout |" in row


def test_messages_inputs_and_state_have_tables_too() -> None:
    """One page shows the whole protocol."""
    table = emit_table(read())
    assert "| *Tell* | slot: Slot, acc: Map[Slot, Entry] | `owner(slot)` |" in table
    assert "| Whisper | val: Value | whom the rule names |" in table
    assert "| Sum | – |" in table
    assert "| acc | Map[Slot, Entry] | **durable** |" in table


def test_a_guard_over_several_lines_and_with_a_bar_stays_in_its_cell() -> None:
    """Markdown splits cells at bars."""
    table = emit_table(
        read(("if s <= LIMIT and me in voters:", "if (\n            s <= LIMIT\n            and many(seen | voters)\n        ):"))
    )
    assert "`s <= LIMIT and many(seen \\| voters)`" in table


def test_choices_and_messages_have_pictures() -> None:
    """Who changes a choice, and what follows from what."""
    table = emit_table(read())
    assert "    [*] --> IDLE\n    IDLE --> BUSY: S1\n    BUSY --> IDLE: S2\n```" in table
    assert "    Add -- A1 --> Tell\n    Sum -- S1 --> Shout\n    Shout -- H1 --> Whisper\n```" in table


def test_a_guard_that_names_a_choice_narrows_where_a_rule_starts() -> None:
    """Both ways of saying it."""
    assert "    IDLE --> BUSY: S1\n" in emit_table(read(("case Sum() if not busy():", "case Sum() if phase == IDLE:")))
    assert "    IDLE --> BUSY: S1\n" in emit_table(read(("case Sum() if not busy():", "case Sum() if phase != BUSY:")))
