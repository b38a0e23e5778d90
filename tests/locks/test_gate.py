"""Claims about the gate before changes of nodes, driven by hand; all of it together is tests/client/test_cache_together.py."""

from typing import Any

import pytest

from gaios import caching, lock_api
from gaios.errors import InvalidCommand, Overloaded
from gaios.lock_api import Charge, LockCommand, Notice
from gaios.locks import cachers
from gaios.locks import gate as room
from gaios.locks.affects import Affected, Busy
from gaios.locks.cachers import FAR, MS
from gaios.locks.gate import Gate

TOKEN = b"t" * 16
LEASE_MS = 10_000
REIGN = 65_537
S = 1_000 * MS


class FakeBook:
    """Sessions 1 and 2 cache; handle 7 of each is of /f."""

    def __init__(self) -> None:
        self.sessions = {1: LEASE_MS, 2: LEASE_MS}
        self.nodes = {"/", "/f"}
        self.affects: Affected = frozenset(("/f",))
        self.ends: Affected = frozenset()
        self.ending: set[int] = set()
        self.busy: list[bool] = []

    def caching(self) -> dict[int, int]:
        return self.sessions

    def lease_of(self, session: int, token: bytes) -> int:
        return self.sessions.get(session, 0) if token == TOKEN else 0

    def path_of(self, _session: int, handle: int) -> str:
        return "/f" if handle == 7 else ""

    def has_node(self, path: str) -> bool:
        return path in self.nodes

    def is_ending(self, session: int) -> bool:
        return session in self.ending

    def affected(self, command: LockCommand, busy: Busy) -> Affected:
        self.busy.append(busy(getattr(command, "session", 0)))
        return self.affects

    def affected_by_charge(self, _charge: Charge, busy: Busy) -> Affected:
        self.busy.append(busy(3))
        return self.ends


class Bench:
    """A gate; both sessions know of the reign."""

    def __init__(self) -> None:
        self.book = FakeBook()
        self.told: list[tuple[int, str]] = []
        self.known = {1, 2}
        self.gate = Gate(self.book, self.tell, lambda session: session in self.known)
        self.now = 1_000 * S
        self.tokens = 0
        self.gate.begin(self.now, REIGN)
        for session in (1, 2):
            self.gate.heard(session, 0)

    def tell(self, session: int, notice: Notice) -> int:
        assert notice.what == caching.INVALIDATE
        self.told.append((session, notice.name))
        return len(self.told)

    def fetch(self, session: int = 1, *, token: bytes = TOKEN, handle: int = 7) -> bool:
        question = lock_api.GetContentsAndStat(session, token, handle)
        inner, may = self.gate.fetch(self.now, REIGN, caching.encode(caching.Cached(lock_api.encode(question))))
        assert inner == lock_api.encode(question)
        return may

    def find(self, path: str, session: int = 1) -> bool:
        question = lock_api.encode(caching.FindNode(session, TOKEN, path))
        return self.gate.fetch(self.now, REIGN, caching.encode(caching.Cached(question)))[1]

    def admit(self, command: LockCommand | None = None) -> tuple[int, bool]:
        self.tokens += 1
        data = lock_api.encode(command or lock_api.SetContents(9, TOKEN, 7, b"x"))
        return self.tokens, self.gate.admit(self.now, self.tokens, data, data)

    def passed(self) -> list[Any]:
        return [token for token, _ in self.gate.take(self.now)]


def test_a_change_that_nobody_cached_passes_at_once() -> None:
    bench = Bench()
    assert bench.admit() == (1, True)
    assert bench.told == []


def test_a_change_waits_for_whoever_may_keep_what_it_changes() -> None:
    """[CHUBBY §2.7] Both are told; it passes when both have acknowledged the notice, not sooner."""
    bench = Bench()
    assert bench.fetch(1)
    assert bench.fetch(2)
    token, is_free = bench.admit()
    assert not is_free
    assert bench.told == [(1, "/f"), (2, "/f")]
    bench.gate.heard(1, 1)
    bench.gate.heard(2, 1)
    assert bench.passed() == []
    bench.gate.heard(2, 2)
    assert bench.passed() == [token]


def test_meanwhile_and_until_it_is_applied_answers_are_uncachable() -> None:
    """No read waits, and one round of notices is enough."""
    bench = Bench()
    assert bench.fetch(1)
    token, _ = bench.admit()
    assert not bench.fetch(2)
    bench.gate.heard(1, 1)
    assert bench.passed() == [token]
    assert not bench.fetch(1)
    bench.gate.answered(token)
    assert bench.fetch(1)
    assert not bench.gate.is_busy


def test_a_session_that_says_nothing_is_waited_for_until_its_lease_is_over() -> None:
    """Which counts from the newest charge that lists it."""
    bench = Bench()
    assert bench.fetch(1)
    bench.now += 4 * S
    bench.gate.listed(bench.now, [1, 2])
    token, is_free = bench.admit()
    assert not is_free
    assert bench.gate.due_ns() == bench.now + LEASE_MS * MS
    bench.now += LEASE_MS * MS - 1
    assert bench.passed() == []
    bench.now += 1
    assert bench.passed() == [token]
    assert bench.gate.due_ns() == FAR


def test_a_session_that_is_over_is_not_waited_for() -> None:
    bench = Bench()
    assert bench.fetch(1)
    token, _ = bench.admit()
    del bench.book.sessions[1]
    bench.gate.ended(1)
    assert bench.passed() == [token]


def test_a_new_reign_waits_until_each_caching_session_knows_of_it_or_a_lease_is_over() -> None:
    """[SAFETY 24; CHUBBY §2.9] What they read from the old master, nobody here knows."""
    for is_heard in (True, False):
        bench = Bench()
        bench.gate.begin(bench.now, REIGN + 65_536)
        token, is_free = bench.admit()
        assert not is_free
        bench.gate.heard(1, 0)
        assert bench.passed() == []
        if is_heard:
            bench.gate.heard(2, 0)
        else:
            assert bench.gate.due_ns() == bench.now + LEASE_MS * MS
            bench.now += LEASE_MS * MS
        assert bench.passed() == [token]


def test_what_is_held_when_the_reign_ends_is_refused() -> None:
    bench = Bench()
    assert bench.fetch(1)
    token, _ = bench.admit()
    bench.gate.begin(bench.now, REIGN + 65_536)
    assert bench.gate.refused == [token]
    assert bench.passed() == []


def test_only_a_caching_session_that_proves_itself_and_knows_of_the_reign_may_keep() -> None:
    bench = Bench()
    assert not bench.fetch(3)
    assert not bench.fetch(1, token=b"x" * 16)
    assert not bench.fetch(1, handle=8)
    bench.known.discard(1)
    assert not bench.fetch(1)
    bench.known.add(1)
    assert bench.fetch(1)


def test_absence_is_kept_like_the_rest() -> None:
    """[CHUBBY §2.7]"""
    bench = Bench()
    bench.book.affects = frozenset(("/g", "/"))
    assert bench.find("/g")
    _, is_free = bench.admit(lock_api.Open(9, TOKEN, "/g", lock_api.MAY_CREATE))
    assert not is_free
    assert bench.told == [(1, "/g")]


def test_opening_what_is_there_waits_for_nobody_unless_it_may_be_going() -> None:
    bench = Bench()
    bench.book.affects = frozenset(("/f", "/"))
    wanted = lock_api.Open(9, TOKEN, "/f", lock_api.MAY_CREATE)
    assert bench.find("/f")
    assert bench.admit(wanted)[1]
    assert bench.told == []
    delete, is_free = bench.admit(lock_api.DeleteNode(9, TOKEN, 7))
    assert not is_free
    assert not bench.admit(wanted)[1]
    bench.gate.heard(1, 1)
    assert bench.passed() == [delete, delete + 1]


def test_everything_is_one_notice() -> None:
    bench = Bench()
    assert bench.fetch(1)
    assert bench.find("/g", 1)
    bench.book.affects = None
    token, is_free = bench.admit()
    assert not is_free
    assert bench.told == [(1, "")]
    assert not bench.find("/elsewhere", 2)
    bench.gate.heard(1, 1)
    assert bench.passed() == [token]
    bench.gate.answered(token)
    assert bench.find("/elsewhere", 2)


def test_commands_from_before_anybody_cached_are_waited_out() -> None:
    """They were not looked at: nobody keeps anything until they are applied."""
    bench = Bench()
    before, bench.book.sessions = bench.book.sessions, {}
    token, is_free = bench.admit()
    assert is_free
    assert bench.gate.charge(bench.now, Charge(0, b""))
    bench.book.sessions = before
    assert not bench.fetch(1)
    bench.gate.answered(token)
    assert not bench.fetch(1)
    bench.gate.charged()
    assert bench.fetch(1)


def test_whether_handles_are_being_opened_is_known_by_session() -> None:
    bench = Bench()
    bench.book.affects = frozenset()
    opening, _ = bench.admit(lock_api.Open(9, TOKEN, "/f"))
    bench.admit(lock_api.CloseSession(9, TOKEN))
    bench.admit(lock_api.CloseSession(8, TOKEN))
    bench.gate.answered(opening)
    bench.admit(lock_api.CloseSession(9, TOKEN))
    assert bench.book.busy[-3:] == [True, False, False]


def test_a_session_that_is_ending_keeps_its_nodes_uncachable() -> None:
    """Charges go on with it that were proposed when nobody knew."""
    bench = Bench()
    bench.book.ending.add(9)
    token, is_free = bench.admit(lock_api.CloseSession(9, TOKEN))
    assert is_free
    bench.gate.answered(token)
    bench.passed()
    assert not bench.fetch(1)
    bench.book.ending.clear()
    bench.passed()
    assert bench.fetch(1)


def test_a_charge_that_changes_what_is_cached_is_quiet_until_that_is_forgotten() -> None:
    """Leases go on meanwhile; and nobody begins to keep it again between the two."""
    bench = Bench()
    assert bench.fetch(1)
    bench.book.ends = frozenset(("/f",))
    assert not bench.gate.charge(bench.now, Charge(0, b""))
    assert bench.told == [(1, "/f")]
    assert not bench.gate.may_charge(bench.now)
    bench.gate.charged()
    assert not bench.fetch(1)
    bench.gate.heard(1, 1)
    assert bench.gate.may_charge(bench.now)
    assert bench.gate.charge(bench.now, Charge(0, b""))
    assert not bench.fetch(1)
    bench.gate.charged()
    assert bench.fetch(1)


def test_a_charge_takes_nothing_away_on_which_something_under_way_rests() -> None:
    """It goes into the log ahead of what waits for a slot: what was there when that passed would be made anew behind it, unannounced."""
    for ends in (frozenset(("/f", "/")), None):
        bench = Bench()
        bench.book.affects = frozenset(("/f", "/"))
        opening, is_free = bench.admit(lock_api.Open(9, TOKEN, "/f", lock_api.MAY_CREATE))
        assert is_free
        bench.book.ends = ends
        assert not bench.gate.charge(bench.now, Charge(0, b""))
        bench.gate.charged()
        another, _ = bench.admit(lock_api.Open(8, TOKEN, "/f", lock_api.MAY_CREATE))
        bench.gate.answered(opening)
        assert bench.gate.may_charge(bench.now), "who comes meanwhile counts as a change, and does not put it off for ever"
        assert bench.gate.charge(bench.now, Charge(0, b""))
        bench.gate.charged()
        assert not bench.find("/f"), "it may be made anew"
        bench.gate.answered(another)
        assert bench.find("/f")


def test_a_charge_that_takes_something_else_away_does_not_wait_for_that() -> None:
    bench = Bench()
    bench.book.affects = frozenset(("/f", "/"))
    bench.admit(lock_api.Open(9, TOKEN, "/f", lock_api.MAY_CREATE))
    bench.book.ends = frozenset(("/g",))
    assert bench.gate.charge(bench.now, Charge(0, b""))


def test_who_closes_its_session_is_not_waited_for() -> None:
    """Its client forgot everything before it said so, and says no more: who waited for it would wait for its lease."""
    bench = Bench()
    assert bench.fetch(1)
    assert bench.fetch(2)
    close, is_free = bench.admit(lock_api.CloseSession(1, TOKEN))
    assert not is_free
    assert bench.told == [(2, "/f")]
    bench.gate.heard(2, 1)
    assert bench.passed() == [close]
    bench.gate.begin(bench.now, REIGN + 65_536)
    bench.gate.heard(2, 0)
    assert not bench.admit(lock_api.CloseSession(1, b"x" * 16))[1], "only its client can say so"
    assert bench.admit(lock_api.CloseSession(1, TOKEN))[1]


def test_a_session_that_was_not_closed_after_all_keeps_nothing_uncachable() -> None:
    bench = Bench()
    close, _ = bench.admit(lock_api.CloseSession(9, TOKEN))
    bench.gate.answered(close)
    assert bench.fetch(1)


def test_time_that_lets_one_pass_is_not_due_again_for_another_who_waits() -> None:
    """[SAFETY 28] A turn that is due and does nothing would be due again at once, for as long as the other one waits."""
    bench = Bench()
    bench.book.sessions = {1: 6 * LEASE_MS, 2: LEASE_MS}
    assert bench.fetch(1)
    assert bench.fetch(2)
    token, _ = bench.admit()
    bench.now += LEASE_MS * MS
    assert bench.passed() == []
    assert bench.gate.due_ns() == bench.now + 5 * LEASE_MS * MS
    bench.now += 5 * LEASE_MS * MS
    assert bench.passed() == [token]


def test_who_is_found_to_be_over_by_another_change_lets_go_what_waits() -> None:
    """Of those that may keep what they read in an earlier reign."""
    bench = Bench()
    bench.gate.begin(bench.now, REIGN + 65_536)
    first, _ = bench.admit()
    bench.now += LEASE_MS * MS
    _, is_free = bench.admit()
    assert is_free
    assert bench.passed() == [first]


def test_nothing_is_looked_at_again_unless_something_happened() -> None:
    """[SAFETY 28] Thousands may be held while turns come for everything else."""
    bench = Bench()
    assert bench.fetch(1)
    bench.admit()
    looks = len(bench.book.busy)
    for _ in range(3):
        assert bench.passed() == []
    bench.gate.heard(2, 9)
    bench.gate.heard(1, 0)
    assert bench.passed() == []
    assert len(bench.book.busy) == looks
    bench.gate.heard(1, 1)
    assert len(bench.passed()) == 1


def test_what_may_change_more_meanwhile_is_announced_before_it_passes() -> None:
    bench = Bench()
    assert bench.fetch(1)
    assert bench.find("/g", 2)
    token, _ = bench.admit()
    bench.book.affects = frozenset(("/f", "/g"))
    bench.gate.heard(1, 1)
    assert bench.passed() == []
    assert bench.told == [(1, "/f"), (2, "/g")]
    bench.gate.heard(2, 2)
    assert bench.passed() == [token]


def test_what_is_no_question_to_keep_is_refused() -> None:
    bench = Bench()
    long = lock_api.encode(caching.FindNode(1, TOKEN, "/" + "x" * 1_000))
    for inner in (lock_api.encode(lock_api.ListSessions()), b"nonsense", long):
        with pytest.raises(InvalidCommand):
            bench.gate.fetch(bench.now, REIGN, caching.encode(caching.Cached(inner)))


def test_it_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """[SAFETY 28]"""
    monkeypatch.setattr(cachers, "CACHED_MAX", 2)
    monkeypatch.setattr(room, "HELD_MAX", 2)
    bench = Bench()
    assert [bench.find(path) for path in ("/a", "/f", "/b", "/a")] == [True, True, False, True]
    for _ in range(2):
        assert not bench.admit()[1]
    with pytest.raises(Overloaded, match="2 commands"):
        bench.admit()
    monkeypatch.setattr(room, "HELD_MAX", 9)
    monkeypatch.setattr(room, "HELD_BYTES_MAX", 10)
    with pytest.raises(Overloaded, match="bytes"):
        bench.admit()
    bench.book.affects = frozenset(("/elsewhere",))
    assert bench.admit()[1], "what waits for nobody passes"
    bench.gate.heard(1, len(bench.told))
    assert len(bench.passed()) == 2
    assert bench.fetch(1) is False
    for token in range(1, bench.tokens + 1):
        bench.gate.answered(token)
    assert bench.fetch(1), "what was refused is no change"


def test_while_something_that_was_not_looked_at_is_under_way_charges_are_quiet_and_nothing_is_sure_to_be_there() -> None:
    """A session may have been closed, a node may be about to go."""
    bench = Bench()
    bench.book.affects = frozenset(("/f", "/"))
    before, bench.book.sessions = bench.book.sessions, {}
    token, _ = bench.admit()
    bench.book.sessions = before
    opening, is_free = bench.admit(lock_api.Open(9, TOKEN, "/f", lock_api.MAY_CREATE))
    assert is_free
    assert not bench.gate.charge(bench.now, Charge(0, b""))
    assert not bench.gate.may_charge(bench.now)
    bench.gate.answered(token)
    assert not bench.fetch(1), "it may be made anew"
    assert bench.gate.may_charge(bench.now)
    bench.gate.answered(opening)
    assert bench.fetch(1)


def test_a_session_that_is_listed_and_never_acknowledges_holds_up_a_change_for_a_lease() -> None:
    """[SAFETY 24] And no further one: it is given no leave any more until it does."""
    bench = Bench()
    assert bench.fetch(1)
    token, is_free = bench.admit()
    assert not is_free
    until_ns = bench.now + LEASE_MS * MS
    while bench.now < until_ns:
        assert bench.passed() == []
        bench.gate.heard(1, 0)
        bench.gate.listed(bench.now, [1, 2])
        bench.now += LEASE_MS * MS // 4
    assert bench.gate.due_ns() == until_ns
    assert bench.passed() == [token]
    bench.gate.answered(token)
    assert not bench.fetch(1)
    assert bench.admit()[1]
    bench.gate.answered(bench.tokens)
    bench.gate.heard(1, 1)
    assert bench.fetch(1)


def test_charges_that_end_one_session_after_the_other_wait_for_who_never_acknowledges_for_two_leases() -> None:
    """[SAFETY 24] However many nodes it keeps that are to go, and whenever the next is."""
    bench = Bench()
    began = bench.now
    assert all(bench.find(f"/{number}") for number in range(20))
    for number in range(20):
        bench.book.ends = frozenset(f"/{each}" for each in range(number + 1))
        if bench.gate.charge(bench.now, Charge(0, b"")):
            break
        bench.gate.charged()
        bench.gate.listed(bench.now, [1, 2])
        bench.now += LEASE_MS * MS // 4
        bench.gate.listed(bench.now, [1, 2])
    assert LEASE_MS * MS <= bench.now - began <= 2 * LEASE_MS * MS


def test_a_charge_when_nobody_caches_any_more_lets_go_what_the_quiet_one_before_it_marked() -> None:
    """Else it would be uncachable to whoever caches next, until some later charge."""
    bench = Bench()
    assert bench.fetch(1)
    bench.book.ends = frozenset(("/f",))
    assert not bench.gate.charge(bench.now, Charge(0, b""))
    bench.gate.charged()
    before, bench.book.sessions = bench.book.sessions, {}
    for session in (1, 2):
        bench.gate.ended(session)
    assert bench.gate.charge(bench.now, Charge(0, b""))
    bench.gate.charged()
    bench.book.sessions = before
    assert bench.fetch(1)


def test_what_is_held_passes_also_when_a_charge_finds_first_that_nobody_is_waited_for_any_more() -> None:
    bench = Bench()
    assert bench.fetch(1)
    token, _ = bench.admit()
    bench.now += LEASE_MS * MS
    bench.gate.charge(bench.now, Charge(0, b""))
    assert bench.passed() == [token]
