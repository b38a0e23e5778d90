"""Claims about the master's side of sessions, driven by hand."""

import random
from typing import Any

import pytest

from gaios import errors, lock_api
from gaios.lock_api import Charge, Charged, Notice
from gaios.locks import steward as room
from gaios.locks.affects import Affected, Busy
from gaios.locks.cachers import FAR
from gaios.locks.heard import encode as encode_heard
from gaios.locks.steward import MS, NOTICES_KEPT, Steward
from gaios.transport import EXPIRED, NOTICES_MAX, KeepAlive, KeptAlive, Status, decode_kept_alive

TOKEN = b"t" * 16
REIGN = 65_537
S = 1_000 * MS


class FakeBook:
    """Sessions and the clock, as a test says."""

    def __init__(self) -> None:
        self.sessions: dict[int, tuple[bytes, int]] = {}
        self.clock_ms = 500
        self.delay_until_ms = 0
        self._changes = 0

    @property
    def changes(self) -> int:
        self._changes += 1  # something did, whenever it is asked
        return self._changes

    @property
    def shortest_lease_ms(self) -> int:
        return min((lease for _, lease in self.sessions.values()), default=0)

    def caching(self) -> dict[int, int]:
        return {}

    def path_of(self, session: int, handle: int) -> str:
        raise NotImplementedError

    def has_node(self, path: str) -> bool:
        raise NotImplementedError

    def is_ending(self, session: int) -> bool:
        raise NotImplementedError

    def affected(self, command: lock_api.LockCommand, busy: Busy) -> Affected:
        raise NotImplementedError

    def affected_by_charge(self, charge: Charge, busy: Busy) -> Affected:
        raise NotImplementedError

    def lease_of(self, session: int, token: bytes) -> int:
        known, lease_ms = self.sessions.get(session, (b"", 0))
        return lease_ms if token == known else 0


class Bench:
    """A steward, whose charges are chosen when a test says so."""

    def __init__(self, *sessions: int, lease_ms: int = 12_000) -> None:
        self.book = FakeBook()
        self.proposed: list[tuple[int, Charge]] = []
        self.steward = Steward(self.book, self.propose)
        self.now = 1_000 * S
        self.reign = REIGN
        self.requests = 0
        self.answers: dict[int, list[tuple[int, Any]]] = {}
        for session in sessions:
            self.open(session, lease_ms)

    def open(self, session: int, lease_ms: int = 12_000) -> None:
        self.book.sessions[session] = (TOKEN, lease_ms)
        self.steward.changed()

    def propose(self, number: int, command: bytes) -> None:
        charge = lock_api.decode_command(command)
        assert isinstance(charge, Charge)
        self.proposed.append((number, charge))

    def hear(self, session: int, number: int = 1, *, epoch: int = REIGN, told: int = 0, token: bytes = TOKEN, leased: bool = True) -> None:
        """A KeepAlive came."""
        self.requests += 1
        keepalive = KeepAlive(self.requests, session, number, epoch, told, token)
        self.steward.keepalive((session, self.requests), keepalive, reign=self.reign, leased=leased)
        self.step()

    def step(self, ns: int = 0) -> None:
        """Time passed."""
        self.now += ns
        for sender, status, body in self.steward.take(self.now, self.reign):
            session, _ = sender
            self.answers.setdefault(session, []).append((status, decode_kept_alive(body) if status == Status.DONE else body))

    def settle(self) -> None:
        """As a node: until nothing is due at once."""
        for _ in range(1_000):
            if self.steward.due_ns() > self.now:
                return
            self.step()
        raise AssertionError("it never comes to rest")

    def choose(self, *, more: bool = False, status: int = Status.DONE) -> Charge:
        """The charge under way is chosen."""
        number, charge = self.proposed[-1]
        self.book.clock_ms += charge.elapsed_ms
        self.steward.charged(self.now, number, status, lock_api.encode(Charged(self.book.clock_ms, 0, more)) if not status else b"")
        self.settle()
        return charge

    def last(self, session: int) -> KeptAlive:
        status, kept = self.answers[session][-1]
        assert status == Status.DONE
        assert isinstance(kept, KeptAlive)
        return kept


def listed(charge: Charge) -> list[int]:
    """Which sessions a charge lists."""
    found, value, shift, at = [], 0, 0, 0
    for byte in charge.heard:
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            at += value
            found.append(at)
            value = shift = 0
    return found


def begun(*sessions: int, lease_ms: int = 12_000) -> Bench:
    """With the reign's first charge chosen, and everybody told of the reign."""
    bench = Bench(*sessions, lease_ms=lease_ms)
    for session in sessions:
        bench.hear(session, epoch=0)
    bench.choose()
    bench.answers.clear()
    return bench


def test_a_reign_begins_with_a_charge_that_charges_nothing() -> None:
    """[SAFETY 21] Whatever passed without a master is never charged."""
    bench = Bench(3)
    bench.step()
    ((_, charge),) = bench.proposed
    assert charge == Charge(0, b"")


def test_while_nobody_needs_the_clock_nothing_is_logged() -> None:
    bench = Bench()
    bench.step(100 * S)
    assert bench.proposed == []
    assert bench.steward.due_ns() == FAR


def test_a_charge_comes_every_quarter_of_the_shortest_lease() -> None:
    """[SAFETY 21] However many sessions: one entry, which lists who was heard from."""
    bench = begun(3, 4, 500)
    bench.open(9, 8_000)
    bench.settle()
    for session in (4, 500):
        bench.hear(session, 2)
    bench.step(2 * S - 1)
    assert len(bench.proposed) == 1
    bench.step(1)
    charge = bench.choose()
    assert charge.elapsed_ms == 2_000
    assert listed(charge) == [4, 500]
    bench.step(2 * S)
    assert bench.choose() == Charge(2_000, b"")


def test_a_charge_that_is_late_charges_no_more_than_was_due() -> None:
    """[SAFETY 21] The master slept; a KeepAlive that waited meanwhile is in time for the next one."""
    bench = begun(3)
    bench.step(60 * S)
    assert bench.choose().elapsed_ms == 3_000
    bench.step(3 * S)
    assert bench.choose().elapsed_ms == 3_000


def test_time_is_charged_while_a_charge_is_under_way() -> None:
    bench = begun(3)
    bench.step(3 * S)
    bench.step(1 * S)
    assert len(bench.proposed) == 2
    bench.choose()
    bench.step(2 * S)
    assert bench.choose().elapsed_ms == 3_000


def test_a_session_that_is_the_first_is_not_charged_for_the_time_before_it() -> None:
    bench = Bench()
    bench.step()
    bench.step(100 * S)
    bench.open(3)
    bench.settle()
    assert bench.choose() == Charge(0, b"")
    bench.step(3 * S)
    assert bench.choose().elapsed_ms == 3_000


def test_a_keepalive_is_answered_when_a_charge_that_lists_it_is_chosen() -> None:
    """[CHUBBY §2.8] Not before; and it names the KeepAlive from which the lease counts."""
    bench = begun(3)
    bench.hear(3, 7)
    bench.step(3 * S)
    assert bench.answers == {}
    bench.choose()
    assert bench.last(3) == KeptAlive(12_000, 7, REIGN, 0)


def test_a_keepalive_that_came_after_the_charge_was_proposed_waits_for_the_next() -> None:
    """[SAFETY 21] That charge does not list it."""
    bench = begun(3, 4)
    bench.hear(4, 2)
    bench.step(3 * S)
    bench.hear(3, 7)
    bench.choose()
    assert 3 not in bench.answers
    bench.step(3 * S)
    assert listed(bench.choose()) == [3]
    assert bench.last(3).listed == 7


def test_a_keepalive_that_was_listed_and_comes_again_is_answered_at_once() -> None:
    """Its answer was lost."""
    bench = begun(3)
    bench.hear(3, 7)
    bench.step(3 * S)
    bench.choose()
    bench.hear(3, 7)
    assert [kept.listed for _, kept in bench.answers[3]] == [7, 7]


def test_whoever_comes_first_in_a_reign_is_told_of_it_at_once() -> None:
    """[CHUBBY §2.9] Step 5: the fail-over event, before anything else."""
    bench = Bench(3)
    bench.step()
    bench.hear(3, 9, epoch=7)
    assert bench.last(3) == KeptAlive(12_000, 0, REIGN, 0)
    bench.choose()
    bench.step(3 * S)
    assert listed(bench.choose()) == [3]


def test_notices_are_told_at_once_and_again_until_they_are_acknowledged() -> None:
    """[CHUBBY §2.5] An answer that is lost loses nothing."""
    bench = begun(3)
    bench.hear(3, 2)
    first, second = Notice(11, lock_api.LOCK_ACQUIRED, "", 90), Notice(12, lock_api.HANDLE_INVALID, "", 91)
    bench.steward.tell(3, first)
    bench.steward.tell(3, second)
    bench.settle()
    told = KeptAlive(12_000, 1, REIGN, 2, False, (first, second))
    assert bench.last(3) == told
    bench.hear(3, 2)
    assert bench.last(3) == told
    bench.hear(3, 3, told=1)
    assert bench.last(3) == KeptAlive(12_000, 1, REIGN, 2, False, (second,))
    bench.hear(3, 4, told=2)
    assert len(bench.answers[3]) == 3


def test_notices_come_in_portions() -> None:
    bench = begun(3)
    for number in range(NOTICES_MAX + 10):
        bench.steward.tell(3, Notice(11, 1, "", number))
    bench.hear(3, 2)
    assert [notice.revision for notice in bench.last(3).notices] == list(range(NOTICES_MAX))
    bench.hear(3, 3, told=bench.last(3).told)
    assert [notice.revision for notice in bench.last(3).notices] == list(range(NOTICES_MAX, NOTICES_MAX + 10))


def test_an_answer_that_leaves_something_out_extends_no_lease() -> None:
    """[SAFETY 24] The gate need not wait for the word of who believes in a longer lease: it was told what to forget with that."""
    bench = begun(3)
    bench.hear(3, 2)
    bench.step(3 * S)
    for number in range(2 * NOTICES_MAX + 1):
        bench.steward.tell(3, Notice(11, 1, "", number))
    bench.choose()
    assert (bench.last(3).listed, bench.last(3).told) == (0, NOTICES_MAX)
    bench.hear(3, 3, told=NOTICES_MAX)
    assert (bench.last(3).listed, bench.last(3).told) == (0, 2 * NOTICES_MAX)
    bench.hear(3, 4, told=2 * NOTICES_MAX)
    assert (bench.last(3).listed, bench.last(3).told) == (2, 2 * NOTICES_MAX + 1)
    for number in range(NOTICES_MAX + 1):
        bench.steward.tell(3, Notice(11, 1, "", number))
    bench.hear(3, 5, told=2 * NOTICES_MAX + 1)
    assert bench.last(3).listed == 2, "what was said before stands"


def test_too_many_notices_are_dropped_and_that_is_told() -> None:
    """[SAFETY 28] Never silently."""
    bench = begun(3)
    for number in range(NOTICES_KEPT + 1):
        bench.steward.tell(3, Notice(11, 1, "", number))
    after = Notice(11, 1, "", 5_000)
    bench.steward.tell(3, after)
    bench.hear(3, 2)
    assert bench.last(3) == KeptAlive(12_000, 1, REIGN, NOTICES_KEPT + 2, True, (after,))
    bench.hear(3, 3, told=NOTICES_KEPT)
    assert bench.last(3).lost
    bench.hear(3, 4, told=NOTICES_KEPT + 2)
    assert len(bench.answers[3]) == 2


def test_all_notices_together_have_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "NOTICES_KEPT_TOTAL", 3)
    bench = begun(3, 4)
    for _ in range(3):
        bench.steward.tell(3, Notice(11, 1))
    bench.steward.tell(4, Notice(12, 1))
    bench.hear(4, 2)
    assert bench.last(4) == KeptAlive(12_000, 0, REIGN, 1, True)
    bench.hear(3, 2)
    assert len(bench.last(3).notices) == 3
    bench.hear(3, 3, told=3)
    bench.steward.tell(4, Notice(12, 2))
    bench.hear(4, 3, told=1)
    assert bench.last(4) == KeptAlive(12_000, 0, REIGN, 2, False, (Notice(12, 2),))


def test_whoever_was_not_heard_from_in_this_reign_is_told_nothing_else_than_the_reign() -> None:
    bench = Bench(3)
    bench.step()
    bench.steward.tell(3, Notice(11, 1))
    bench.hear(3, epoch=7)
    assert bench.last(3).notices == ()


def test_an_unknown_session_has_expired_if_the_lease_says_so() -> None:
    """[SAFETY 13] A master that was deposed unawares may not know of a session that the next one opened."""
    bench = begun(3)
    bench.hear(4)
    bench.hear(3, token=b"x" * 16)
    assert bench.last(4) == bench.last(3) == EXPIRED
    bench.hear(4, leased=False)
    assert bench.answers[4][-1] == (Status.UNAVAILABLE, b"")


def test_a_session_that_ends_is_told_at_once() -> None:
    bench = begun(3)
    bench.hear(3, 2)
    del bench.book.sessions[3]
    bench.steward.ended(3)
    bench.settle()
    assert bench.last(3) == EXPIRED
    assert len(bench.steward) == 0


def test_who_is_not_the_master_says_so() -> None:
    bench = Bench(3)
    bench.reign = 0
    bench.hear(3)
    assert bench.answers[3] == [(Status.NOT_MASTER, b"")]


def test_at_the_end_of_a_reign_everybody_is_sent_away() -> None:
    bench = begun(3, 4)
    bench.hear(3, 2)
    bench.hear(4, 2)
    bench.step(3 * S)
    bench.reign = 0
    bench.step()
    assert bench.answers == {3: [(Status.NOT_MASTER, b"")], 4: [(Status.NOT_MASTER, b"")]}
    assert bench.steward.due_ns() == FAR
    bench.reign = REIGN + 65_536
    bench.step(60 * S)
    assert bench.proposed[-1][1] == Charge(0, b"")


def test_a_charge_of_an_earlier_reign_answers_nobody() -> None:
    bench = begun(3)
    bench.hear(3, 2)
    bench.step(3 * S)
    number = bench.proposed[-1][0]
    bench.reign = REIGN + 65_536
    bench.step()
    bench.answers.clear()
    bench.hear(3, 3, epoch=bench.reign)
    bench.steward.charged(bench.now, number, Status.DONE, lock_api.encode(Charged(1, 0, False)))
    bench.settle()
    assert bench.answers == {}


def test_a_charge_that_was_not_chosen_lists_nobody() -> None:
    """Mastership was lost and won again before anybody looked: they are listed by the next."""
    bench = begun(3)
    bench.hear(3, 2)
    bench.step(3 * S)
    bench.choose(status=Status.IN_DOUBT)
    assert bench.answers == {}
    bench.step(3 * S)
    assert listed(bench.choose()) == [3]


def test_a_newer_keepalive_takes_the_place_of_the_one_that_is_held() -> None:
    """Every request is answered."""
    bench = begun(3)
    bench.hear(3, 2)
    bench.hear(3, 3)
    assert len(bench.answers[3]) == 1
    bench.step(3 * S)
    bench.choose()
    assert bench.last(3).listed == 3


def test_a_refused_charge_is_followed_by_one_that_lists_who_is_still_there() -> None:
    """Whoever ended while it was under way is nobody any more."""
    bench = begun(7, 8)
    bench.hear(7, 2)
    bench.hear(8, 2)
    bench.step(3 * S)
    assert listed(bench.proposed[-1][1]) == [7, 8]
    bench.book.sessions.pop(7)
    bench.steward.ended(7)
    bench.choose(status=Status.REFUSED)
    bench.step(3 * S)
    assert listed(bench.choose()) == [8]


def test_a_charge_is_due_when_a_lock_delay_ends() -> None:
    """[CHUBBY §2.4] Somebody may wait for that lock."""
    bench = begun(3)
    bench.book.delay_until_ms = bench.book.clock_ms + 700
    bench.steward.changed()
    bench.settle()
    assert bench.steward.due_ns() == bench.now + 700 * MS
    bench.step(700 * MS)
    assert bench.proposed[-1][1].elapsed_ms == 700


def test_a_lock_delay_ends_though_no_session_lives() -> None:
    bench = Bench()
    bench.book.delay_until_ms = bench.book.clock_ms + 1_000
    bench.steward.changed()
    bench.settle()
    bench.choose()
    bench.step(1_000 * MS)
    assert bench.choose().elapsed_ms == 1_000


def test_what_a_charge_left_to_end_is_ended_by_the_next_at_once() -> None:
    bench = begun(3)
    bench.step(3 * S)
    bench.choose(more=True)
    assert len(bench.proposed) == 3
    assert bench.proposed[-1][1].elapsed_ms == 0


def test_a_machine_without_sessions_says_so() -> None:
    steward = Steward(None, lambda *_: None)
    steward.keepalive((1, 2), KeepAlive(2, 3, 1, 0, 0, TOKEN), reign=REIGN, leased=True)
    ((_, status, body),) = steward.take(0, REIGN)
    assert status == Status.INVALID
    assert isinstance(errors.unpack(body), errors.InvalidCommand)


def test_many_are_answered_in_portions() -> None:
    """[SAFETY 28] Twenty thousand answers must not hold up a heartbeat."""
    sessions = range(1, 3 * room.ANSWERS_A_TURN)
    bench = begun(*sessions)
    for session in sessions:
        bench.hear(session, 2)
    bench.step(3 * S)
    number, _ = bench.proposed[-1]
    bench.steward.charged(bench.now, number, Status.DONE, lock_api.encode(Charged(1, 0, False)))
    bench.step()
    assert len(bench.answers) == room.ANSWERS_A_TURN
    assert bench.steward.due_ns() == 0
    bench.settle()
    assert len(bench.answers) == len(sessions)


@pytest.mark.seeds(20)
def test_what_is_listed_can_be_read_back(seed: int) -> None:
    dice = random.Random(seed)
    sessions = sorted({dice.randrange(1, 1 << dice.randrange(1, 62)) for _ in range(100)})
    assert listed(Charge(0, encode_heard(sessions))) == sessions


def test_notices_that_a_late_keepalive_drops_are_said_to_be_lost() -> None:
    """One from before the session knew of the reign, read after one that says it does: a connection that was left is read late."""
    bench = Bench(1)
    bench.steward.take(bench.now, bench.reign)
    for number, epoch in ((1, 0), (2, REIGN)):
        bench.steward.keepalive("one", KeepAlive(number, 1, number, epoch, 0, TOKEN), reign=REIGN, leased=True)
        bench.steward.take(bench.now, bench.reign)
    bench.steward.tell(1, Notice(9, 1))
    bench.steward.keepalive("left", KeepAlive(1, 1, 1, 0, 0, TOKEN), reign=REIGN, leased=True)
    replies = [decode_kept_alive(reply.body) for reply in bench.steward.take(bench.now, bench.reign)]
    assert [kept.lost for kept in replies if kept.told] != []
    assert all(kept.lost or kept.notices for kept in replies if kept.told)


@pytest.mark.parametrize("late", [1, 2, 3])
def test_what_was_lost_is_said_however_many_keepalives_come_late(monkeypatch: pytest.MonkeyPatch, late: int) -> None:
    """[SAFETY 24] Connections that were left, one after the other, are read late: none of them takes the word from who is there."""
    monkeypatch.setattr(room, "NOTICES_KEPT", 1)
    bench = begun(3)
    bench.hear(3, 2)
    for number in range(2):
        bench.steward.tell(3, Notice(11, 1, "", number))
    for _ in range(late):
        bench.hear(3, 1, epoch=7)
    bench.hear(3, 3, told=1)
    assert bench.last(3).lost
    bench.hear(3, 4, told=bench.last(3).told)
    assert len(bench.proposed) == 1
    bench.step(3 * S)
    bench.choose()
    assert not bench.last(3).lost


def test_a_notice_has_a_number_that_its_acknowledgement_reaches() -> None:
    """[SAFETY 24] Also when it was dropped with others: then the session hears that some were lost, and forgets everything."""
    bench = Bench(1)
    bench.steward.take(bench.now, bench.reign)
    assert bench.steward.tell(1, Notice(9, 1)) == 0
    for number, epoch in ((1, 0), (2, REIGN)):
        bench.steward.keepalive("one", KeepAlive(number, 1, number, epoch, 0, TOKEN), reign=REIGN, leased=True)
        assert bench.steward.knows(1) == (epoch == REIGN)
        bench.steward.take(bench.now, bench.reign)
    assert [bench.steward.tell(1, Notice(9, 1)) for _ in range(3)] == [1, 2, 3]
    for _ in range(NOTICES_KEPT - 3):
        bench.steward.tell(1, Notice(9, 1))
    assert bench.steward.tell(1, Notice(9, 1)) == NOTICES_KEPT + 1


def test_a_charge_that_was_quiet_for_caches_charges_no_more_than_was_due_to_who_slept(monkeypatch: pytest.MonkeyPatch) -> None:
    """[SAFETY 21, 24] What held it up passes by itself, while the master stands still."""
    bench = begun(2)
    monkeypatch.setattr(bench.steward.gate, "charge", lambda *_: False)
    monkeypatch.setattr(bench.steward.gate, "may_charge", lambda *_: False)
    bench.step(3 * S)
    assert bench.choose() == Charge(3_000, bench.proposed[-1][1].heard, quiet=True)
    monkeypatch.undo()
    bench.step(20 * S)
    assert not bench.proposed[-1][1].quiet
    assert bench.choose().elapsed_ms == 3_000
    assert bench.steward.due_ns() == bench.now + 3 * S


def test_a_charge_follows_a_quiet_one_as_soon_as_caches_let_it(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = begun(2)
    monkeypatch.setattr(bench.steward.gate, "charge", lambda *_: False)
    monkeypatch.setattr(bench.steward.gate, "may_charge", lambda *_: False)
    bench.step(3 * S)
    bench.choose()
    monkeypatch.undo()
    bench.step(S // 2)
    assert bench.choose() == Charge(500, b"")
