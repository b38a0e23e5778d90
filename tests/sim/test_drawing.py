"""The page of a run is whole, exact, and safe to open."""

import itertools
import json
import re
from html.parser import HTMLParser
from typing import Any

from gaios.sim import Report
from gaios.sim.drawing import columns, page
from gaios.sim.recording import LOST, Mark, Message, Place, Recording, Span

HOSTILE = "</script><script>alert(1)</script><!--"


def recording() -> Recording:
    made = Recording()
    made.lanes = {0: "world", 1: "replica 1", 2: "replica 2", 1001: "client 1"}
    made.messages = [
        Message(1_500, 9_400, 1, 2, "values", "accept"),
        Message(1_700, LOST, 1001, 1, "requests", HOSTILE),
        Message(5_000_000, 5_000_001, 2, 1, "values", "accept"),
    ]
    made.marks = [Mark(2_000, 2, "apply", "applies slot 1"), Mark(2_000, 0, "rare", "accept")]
    made.spans = [Span(0, 3_000, 1, "reign", "serves", 65_537), Span(1_000, 1_000, 1001, "call done", "call 1")]
    made.places = [Place("agreement: slot 1", 2_000, 2, "slot 1")]
    made.end_ns = 6_000_000
    return made


REPORT = Report(seed=7, trace_hash="abc", violations=["agreement: slot 1"], statistics={}, sometimes={}, lines=[])


def test_columns_hold_every_event() -> None:
    """Decoded as the page does it: differences add up, numbers name words."""
    told = columns(recording(), REPORT, "gaios sim --seed 7")
    assert list(itertools.accumulate(told["messages"]["sent"])) == [1, 1, 5_000]
    assert told["messages"]["took"] == [8, -1, 0]
    assert [told["lanes"][lane][1] for lane in told["messages"]["lane"]] == ["replica 1", "client 1", "replica 2"]
    assert [told["lanes"][lane][1] for lane in told["messages"]["target"]] == ["replica 2", "replica 1", "replica 1"]
    assert [told["groups"][group] for group in told["marks"]["group"]] == ["apply", "rare"]
    assert [told["texts"][text] for text in told["messages"]["text"]] == ["accept", HOSTILE, "accept"]
    assert told["spans"]["took"] == [3, 0]
    assert told["spans"]["number"] == [65_537, 0]
    assert told["places"] == [["agreement: slot 1", 2, 2, "slot 1"]]
    assert told["end"] == 6_000
    assert len(told["texts"]) == len(set(told["texts"]))


class Scripts(HTMLParser):
    """Every script's text, every address, and whether markup is balanced."""

    def __init__(self) -> None:
        super().__init__()
        self.scripts: list[str] = []
        self.addresses: list[str] = []
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._inside = tag == "script"
        if self._inside:
            self.scripts.append("")
        self.addresses += [value or "" for name, value in attrs if name in {"src", "href", "action"}]

    def handle_endtag(self, tag: str) -> None:
        self._inside = False

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.scripts[-1] += data


def parsed(text: str) -> Scripts:
    scripts = Scripts()
    scripts.feed(text)
    return scripts


def test_a_run_cannot_break_out_of_its_script() -> None:
    found = parsed(page(recording(), REPORT, f"gaios sim {HOSTILE}"))
    assert len(found.scripts) == 2
    data: dict[str, Any] = json.loads(found.scripts[0])
    assert HOSTILE in data["texts"]
    assert data["command"] == f"gaios sim {HOSTILE}"


def test_the_page_loads_nothing() -> None:
    text = page(recording(), REPORT, "gaios sim --seed 7")
    assert parsed(text).addresses == []
    assert not re.search(r"https?://|@import|url\(|import\(|fetch\(|XMLHttpRequest|WebSocket", text)


def test_no_part_of_the_page_is_left_open() -> None:
    """A part whose name is misspelt in the page would stand there in braces."""
    assert not re.search(r"\{\{\w+\}\}", page(recording(), REPORT, "gaios sim --seed 7"))
