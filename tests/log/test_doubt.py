"""Who differs from a majority serves nobody, rebuilds itself from the log, and is believed again when it agrees.  [PML §6.2; SAFETY 25]"""

from collections.abc import Callable
from typing import Any

import pytest

from gaios.errors import Diverged
from gaios.log import Recovered, Status, recover
from gaios.log.codec import SUM
from gaios.log.doubt import Phase
from gaios.log.records import RecordKind
from tests.log.cell import Cell, Client, Node

CHECK = {"check_ms": 200}


def doubt(node: Node) -> Any:
    return node.replica.doubt


def working(size: int = 3, writes: int = 5, **options: int) -> tuple[Cell, Node, Client]:
    """A cell with a few writes, all compared."""
    cell = Cell(size, **{**CHECK, **options})
    master = cell.elect()
    client = Client(cell, master)
    for number in range(writes):
        assert cell.submit(master, client.command(b"%d" % number)).status == Status.DONE
    cell.run(600)
    return cell, master, client


def others(cell: Cell, master: Node) -> list[Node]:
    return [node for node in cell.nodes.values() if node is not master]


def forget(node: Node) -> None:
    """Its database loses something."""
    node.machine.log.pop()


def phases(cell: Cell) -> list[Phase]:
    return [doubt(node).phase for node in cell.nodes.values()]


def until(cell: Cell, holds: Callable[[], bool], within_ms: int = 5_000) -> None:
    for _ in range(within_ms // 5):
        if holds():
            return
        cell.run(5)
    raise AssertionError(f"not within {within_ms} ms: {phases(cell)}")


def test_all_agree_and_an_idle_cell_comes_to_rest() -> None:
    cell, master, _ = working()
    slot = master.replica.applied
    assert {doubt(node).agreed for node in cell.nodes.values()} == {slot}
    cell.run(3_000)
    assert master.replica.applied == slot
    assert phases(cell) == [Phase.SOUND] * 3


def test_checks_ride_with_what_goes_anyway() -> None:
    cell, master, client = working(writes=0)
    slot = master.replica.applied
    for number in range(100):
        cell.submit(master, client.command(b"%d" % number))
        cell.run(10)
    assert master.replica.applied == slot + 100
    assert 4 <= sum(own.slot > slot for own in doubt(master).sums.ring()) <= 6


def test_a_follower_that_differs_is_found_out_rebuilt_and_believed_again() -> None:
    cell, master, client = working()
    odd = others(cell, master)[0]
    forget(odd)
    cell.submit(master, client.command(b"more"))
    until(cell, lambda: doubt(odd).quarantines == 1)
    until(cell, lambda: phases(cell) == [Phase.SOUND] * 3)
    assert odd.machine.log == master.machine.log
    assert doubt(odd).agreed == doubt(master).agreed
    assert [event for event, _ in doubt(odd).news] == ["quarantined", "quarantine_left"]
    assert cell.masters == [master.me]


def test_a_divergent_master_abdicates_and_another_serves() -> None:
    cell, master, client = working(5)
    forget(master)
    token = object()
    master.replica.submit(cell.now, token, client.command(b"more"))
    master.drain()
    until(cell, lambda: doubt(master).quarantines == 1)
    assert not master.replica.is_serving
    new = cell.elect()
    assert new is not master
    assert new.machine.log[-1] == b"more"
    until(cell, lambda: phases(cell) == [Phase.SOUND] * 5)
    assert master.machine.log == new.machine.log


def test_evidence_is_of_the_state_as_it_was() -> None:
    cell, master, client = working()
    odd = others(cell, master)[0]
    forget(odd)
    cell.submit(master, client.command(b"more"))
    until(cell, lambda: doubt(odd).quarantines == 1)
    evidence = doubt(odd).evidence
    assert list(evidence.chunks) == [b"0", b"1", b"2", b"3", b"more"]
    assert evidence.fatal is None
    assert evidence.head["slot"] == doubt(master).agreed
    assert len({tuple(said[1:]) for said in evidence.head["said"]}) == 2


def planted(node: Node) -> None:
    """Its machine goes wrong whenever it applies this: a rebuild does not help."""
    machine, sound = node.machine, node.machine.apply

    def apply(command: bytes, context: Any) -> Any:
        answer = sound(command, context)
        if command == b"odd":
            machine.log.append(b"extra")
        return answer

    machine.apply = apply  # type: ignore[method-assign]


def test_what_comes_out_wrong_again_stays_in_quarantine_votes_and_never_leads() -> None:
    cell, master, client = working()
    odd, third = others(cell, master)
    planted(odd)
    cell.submit(master, client.command(b"odd"))
    until(cell, lambda: doubt(odd).phase is Phase.STUCK)
    (sentence,) = odd.replica.why
    assert "gaios diff" in sentence
    assert str(odd.me) in master.replica.why[0]
    third.up = False
    assert cell.submit(master, client.command(b"needs its vote")).status == Status.DONE
    master.up = False
    cell.run(5_000)
    assert cell.masters == []
    assert odd.replica.polls == 0 or not odd.replica.is_serving
    third.start()
    new = cell.elect()
    assert new is third


def test_quarantine_is_durable_before_it_is_said_and_a_start_knows_it() -> None:
    cell, master, client = working()
    odd = others(cell, master)[0]
    planted(odd)
    odd.disk_works = False
    cell.submit(master, client.command(b"odd"))
    until(cell, lambda: doubt(odd).quarantines == 1)
    assert not doubt(odd).may_serve
    assert not doubt(odd).is_repairing
    assert doubt(odd).error() is None
    assert odd.replica.why == []
    odd.disk_works = True
    odd.sync()
    assert doubt(odd).is_repairing
    assert isinstance(doubt(odd).error(), Diverged)
    assert recover(odd.copies, odd.records).quarantine
    assert recover(odd.copies, [odd.replica.state_record()]).quarantine

    odd.up = False
    odd.start()
    assert not doubt(odd).may_serve
    assert doubt(odd).is_repairing
    until(cell, lambda: phases(cell) == [Phase.SOUND] * 3)  # its memory is new, and the machine sound now
    assert not recover(odd.copies, odd.records).quarantine


def test_without_a_majority_the_cell_stops_serving_and_says_so() -> None:
    cell, master, client = working()
    odd, third = others(cell, master)
    planted(odd)
    third.up = False
    cell.submit(master, client.command(b"odd"))
    until(cell, lambda: not doubt(master).may_serve)
    assert "too few answer" in master.replica.why[0]
    cell.run(3_000)
    assert cell.masters == []
    third.start()
    until(cell, lambda: doubt(master).may_serve)
    assert cell.elect() in (master, third)
    assert doubt(odd).phase is Phase.STUCK


def test_two_replicas_that_differ_both_stop_serving() -> None:
    cell, master, client = working(2)
    planted(others(cell, master)[0])
    cell.submit(master, client.command(b"odd"))
    until(cell, lambda: not any(doubt(node).may_serve for node in cell.nodes.values()))
    assert "no majority" in master.replica.why[0]
    cell.run(2_000)
    assert cell.masters == []


def test_if_all_replays_agree_a_split_cell_goes_on_by_itself() -> None:
    cell, master, client = working(2)
    forget(others(cell, master)[0])
    cell.submit(master, client.command(b"more"))
    until(cell, lambda: all(doubt(node).quarantines for node in cell.nodes.values()))
    until(cell, lambda: all(doubt(node).may_serve for node in cell.nodes.values()))
    assert cell.elect().machine.log[-1] == b"more"


def test_a_log_that_differs_stops_the_replica_with_evidence() -> None:
    cell, master, client = working()
    odd = others(cell, master)[0]
    odd.replica.applier.chain = b"another log here"
    cell.submit(master, client.command(b"more"))
    until(cell, lambda: doubt(odd).must_stop)
    evidence = doubt(odd).evidence
    assert evidence.fatal is not None
    assert "the same log" in str(evidence.fatal)
    assert not doubt(odd).may_serve
    assert doubt(odd).quarantines == 0


def test_memory_that_differs_from_its_own_sum_is_found_without_the_others() -> None:
    cell, master, _ = working()
    odd = others(cell, master)[0]
    odd.machine.recheck = lambda records: False  # type: ignore[method-assign]
    until(cell, lambda: doubt(odd).quarantines == 1)
    del odd.machine.recheck
    until(cell, lambda: phases(cell) == [Phase.SOUND] * 3)
    assert "memory" in doubt(odd).news[0][1]["reason"]


def test_values_that_left_memory_are_read_back_from_the_disk() -> None:
    cell, master, client = working(3, 60, cache_bytes=100, seek_slots=7, apply_entries=3)
    odd = others(cell, master)[0]
    assert odd.replica._evicted > 40
    forget(odd)
    cell.submit(master, client.command(b"more"))
    until(cell, lambda: doubt(odd).quarantines == 1)
    until(cell, lambda: phases(cell) == [Phase.SOUND] * 3)
    assert odd.machine.log == master.machine.log


def test_a_value_that_is_nowhere_ends_the_rebuild_and_not_the_votes() -> None:
    cell, master, client = working(3, 60, cache_bytes=100)
    odd = others(cell, master)[0]
    sound = odd.replica.supply

    def supply(now: int, member: int, slot: int, ballot: int, value: bytes) -> None:
        if member != odd.me:
            sound(now, member, slot, ballot, value)

    odd.replica.supply = supply  # type: ignore[method-assign]
    forget(odd)
    cell.submit(master, client.command(b"more"))
    until(cell, lambda: doubt(odd).phase is Phase.STUCK)
    assert odd.replica.deadline_ns() > cell.now
    others(cell, master)[1].up = False
    assert cell.submit(master, client.command(b"needs its vote")).status == Status.DONE


def test_a_lost_word_is_asked_for_again() -> None:
    cell, master, client = working()
    odd = others(cell, master)[0]
    cell.cut = lambda me, to, message: message[0] == SUM
    forget(odd)
    cell.submit(master, client.command(b"more"))
    cell.run(400)
    assert doubt(odd).quarantines == 0
    cell.cut = lambda me, to, message: False
    cell.submit(master, client.command(b"again"))
    until(cell, lambda: doubt(odd).quarantines == 1)


def test_a_record_of_a_later_version_keeps_it_in_quarantine() -> None:
    cell, _, _ = working()
    node = cell.nodes[1]
    node.records.append((RecordKind.QUARANTINE, 3, 0, b"\x93\x02\x00\x00"))
    node.start()
    assert not doubt(node).may_serve
    assert doubt(node).record.slot == 0


@pytest.mark.parametrize("kind", [RecordKind.QUARANTINE])
def test_the_newest_record_decides(kind: RecordKind) -> None:
    found: Recovered = recover(Cell(1).nodes[1].copies, [(kind, 3, 0, b"x"), (kind, 4, 0, b"")])
    assert not found.quarantine
