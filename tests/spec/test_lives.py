"""What becomes of a key of a durable map, read off the rules."""

from gaios.spec import core_texts, read_specification
from gaios.spec.lives import emit_lives
from tests.spec.small import read


def test_putting_marking_and_dropping_are_its_life() -> None:
    """What is put is there, whether it was before or not; the mark covers what is put with it."""
    assert emit_lives(read()) == [
        "",
        "What becomes of a Slot of `acc`; a mark covers every Slot through it:",
        "",
        "```mermaid",
        "stateDiagram-v2",
        '    state "in acc" as acc',
        '    state "through high" as high',
        "    [*] --> high: A1",
        "    acc --> high: A1, S2, W1",
        "    [*] --> acc: T1",
        "    acc --> acc: T1",
        "```",
    ]


def test_a_slot_is_accepted_chosen_and_dropped_in_this_order() -> None:
    """[PMS §2.2, §2.3]"""
    lines = emit_lives(read_specification(core_texts()))
    assert "    chosen --> truncated: T, I, I-known" in lines
    assert "    acc --> chosen: P3, L, C2" in lines
    assert "    acc --> acc: P2a-again, M, P2a, P2b, D2" in lines


def test_a_map_that_a_restart_loses_has_no_such_picture() -> None:
    assert emit_lives(read(("    acc: Durable[Map[Slot, Entry]]", "    acc: Map[Slot, Entry]"))) == []
