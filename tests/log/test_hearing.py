"""What a replica makes of messages, beyond the steps that they cause."""

from gaios.log.codec import BOOT, BOOTED, POLL, POLLED, STAND, Message
from gaios.log.gauge import Ailment
from gaios.paxos import core
from tests.log.cell import Cell, Client


def test_before_its_boot_is_registered_a_replica_hears_of_boots_alone() -> None:
    """[SAFETY 3]"""
    cell = Cell(3)
    cell.elect()
    cell.run(500)
    node = cell.nodes[3]
    answered: list[int] = []
    is_cut = True

    def cut(me: int, to: int, message: Message) -> bool:
        if me == 3:
            answered.append(message[0])
        return is_cut and to == 3 and message[0] == BOOTED

    cell.cut = cut
    node.start()
    asked = (POLL, 1, 0, 0)
    peer = cell.nodes[1].replica
    for _ in range(3):
        cell.run(50)
        node.replica.receive(cell.now, 1, peer.boot, peer.nonce, [asked, (core.PREPARE, 1 << 40 | 1, 0)])
        node.drain()
    assert BOOT in answered
    assert not {POLLED, core.PROMISE} & set(answered)
    assert node.replica.ballot < 1 << 40
    is_cut = False
    cell.run(2_000)
    assert {POLLED, core.PROMISE, core.ACCEPTED, core.GRANT} & set(answered)


def test_a_promise_that_was_lost_is_given_again() -> None:
    """The candidate asks again, and no step comes of it."""
    cell = Cell(3)
    lost = 0

    def cut(me: int, to: int, message: Message) -> bool:
        nonlocal lost
        del me, to
        lost += message[0] == core.PROMISE and lost < 4
        return message[0] == core.PROMISE and lost < 4

    cell.cut = cut
    cell.elect()
    assert lost == 4


def test_a_master_is_told_how_its_replicas_are() -> None:
    cell = Cell(3)
    master = cell.elect()
    other = next(node for node in cell.nodes.values() if node is not master)
    cell.run(1_500)
    assert not master.replica.gauge.ails(other.me)
    master.replica.receive(cell.now, other.me, other.boot, other.replica.nonce, [(STAND, master.replica.chosen, int(Ailment.REPAIRING))])
    assert master.replica.gauge.ails(other.me)


def test_a_candidate_without_a_majority_gives_up_though_it_learns() -> None:
    """Values that another reign goes on choosing bring it no nearer to its own: it polls, so that the master takes it in."""
    cell = Cell(3)
    master = cell.elect()
    client = Client(cell, master)
    other = next(node for node in cell.nodes.values() if node is not master)
    cell.cut = lambda _me, to, message: to == other.me and message[0] == core.HEARTBEAT
    cell.run(cell.options.term_ms + 5)
    cell.cut = lambda _me, _to, _message: False
    other.replica._campaign(cell.now)
    other.drain()
    assert other.replica.ballot > master.replica.ballot
    for _ in range(80):
        cell.run(100)
        if master.replica.is_serving:
            cell.submit(master, client.command(b"x"))
    assert master.replica.is_serving
    assert other.replica.ballot == master.replica.ballot
