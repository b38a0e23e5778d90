"""Claims about one replica of the log among others."""

import pytest

from gaios import entry, errors
from gaios.log import Status
from gaios.log.codec import POLL, Message
from gaios.log.options import MS
from gaios.paxos import core
from tests.log.cell import Cell, Client, Node


def running(size: int = 3, **options: int) -> tuple[Cell, Node, Client]:
    cell = Cell(size, **options)
    master = cell.elect()
    return cell, master, Client(cell, master)


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7])
def test_a_fresh_cell_elects_one_master_and_writes(size: int) -> None:
    """The whole path, at every size."""
    cell, master, client = running(size)
    answer = cell.submit(master, client.command(b"x"))
    assert (answer.status, answer.body) == (Status.DONE, b"did x")
    cell.run(300)
    assert {tuple(node.machine.log) for node in cell.nodes.values()} == {(b"x",)}
    assert len({node.replica.applier.chain for node in cell.nodes.values()}) == 1


def test_a_dead_masters_place_is_taken_within_a_term_and_a_little() -> None:
    """[SAFETY 9] Writes must come back within a second of a master's death."""
    cell, master, client = running(5)
    cell.submit(master, client.command(b"x"))
    master.up = False
    died = cell.now
    successor = cell.elect()
    assert (cell.now - died) / MS < 900
    assert cell.submit(successor, client.command(b"y")).body == b"did y"
    assert successor.machine.log == [b"x", b"y"]


def test_nobody_is_elected_while_a_healthy_master_reigns() -> None:
    """[SAFETY 9] A replica that hears nothing polls, is told no, and disturbs nobody when it comes back."""
    cell, master, client = running(5)
    lonely = next(member for member in cell.members if member != master.me)
    cell.cut = lambda a, b, _m: lonely in (a, b)
    cell.run(5_000)
    cell.cut = lambda a, _b, _m: a != lonely and False
    cell.run(2_000)
    assert cell.masters == [master.me]
    assert master.replica.reigns == 1
    cell.submit(master, client.command(b"x"))
    cell.run(300)
    assert cell.nodes[lonely].machine.log == [b"x"]


def test_a_replica_whose_disk_hangs_hears_nothing_more() -> None:
    """[SAFETY 28] What it would answer must not gather; when the disk goes on, it catches up."""
    cell, master, client = running(5)
    hung = cell.nodes[next(member for member in cell.members if member != master.me)]
    hung.disk_works = False
    cell.submit(master, client.command(b"x"))
    cell.run(2_000)
    waiting = sum(len(output.after) for output in hung.pending)
    cell.run(5_000)
    assert sum(len(output.after) for output in hung.pending) == waiting
    hung.disk_works = True
    hung.sync()
    cell.run(1_000)
    assert hung.machine.log == [b"x"]
    assert cell.masters == [master.me]


@pytest.mark.parametrize("deaf", [True, False])
def test_one_way_loss_ends_a_reign(deaf: bool) -> None:
    """[SAFETY 9] A master that is heard but hears nothing (or the other way round) gives way, as if it had died."""
    cell, master, _ = running(5)
    cell.cut = lambda a, b, _m: (b if deaf else a) == master.me
    cell.run(4_000)
    assert cell.masters, "somebody serves"
    assert master.me not in cell.masters


def test_a_master_whose_disk_hangs_abdicates() -> None:
    """[SAFETY 9] Its peers would vote without it, but a master that cannot write must not go on."""
    cell, master, client = running(5)
    master.disk_works = False
    master.replica.submit(cell.now, "t", client.command(b"x"))
    master.drain()
    cell.run(3_000)
    assert master.me not in cell.masters
    assert len(cell.masters) == 1


def test_a_master_that_slept_looks_around_before_it_gives_up() -> None:
    """A pause of all, a laptop's lid: nobody else was elected, so the reign goes on as soon as its peers answer."""
    cell, master, client = running(5)
    cell.now += 3_000 * MS
    master.replica.tick(cell.now)
    master.drain()
    cell.settle()
    assert cell.masters == [master.me]
    assert master.replica.reigns == 1
    assert cell.submit(master, client.command(b"x")).status == Status.DONE


def test_a_master_that_retires_is_followed_at_once() -> None:
    """A clean shutdown gives the lease back: nobody waits a term."""
    cell, master, _ = running(5)
    cell.run(1_000)
    master.replica.retire(cell.now)
    master.drain()
    master.up = False
    left = cell.now
    cell.elect()
    assert (cell.now - left) / MS < 150


def test_a_wait_for_the_crowd_ends_with_its_reign() -> None:
    """Left behind, it would be due for ever in the next reign: the loop would spin, and every tick be taken for one that slept."""
    cell, master, client = running(3)
    for _ in range(8):
        master.replica.submit(cell.now, object(), client.command(b"x", acknowledged=0))
    cell.run(20)
    master.replica.submit(cell.now, object(), client.command(b"y", acknowledged=0))
    master.drain()
    assert master.replica.waiting == 1, "one waits for the other seven"
    reigning = master
    while True:
        reigning.replica.retire(cell.now)
        reigning.drain()
        cell.run(3_000)
        reigning = cell.elect()
        if reigning is master:
            break
    assert master.replica.deadline_ns() > cell.now - 10 * MS
    cell.cut = lambda me, to, _: master.me in (me, to)
    cell.run(3_000)
    assert not master.replica.is_serving, "nobody hears it: it gives up"


def test_a_replica_stuck_above_the_reign_is_brought_back() -> None:
    """[PML §5.2] One that promised a newer ballot in vain can follow only a newer one: the master takes it."""
    cell, master, client = running(5)
    stuck = cell.nodes[next(member for member in cell.members if member != master.me)]
    stuck.replica.core.granted_until = 0
    stuck.replica._steps.take((core.CAMPAIGN, 50 << 16 | stuck.me), stuck.me, cell.now)
    stuck.replica._steps.take((core.ABDICATE,), stuck.me, cell.now)
    cell.cut = lambda _a, _b, message: message[0] == core.PREPARE and message[1] >> 16 == 50
    stuck.drain()
    cell.run(2_000)
    again = cell.elect()
    assert again.replica.ballot >> 16 > 50
    assert cell.submit(again, client.command(b"x")).status == Status.DONE
    cell.run(300)
    assert stuck.machine.log == [b"x"]


def test_a_young_reign_under_long_leases_brings_a_stuck_replica_back_too() -> None:
    """Two campaign at a start, one wins: the other does not wait for leases to end."""
    cell = Cell(3, term_ms=60_000, beat_ms=60, boost_ms=2_000)
    master = cell.elect()
    stuck = cell.nodes[next(member for member in cell.members if member != master.me)]
    stuck.replica.core.granted_until = 0
    stuck.replica._steps.take((core.CAMPAIGN, 50 << 16 | stuck.me), stuck.me, cell.now)
    stuck.replica._steps.take((core.ABDICATE,), stuck.me, cell.now)
    cell.cut = lambda _a, _b, message: message[0] == core.PREPARE and message[1] >> 16 == 50
    stuck.drain()
    cell.run(5_000)
    assert master.replica.is_serving
    assert master.replica.ballot >> 16 > 50
    assert stuck.replica.master == master.me


def test_reads_need_a_lease_and_see_all_that_was_answered() -> None:
    """[SAFETY 13] With a lease at once; without one not at all."""
    cell, master, client = running(3)
    cell.submit(master, client.command(b"x"))
    answer = cell.read(master)
    assert answer is not None
    assert (answer.status, answer.body) == (Status.DONE, b"?:x")
    cell.cut = lambda _a, _b, _m: True
    cell.now += 700 * MS
    assert cell.read(master) is None
    cell.run(1_500)
    assert Status.UNAVAILABLE in {answer.status for answer in master.answers.values()} or not master.replica.is_serving


def test_a_read_that_waited_is_answered_when_the_lease_returns() -> None:
    """The check is made again, with a later `now`."""
    cell, master, _ = running(3)
    cell.now += 601 * MS
    token = object()
    master.replica.read(cell.now, token, b"?")
    assert token not in master.answers
    master.replica.tick(cell.now)
    master.drain()
    cell.settle()
    if master.replica.is_serving:
        assert master.answers[token].status == Status.DONE
    else:
        assert master.answers[token].status == Status.NOT_MASTER


def test_an_entry_is_answered_only_when_a_majority_has_it() -> None:
    """[PML §4.1] With two of five there is no answer; the third brings it."""
    cell, master, client = running(5)
    friends = [member for member in cell.members if member != master.me][:1]
    cell.cut = lambda a, b, _m: a != b and {a, b} - {master.me, *friends} != set()
    master.replica.submit(cell.now, "t", client.command(b"x"))
    master.drain()
    cell.settle()
    assert "t" not in master.answers
    cell.cut = lambda _a, _b, _m: False
    cell.run(300)
    assert master.answers["t"].status == Status.DONE


def test_what_a_deposed_master_proposed_is_in_doubt_and_what_waited_was_refused() -> None:
    """[SAFETY 20] Doubt is said, not guessed."""
    cell, master, client = running(5, pipeline=1)
    cell.cut = lambda a, b, _m: a != b and master.me in (a, b)
    master.replica.submit(cell.now, "proposed", client.command(b"x"))
    master.drain()
    master.replica.submit(cell.now, "waiting", client.command(b"y"))
    master.drain()
    cell.run(3_000)
    assert master.answers["proposed"].status == Status.IN_DOUBT
    assert master.answers["waiting"].status == Status.NOT_MASTER


def test_a_retry_at_another_master_gets_the_same_answer() -> None:
    """[SAFETY 19] Exactly once, across masters and restarts."""
    cell, master, client = running(3)
    data = client.command(b"x")
    first = cell.submit(master, data)
    master.up = False
    successor = cell.elect()
    assert cell.submit(successor, data) == first
    for node in cell.nodes.values():
        node.start()
    cell.wire.clear()
    survivor = cell.elect()
    assert cell.submit(survivor, data) == first
    assert survivor.machine.log == [b"x"]


def test_all_replicas_restart_and_remember() -> None:
    """[SAFETY 7] Everything acknowledged is there after all died at once."""
    cell, master, client = running(5)
    for number in range(50):
        assert cell.submit(master, client.command(b"%d" % number)).status == Status.DONE
    cell.wire.clear()
    for node in cell.nodes.values():
        node.start()
    survivor = cell.elect()
    assert survivor.machine.log == [b"%d" % number for number in range(50)]


def test_a_replica_that_was_away_catches_up() -> None:
    """[SAFETY 6] By chosen values from peers, many rounds of them."""
    cell, master, client = running(3, seek_slots=4)
    away = cell.nodes[next(member for member in cell.members if member != master.me)]
    away.up = False
    for number in range(50):
        cell.submit(master, client.command(b"%d" % number))
    away.start()
    cell.run(500)
    assert away.machine.log == master.machine.log


def test_values_that_left_memory_are_supplied_from_the_disk() -> None:
    """The cache is bounded; a lagging peer is served all the same."""
    cell, master, client = running(3, cache_bytes=200, seek_slots=4)
    away = cell.nodes[next(member for member in cell.members if member != master.me)]
    away.up = False
    for number in range(50):
        cell.submit(master, client.command(b"%d" % number))
    assert len(master.replica.core.acc) < 20
    away.start()
    cell.run(3_000)
    assert away.machine.log == master.machine.log


def test_values_from_the_disk_and_from_memory_are_supplied_in_order() -> None:
    """Those from memory came first and were lost. Under load a new member came no nearer than what its supplier held in memory."""
    cell, master, client = running(3, cache_bytes=200, seek_slots=1_000)
    away = cell.nodes[next(member for member in cell.members if member != master.me)]
    away.up = False
    for number in range(50):
        cell.submit(master, client.command(b"%d" % number))
    assert 0 < master.replica._evicted < master.replica.chosen
    supplied: list[int] = []

    def hears(_me: int, _to: int, message: Message) -> bool:
        supplied.extend(message[1:2] if message[0] == core.CHOSEN else ())
        return False

    cell.cut = hears
    away.start()
    cell.run(1_000)
    assert away.machine.log == master.machine.log
    assert supplied == [*range(supplied[0], master.replica.chosen + 1)], "each once, in order"


def test_a_supplier_that_gives_little_at_a_time_is_asked_again_at_once() -> None:
    """One value in each answer: fifty took fifty retransmission times, and under load a replica that lagged never caught up."""
    cell, master, client = running(3, supply_bytes=1, retransmit_ms=5_000)
    away = cell.nodes[next(member for member in cell.members if member != master.me)]
    away.up = False
    for number in range(50):
        cell.submit(master, client.command(b"%d" % number))
    asked: list[int] = []

    def hears(_me: int, _to: int, message: Message) -> bool:
        asked.extend(message[1:2] if message[0] == core.FETCH else ())
        return False

    cell.cut = hears
    away.start()
    cell.run(1_000)
    assert away.machine.log == master.machine.log
    assert asked.count(50) <= 55, "about one question for each answer"


def test_catch_up_asks_another_when_its_source_is_silent() -> None:
    """A peer that says what it knows and then is cut off must not hold up the others."""
    cell, master, client = running(3)
    away = cell.nodes[next(member for member in cell.members if member != master.me)]
    away.up = False
    for number in range(10):
        cell.submit(master, client.command(b"%d" % number))
    cell.run(100)
    away.start()
    cell.cut = lambda a, _b, message: a == master.me and message[0] == core.CHOSEN
    cell.run(1_500)
    assert away.machine.log == master.machine.log


def test_lost_messages_are_sent_again() -> None:
    """Every kind of message is lost once; the cell elects and writes all the same."""
    lost: set[tuple[int, int, int]] = set()

    def once(a: int, b: int, message: Message) -> bool:
        key = (a, b, message[0])
        if key in lost or message[0] == POLL:
            return False
        lost.add(key)
        return True

    cell = Cell(3)
    cell.cut = once
    master = cell.elect(6_000)
    master.replica.submit(cell.now, "r", entry.register())
    master.drain()
    cell.run(1_000)
    assert cell.masters
    assert {core.PREPARE, core.PROMISE, core.ACCEPT, core.ACCEPTED} <= {tag for _, _, tag in lost}


def test_a_full_queue_is_said_and_leases_go_on() -> None:
    """[SAFETY 28] Overload is an answer; it never moves the master."""
    cell, master, client = running(3, queue_entries=10, pipeline=1)
    cell.cut = lambda _a, _b, message: message[0] == core.ACCEPT
    for number in range(30):
        master.replica.submit(cell.now, number, client.command(b"%d" % number))
    master.drain()
    assert sum(answer.status == Status.OVERLOADED for answer in master.answers.values()) == 20
    cell.cut = lambda _a, _b, _m: False
    cell.run(400)
    assert cell.masters == [master.me]
    assert sum(master.answers[number].status == Status.DONE for number in range(30)) == 10


def test_malformed_entries_are_refused_before_they_are_proposed() -> None:
    """[SAFETY 17] Nothing reaches the log."""
    cell, master, client = running(3)
    before = master.replica.core.next
    for data in (b"", b"x" * 39, b"x" * 100, entry.epoch(7), client.command(b"bad"), client.command(b"x") + b"y"):
        answer = cell.submit(master, data)
        assert answer.status == Status.INVALID
        assert isinstance(errors.unpack(answer.body), errors.InvalidCommand)
    assert cell.submit(master, bytes(2 << 20)).status == Status.INVALID
    assert master.replica.core.next == before


def test_a_deterministic_error_is_an_answer_and_is_remembered() -> None:
    """[SAFETY 17, 19] The same to a retry."""
    cell, master, client = running(3)
    data = client.command(b"fail")
    first = cell.submit(master, data)
    assert first.status == Status.REFUSED
    assert isinstance(errors.unpack(first.body), errors.NotANumber)
    assert cell.submit(master, data) == first


def test_a_stranger_is_refused_without_effect() -> None:
    """[SAFETY 19] An identity that the table does not know."""
    cell, master, _ = running(3)
    answer = cell.submit(master, entry.encode(entry.Kind.COMMAND, entry.Identity(999, 0), 1, 0, b"x"))
    assert answer.status == Status.UNKNOWN_SESSION
    assert master.machine.log == []


def test_a_replica_that_is_not_master_says_so() -> None:
    """And knows who is."""
    cell, master, client = running(3)
    cell.run(200)
    other = cell.nodes[next(member for member in cell.members if member != master.me)]
    assert cell.submit(other, client.command(b"x")).status == Status.NOT_MASTER
    answer = cell.read(other)
    assert answer is not None
    assert answer.status == Status.NOT_MASTER
    assert other.replica.master == master.me


def test_the_epoch_grows_with_each_reign_and_is_handed_to_the_machine() -> None:
    """[SAFETY 14] It is the reign's ballot."""
    cell, master, client = running(3)
    cell.submit(master, client.command(b"x"))
    first = master.replica.ballot
    master.up = False
    successor = cell.elect()
    cell.submit(successor, client.command(b"y"))
    assert [context.epoch for context in successor.machine.contexts] == [first, successor.replica.ballot]
    assert first < successor.replica.ballot


def test_frames_of_an_earlier_boot_are_ignored() -> None:
    """[SAFETY 3, 4] A process that died says nothing any more."""
    cell, master, _ = running(3)
    peer = cell.nodes[next(member for member in cell.members if member != master.me)]
    peer.start()
    cell.run(300)
    before = dict(master.replica.core.grants)
    master.replica.receive(
        cell.now, peer.me, peer.boot - 1, peer.me * 1000 + peer.boot - 1, [(core.GRANT, master.replica.ballot, 1, cell.now, 600 * MS)]
    )
    assert master.replica.core.grants == before


def test_a_restart_withholds_its_promise_for_the_longest_term() -> None:
    """[SAFETY 11] It may have granted a lease and forgotten it."""
    cell, master, _ = running(3)
    others = [cell.nodes[member] for member in cell.members if member != master.me]
    cell.cut = lambda a, b, _m: a != b and master.me in (a, b)
    for node in others:
        node.start()
    held = master.replica.lease_ns(cell.now)
    assert held > 0
    cell.run(held // MS - 10)
    assert cell.masters == [master.me]


def test_large_batches_are_cut_by_bytes_and_by_count() -> None:
    """[SAFETY 28] A slot's value is bounded."""
    cell, master, client = running(3, batch_entries=4, batch_bytes=1_000)
    first = master.replica.core.next
    for number in range(8):
        master.replica.submit(cell.now, number, client.command(b"x", acknowledged=0))
    master.drain()
    cell.settle()
    assert master.replica.core.next - first == 2
    for number in range(8, 12):
        master.replica.submit(cell.now, number, client.command(b"y" * 600, acknowledged=0))
    master.drain()
    cell.settle()
    assert master.replica.core.next - first == 4
    assert all(master.answers[number].status == Status.DONE for number in range(12))
