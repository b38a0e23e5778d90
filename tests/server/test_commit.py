"""Group commit: what waits for what."""

from typing import Any, cast

import pytest

from gaios.errors import InvariantViolated
from gaios.log import Output, Room
from gaios.log.options import FAR
from gaios.server.commit import MARK_NS, RESERVE_NS, RETRY_NS, GroupCommit
from gaios.storage import Journal, Sync
from gaios.storage.spares import Spares

STATE = (1, 0, 0, b"state")
PROMISE = (2, ("promise",))


class _Journal:
    """Remembers what it was asked to write."""

    def __init__(self) -> None:
        self.batches: list[tuple[bytes | None, list[Any]]] = []
        self.marks = 0
        self.asked: list[tuple[bool, int]] = []
        """How often for a file, whether for the reserve too, and for what a batch lacks."""
        self.lacking = 0
        self.free = 1_000
        self.segment_bytes = 1_000
        self.spares = Spares(1_000, {})

    def prepare(self, *, wants_reserve: bool, lacking: int) -> list[Any]:
        self.asked.append((wants_reserve, lacking))
        return [Sync("spare")]

    def lacks(self, records: list[Any], state: Any) -> int:
        assert tuple(state()) == STATE
        return self.lacking if records else 0

    def free_bytes(self) -> int:
        return self.free

    def batch(self, copies: bytes | None, records: list[Any], state: Any) -> list[Any]:
        assert tuple(state()) == STATE
        self.batches.append((copies, list(records)))
        return [Sync(f"batch {len(self.batches)}")]

    def mark(self) -> list[Any]:
        self.marks += 1
        return [Sync("mark")]


def output(number: int, *, records: int = 0, copies: bytes | None = None, after: list[Any] | None = None) -> Output:
    made = Output(number)
    made.records = [(2, number, 1, b"%d" % index) for index in range(records)]
    made.copies = copies
    made.after = after or []
    return made


def group(first: list[Any] | None = None) -> tuple[GroupCommit, _Journal]:
    journal = _Journal()
    return GroupCommit(cast("Journal", journal), lambda: STATE, first or []), journal


def test_a_message_waits_for_the_records_of_its_output() -> None:
    commit, _ = group()
    assert commit.add(output(1, records=1, after=[PROMISE])) == []
    assert commit.batch(0) == [Sync("batch 1")]
    commit.check()
    assert commit.done(0) == ([PROMISE], 1)
    assert not commit.is_busy


def test_a_message_without_records_waits_for_those_of_earlier_outputs() -> None:
    """`after` speaks of this and all earlier Outputs: an acknowledgement must not overtake a record that it rests on."""
    commit, _ = group()
    commit.add(output(1, records=1))
    assert commit.add(output(2, after=[PROMISE])) == []
    commit.batch(0)
    assert commit.add(output(3, after=[(3, ("third",))])) == []
    assert commit.done(0) == ([PROMISE, (3, ("third",))], 1)
    assert commit.add(output(4, after=[PROMISE])) == [PROMISE]


def test_what_comes_while_the_disk_is_busy_becomes_one_batch() -> None:
    commit, journal = group()
    commit.add(output(1, records=1))
    assert commit.batch(0) is not None
    for number in (2, 3, 4):
        commit.add(output(number, records=2, copies=b"%d" % number))
        assert commit.batch(0) is None
    commit.done(0)
    assert commit.batch(0) == [Sync("batch 2")]
    copies, records = journal.batches[1]
    assert copies == b"4"
    assert [record[1] for record in records] == [2, 2, 3, 3, 4, 4]
    assert commit.done(0)[1] == 4


def test_the_starts_own_operations_come_first_and_everything_waits_for_them() -> None:
    commit, _ = group([Sync("cut")])
    assert commit.is_busy
    assert commit.add(output(1, after=[PROMISE])) == []
    assert commit.batch(0) == [Sync("cut")]
    assert commit.done(0) == ([PROMISE], 0)


def test_what_waits_for_the_batch_in_flight_is_known() -> None:
    """A shell that makes no turn where nothing waits would leave it there: records, and old segments that are to go."""
    commit, _ = group()
    commit.add(output(1, records=1))
    waits = [commit.is_waiting]
    commit.batch(0)
    waits.append(commit.is_waiting)
    commit.give_up(1)
    waits.append(commit.is_waiting)
    commit.done(0)
    waits.append(commit.is_waiting)
    assert waits == [True, False, True, True]


def test_an_idle_disk_gets_its_mark_late_and_once() -> None:
    commit, journal = group()
    commit.add(output(1, records=1))
    commit.batch(0)
    commit.done(100)
    assert commit.due_ns() == 100 + MARK_NS
    assert commit.batch(99 + MARK_NS) is None
    assert commit.batch(100 + MARK_NS) == [Sync("mark")]
    assert commit.due_ns() == FAR
    assert commit.done(200 + MARK_NS) == ([], 0)
    assert commit.batch(1 << 60) is None
    assert journal.marks == 1


def test_a_value_on_its_way_to_the_disk_is_not_read_back() -> None:
    commit, _ = group()
    commit.add(output(7, records=1))
    record = commit.unwritten(2, 7)
    assert record is not None
    assert record[:2] == (2, 7)
    commit.batch(0)
    assert commit.unwritten(2, 7) == record
    assert commit.unwritten(3, 7) is None
    newer = (2, 7, record[2] + 1, b"newer")
    another = Output(8)
    another.records.append(newer)
    commit.add(another)
    assert commit.unwritten(2, 7) == newer
    commit.done(0)
    assert commit.unwritten(2, 7) == newer
    commit.batch(0)
    commit.done(0)
    assert commit.unwritten(2, 7) is None


def test_a_message_that_nothing_would_ever_release_is_a_violation() -> None:
    commit, _ = group()
    commit._flying_after = [PROMISE]
    with pytest.raises(InvariantViolated):
        commit.check()
    commit, _ = group()
    commit._after = [PROMISE]
    with pytest.raises(InvariantViolated):
        commit.check()


def test_no_segment_is_made_beside_the_starts_batch() -> None:
    """That batch removes the one that a crash left: the two at once are a file that is there already, or one that is gone."""
    commit, journal = group([Sync("start")])
    assert commit.batch(0) == [Sync("start")]
    assert commit.spare(0, began=True) is None
    assert journal.asked == []
    commit.done(0)
    commit.add(output(1, records=1))
    assert commit.batch(0) == [Sync("batch 1")]
    assert commit.spare(0, began=True) == [Sync("spare")]


def test_a_batch_waits_for_the_file_that_it_lacks() -> None:
    """So a full disk fails no batch: what stands in none was not said.  [SAFETY 5, 28]"""
    commit, journal = group()
    journal.lacking = 1_000
    commit.add(output(1, records=1, after=[PROMISE]))
    assert commit.batch(0) is None
    assert commit.spare(0, began=False) == [Sync("spare")]
    assert journal.asked == [(False, 1_000)]
    commit.no_room(5)
    assert commit.room == Room.NONE
    assert commit.batch(5) is None
    assert commit.spare(6, began=False) is None
    assert commit.due_ns() == 5 + RETRY_NS
    assert commit.spare(5 + RETRY_NS, began=False) == [Sync("spare")]
    commit.made(6 + RETRY_NS)
    journal.lacking = 0
    assert commit.batch(6 + RETRY_NS) == [Sync("batch 1")]
    assert commit.done(7 + RETRY_NS) == ([PROMISE], 1)


def test_a_starts_own_operations_lack_nothing() -> None:
    """They write into files that are there, and everything else waits for them."""
    commit, journal = group([Sync("start")])
    journal.lacking = 1_000
    commit.add(output(1, records=1, after=[PROMISE]))
    assert commit.batch(0) == [Sync("start")]
    assert commit.done(1) == ([], 0)
    assert commit.batch(1) is None
    journal.lacking = 0
    assert commit.batch(2) == [Sync("batch 1")]


def test_the_reserve_is_made_when_the_start_is_over() -> None:
    commit, journal = group()
    assert commit.spare(0, began=False) is None
    assert commit.due_ns() == RESERVE_NS
    assert commit.spare(RESERVE_NS, began=False) == [Sync("spare")]
    assert journal.asked == [(True, 0)]


def test_a_full_disk_has_a_reserve_and_then_none() -> None:
    commit, journal = group()
    rooms = [commit.room]
    commit.no_room(0)
    rooms.append(commit.room)
    journal.free = 249
    rooms.append(commit.room)
    assert rooms == [Room.PLENTY, Room.SHORT, Room.NONE]
    journal.free = 251
    commit.add(output(1, records=3))
    assert commit.room == Room.NONE, "what gathers needs room, too"
