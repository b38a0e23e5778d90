"""The master is found fast, followed by its word, and left when it is silent; nobody is asked in a tight loop."""

import pytest

from gaios.client.core import READ, STATUS
from gaios.client.tuning import ENDPOINTS_MAX, LINGER, MS, OPEN_WITHIN, OWN_PAUSE
from gaios.errors import NotMaster, ProtocolError
from gaios.transport import Kind, Status, encode, encode_goodbye, encode_pong
from tests.client.script import CELL, A, B, C, Script


def test_nobody_is_dialled_before_somebody_waits() -> None:
    script = Script()
    script.advance(10_000 * MS)
    assert script.dialled == []
    script.core.warm_up(script.now)
    script.step()
    assert len(script.dialled) == 1


def test_one_replica_is_dialled_first_and_the_others_15_ms_later() -> None:
    """Most searches end with the first answer; a dead replica costs 15 ms."""
    script = Script()
    script.read()
    assert len(script.dialled) == 1
    script.advance(16 * MS)
    assert sorted(script.dialled) == [A, B, C]


def test_a_serving_replicas_greeting_is_enough() -> None:
    script = Script()
    number = script.read()
    (first,) = script.dialled
    script.welcome(first, serving=True)
    assert script.take(Kind.READ) == [(first, Kind.READ, (number, b"r"))]


def test_a_named_master_is_dialled_even_if_it_was_not_given() -> None:
    """One endpoint is enough to find a cell."""
    script = Script(A)
    number = script.read()
    script.welcome(A, master="z:9")
    assert script.dialled == [A, "z:9"]
    script.welcome("z:9", serving=True)
    assert script.take(Kind.READ) == [("z:9", Kind.READ, (number, b"r"))]


def test_invented_addresses_are_bounded() -> None:
    script = Script(A)
    script.read()
    for at in range(200):
        script.welcome(A, master=f"z:{at}") if at == 0 else script.pong(A, master=f"z:{at}")
    assert len(script.core.endpoints) == ENDPOINTS_MAX


def test_a_refusals_hint_is_followed_at_once() -> None:
    script = Script().at_home()
    number = script.write()
    script.submits()
    script.answer(A, number, Status.NOT_MASTER, NotMaster(replica=1, master=B))
    assert script.dialled == [B]
    script.welcome(B, serving=True)
    assert [(endpoint, request) for endpoint, request, _ in script.submits()] == [(B, number)]


@pytest.mark.parametrize(("unasked", "bound_ms"), [(True, 0), (False, 350)])
def test_a_new_master_is_noticed_at_once_by_its_word_and_soon_without(unasked: bool, bound_ms: int) -> None:
    """The cell elects within 0.7 s; the client may not sleep through it. A new master's word may be lost with a connection."""
    worst = 0
    for seed in range(40):
        script = Script(seed=seed).at_home()
        number = script.write()
        script.lose(A)
        elected = script.now + 700 * MS
        while not script.submits_to(B):
            script.advance(MS)
            for endpoint in script.take_dialled():
                if endpoint == A:
                    script.lose(A, "connection refused")
                else:
                    script.welcome(endpoint)
            if unasked and script.now == elected:
                script.pong(B, serving=True, request=0)
                break
            for endpoint, kind, _ in script.take():
                if kind == Kind.PING:
                    script.pong(endpoint, serving=endpoint == B and script.now >= elected, master=B if script.now >= elected else A)
        worst = max(worst, script.now - elected)
        assert script.submits_to(B)
        script.answer(B, number)
        assert script.outcomes[number] == b""
    assert worst <= bound_ms * MS, f"{worst / MS} ms"


def test_the_longer_there_is_no_master_the_more_seldom_it_is_asked_for() -> None:
    """A thousand clients that wait would keep the cell from electing; but none waits half a second longer than it has to."""
    for seed in range(10):
        script = Script(seed=seed).at_home()
        script.write(within=100_000 * MS)
        script.lose(A)
        asked = []
        for _ in range(30):
            script.advance(1_000 * MS)
            for endpoint in script.take_dialled():
                script.welcome(endpoint)
            for endpoint, kind, _ in script.take():
                if kind == Kind.PING:
                    script.pong(endpoint)
            pings = 0
            for _ in range(1_000):
                script.advance(MS)
                for endpoint, kind, _ in script.take():
                    if kind == Kind.PING:
                        pings += 1
                        script.pong(endpoint)
            asked.append(pings)
        assert asked[0] <= 20, asked
        assert all(1 <= pings <= 8 for pings in asked[1:]), asked


def test_an_unasked_word_ends_the_search_at_once() -> None:
    """A replica may tell its clients that it is the master now."""
    script = Script().at_home()
    number = script.write()
    script.lose(A)
    script.advance(60 * MS)
    script.welcome(B)
    script.take()
    script.pong(B, serving=True, request=0)
    assert [(endpoint, request) for endpoint, request, _ in script.submits()] == [(B, number)]


def test_a_silent_master_is_asked_for_a_sign_then_left() -> None:
    """A paused process keeps its connection; nobody may wait for it for seconds."""
    script = Script().at_home()
    script.write()
    script.advance(149 * MS)
    assert script.take(Kind.PING) == []
    script.advance(2 * MS)
    assert [endpoint for endpoint, _, _ in script.take(Kind.PING)] == [A]
    script.advance(290 * MS)
    assert script.dialled == []
    script.advance(30 * MS)
    assert sorted(script.dialled) == [B, C]
    assert script.core.master == ""


def test_a_master_that_gives_signs_is_kept_however_slow_its_disk() -> None:
    script = Script().at_home()
    script.write()
    for _ in range(100):
        script.advance(50 * MS)
        if script.take(Kind.PING):
            script.pong(A, serving=True)
    assert script.core.master == A
    assert script.dialled == []


def test_a_silent_master_that_comes_back_is_the_master_again_and_gets_nothing_twice() -> None:
    script = Script().at_home()
    number = script.write()
    script.advance(500 * MS)
    assert script.core.master == ""
    script.take()
    script.pong(A, serving=True)
    assert script.core.master == A
    assert script.submits() == []
    script.answer(A, number, body=b"x")
    assert script.outcomes == {number: b"x"}


def test_a_connection_that_stays_silent_is_given_up() -> None:
    script = Script().at_home()
    script.write(within=60_000 * MS)
    script.advance(3_100 * MS)
    assert script.closed.count(A) == 0
    script.advance(200 * MS)
    assert A in script.closed


def test_a_master_that_no_longer_serves_is_left() -> None:
    """It lost its lease, or another reigns: its answers to pings say so, even while calls are open there."""
    script = Script().at_home()
    script.write()
    script.pong(A, master=C)
    assert script.dialled == [C]


def test_our_own_pause_is_not_taken_for_the_masters() -> None:
    """After the process slept for seconds, the master gets time to give a sign."""
    script = Script().at_home()
    script.write()
    script.now += 20_000 * MS
    script.core.tick(script.now)
    script.step()
    assert script.core.master == A or script.outcomes
    assert script.closed == []


def test_a_hanging_dial_is_given_up_after_a_second() -> None:
    script = Script(A)
    script.read()
    script.advance(1_001 * MS)
    assert script.closed == [A]


def test_a_dial_is_not_given_up_for_our_own_pause() -> None:
    """A client that is slow gave up each of its dials when it came to look, and was never connected again."""
    script = Script(A)
    script.write(within=100_000 * MS)
    assert script.dialled == [A]
    for _ in range(3):
        script.now += 5_000 * MS
        script.core.tick(script.now)
        script.step()
        assert not script.closed
    script.welcome(A, serving=True)
    assert script.submits_to(A)
    script.lose(A)
    script.advance(100 * MS)
    script.now += 5_000 * MS
    script.core.tick(script.now)
    script.step()
    script.advance(1_000 * MS)
    assert script.closed == [A], "a dial that hangs is given up all the same"


def test_a_dial_that_was_given_up_before_anybody_made_it_is_not_made() -> None:
    """Who slept between the two would open a connection that is closed here: dialled again, it would take the place of the one in use."""
    script = Script(A)
    script.core.call(script.now, READ, b"r", script.now + 60_000 * MS)
    script.now += OPEN_WITHIN + OWN_PAUSE // 2
    script.core.tick(script.now)
    assert script.core.drain().dial == []
    script.advance(1_000 * MS)
    assert script.dialled == [A]


def test_two_replicas_that_name_each_other_are_not_asked_in_a_tight_loop() -> None:
    script = Script(A, B)
    script.read(within=2_000 * MS)
    pings = 0
    for _ in range(1_000):
        script.advance(MS)
        for endpoint in script.take_dialled():
            script.welcome(endpoint, master=B if endpoint == A else A)
        for endpoint, kind, _ in script.take():
            assert kind == Kind.PING
            pings += 1
            script.pong(endpoint, master=B if endpoint == A else A)
    assert 20 < pings < 220


def test_one_that_says_it_serves_and_then_declines_is_not_asked_in_a_tight_loop() -> None:
    script = Script(A)
    script.write(within=2_000 * MS)
    refusals = 0
    for _ in range(1_000):
        script.advance(MS)
        for endpoint in script.take_dialled():
            script.welcome(endpoint, serving=True)
        for endpoint, kind, what in script.take():
            if kind == Kind.PING:
                script.pong(endpoint, serving=True)
            else:
                refusals += 1
                script.answer(endpoint, what[0], Status.NOT_MASTER, NotMaster(replica=1, master=A))
    assert 10 < refusals < 60


def test_refused_connections_are_not_tried_in_a_tight_loop() -> None:
    script = Script(A)
    script.read(within=2_000 * MS)
    dials = 0
    for _ in range(1_000):
        for endpoint in script.take_dialled():
            dials += 1
            script.lose(endpoint, "connection refused")
        script.advance(MS)
    assert 5 < dials < 20


def test_a_search_ends_when_nobody_waits_any_more() -> None:
    script = Script()
    script.read(within=100 * MS)
    script.advance(1_000 * MS)
    script.take_dialled()
    script.closed.clear()
    script.advance(60_000 * MS)
    assert script.dialled == []


def test_connections_that_only_served_the_search_are_closed() -> None:
    script = Script()
    number = script.read()
    script.advance(20 * MS)
    for endpoint in (A, B, C):
        script.welcome(endpoint, serving=endpoint == C)
    script.answer(C, number)
    script.advance(LINGER + 50 * MS)
    assert sorted(script.closed) == [A, B]
    assert script.core.master == C


def test_connections_that_only_told_their_status_are_closed_although_there_is_no_master() -> None:
    script = Script()
    asked = script.core.call(script.now, STATUS, b"", script.now + 1_000 * MS, A)
    script.step()
    script.welcome(A)
    script.answer(A, asked, body=b"{}")
    assert script.outcomes == {asked: b"{}"}
    script.advance(LINGER + 50 * MS)
    assert script.closed == [A]


def test_another_cells_replica_is_turned_away() -> None:
    """Identities mean nothing there.  [SAFETY 4, 19]"""
    script = Script()
    script.read()
    script.advance(20 * MS)
    script.welcome(A)
    assert script.core.hello().cell == CELL
    script.welcome(B, serving=True, cell=b"another cell's..")
    assert script.closed == [B]
    assert script.core.master == ""


@pytest.mark.parametrize(
    "data", [encode(99, b""), encode(Kind.ANSWER, b"short"), encode(Kind.EVENTS, bytes(16) + b"\xc1"), encode(Kind.PONG, b"")]
)
def test_a_frame_against_the_rules_costs_the_connection_only(data: bytes) -> None:
    script = Script().at_home()
    number = script.write()
    script.frame(A, data)
    assert script.closed == [A]
    assert number not in script.outcomes


def test_a_goodbye_ends_the_connection_and_the_search_goes_on() -> None:
    script = Script().at_home()
    script.read()
    script.frame(A, encode_goodbye(ProtocolError(reason="this replica stops")))
    assert script.closed == [A]
    assert script.dialled
    assert "this replica stops" in script.core._search.why


def test_a_stray_word_while_idle_starts_nothing() -> None:
    script = Script().at_home()
    script.frame(A, encode_pong(0, False, B))
    assert script.core.master == ""
    assert script.dialled == []
    script.read()
    assert script.dialled == [B]
