"""The page's own code, in the engine of a browser without its screen: it finds, draws and tells what the recording holds.

A real browser is tried by `make page`: it is too heavy for every run of the gate.
"""

import json
import random
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from py_mini_racer import MiniRacer

from gaios.sim import Report, drawing
from gaios.sim.drawing import columns
from gaios.sim.recording import LOST, Mark, Message, Place, Recording, Span

PAGE = Path(drawing.__file__).with_name("page")
SCREEN = Path(__file__).with_name("screen.js").read_text()
SCRIPT = (PAGE / "show.js").read_text()
REPORT = Report(seed=7, trace_hash="0123456789abcdef", violations=[], statistics={}, sometimes={}, lines=[])
MS = 1_000_000
END_NS = 60_000 * MS


class Page:
    """An open page."""

    def __init__(self, recording: Recording, hash_: str = "", violations: int | None = None) -> None:
        self.recording = recording
        self._engine = MiniRacer()
        self._engine.eval(SCREEN)
        report = replace(REPORT, violations=["…"] * (len(recording.places) if violations is None else violations))
        data = json.dumps({**columns(recording, report, "gaios sim --seed 7"), "facts": "3 replicas"})
        self._engine.eval(f"document.getElementById('run').textContent = {json.dumps(data)}; window.location.hash = {json.dumps(hash_)};")
        self._engine.eval(SCRIPT)
        self._engine.eval("const { run, filter, view, diagram } = window.gaios; frame();")

    def ask(self, expression: str) -> Any:
        """What this is in the page."""
        return json.loads(str(self._engine.eval(f"JSON.stringify({expression})")))

    def do(self, statement: str) -> None:
        """Carry this out, and draw."""
        self._engine.eval(f"{statement}; frame();")

    def key(self, name: str, **more: bool) -> None:
        """Press a key."""
        self.do(f"key({json.dumps(name)}, {json.dumps(more)})")


def recording(messages: int, seed: int = 1) -> Recording:
    """A made-up run of a minute, with so many messages, half as many marks, and half as many spans."""
    dice = random.Random(seed)
    made = Recording()
    made.lanes = {0: "world", 1: "replica 1", 2: "replica 2", 3: "replica 3", 1001: "client 1", 1002: "watcher 2"}
    made.end_ns = END_NS
    for slot in range(messages):
        source, target = dice.sample([1, 2, 3, 1001, 1002], 2)
        sent = dice.randrange(END_NS)
        took = dice.choice((LOST - sent, dice.randrange(5 * MS), dice.randrange(MS), dice.randrange(9_000 * MS) if slot % 50 == 0 else MS))
        group = dice.choice(("elections", "values", "leases", "requests"))
        made.messages.append(Message(sent, min(sent + took, END_NS), source, target, group, f"accepted ballot 1.1, slot {slot // 10}"))
    for slot in range(messages // 2):
        at, lane = dice.randrange(END_NS), dice.randrange(4)
        made.marks.append(Mark(at, lane, dice.choice(("apply", "rare", "lives")), f"applies slot {slot // 5}: put k=v"))
        start, lasts = dice.randrange(END_NS), dice.randrange(20 * MS)
        lane, group = dice.choice(
            ((1, "disk"), (2, "disk beside"), (3, "reign"), (1, "ballot"), (1001, "call done"), (2, "life"), (0, "partition"))
        )
        ballot = 65_537 + slot % 3 if group in {"reign", "ballot"} else 0
        made.spans.append(Span(start, min(start + lasts, END_NS), lane, group, f"call {slot}: put k=v", ballot))
    for events in (made.messages, made.marks, made.spans):
        events.sort()
    made.places = [Place("agreement: slot 3: two values", 20_000 * MS, 2, "slot 3"), Place("liveness: none", END_NS, 0, "")]
    return made


def events_of(made: Recording) -> list[tuple[int, str]]:
    """When each event begins, in microseconds, and what it says."""
    found = [(message.sent_ns // 1_000, message.text) for message in made.messages]
    found += [(mark.at_ns // 1_000, mark.text) for mark in made.marks]
    return found + [(span.from_ns // 1_000, span.text) for span in made.spans]


@cache
def small() -> Recording:
    return recording(2_000)


@pytest.fixture(scope="module")
def big() -> Page:
    """100,000 events."""
    return Page(recording(50_000))


def test_the_page_holds_what_was_recorded() -> None:
    page, made = Page(small()), small()
    for name, events, start in (("messages", made.messages, "sent_ns"), ("marks", made.marks, "at_ns"), ("spans", made.spans, "from_ns")):
        assert page.ask(f"Array.from(run.{name}.from)") == [getattr(event, start) // 1_000 for event in events]
        lanes = list(made.lanes)
        assert [lanes[lane] for lane in page.ask(f"Array.from(run.{name}.lane)")] == [
            event[2] if name != "marks" else event[1] for event in events
        ]
        assert page.ask(f"Array.from(run.{name}.text, (text) => run.texts[text])") == [event.text for event in events]
    assert page.ask("Array.from(run.messages.lost)") == [int(message.arrived_ns == LOST) for message in made.messages]
    assert page.ask("run.events") == len(made.messages) + len(made.marks) + len(made.spans)


def test_what_is_visible_is_found_without_looking_at_all_of_it(big: Page) -> None:
    """Compared with looking at every event."""
    dice = random.Random(2)
    windows = [sorted(dice.sample(range(END_NS // 1_000), 2)) for _ in range(20)] + [[start, start + 500] for start in (0, 7_000_000)]
    for start, end in windows:
        for name in ("messages", "marks", "spans"):
            page_found = big.ask(
                f"(([low, high]) => [...Array(high - low).keys()].map((i) => i + low).filter((i) => run.{name}.until[i] >= {start}))"
                f"(Model.range(run.{name}, {start}, {end})).length"
            )
            everything = big.ask(
                f"run.{name}.from.reduce((n, from, i) => n + (from <= {end} && run.{name}.until[i] >= {start} ? 1 : 0), 0)"
            )
            assert page_found == everything


@pytest.mark.parametrize("share", [1.0, 0.1, 0.01, 0.0001])
def test_no_more_is_drawn_than_can_be_told_apart(big: Page, share: float) -> None:
    """However many events there are: some marks a pixel and lane, and a few thousand arrows."""
    big.do(f"diagram.centre(run.end / 2, run.end * {share}); window.gaios.redraw()")
    strokes, boxes = big.ask("drawn.lineTo"), big.ask("drawn.fillRect")
    assert 0 < strokes + boxes < 45_000
    assert big.ask("view.drawn") > 0
    if share == 0.0001:
        visible = big.ask(
            "['messages', 'marks', 'spans'].reduce((n, what) => n + (([a, b]) => b - a)(Model.range(run[what], view.from, view.until)), 0)"
        )
        assert big.ask("view.drawn") <= visible


def test_where_there_are_few_each_message_is_an_arrow() -> None:
    page = Page(small())
    page.do("diagram.centre(run.end / 2, run.end / 50); window.gaios.redraw()")
    visible = page.ask(
        "run.messages.from.reduce((n, from, i) => n + (from <= view.until && run.messages.until[i] >= view.from ? 1 : 0), 0)"
    )
    assert page.ask("view.messages") == visible > 10


@pytest.mark.parametrize(
    ("query", "text", "found"),
    [
        ("slot 1", "accept slot 1: x", True),
        ("slot 1", "accept slot 12: x", False),
        ("slot 1", "slot 12, slot 1", True),
        ("SLOT", "accept slot 12", True),
        ("ballot 1.1", "ballot 1.12", False),
        ("put k", "put key", True),
        (" put ", "put key", True),
        ("nothing", "put key", False),
    ],
)
def test_a_number_in_a_filter_is_that_number(query: str, text: str, found: bool) -> None:
    page = Page(small())
    assert page.ask(f"Model.matches([{json.dumps(text)}], {json.dumps(query)})[0] === 1") is found


def test_a_filter_leaves_what_holds_its_text_and_is_let_go() -> None:
    page, made = Page(small()), small()
    wanted = sum(bool(re.search(r"slot 3(?!\d)", text)) for _, text in events_of(made))
    page.do("document.getElementById('filter').value = 'slot 3'; document.getElementById('filter').fire('input')")
    assert page.ask("Model.count(run, filter)") == wanted > 0
    assert page.ask("document.getElementById('found').textContent") == f"{wanted} found"
    page.key("Escape")
    assert page.ask("Model.count(run, filter)") == page.ask("run.events")


def test_a_kind_is_hidden_by_its_chip_and_with_alt_alone_is_left() -> None:
    page, made = Page(small()), small()
    of_disk = sum(span.group in {"disk", "disk beside"} for span in made.spans)
    chip = "document.getElementById('chips').children.find((chip) => chip.words.startsWith('disk'))"
    page.do(f"{chip}.fire('click')")
    assert page.ask("Model.count(run, filter)") == page.ask("run.events") - of_disk
    page.do(f"{chip}.fire('click')")
    assert page.ask("Model.count(run, filter)") == page.ask("run.events")
    page.do(f"{chip}.fire('click', {{ altKey: true }})")
    assert page.ask("Model.count(run, filter)") == of_disk


def test_a_lane_is_folded_by_its_name_and_unfolded() -> None:
    page, made, canvas = Page(small()), small(), "document.getElementById('diagram')"
    page.do("const there = () => ({ offsetX: 5, offsetY: diagram.lanes[2].y + diagram.lanes[2].height / 2 })")
    page.do(f"{canvas}.fire('pointerdown', there()); {canvas}.fire('pointerup', there())")
    left = sum(not {message.source, message.target} <= {2} for message in made.messages)
    left += sum(mark.lane != 2 for mark in made.marks) + sum(span.lane != 2 for span in made.spans)
    assert page.ask("Model.count(run, filter)") == left
    page.do(f"{canvas}.fire('pointerdown', there()); {canvas}.fire('pointerup', there())")
    assert page.ask("Model.count(run, filter)") == page.ask("run.events")


def test_keys_move_zoom_and_show_the_whole() -> None:
    page = Page(small())
    page.key("0")
    whole = page.ask("[view.from, view.until]")
    assert whole == [0, END_NS // 1_000]
    page.key("+")
    page.key("+")
    assert page.ask("view.until - view.from") == pytest.approx(whole[1] / 2.25)
    before = page.ask("view.from")
    page.key("ArrowRight")
    assert page.ask("view.from") > before
    page.key("ArrowLeft")
    assert page.ask("view.from") == pytest.approx(before)
    page.key("-")
    assert page.ask("view.until - view.from") == pytest.approx(whole[1] / 1.5)
    page.key("/")
    assert page.ask("document.focused") == "filter"
    page.key("?")
    assert page.ask("document.getElementById('keys').open") is True


def test_zooming_has_ends_and_never_turns_inside_out() -> None:
    page = Page(small())
    for key_, few in (("+", 20), ("-", END_NS / 1_000 * 1.1)):
        for _ in range(80):
            page.key(key_)
        size = page.ask("view.until - view.from")
        assert size == pytest.approx(few, rel=0.1)
        for _ in range(200):
            page.key("ArrowRight", shiftKey=True)
        assert -few < page.ask("view.from") < page.ask("view.until") < END_NS / 1_000 * 1.1


def test_a_violation_is_where_the_page_opens_and_its_subject_is_marked() -> None:
    page = Page(small())
    assert page.ask("view.from") < 20_000_000 < page.ask("view.until")
    marked = [text for text, is_marked in zip(page.ask("run.texts"), page.ask("Array.from(view.focus)"), strict=True) if is_marked]
    assert marked
    assert all(re.search(r"slot 3(?!\d)", text) for text in marked)
    page.key("v")
    assert page.ask("view.from") < END_NS // 1_000 <= page.ask("view.until")
    page.key("v")
    assert page.ask("view.from") < 20_000_000 < page.ask("view.until")
    assert page.ask("document.getElementById('violations').children.map((button) => button.classList.contains('here'))") == [True, False]


def test_violations_that_are_too_many_are_counted() -> None:
    assert Page(small()).ask("run.more") == 0
    page = Page(small(), violations=2_953)
    assert page.ask("document.getElementById('violations').children.map((part) => part.textContent)[2]") == "and 2,951 more"


def test_what_is_pointed_at_is_told_and_a_click_pins_it() -> None:
    made = Recording()
    made.lanes = {0: "world", 1: "replica 1", 2: "replica 2"}
    made.end_ns = 10 * MS
    made.messages = [Message(2 * MS, 6 * MS, 1, 2, "values", "accept ballot 1.1, slot 12: put k=v")]
    made.marks = [Mark(8 * MS, 2, "apply", "applies slot 12: put k=v")]
    made.spans = [Span(1 * MS, 9 * MS, 1, "reign", "serves as master, ballot 1.1", 65_537)]
    page = Page(made)
    details, diagram = "document.getElementById('details').words", "document.getElementById('diagram')"
    point = "{ offsetX: diagram.x(4000), offsetY: (diagram.lanes[1].line + diagram.lanes[2].line) / 2 }"
    page.do(f"{diagram}.fire('pointermove', {point})")
    told = page.ask(details)
    assert "accept ballot 1.1, slot 12: put k=v" in told
    assert "replica 1 → replica 2 · values · sent 2 ms, arrived 6 ms, after 4 ms" in told
    page.do(f"{diagram}.fire('pointerdown', {point}); {diagram}.fire('pointerup', {point})")
    page.do(
        f"{diagram}.fire('pointermove', {{ offsetX: diagram.x(8000), offsetY: diagram.lanes[2].y + 57 * diagram.lanes[2].height / 88 }})"
    )
    told = page.ask(details)
    assert "applies slot 12: put k=v" in told
    assert "8 ms · 6 ms after what is pinned" in told
    page.do(
        f"{diagram}.fire('pointermove', {{ offsetX: diagram.x(5000), offsetY: diagram.lanes[1].y + 18 * diagram.lanes[1].height / 88 }})"
    )
    assert "serves as master, ballot 1.1" in page.ask(details)
    page.key("Enter")
    assert page.ask("document.getElementById('filter').value") == "slot 12"


def test_the_next_event_is_the_next_that_is_left() -> None:
    page, made = Page(small()), small()
    page.do("window.gaios.search('slot 7')")
    times = sorted({at_us for at_us, text in events_of(made) if re.search(r"slot 7(?!\d)", text)})
    page.do("view.pinned = null; diagram.move(-1000000, 1000000)")
    for wanted in times[:6]:
        page.key("n")
        assert page.ask("run[view.pinned[0]].from[view.pinned[1]]") == wanted
        assert page.ask("view.from") <= wanted <= page.ask("view.until")
    page.key("N")
    assert page.ask("run[view.pinned[0]].from[view.pinned[1]]") == times[4]
    page.do("view.pinned = null; diagram.move(run.end - 10, run.end)")
    for key_, wanted in (("n", times[0]), ("N", times[-1])):
        page.key(key_)
        assert page.ask("run[view.pinned[0]].from[view.pinned[1]]") == wanted, "past the last comes the first"


def test_dragging_moves_and_the_wheel_zooms_at_the_pointer() -> None:
    page, canvas = Page(small()), "document.getElementById('diagram')"
    page.do("diagram.move(10e6, 20e6)")
    page.do(f"{canvas}.fire('wheel', {{ deltaX: 0, deltaY: -300, offsetX: diagram.x(15e6) }})")
    assert page.ask("diagram.span()") < 10e6
    assert page.ask("diagram.at(diagram.x(15e6))") == pytest.approx(15e6)
    before = page.ask("view.from")
    page.do(
        f"{canvas}.fire('pointerdown', {{ offsetX: 600, offsetY: 300 }}); {canvas}.fire('pointermove', {{ offsetX: 500, offsetY: 300 }})"
    )
    page.do(f"{canvas}.fire('pointerup', {{ offsetX: 500, offsetY: 300 }})")
    assert page.ask("view.from") > before
    assert page.ask("view.pinned") is None
    page.do("document.getElementById('map').fire('pointerdown', { offsetX: 1200, offsetY: 10, buttons: 1 })")
    assert page.ask("view.until") > END_NS // 1_000


def test_an_address_opens_the_page_at_a_place() -> None:
    page = Page(small(), "#from_ms=100&until_ms=120&filter=slot%203&theme=dark")
    assert page.ask("[view.from, view.until]") == [100_000, 120_000]
    assert page.ask("document.getElementById('filter').value") == "slot 3"
    assert page.ask("document.documentElement.dataset.theme") == "dark"
    page.key("t")
    assert page.ask("document.documentElement.dataset.theme") == "light"


def test_overlapping_calls_of_a_client_stand_below_each_other() -> None:
    made = Recording()
    made.lanes, made.end_ns = {0: "world", 1001: "client 1"}, 10 * MS
    for number, (start, end) in enumerate([(0, 5), (1, 3), (2, 9), (4, 6)]):
        made.spans.append(Span(start * MS, end * MS, 1001, "call done", f"call {number}"))
    assert Page(made).ask("Array.from(run.rows.row)") == [0, 1, 2, 1]


def test_a_run_without_any_event_can_be_opened() -> None:
    made = Recording()
    page = Page(made)
    page.key("n")
    page.key("v")
    assert page.ask("run.events") == 0


@pytest.mark.parametrize(("us", "told"), [(0, "0 µs"), (12.5, "12.5 µs"), (1_500, "1.5 ms"), (2_000_001, "2.000001 s"), (-20, "−20 µs")])
def test_times_are_told_in_the_unit_that_suits_them(us: float, told: str) -> None:
    assert Page(Recording()).ask(f"Model.time({us})") == told


def test_every_colour_is_defined_in_both_themes() -> None:
    """A colour that is not defined is drawn grey, silently."""
    style = (PAGE / "show.css").read_text()
    light, dark = re.findall(r":root.*?\{(.*?)\}", style, re.DOTALL)
    names = set(re.findall(r"paint\.(\w+)", SCRIPT)) | set(re.findall(r'diagram\.paint\("(\w+)"\)', SCRIPT))
    names |= set(Page(Recording()).ask("Object.values(Canvas.colour)"))
    for theme in (light, dark):
        assert not names - set(re.findall(r"--([\w-]+):", theme))
