"""A counterexample is read by people."""

import pytest

from gaios.spec.counterexample import Counterexample
from gaios.spec.explorer import Explorer
from tests.spec.models import OWN_VALUE, TINY, scope


@pytest.fixture(scope="module")
def story() -> Counterexample:
    explorer = Explorer(scope(TINY, OWN_VALUE))
    report = explorer.explore()
    return Counterexample(explorer, "tiny", report.violated, report.path)


def test_a_transcript_names_rule_place_member_event_and_what_changed(story: Counterexample) -> None:
    text = story.transcript()
    assert text.startswith("agreement is violated in configuration tiny, after 14 steps:\n")
    assert "member 1, P1a (ballots.spec.py:" in text
    assert "on Campaign(bal=1): claim durably a fresh ballot of my own" in text
    assert "promised 0 → 1; phase IDLE → PREPARING" in text
    assert "sends Accept(bal=1, cfg=0, slot=1, val=v1) to the others" in text
    assert "Now agreement (invariants.spec.py:" in text


def test_a_diagram_has_a_lane_a_member_and_an_arrow_a_message(story: Counterexample) -> None:
    head, *rows = story.diagram().splitlines()
    assert [word for word in head.split("  ") if word] == ["member 1", "member 2", "member 3"]
    assert len(rows) == len(story.path)
    arrows = [row for row in rows if "▶" in row or "◀" in row]
    received = [index for index, action in enumerate(story.path) if story._key(action) and story._senders()[index] != action.me]
    assert len(arrows) == len(received)
    assert all(row.count("●") == 1 for row in rows)


def test_mermaid_says_the_same(story: Counterexample) -> None:
    lines = story.mermaid().splitlines()
    assert lines[0] == "sequenceDiagram"
    assert "    1->>3: Prepare(bal=1, cfg=0)" in lines or "    2->>3: Prepare(bal=2, cfg=0)" in lines
    assert lines[-1] == "    Note over 1,3: agreement is violated"


def test_crashes_are_told() -> None:
    from dataclasses import replace

    explorer = Explorer(
        scope(
            replace(TINY, restarts=(3,)),
            ("@restart\ndef chosen()", "@restart\ndef acc() -> Map[Slot, Entry]:\n    return {}\n\n@restart\ndef chosen()"),
        )
    )
    report = explorer.explore()
    told = Counterexample(explorer, "tiny", report.violated, report.path)
    assert "member 3: it crashes and starts again: what was not durable is lost" in told.transcript()
    assert "● restart" in told.diagram()
