"""A watch tells every event once, in order, without gaps, whatever happens to connections and masters."""

import random

import pytest

from gaios.api import Event
from gaios.client.tuning import MS, NEVER
from gaios.errors import Compacted, NotMaster, Overloaded, Unavailable
from gaios.transport import Kind, Watch
from tests.client.script import A, B, Script


def event(revision: int) -> Event:
    """A change at a revision."""
    return Event(b"k", b"v%d" % revision, 1, revision, revision)


def watching(script: Script, revision: int = 5) -> tuple[int, int]:
    """A watch that has begun: its number, and its request's."""
    watch = script.core.watch(script.now, b"k", None, revision, script.now + 5_000 * MS)
    script.step()
    ((_, _, (request, asked)),) = script.take(Kind.WATCH)
    assert asked == Watch(b"k", None, revision)
    script.events(A, request, max(revision, 1))
    return watch, request


def test_events_are_handed_on_in_order_and_once() -> None:
    script = Script().at_home()
    watch, request = watching(script)
    script.events(A, request, 7, event(5), event(5), event(6))
    script.events(A, request, 8, event(6), event(7))
    script.events(A, request, 8)
    assert script.told == [(watch, (event(5), event(5), event(6))), (watch, (event(7),))]


def test_it_goes_on_at_the_next_revision_after_a_lost_connection() -> None:
    script = Script().at_home()
    watch, request = watching(script)
    script.events(A, request, 9, event(6))
    script.lose(A)
    script.advance(20 * MS)
    script.welcome(B, serving=True)
    ((endpoint, _, (again, asked)),) = script.take(Kind.WATCH)
    assert (endpoint, asked.from_revision) == (B, 9)
    script.events(B, again, 12, event(8), event(9), event(11))
    assert script.told == [(watch, (event(6),)), (watch, (event(9), event(11)))]


def test_it_moves_with_the_master_and_hears_nothing_of_the_old_one() -> None:
    """A replica that was cut off still sends what it has; what is new is at the master."""
    script = Script().at_home()
    watch, request = watching(script)
    script.pong(A, master=B)
    script.welcome(B, serving=True)
    assert [(endpoint, kind) for endpoint, kind, _ in script.take() if kind in {Kind.WATCH, Kind.CANCEL}] == [
        (A, Kind.CANCEL),
        (B, Kind.WATCH),
    ]
    script.events(A, request, 9, event(8))
    assert script.told == []
    assert watch


@pytest.mark.parametrize("error", [Overloaded(what="the watch", limit=1, unit="events"), Unavailable(waited_ms=1, reason="r")])
def test_it_goes_on_when_the_replica_found_us_slow(error: Overloaded | Unavailable) -> None:
    script = Script().at_home()
    watch, request = watching(script)
    script.events(A, request, 9, event(8))
    script.watch_end(A, request, error)
    script.advance(20 * MS)
    ((_, _, (again, asked)),) = script.take(Kind.WATCH)
    assert (again != request, asked.from_revision) == (True, 9)
    assert script.told == [(watch, (event(8),))]


def test_it_follows_a_hint() -> None:
    script = Script().at_home()
    _, request = watching(script)
    script.watch_end(A, request, NotMaster(replica=1, master=B))
    assert script.dialled == [B]
    script.welcome(B, serving=True)
    script.advance(20 * MS)
    assert [endpoint for endpoint, _, _ in script.take(Kind.WATCH)] == [B]


def test_compacted_history_ends_it() -> None:
    script = Script().at_home()
    watch, request = watching(script)
    script.watch_end(A, request, Compacted(revision=5, compacted=9))
    ((told, error),) = script.told
    assert (told, type(error)) == (watch, Compacted)
    script.lose(A)
    script.advance(1_000 * MS)
    assert script.dialled == [], "nobody waits any more"


def test_one_that_cannot_begin_by_its_deadline_ends() -> None:
    script = Script(A)
    watch = script.core.watch(script.now, b"k", None, 0, script.now + 300 * MS)
    script.step()
    script.lose(A, "connection refused")
    script.advance(400 * MS)
    ((told, error),) = script.told
    assert (told, type(error)) == (watch, Unavailable)


def test_one_that_has_begun_waits_for_ever() -> None:
    script = Script(A).at_home()
    _, request = watching(script)
    assert request
    script.lose(A)
    for _ in range(60):
        script.advance(1_000 * MS)
        for endpoint in script.take_dialled():
            script.lose(endpoint, "connection refused")
    assert script.told == []
    script.advance(500 * MS)
    assert script.take_dialled() == [A]
    script.welcome(A, serving=True)
    assert len(script.take(Kind.WATCH)) == 1


def test_a_paused_one_is_cancelled_and_goes_on_where_it_stood() -> None:
    """A reader that is slow costs nobody memory."""
    script = Script().at_home()
    watch, request = watching(script)
    script.events(A, request, 9, event(8))
    script.core.pause(watch)
    script.step()
    assert script.take(Kind.CANCEL) == [(A, Kind.CANCEL, request)]
    script.events(A, request, 12, event(11))
    script.core.resume(script.now, watch)
    script.step()
    ((_, _, (again, asked)),) = script.take(Kind.WATCH)
    assert asked.from_revision == 9
    script.events(A, again, 12, event(11))
    assert script.told == [(watch, (event(8),)), (watch, (event(11),))]


def test_an_ended_one_is_cancelled_and_told_of_no_more() -> None:
    script = Script().at_home()
    watch, request = watching(script)
    script.core.unwatch(watch)
    script.step()
    assert script.take(Kind.CANCEL) == [(A, Kind.CANCEL, request)]
    script.events(A, request, 12, event(11))
    assert script.told == []
    assert script.core.deadline_ns() >= script.now + 100 * MS or script.core.deadline_ns() == NEVER


def test_the_connection_of_a_quiet_watch_is_checked_every_second() -> None:
    """A watch has no calls whose silence could be noticed."""
    script = Script().at_home()
    watching(script)
    script.advance(999 * MS)
    assert script.take(Kind.PING) == []
    script.advance(2 * MS)
    assert [endpoint for endpoint, _, _ in script.take(Kind.PING)] == [A]
    script.advance(310 * MS)
    assert script.core.master == ""
    assert script.dialled


def test_a_client_that_only_listens_says_something_now_and_then() -> None:
    """Events come all the time; the replica would take a client that never says a word for gone."""
    script = Script().at_home()
    _, request = watching(script)
    pings = 0
    for revision in range(6, 126):
        script.advance(500 * MS)
        script.events(A, request, revision, event(revision - 1))
        if script.take(Kind.PING):
            pings += 1
            script.pong(A, serving=True)
    assert 3 <= pings <= 5


@pytest.mark.parametrize("events", [(event(7), event(6)), (event(9),)])
def test_events_out_of_order_cost_the_connection(events: tuple[Event, ...]) -> None:
    script = Script().at_home()
    _, request = watching(script)
    script.events(A, request, 9, *events)
    assert script.closed == [A]
    assert script.told == []


@pytest.mark.seeds(30)
def test_any_schedule_tells_the_whole_history_once(seed: int) -> None:
    """Losses, pauses, slow ends, changes of master, repeats, in any order: what was told is the history from the start, in order."""
    dice = random.Random(seed)
    script = Script(A, B, seed=seed).at_home()
    revision = 5
    watch, request = watching(script, revision)
    home, sent_through = A, revision
    for _ in range(300):
        revision += dice.randrange(3)
        choice = dice.random()
        if choice < 0.6:
            first = max(5, sent_through - dice.randrange(3))
            upto = dice.randrange(sent_through, revision + 1)
            script.events(home, request, upto, *map(event, range(first, upto)))
            sent_through = max(sent_through, upto)
        elif choice < 0.7:
            script.watch_end(home, request, Overloaded(what="w", limit=1, unit="events"))
        elif choice < 0.8:
            script.core.pause(watch)
            script.step()
            script.advance(dice.randrange(50) * MS)
            script.core.resume(script.now, watch)
            script.step()
        else:
            script.lose(home)
        script.advance(100 * MS)
        for endpoint in dict.fromkeys(script.take_dialled()):
            if script.core.master == "":
                script.welcome(endpoint, serving=True)
                home = endpoint
            elif endpoint != home:
                script.lose(endpoint)
        script.advance(50 * MS)
        for endpoint, kind, what in script.take():
            if kind == Kind.WATCH and endpoint == home:
                request, sent_through = what[0], what[1].from_revision
            elif kind == Kind.PING:
                script.pong(endpoint, serving=endpoint == home)
    told = [one.mod_revision for number, some in script.told if number == watch and isinstance(some, tuple) for one in some]
    assert told == list(range(5, 5 + len(told)))
    assert len(told) > 30
