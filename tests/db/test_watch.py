"""A watch is ordered, unique, without a gap, resumable, and costs a bounded amount.  [PML §5.6; SAFETY 28]"""

from collections.abc import Hashable, Sequence

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test

from gaios import api, errors
from gaios.db import Database, Hub
from gaios.db import watch as module
from tests.db.oracle import CONTEXT, ENDS, KEYS, MULTIOPS

ALL = (b"", b"")


def change(database: Database, *operations: api.Operation) -> Sequence[api.Event]:
    return database.apply(api.encode(api.MultiOp(then=operations)), CONTEXT)[1]


def put(database: Database, key: bytes, value: bytes = b"") -> Sequence[api.Event]:
    return change(database, api.Put(key, value))


def given(hub: Hub, token: Hashable) -> list[tuple[bytes, int]]:
    """Keys and revisions of one drain."""
    return [(event.key, event.mod_revision) for each in hub.drain() if each.token == token for event in each.events]


def lags(hub: Hub, token: Hashable) -> bool:
    """Whether a watcher reads history."""
    return hub._watchers[token].lags


class Client:
    """One who watches, checks each delivery, and resumes after an error."""

    def __init__(self, key: bytes, end: bytes | None, first: int) -> None:
        self.key, self.end, self.first, self.next = key, end, first, first
        self.events: list[api.Event] = []
        self.ready = True


class WatchersAgainstHistory(RuleBasedStateMachine):
    """Whatever is published late, dropped, or not taken: each watcher has been given exactly the history before its position."""

    @initialize(small=st.booleans())
    def begin(self, small: bool) -> None:
        self.patch = pytest.MonkeyPatch()
        if small:
            self.patch.setattr(module, "BUFFER_EVENTS_MAX", 3)
            self.patch.setattr(module, "BUFFER_BYTES_MAX", 300)
            self.patch.setattr(module, "PAGES_A_DRAIN", 1)
            self.patch.setattr("gaios.db.store.PAGE_ENTRIES_MAX", 2)
            self.patch.setattr("gaios.db.store.HISTORY_SCAN_MAX", 3)
        self.database = Database()
        self.hub = Hub(self.database)
        self.history: list[api.Event] = []
        self.unpublished: list[list[api.Event]] = []
        self.clients: dict[int, Client] = {}
        self.token = 0

    def teardown(self) -> None:
        self.patch.undo()

    @rule(command=MULTIOPS, publish=st.booleans())
    def change(self, command: api.MultiOp, publish: bool) -> None:
        try:
            events = self.database.apply(api.encode(command), CONTEXT)[1]
        except errors.NotANumber:
            return
        self.history += events
        self.unpublished.append(list(events))
        if publish:
            self.publish()

    @rule()
    def publish(self) -> None:
        """All at once, as a loop turn that applied several slots does."""
        self.hub.publish([event for events in self.unpublished for event in events])
        self.unpublished.clear()

    @precondition(lambda self: self.unpublished)
    @rule(data=st.data())
    def drop_effects(self, data: st.DataObject) -> None:
        """Rule 4 of the seam: they may be dropped."""
        del self.unpublished[data.draw(st.integers(0, len(self.unpublished) - 1))]

    @rule(key=KEYS, end=ENDS, back=st.integers(-3, 5))
    def watch(self, key: bytes, end: bytes | None, back: int) -> None:
        first = max(0, self.database.revision - back)
        if 0 < first < self.database.compacted:
            with pytest.raises(errors.Compacted):
                self.hub.watch("refused", key, end, first)
            return
        self.token += 1
        begins = self.hub.watch(self.token, key, end, first)
        assert begins == (first or self.database.revision + 1)
        self.clients[self.token] = Client(key, end, begins)

    @precondition(lambda self: self.clients)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        token = data.draw(st.sampled_from(sorted(self.clients)))
        del self.clients[token]
        assert self.hub.cancel(token)
        assert not self.hub.cancel(token)

    @precondition(lambda self: self.clients)
    @rule(data=st.data())
    def turn(self, data: st.DataObject) -> None:
        client = self.clients[data.draw(st.sampled_from(sorted(self.clients)))]
        client.ready = not client.ready

    @rule(back=st.integers(0, 4))
    def compact(self, back: int) -> None:
        revision = max(self.database.revision - back, self.database.compacted)
        self.database.apply(api.encode(api.Compact(revision)), CONTEXT)

    @rule()
    def drain(self) -> None:
        for token, events, next_revision, error in self.hub.drain(lambda token: self.clients[token].ready):  # type: ignore[index]
            assert isinstance(token, int)
            client = self.clients[token]
            assert client.ready
            if error is not None:
                assert isinstance(error, errors.Compacted)
                assert next_revision == client.next < self.database.compacted
                del self.clients[token]
                continue
            assert next_revision >= client.next
            client.events += events
            client.next = next_revision

    @rule()
    def progress(self) -> None:
        for token, events, next_revision, error in self.hub.progress():
            assert isinstance(token, int)
            assert (events, error) == ((), None)
            self.clients[token].next = max(self.clients[token].next, next_revision)

    @invariant()
    def each_has_what_was_before_its_position(self) -> None:
        for client in self.clients.values():
            before = [event for event in self.history if client.first <= event.mod_revision < client.next]
            expected = [e for e in before if e.key == client.key or (client.end is not None and client.key <= e.key)]
            expected = [e for e in expected if (e.key == client.key if client.end is None else not client.end or e.key < client.end)]
            assert client.events == expected

    @rule()
    def everything_arrives(self) -> None:
        """When effects come and clients take, a few drains bring all of them to the end."""
        self.publish()
        self.hub.missed()
        for client in self.clients.values():
            client.ready = True
        for _ in range(20 * (len(self.history) + len(self.clients) + 1)):
            if not self.hub.pending:
                break
            self.drain()
        assert not self.hub.pending
        self.progress()
        assert all(client.next >= self.database.revision + 1 for client in self.clients.values())


def test_every_watcher_is_given_exactly_the_history_before_its_position() -> None:
    """In any order of changes, publishing, dropping, compaction, and whoever is ready."""
    run_state_machine_as_test(WatchersAgainstHistory, settings=settings(max_examples=150, stateful_step_count=40, deadline=None))


def test_a_watch_without_a_revision_begins_after_the_present_one() -> None:
    """What was before is not delivered, and what comes is."""
    database = Database()
    put(database, b"a")
    hub = Hub(database)
    assert hub.watch(1, b"a", None) == 3
    assert hub.drain() == []
    hub.publish(put(database, b"a"))
    assert hub.drain() == [(1, [api.Event(b"a", b"", 2, 2, 3)], 4, None)]


def test_a_watch_of_the_past_goes_on_with_what_comes() -> None:
    """From history to live without a gap and without a repetition, even when effects come late."""
    database = Database()
    hub = Hub(database)
    for _ in range(3):
        hub.publish(put(database, b"a"))
    hub.watch(1, b"a", None, 3)
    late = [put(database, b"a"), put(database, b"a")]
    assert given(hub, 1) == [(b"a", 3), (b"a", 4), (b"a", 5), (b"a", 6)]
    for events in late:
        hub.publish(events)
    assert given(hub, 1) == []
    hub.publish(put(database, b"a"))
    assert given(hub, 1) == [(b"a", 7)]


@pytest.mark.parametrize("first", [2, 5, 6, 7])
def test_a_watch_begins_exactly_where_it_is_told(first: int) -> None:
    """The first revision, the last before the present one, the present one, the next."""
    database = Database()
    hub = Hub(database)
    for _ in range(5):
        hub.publish(put(database, b"a"))
    assert database.revision == 6
    hub.watch(1, b"a", None, first)
    hub.publish(put(database, b"a"))
    found = given(hub, 1)
    hub.publish(put(database, b"a"))
    assert found + given(hub, 1) == [(b"a", revision) for revision in range(first, 9)]


def test_effects_that_are_published_again_are_not_delivered_again() -> None:
    """Whoever hands them over need not remember whether he did."""
    database = Database()
    hub = Hub(database)
    hub.watch(1, b"a", None)
    first, second = put(database, b"a"), put(database, b"a")
    hub.publish([*first, *second])
    hub.publish(first)
    assert not lags(hub, 1)
    hub.publish([*second, *put(database, b"a")])
    assert given(hub, 1) == [(b"a", 2), (b"a", 3), (b"a", 4)]


@pytest.mark.parametrize("told", [False, True])
def test_what_nobody_watched_is_no_gap_for_the_first_who_does(told: bool) -> None:
    """Whoever has no watchers need not publish; what it publishes late all the same was there when the watch began."""
    database = Database()
    hub = Hub(database)
    put(database, b"a")
    late = put(database, b"a")
    hub.watch(1, b"a", None)
    if told:
        hub.publish(late)
    assert given(hub, 1) == []
    hub.publish(put(database, b"a"))
    assert not lags(hub, 1)
    assert given(hub, 1) == [(b"a", 4)]


def test_a_watch_of_the_future_waits() -> None:
    """A client that resumes where it stopped may be ahead of this replica."""
    database = Database()
    hub = Hub(database)
    assert hub.watch(1, b"a", None, 4) == 4
    for _ in range(4):
        hub.publish(put(database, b"a"))
    assert given(hub, 1) == [(b"a", 4), (b"a", 5)]


def test_keys_prefixes_and_ranges_are_matched() -> None:
    """Each watcher by its own way, several on the same one."""
    database = Database()
    hub = Hub(database)
    watched = {
        1: (b"b", None),
        2: (b"b", b"c"),
        3: (b"b", b"c"),
        4: ALL,
        5: (b"a", b"bb"),
        6: (b"bb", b""),
        7: (b"\xff", b""),
        8: (b"c", b"a"),
    }
    for token, (key, end) in watched.items():
        hub.watch(token, key, end)
    for key in (b"a", b"b", b"ba", b"bb", b"c", b"\xff\xff"):
        hub.publish(put(database, key))
    found = {each.token: [event.key for event in each.events] for each in hub.drain()}
    assert found == {
        1: [b"b"],
        2: [b"b", b"ba", b"bb"],
        3: [b"b", b"ba", b"bb"],
        4: [b"a", b"b", b"ba", b"bb", b"c", b"\xff\xff"],
        5: [b"a", b"b", b"ba"],
        6: [b"bb", b"c", b"\xff\xff"],
        7: [b"\xff\xff"],
    }
    for token in watched:
        assert hub.cancel(token)
    assert (len(hub), hub._keys, hub._prefixes, hub._prefix_lengths, hub._ranges) == (0, {}, {}, {}, {})


def test_a_revision_is_delivered_whole() -> None:
    """All events of a MultiOp for a watcher come in one delivery."""
    database = Database()
    hub = Hub(database)
    hub.watch(1, *ALL)
    hub.publish(change(database, *[api.Put(b"%03d" % number, b"") for number in range(128)]))
    (delivery,) = hub.drain()
    assert (len(delivery.events), delivery.next_revision) == (128, 3)


@pytest.mark.parametrize("events", [module.BUFFER_EVENTS_MAX, module.BUFFER_EVENTS_MAX + 1, 3 * module.BUFFER_EVENTS_MAX])
def test_a_slow_watcher_is_not_ended_and_takes_no_memory(events: int) -> None:
    """Beyond its buffer it reads history again: nothing is lost, nothing twice."""
    database = Database()
    hub = Hub(database)
    hub.watch(1, b"a", None)
    for _ in range(events):
        hub.publish(put(database, b"a"))
        assert len(hub._watchers[1].buffer) <= module.BUFFER_EVENTS_MAX
        assert hub.drain(lambda _: False) == []
    assert lags(hub, 1) == (events > module.BUFFER_EVENTS_MAX)
    found: list[tuple[bytes, int]] = []
    while hub.pending:
        found += given(hub, 1)
    assert found == [(b"a", revision) for revision in range(2, events + 2)]
    assert not lags(hub, 1)


def test_a_buffer_is_bounded_in_bytes_too() -> None:
    """Two large values do not both wait in memory."""
    database = Database()
    hub = Hub(database)
    hub.watch(1, b"a", None)
    large = b"v" * (module.BUFFER_BYTES_MAX - 500)
    hub.publish(put(database, b"a", large))
    assert not lags(hub, 1)
    hub.publish(put(database, b"a", large))
    assert lags(hub, 1)
    assert given(hub, 1) == [(b"a", 2)]
    assert given(hub, 1) == [(b"a", 3)]


def test_one_revision_larger_than_a_buffer_still_arrives() -> None:
    """Its unit is the revision, whatever its size."""
    database = Database()
    hub = Hub(database)
    hub.watch(1, *ALL)
    for number in range(1_500):
        hub.publish(put(database, b"%04d" % number))
    while hub.pending:
        hub.drain()
    hub.publish(change(database, api.Delete(*ALL)))
    deliveries = hub.drain()
    assert [len(each.events) for each in deliveries] == [1_500]
    assert not hub.pending


def test_lagging_watchers_take_turns() -> None:
    """One drain reads a bounded number of pages; nobody waits for ever."""
    database = Database()
    for _ in range(3):
        put(database, b"a")
    hub = Hub(database)
    count = module.PAGES_A_DRAIN + 3
    for token in range(count):
        hub.watch(token, b"a", None, 1)
    assert [each.token for each in hub.drain()] == list(range(module.PAGES_A_DRAIN))
    assert hub.pending
    assert [each.token for each in hub.drain()] == list(range(module.PAGES_A_DRAIN, count))
    assert not hub.pending


def test_who_is_not_ready_holds_up_nobody() -> None:
    """Neither live nor lagging."""
    database = Database()
    put(database, b"a")
    hub = Hub(database)
    for token in range(30):
        hub.watch(token, b"a", None, 1 if token % 2 else 0)
    hub.publish(put(database, b"a"))
    tokens = [each.token for each in hub.drain(lambda token: token in (28, 29))]
    assert tokens == [28, 29]


def test_a_watcher_that_compaction_overtook_ends_with_that_error() -> None:
    """It is told where it stood; the hub forgets it."""
    database = Database()
    hub = Hub(database)
    for _ in range(5):
        hub.publish(put(database, b"a"))
    hub.watch(1, b"a", None, 2)
    database.apply(api.encode(api.Compact(4)), CONTEXT)
    (delivery,) = hub.drain()
    assert (delivery.token, delivery.next_revision, list(delivery.events)) == (1, 2, [])
    assert isinstance(delivery.error, errors.Compacted)
    assert delivery.error.compacted == 4
    assert len(hub) == 0
    with pytest.raises(errors.Compacted):
        hub.watch(2, b"a", None, 3)
    assert hub.watch(2, b"a", None, 4) == 4


def test_a_quiet_watcher_is_not_overtaken() -> None:
    """It was given everything there was, so effects that are dropped later do not send it back behind the compaction point."""
    database = Database()
    hub = Hub(database)
    hub.watch(1, b"quiet", None)
    for _ in range(10):
        hub.publish(put(database, b"loud"))
    database.apply(api.encode(api.Compact(database.revision)), CONTEXT)
    put(database, b"quiet")  # its effects are dropped
    hub.publish(put(database, b"loud"))
    assert hub.drain() == [(1, (api.Event(b"quiet", b"", 1, 12, 12),), 14, None)]


def test_progress_tells_quiet_watchers_how_far_they_are() -> None:
    """Live ones with nothing to take; the others hear of it with their events."""
    database = Database()
    hub = Hub(database)
    hub.watch(1, b"quiet", None)
    hub.watch(2, b"loud", None)
    hub.watch(3, b"quiet", None, 100)
    for _ in range(3):
        hub.publish(put(database, b"loud"))
    hub.watch(4, b"quiet", None, 1)
    assert hub.progress() == [(1, (), 5, None)]
    assert [(each.token, each.next_revision) for each in hub.drain()] == [(2, 5), (4, 5)]
    assert [each.token for each in hub.progress()] == [1, 2, 4]


def test_a_replaced_state_is_read_again() -> None:
    """A replica that caught up by a snapshot has no effects to publish."""
    source, database = Database(), Database()
    hub = Hub(database)
    hub.watch(1, b"a", None)
    for _ in range(3):
        put(source, b"a")
    database.restore(source.snapshot())
    hub.missed()
    assert given(hub, 1) == [(b"a", 2), (b"a", 3), (b"a", 4)]
    hub.publish(put(database, b"a"))
    assert given(hub, 1) == [(b"a", 5)]


@pytest.mark.parametrize(
    ("key", "end", "first", "kind"),
    [
        (b"", None, 0, errors.KeyTooLong),
        (b"k" * 1_025, None, 0, errors.KeyTooLong),
        (b"k", b"k" * 1_026, 0, errors.KeyTooLong),
        (b"k", None, -1, errors.InvalidCommand),
        (b"k", None, 1 << 63, errors.InvalidCommand),
    ],
)
def test_what_cannot_be_watched_is_refused(key: bytes, end: bytes | None, first: int, kind: type[errors.Error]) -> None:
    """And leaves nothing behind."""
    hub = Hub(Database())
    with pytest.raises(kind):
        hub.watch(1, key, end, first)
    assert len(hub) == 0
    hub.watch(1, b"k", None)
    with pytest.raises(errors.InvalidCommand):
        hub.watch(1, b"k", None)


def test_the_tables_have_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Watchers, and ranges that are no prefix.  [SAFETY 28]"""
    monkeypatch.setattr(module, "WATCHERS_MAX", 5)
    monkeypatch.setattr(module, "RANGES_MAX", 2)
    hub = Hub(Database())
    hub.watch(1, b"a", b"c")
    hub.watch(2, b"a", b"d")
    with pytest.raises(errors.Overloaded, match="ranges"):
        hub.watch(3, b"a", b"e")
    assert len(hub) == 2
    hub.watch(3, b"a", b"d")
    hub.watch(4, b"a", b"b")
    hub.watch(5, b"a", None)
    with pytest.raises(errors.Overloaded, match="watchers"):
        hub.watch(6, b"a", None)
    hub.cancel(1)
    hub.watch(6, b"a", b"e")
