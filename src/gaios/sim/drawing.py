"""A recorded run as one page of HTML that loads nothing: the space-time diagram of `gaios sim show`.

Rule 1. The page is a function of the recording: no date, no path, no machine.
Rule 2. Times are microseconds; ascending ones are written as differences, and every text once: 100,000 events are a few megabytes.
Rule 3. Whatever a run holds is data: nothing of it can end the script that it stands in, or become markup.
"""

import html
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from gaios.sim.recording import LOST, Mark, Message, Recording, Span
from gaios.sim.run import Report

_PAGE = Path(__file__).with_name("page")
_US = 1_000


class _Table:
    """Words with numbers, in the order in which they came."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def number(self, word: str) -> int:
        return self._numbers.setdefault(word, len(self._numbers))

    def words(self) -> list[str]:
        return list(self._numbers)


def page(recording: Recording, report: Report, command: str, facts: str = "") -> str:
    """The page.

    Args:
        recording: finished.
        report: of the same run.
        command: what shows this run again.
        facts: what else there is to know about it, a line.
    """
    parts = {name: (_PAGE / f"show.{kind}").read_text("utf-8") for name, kind in (("style", "css"), ("script", "js"))}
    data = msgspec.json.encode({**columns(recording, report, command), "facts": facts}).decode()
    # In a script's text only `</` and `<!` mean anything; in JSON a `<` may always be written so.
    parts["data"] = data.replace("<", "\\u003c")
    parts["title"] = html.escape(f"gaios: seed {report.seed}")
    text = (_PAGE / "show.html").read_text("utf-8")
    before, *rest = text.split("{{")
    for part in rest:
        name, _, after = part.partition("}}")
        before += parts[name] + after
    return before


def columns(recording: Recording, report: Report, command: str) -> dict[str, Any]:
    """What the page draws, as columns."""
    rows = sorted(recording.lanes.items())  # the world, replicas, clients; who joins late stands among its like
    lanes = {lane: at for at, (lane, _) in enumerate(rows)}
    texts, groups = _Table(), _Table()

    def common(events: Sequence[Message] | Sequence[Mark] | Sequence[Span], source: str) -> dict[str, list[int]]:
        return {
            "lane": [lanes[getattr(event, source)] for event in events],
            "group": [groups.number(event.group) for event in events],
            "text": [texts.number(event.text) for event in events],
        }

    messages, marks, spans = recording.messages, recording.marks, recording.spans
    return {
        "seed": report.seed,
        "command": command,
        "trace": report.trace_hash,
        "end": max(1, recording.end_ns // _US),
        "lanes": rows,
        "messages": {
            "sent": _differences(message.sent_ns for message in messages),
            "took": [_took(message.sent_ns, message.arrived_ns) for message in messages],
            "target": [lanes[message.target] for message in messages],
            **common(messages, "source"),
        },
        "marks": {"at": _differences(mark.at_ns for mark in marks), **common(marks, "lane")},
        "spans": {
            "from": _differences(span.from_ns for span in spans),
            "took": [_took(span.from_ns, span.until_ns) for span in spans],
            "number": [span.number for span in spans],
            **common(spans, "lane"),
        },
        "places": [[place.text, place.at_ns // _US, lanes[place.lane], place.find] for place in recording.places],
        "more": len(report.violations) - len(recording.places),
        "texts": texts.words(),
        "groups": groups.words(),
    }


def _took(from_ns: int, until_ns: int) -> int:
    """Microseconds, so that what follows in one moment still does when both ends are rounded; -1: for ever."""
    return -1 if until_ns == LOST else until_ns // _US - from_ns // _US


def _differences(times_ns: Iterable[int]) -> list[int]:
    found, before = [], 0
    for time_ns in times_ns:
        found.append(time_ns // _US - before)
        before = time_ns // _US
    return found
