"""Claims about the queue between what a session is told and who reads a node's events."""

import asyncio

import pytest

from gaios.client import node_events
from gaios.client.lease import AskAgain, State
from gaios.client.node_events import NodeEvent, NodeEvents, bits_of
from gaios.errors import ConfigurationError
from gaios.lock_api import CHILD_ADDED, CHILD_REMOVED, CONTENTS_MODIFIED, Notice


def test_wanted_events_are_named() -> None:
    assert bits_of(["child_added", "child_removed", "child_added"]) == CHILD_ADDED | CHILD_REMOVED
    assert bits_of("contents_modified") == CONTENTS_MODIFIED  # type: ignore[arg-type]  # one is meant
    with pytest.raises(ConfigurationError, match="no event"):
        bits_of(["safe"])  # type: ignore[list-item]


async def test_events_come_in_order_and_end_with_the_session() -> None:
    events = NodeEvents()
    for news in (Notice(9, CHILD_ADDED, "a", 20), AskAgain(), State.JEOPARDY, State.SAFE, State.EXPIRED, Notice(9, CHILD_ADDED, "b", 30)):
        events.told(news)
    found = [event async for event in events]
    assert found == [
        NodeEvent("child_added", "a", 20), NodeEvent("failed_over"), NodeEvent("jeopardy"), NodeEvent("safe"), NodeEvent("expired"),
    ]  # fmt: skip
    assert await events.take(10) == []


async def test_a_reader_waits_and_is_woken_by_the_end() -> None:
    events = NodeEvents()
    reading = asyncio.ensure_future(events.take(10))
    await asyncio.sleep(0)
    assert not reading.done()
    events.told(Notice(9, CONTENTS_MODIFIED))
    assert [event.type for event in await reading] == ["contents_modified"]
    reading = asyncio.ensure_future(events.take(10))
    await asyncio.sleep(0)
    events.end()
    assert await reading == []


async def test_what_was_not_read_in_time_is_lost_and_said_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    """[SAFETY 28] `lost` stands where they stood; what comes later is told."""
    monkeypatch.setattr(node_events, "KEPT_MAX", 3)
    events = NodeEvents()
    for revision in range(5):
        events.told(Notice(9, CONTENTS_MODIFIED, "", revision))
    assert [(event.type, event.revision) for event in await events.take(10)] == [
        ("lost", 0), ("contents_modified", 3), ("contents_modified", 4),
    ]  # fmt: skip
    events.told(AskAgain(lost=True))
    assert [event.type for event in await events.take(10)] == ["lost"]
