"""Claims about sessions' leases as their client sees them; the whole core under a script."""

from gaios.client.lease import AskAgain, Lease, State, shortened_ns
from gaios.client.tuning import MS
from gaios.errors import NotMaster, Unavailable
from gaios.lock_api import LOCK_ACQUIRED, Notice
from gaios.transport import EXPIRED, KeepAlive, KeptAlive, Kind, Status, encode_kept_alive
from tests.client.script import A, B, Script

TOKEN = b"t" * 16
LEASE_MS = 12_000
GRACE_NS = 45_000 * MS
REIGN, NEXT = 65_537, 131_074


class Bench(Script):
    """A client at home at A, with a session."""

    def __init__(self) -> None:
        super().__init__()
        self.at_home()
        self.opened_ns = self.now
        self.lease: Lease = self.core.keep_alive(self.now, 3, TOKEN, LEASE_MS, self.now + shortened_ns(LEASE_MS), GRACE_NS)
        self.step()

    def alive(self, endpoint: str = A) -> KeepAlive:
        """The one KeepAlive that was sent there since the last time."""
        ((to, _, keepalive),) = self.take(Kind.KEEPALIVE)
        assert to == endpoint
        assert isinstance(keepalive, KeepAlive)
        return keepalive

    def keep(self, request: int, kept: KeptAlive, endpoint: str = A) -> None:
        self.answer(endpoint, request, body=encode_kept_alive(kept))

    def told_of(self) -> list[object]:
        told: list[object] = list(self.leases)
        self.leases.clear()
        return told

    def safe(self) -> None:
        """Told of the reign; nothing more to tell."""
        self.keep(self.alive().request, KeptAlive(LEASE_MS, 0, REIGN, 0))
        self.told_of()


def test_one_keepalive_is_outstanding_always() -> None:
    """[CHUBBY §2.8]"""
    bench = Bench()
    first = bench.alive()
    assert first == KeepAlive(first.request, 3, 1, 0, 0, TOKEN)
    bench.advance(1_000 * MS)
    assert bench.take(Kind.KEEPALIVE) == []
    bench.keep(first.request, KeptAlive(LEASE_MS, 1, REIGN, 0))
    second = bench.alive()
    assert second == KeepAlive(second.request, 3, 2, REIGN, 0, TOKEN)


def test_a_lease_counts_from_when_the_listed_keepalive_was_sent_and_is_shortened() -> None:
    """[SAFETY 10, 21] Never from when the answer came: it ends before the cell's."""
    bench = Bench()
    bench.safe()
    sent_ns = bench.now
    request = bench.alive().request
    bench.advance(2_900 * MS)
    bench.keep(request, KeptAlive(LEASE_MS, 2, REIGN, 0))
    assert bench.lease.end_ns == sent_ns + LEASE_MS * MS * 999 // 1_000


def test_an_answer_that_lists_nothing_extends_nothing() -> None:
    """It told of something; that proves nothing of the lease."""
    bench = Bench()
    bench.advance(1_000 * MS)
    end_ns = bench.lease.end_ns
    bench.safe()
    assert bench.lease.end_ns == end_ns == bench.opened_ns + shortened_ns(LEASE_MS)
    bench.advance(500 * MS)
    bench.keep(bench.alive().request, KeptAlive(LEASE_MS, 1, REIGN, 0))
    assert bench.lease.end_ns == bench.opened_ns + shortened_ns(LEASE_MS)


def test_jeopardy_then_the_end() -> None:
    """[CHUBBY §2.8] At the lease's end, and 45 s later, with nothing heard."""
    bench = Bench()
    bench.advance(shortened_ns(LEASE_MS) - 1)
    assert bench.told_of() == []
    bench.advance(1)
    assert bench.told_of() == [State.JEOPARDY]
    bench.advance(GRACE_NS - 1)
    assert bench.told_of() == []
    bench.advance(1)
    assert bench.told_of() == [State.EXPIRED]
    assert bench.lease.state == State.EXPIRED


def test_a_session_in_jeopardy_is_safe_again_when_the_cell_has_it() -> None:
    """[CHUBBY §2.8] At another master; then its lease counts anew."""
    bench = Bench()
    bench.safe()
    bench.alive()
    bench.advance(shortened_ns(LEASE_MS))
    assert bench.told_of() == [State.JEOPARDY]
    if B not in bench.dialled:
        bench.lose(A)
        bench.advance(1_000 * MS)
    bench.take()
    bench.welcome(B, serving=True)
    keepalive = bench.alive(B)
    assert (keepalive.number, keepalive.epoch) == (2, REIGN)
    bench.keep(keepalive.request, KeptAlive(LEASE_MS, 0, NEXT, 0), B)
    assert bench.told_of() == [AskAgain()]
    sent_ns = bench.now
    third = bench.alive(B)
    assert (third.number, third.epoch) == (3, NEXT)
    bench.advance(200 * MS)
    bench.keep(third.request, KeptAlive(LEASE_MS, 3, NEXT, 0), B)
    assert bench.told_of() == [State.SAFE]
    assert bench.lease.end_ns == sent_ns + shortened_ns(LEASE_MS)


def test_a_keepalive_that_is_sent_again_keeps_its_number_and_its_first_time() -> None:
    """[SAFETY 21] The charge may list the first attempt."""
    bench = Bench()
    bench.safe()
    sent_ns = bench.now
    before = bench.alive()
    bench.advance(2_000 * MS)
    bench.lose(A)
    bench.advance(1_000 * MS)
    bench.take()
    bench.welcome(A, serving=True)
    again = bench.alive()
    assert again.number == before.number
    assert again.request != before.request
    bench.keep(again.request, KeptAlive(LEASE_MS, before.number, REIGN, 0))
    assert bench.lease.end_ns == sent_ns + shortened_ns(LEASE_MS)


def test_the_cells_verdict_is_final() -> None:
    bench = Bench()
    bench.keep(bench.alive().request, EXPIRED)
    assert bench.told_of() == [State.EXPIRED]
    bench.advance(100_000 * MS)
    assert bench.told_of() == []
    assert bench.take(Kind.KEEPALIVE) == []


def test_who_is_not_the_master_any_more_is_left() -> None:
    """[CHUBBY §2.9] A session survives fail-over: the next KeepAlive goes to the new master at once."""
    bench = Bench()
    bench.answer(A, bench.alive().request, Status.NOT_MASTER, NotMaster(replica=1, master=B))
    assert B in bench.dialled
    bench.welcome(B, serving=True)
    assert bench.alive(B).number == 1


def test_a_master_without_a_lease_is_asked_again_soon_and_not_at_once() -> None:
    bench = Bench()
    bench.answer(A, bench.alive().request, Status.UNAVAILABLE, Unavailable(waited_ms=0, reason="no lease"))
    assert bench.take(Kind.KEEPALIVE) == []
    bench.advance(400 * MS)
    assert bench.alive().number == 1


def test_notices_are_told_once_and_in_order() -> None:
    """[CHUBBY §2.5] Though the answer that brought them comes twice."""
    bench = Bench()
    bench.safe()
    one, two, three = (Notice(9, LOCK_ACQUIRED, "", revision) for revision in (20, 21, 22))
    bench.keep(bench.alive().request, KeptAlive(LEASE_MS, 0, REIGN, 2, False, (one, two)))
    keepalive = bench.alive()
    assert keepalive.told == 2
    bench.keep(keepalive.request, KeptAlive(LEASE_MS, 0, REIGN, 3, False, (one, two, three)))
    assert bench.told_of() == [(one, two), (three,)]
    assert bench.alive().told == 3


def test_lost_notices_are_told_of_once() -> None:
    """[SAFETY 28] Whoever waits asks again; then what came after."""
    bench = Bench()
    bench.safe()
    after = Notice(9, LOCK_ACQUIRED, "", 20)
    bench.keep(bench.alive().request, KeptAlive(LEASE_MS, 0, REIGN, 1_026, True, (after,)))
    assert bench.told_of() == [AskAgain(lost=True), (after,)]
    bench.keep(bench.alive().request, KeptAlive(LEASE_MS, 0, REIGN, 1_026, True, (after,)))
    assert bench.told_of() == []


def test_a_master_that_is_silent_for_a_third_of_a_lease_is_asked_whether_it_is_there() -> None:
    """Not more often: there may be twenty thousand sessions, and it answers each a quarter of its lease after the last time."""
    bench = Bench()
    bench.safe()
    bench.alive()
    bench.advance(3_900 * MS)
    assert bench.take(Kind.PING) == []
    bench.advance(200 * MS)
    assert [to for to, _, _ in bench.take(Kind.PING)] == [A]
    bench.advance(300 * MS)
    assert B in bench.dialled


def test_a_session_that_was_let_go_is_not_kept_alive() -> None:
    bench = Bench()
    request = bench.alive().request
    bench.core.let_go(bench.lease.lease)
    bench.keep(request, KeptAlive(LEASE_MS, 1, REIGN, 0))
    bench.advance(100_000 * MS)
    assert bench.take(Kind.KEEPALIVE) == []
    assert bench.told_of() == []


def test_a_client_that_is_closed_has_no_session_any_more() -> None:
    bench = Bench()
    bench.core.shut(bench.now)
    bench.step()
    assert bench.told_of() == [State.EXPIRED]


def test_a_pause_beyond_the_lease_is_seen_in_the_numbers_alone() -> None:
    """[SAFETY 22] Nothing has to run for it: who compares the clock with `end_ns` knows."""
    bench = Bench()
    bench.safe()
    request = bench.alive().request
    bench.now += 13_000 * MS
    assert bench.lease.end_ns <= bench.now
    bench.keep(request, KeptAlive(LEASE_MS, 2, REIGN, 0))
    assert bench.lease.end_ns <= bench.now
