"""One boot, step by step, with a disk that is as slow as the test wants: nothing leaves too early, nothing comes from nowhere."""

from typing import Any

import pytest

from gaios.log.codec import BOOTED
from gaios.log.recording import Came, Done, Frame, Handed, Left, Start, Step, essence
from gaios.log.records import Boot, RecordKind, encode
from gaios.paxos import core
from gaios.spec import compile_participant
from gaios.trace.cell import Cell
from gaios.trace.disk import Disk
from gaios.trace.life import Life
from gaios.trace.words import Illegal

MODULE = compile_participant(coverage=True)
B1, B2 = 65_537, 65_538
MS = 1_000_000
V, W = b"v" * 16, b"w" * 16
NAMES = ("sync directory", "wal")
OPERATIONS = [NAMES, *((word, name) for name in ("promise-1", "promise-2", "wal/00000001.wal") for word in ("write", "sync"))]
NONCE = 7


class Member:
    """A member of three whose entries are made by the core itself, and its `Life` that judges them."""

    def __init__(self, me: int, accepted: list[tuple[int, int, bytes]] | None = None) -> None:
        start = Start(b"", b"", me, 1, NONCE, 0, 0b1110, "clock", 0, 0, 0, 0, 0, 0, accepted or [])
        self.me, self.now, self.number = me, 1_000, 0
        self.core = core.Participant(me, 0b1110)
        self.core.acc = {slot: (ballot, value) for slot, ballot, value in start.accepted}
        self.cell = Cell()
        self.cell.voters = 0b1110
        self.cell.is_partial = True  # the others are not recorded here
        self.life = Life(self.cell, Disk(), MODULE, start)
        self.life.take(1, Came(self.now, 3 - me if me < 3 else 1, 1, [(BOOTED, 1, NONCE, [(me, 1, NONCE, 0, 0, 0)])]))
        self.step((core.BOOT,))

    def take(self, entry: Any) -> None:
        self.number += 1
        self.life.take(self.number, entry)

    def step(self, event: Any, src: int = 0, **altered: Any) -> core.Out:
        """One step; from another member it comes in a frame of its own."""
        src = src or self.me
        if src != self.me:
            self.take(Came(self.now, src, 1, [event]))
        out = core.Out()
        fired = self.core.step(event, src, self.now, out)
        assert fired
        told: dict[str, Any] = {"now": self.now, "src": src, "fired": fired, "event": event, "writes": out.writes, "sends": out.sends}
        self.take(Step(**{**told, **altered}))
        return out

    def hand(self, *records: tuple[int, int, int, bytes], **altered: Any) -> None:
        """A batch with the copies as they are now."""
        told: dict[str, Any] = {
            "operations": OPERATIONS,
            "copies": (self.core.promised, self.core.longest, 1, NONCE),
            "state": None,
            "records": list(records),
        }
        self.take(Handed(**{**told, **altered}))

    def sync(self, *records: tuple[int, int, int, bytes], **altered: Any) -> None:
        self.hand(*records, **altered)
        self.take(Done(self.now))

    def leave(self, message: Any, *to: int) -> None:
        self.take(Left(self.now, [(list(to or (each for each in (1, 2, 3) if each != self.me)), [message])]))

    def rest(self, true_ns: int, now: int) -> None:
        self.life.rest(Frame(1, true_ns, now, [], essence(self.core)))

    def lead(self) -> None:
        """Member 1 leads ballot B1, by the promise of member 2."""
        self.step((core.CAMPAIGN, B1))
        self.sync(operations=OPERATIONS[:5])
        self.step((core.PROMISE, B1, 0, 0, {}, {}))
        self.step((core.PROMISE, B1, 0, 0, {}, {}), 2)
        self.step((core.RECOVER,))


def record(slot: int, ballot: int, value: bytes) -> tuple[int, int, int, bytes]:
    return (2, slot, ballot, value)


def test_what_the_text_allows_is_taken() -> None:
    """A reign, a value, a lease, and its end."""
    one = Member(1)
    one.lead()
    one.step((core.BEAT, 700 * MS))
    one.leave((core.HEARTBEAT, B1, 0, 1_000, 700 * MS))
    one.step((core.PROPOSE, V))
    one.leave((core.ACCEPT, B1, 0, 1, V))
    one.sync(record(1, B1, V))
    one.step((core.ACCEPTED, B1, 0, 1))
    one.step((core.ACCEPTED, B1, 0, 1), 3)
    one.leave((core.LEARN, B1, 0, 1))
    one.leave((core.CHOSEN, 1, B1, V), 2)
    one.leave((core.ACCEPT, B1, 0, 1, V), 2)
    one.step((core.ABDICATE,))
    one.leave((core.RELEASE, B1, 0))
    assert one.cell.chosen == {1: V}


def test_nothing_happens_before_a_majority_recorded_the_boot() -> None:
    """[SAFETY 3]: this member itself and one other are a majority of three; what was said of another boot counts for nothing."""
    member = Member(2)
    member.life = Life(member.cell, Disk(), MODULE, member.life.start)
    for boot, nonce in ((2, NONCE), (1, NONCE + 1), (0, 0)):
        member.take(Came(member.now, 1, 1, [(BOOTED, boot, nonce, [(2, boot, nonce, 0, 0, 0)])]))
    member.take(Came(member.now, 1, 1, [(BOOTED, 1, NONCE, [(2, 4, NONCE, 0, 0, 0)])]))
    with pytest.raises(Illegal, match="V3 a boot is registered: expected nothing before a majority of 3"):
        member.step((core.BOOT,))


def test_a_boot_is_confirmed_when_its_record_is_durable() -> None:
    """[SAFETY 3, 5]."""
    confirmed = (BOOTED, 4, 9, [(3, 4, 9, 0, 0, 0)])
    boot = (int(RecordKind.BOOT), 3, 0, encode(Boot(4, 9)))
    member = Member(2)
    member.hand(boot)
    with pytest.raises(Illegal, match="V3 persist, then say: expected boot 4 of member 3 durable before it is confirmed"):
        member.leave(confirmed, 3)
    member.take(Done(member.now))
    member.leave(confirmed, 3)
    member.leave((BOOTED, 5, 9, [(3, 4, 9, 0, 0, 0)]), 3)  # a refusal


def test_a_promise_waits_for_its_record() -> None:
    """The first class.  [SAFETY 5]"""
    two = Member(2)
    two.step((core.PREPARE, B1, 0), 1)
    promise: Any = (core.PROMISE, B1, 0, 0, {}, {})
    two.hand(operations=OPERATIONS[:5])
    with pytest.raises(Illegal, match="V3 persist, then say: expected boot 1, promise 65537"):
        two.leave(promise, 1)


def test_a_vote_waits_for_its_record_and_for_those_before_it() -> None:
    """The first class, and in order.  [SAFETY 5]"""
    two = Member(2)
    two.step((core.ACCEPT, B1, 0, 1, V), 1)
    two.step((core.ACCEPT, B1, 0, 2, W), 1)
    two.sync(record(1, B1, V))
    two.leave((core.ACCEPTED, B1, 0, 1), 1)
    with pytest.raises(Illegal, match="V3 persist, then say: expected the records of step 5 durable"):
        two.leave((core.ACCEPTED, B1, 0, 2), 1)


def test_a_grant_waits_for_its_term() -> None:
    """A granter has it durable before it first grants it.  [SAFETY 11]"""
    two = Member(2)
    two.sync(operations=OPERATIONS[:5])
    two.step((core.HEARTBEAT, B1, 0, 5, 700 * MS), 1)
    two.sync(copies=None, operations=[NAMES])
    with pytest.raises(Illegal, match="longest term 700000000 ns durable"):
        two.leave((core.GRANT, B1, 0, 5, 700 * MS), 1)


def test_ones_own_vote_waits_for_ones_own_sync() -> None:
    """The master's own vote counts after that.  [SAFETY 5]"""
    one = Member(1)
    one.lead()
    one.step((core.PROPOSE, V))
    with pytest.raises(Illegal, match="V3 persist, then say"):
        one.step((core.ACCEPTED, B1, 0, 1))


def test_what_an_owner_says_waits_for_its_claim() -> None:
    """The second class: `Accept` does not wait for its record, but for the ballot.  [SAFETY 5]"""
    one = Member(1)
    one.step((core.CAMPAIGN, B1))
    one.hand(operations=OPERATIONS[:5])
    # As if others had heard of it all the same.
    one.step((core.PROMISE, B1, 0, 0, {}, {}), 2)
    one.step((core.PROMISE, B1, 0, 0, {}, {}), 3)
    one.step((core.RECOVER,))
    one.step((core.PROPOSE, V))
    with pytest.raises(Illegal, match="V3 persist, then say: expected boot 1 and the claim of ballot 65537 durable"):
        one.leave((core.ACCEPT, B1, 0, 1, V))
    one.take(Done(1_000))
    one.leave((core.ACCEPT, B1, 0, 1, V))


def test_a_vote_stays_within_what_a_start_reports() -> None:
    """A start reports what was accepted up to WINDOW above its durable mark.  [SAFETY 6]"""
    two = Member(2)
    for slot in range(1, core.WINDOW + 2):
        two.step((core.ACCEPT, B1, 0, slot, V), 1)
        two.step((core.LEARN, B1, 0, slot), 1)
    two.sync(*(record(slot, B1, V) for slot in range(1, core.WINDOW + 2)))
    two.leave((core.ACCEPTED, B1, 0, core.WINDOW), 1)
    with pytest.raises(Illegal, match="expected a vote for no slot above 16"):
        two.leave((core.ACCEPTED, B1, 0, core.WINDOW + 1), 1)


def test_nothing_leaves_that_no_step_sent() -> None:
    one = Member(1)
    one.lead()
    for message in ((core.PREPARE, 131_073, 0), (core.ACCEPT, B1, 0, 1, V), (core.ACCEPTED, B1, 0, 1), (core.FETCH, 1)):
        with pytest.raises(Illegal, match=r"V3|V4"):
            one.leave(message)


def test_what_leaves_goes_where_its_step_said() -> None:
    two = Member(2)
    two.step((core.ACCEPT, B1, 0, 1, V), 1)
    two.sync(record(1, B1, V))
    with pytest.raises(Illegal, match=r"V3 what leaves was sent: expected .* to 1; found to"):
        two.leave((core.ACCEPTED, B1, 0, 1), 3)


def test_a_vote_leaves_once_for_each_time_it_was_sent() -> None:
    two = Member(2)
    two.step((core.ACCEPT, B1, 0, 1, V), 1)
    two.sync(record(1, B1, V))
    two.leave((core.ACCEPTED, B1, 0, 1), 1)
    with pytest.raises(Illegal, match="V3 what leaves was sent"):
        two.leave((core.ACCEPTED, B1, 0, 1), 1)


def test_learn_and_chosen_are_true() -> None:
    """log/ makes them up itself, of what the core knows."""
    one = Member(1)
    one.lead()
    for message in ((core.LEARN, B1, 0, 1), (core.CHOSEN, 1, B1, V)):
        with pytest.raises(Illegal, match="V3 what leaves is true"):
            one.leave(message)


def test_a_step_takes_what_came() -> None:
    two = Member(2)
    two.take(Came(1_000, 1, 1, [(core.ACCEPT, B1, 0, 1, V)]))
    for src, event in ((1, (core.ACCEPT, B1, 0, 1, W)), (3, (core.ACCEPT, B1, 0, 1, V))):
        with pytest.raises(Illegal, match="V1 every message was sent"):
            two.take(Step(1_000, src, True, event, [], []))


def test_inputs_come_from_nobody_else() -> None:
    two = Member(2)
    with pytest.raises(Illegal, match="V1 sender"):
        two.take(Step(1_000, 1, True, (core.CAMPAIGN, B2), [], []))


def test_time_does_not_go_back() -> None:
    two = Member(2)
    with pytest.raises(Illegal, match="V2 time"):
        two.take(Step(999, 2, True, (core.RECOVER,), [], []))


@pytest.mark.parametrize("altered", [{"writes": []}, {"sends": []}, {"fired": False}, {"now": 2_000, "sends": []}], ids=str)
def test_a_step_does_what_the_text_says(altered: dict[str, Any]) -> None:
    two = Member(2)
    with pytest.raises(Illegal, match="V2 a step is reproducible"):
        two.step((core.ACCEPT, B1, 0, 1, V), 1, **altered)


@pytest.mark.parametrize(
    "records",
    [[record(1, B1, W)], [record(2, B1, W), record(1, B1, V)], [(3, 1, 0, b"")], [(4, 1, 0, b"")], [record(9, B1, V)]],
    ids=["other value", "other order", "mark of what is not chosen", "truncation", "from nowhere"],
)
def test_what_is_written_is_what_the_steps_wanted(records: list[tuple[int, int, int, bytes]]) -> None:
    two = Member(2)
    two.step((core.ACCEPT, B1, 0, 1, V), 1)
    two.step((core.ACCEPT, B1, 0, 2, W), 1)
    with pytest.raises(Illegal, match="V3 what is written"):
        two.hand(*records)


def test_what_was_found_above_the_mark_may_be_written_again() -> None:
    two = Member(2, [(1, B1, V)])
    two.sync(record(1, B1, V))
    with pytest.raises(Illegal, match="V3 what is written"):
        two.hand(record(1, B1, W))


def test_the_copies_hold_what_is_promised() -> None:
    two = Member(2)
    two.step((core.PREPARE, B1, 0), 1)
    with pytest.raises(Illegal, match="V3 what is written: expected copies of promise 65537"):
        two.hand(copies=(0, 0, 1, NONCE))


def test_a_state_record_claims_only_what_is_durably_marked() -> None:
    """It opens a segment, and may be all that a torn write leaves.  [SAFETY 7]"""
    two = Member(2)
    two.step((core.ACCEPT, B1, 0, 1, V), 1)
    two.step((core.LEARN, B1, 0, 1), 1)
    with pytest.raises(Illegal, match="V3 what is written"):
        two.hand(record(1, B1, V), state=(B1, 0, 1, 0, [], (0, b"")))
    two = Member(2)
    two.step((core.ACCEPT, B1, 0, 1, V), 1)
    two.step((core.LEARN, B1, 0, 1), 1)
    two.sync(record(1, B1, V), state=(B1, 0, 0, 0, [(1, B1, V)], (0, b"")))


def test_a_start_stands_at_the_beginning() -> None:
    two = Member(2)
    with pytest.raises(Illegal, match="V1 one start"):
        two.take(two.life.start)


def test_a_lease_is_held_from_turn_to_turn() -> None:
    """Two turns under one lease are one reign; a lapse between them ends it."""
    one = Member(1)
    one.lead()
    one.step((core.BEAT, 700 * MS))
    one.sync()
    one.step((core.GRANT, B1, 0, 1_000, 700 * MS))
    one.step((core.GRANT, B1, 0, 1_000, 700 * MS), 2)
    one.rest(10, 2_000)
    one.rest(20, 3_000)
    other = Member(1)
    other.cell.reigned("clock", one.life._reign._replace(member=3))  # type: ignore[union-attr]  # it reigns
    one.rest(40, 1_000 + 800 * MS)
    assert one.life._reign is None
    assert [(reign.began_ns, reign.ended_ns) for reign in one.cell._reigns["clock"]] == [(10, 20)]


@pytest.mark.parametrize("change", [{"granted_until": 1}, {"grants": {2: 9}}, {"bal": B2}, {"next": 5}, {"votes": {1: 2}}], ids=str)
def test_nothing_but_steps_changes_the_state(change: dict[str, Any]) -> None:
    """A turn ends in the state that the text says."""
    one = Member(1)
    one.lead()
    one.rest(10, 2_000)
    for name, value in change.items():
        setattr(one.core, name, value)
    with pytest.raises(Illegal, match=f"V2 state: expected {next(iter(change))} [0-9]+; found {next(iter(change))} [0-9]+$"):
        one.rest(20, 3_000)


def test_the_first_batch_syncs_the_names_that_the_start_found() -> None:
    """A killed predecessor may have made a segment whose name is not durable yet.  [SAFETY 7]"""
    with pytest.raises(Illegal, match="V3 persist, then say: expected the names"):
        Member(2).hand(operations=OPERATIONS[1:5])
