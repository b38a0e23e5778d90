"""Claims about how the feature level is raised."""

import pytest

from gaios import entry
from gaios.errors import TooOld
from gaios.log import feature, recover
from gaios.log.applier import Applier
from gaios.log.belonging import LINGERS_TERMS
from gaios.log.codec import FEATURE, POLLED
from gaios.log.options import MS
from gaios.log.raising import ASK_MS, FRESH_MS
from gaios.paxos import core
from tests.log.cell import Cell, Client, Node

NEXT = feature.LEVEL + 1


class Able(Applier):
    """Of the next version."""

    highest = NEXT


def upgrade(node: Node) -> None:
    """Start the next version in this place."""
    node.applier = Able
    node.start()


def levels(cell: Cell) -> list[int]:
    """The level of each replica that is up."""
    return [node.replica.applier.feature for node in cell.nodes.values() if node.up]


def test_a_cell_of_one_version_says_nothing_of_levels() -> None:
    """No message, no entry: an idle cell is as it was."""
    cell = Cell(3)
    cell.elect()
    cell.run(3 * ASK_MS)
    assert levels(cell) == [feature.FIRST] * 3
    assert all(node.replica.why == [] for node in cell.nodes.values())
    assert not any(kind == entry.Kind.FEATURE for kind in kinds(cell.nodes[1]))


def kinds(node: Node) -> list[int]:
    """Of all entries in its log."""
    return [each.kind for _, value in node.replica.core.acc.values() for each in entry.entries(value)]


def test_the_level_rises_when_the_last_member_can() -> None:
    """One after the other is upgraded: while one is not, the master says which."""
    cell = Cell(3)
    cell.elect()
    for member in (1, 2):
        upgrade(cell.nodes[member])
        cell.run(2_000)
    cell.nodes[3].up = False
    cell.run(2_000)
    cell.nodes[3].start()
    cell.run(4 * ASK_MS)
    assert levels(cell) == [feature.FIRST] * 3
    master = cell.elect()
    if master.me != 3:
        assert master.replica.why == [f"the cell stays at feature level 1: replica 3 supports, or allows, no more than {feature.LEVEL}"]
    upgrade(cell.nodes[3])
    cell.run(2_000 + 3 * ASK_MS)
    assert levels(cell) == [NEXT] * 3
    assert kinds(cell.nodes[1]).count(entry.Kind.FEATURE) == 1
    assert cell.elect().replica.why == []


def test_a_member_that_is_down_keeps_the_level() -> None:
    """It may be on its way to another version, either way."""
    cell = Cell(3)
    for member in (1, 2, 3):
        upgrade(cell.nodes[member])
    cell.nodes[3].up = False
    cell.elect()
    cell.run(FRESH_MS + 3 * ASK_MS)
    assert levels(cell) == [feature.FIRST] * 2
    assert cell.elect().replica.why[-1:] == ["the cell stays at feature level 1: replica 3 does not say what it supports"]


def test_a_member_that_was_removed_and_cannot_be_spared_yet_keeps_the_level() -> None:
    """It is asked nothing any more, and may have the only copies of what was chosen. It would be too old for what it hears.  [SAFETY 18]"""
    cell = Cell(3)
    for member in (1, 2):
        upgrade(cell.nodes[member])
    cell.nodes[3].up = False
    cell.elect()
    cell.nodes[3].start()
    cell.run(2_000)
    cell.cut = lambda _from, _to, message: message[0] == POLLED  # the master does not hear that it can be
    master = cell.elect()
    master.replica.change(cell.now, object(), master.replica.configuration.removed(3))
    master.drain()
    cell.run(4 * ASK_MS)
    assert (master.replica.config, master.replica.is_settled, levels(cell)) == (1, False, [feature.FIRST] * 3)
    cell.cut = lambda _from, _to, _message: False
    cell.run(ASK_MS + LINGERS_TERMS * cell.options.term_ms + 2 * ASK_MS)
    assert cell.nodes[3].removed is not None
    assert levels(cell) == [NEXT] * 2


def test_a_word_of_an_earlier_boot_does_not_count() -> None:
    """The new process in its place may be of another version."""
    cell = Cell(3, feature_max=NEXT)
    for member in (1, 2, 3):
        upgrade(cell.nodes[member])
    master = cell.elect()
    follower = next(node for node in cell.nodes.values() if node is not master)
    raising = master.replica.raising
    cell.cut = lambda _from, _to, message: message[0] == FEATURE and message[2] > 0  # no answer arrives
    cell.run(ASK_MS)
    boot = follower.boot
    for node in cell.nodes.values():
        raising.hear(node.me, node.boot, (FEATURE, cell.now, NEXT))
    follower.applier = Applier
    follower.start()
    cell.run(ASK_MS + 400)
    assert follower.boot == boot + 1
    assert levels(cell) == [feature.FIRST] * 3


@pytest.mark.parametrize(("age_ms", "counts"), [(FRESH_MS - 10, True), (FRESH_MS, False)])
def test_a_word_counts_from_before_it_was_asked_for(age_ms: int, counts: bool) -> None:
    """However long it was on its way."""
    cell = Cell(2)
    for member in (1, 2):
        upgrade(cell.nodes[member])
    master = cell.elect()
    other = cell.nodes[3 - master.me]
    raising = master.replica.raising
    raising.hear(other.me, other.boot, (FEATURE, cell.now - age_ms * 1_000_000, NEXT))
    raising._decide(cell.now, master.replica.members)
    assert raising.wanted == (NEXT if counts else 0)


def test_a_decision_lasts_until_it_is_time_to_ask_again() -> None:
    """A reign that begins later does not find an old one."""
    cell = Cell(1)
    upgrade(cell.nodes[1])
    raising = cell.elect().replica.raising
    raising.tick(cell.now, {1: 1}, leads=True)
    at = cell.now + ASK_MS * 1_000_000
    raising.tick(at, {1: 1}, leads=True)
    assert (raising.level(at), raising.level(at + ASK_MS * 1_000_000 - 1), raising.level(at + ASK_MS * 1_000_000)) == (NEXT, NEXT, 0)


def test_one_replica_that_is_told_to_holds_the_cell_back() -> None:
    """[INTERFACE] The operator's way to keep the way back open."""
    cell = Cell(3, feature_max=feature.FIRST)
    for member in (1, 2, 3):
        upgrade(cell.nodes[member])
    cell.elect()
    cell.run(4 * ASK_MS)
    assert levels(cell) == [feature.FIRST] * 3


def test_a_level_that_is_to_be_raised_waits_for_a_configuration_that_is_under_way() -> None:
    """A leader proposes nothing behind a configuration that is not known to be chosen.  [SAFETY 17, 18]"""
    cell = Cell(3)
    for member in (1, 2, 3):
        upgrade(cell.nodes[member])
    cell.cut = lambda _a, _b, m: m[0] == FEATURE
    master = cell.elect()
    cell.cut = lambda _a, _b, m: m[0] in (FEATURE, core.ACCEPTED)
    master.replica.change(cell.now, object(), master.replica.configuration.added(4))
    master.drain()
    raising = master.replica.raising
    raising.wanted, raising._ask_due = NEXT, cell.now + ASK_MS * MS  # all had said so just before
    cell.run(100)
    assert master.replica.core.fence > master.replica.chosen
    assert levels(cell) == [feature.FIRST] * 3
    cell.cut = lambda _a, _b, m: m[0] == FEATURE
    cell.run(500)
    assert levels(cell) == [NEXT] * 3


def test_a_cell_of_one_replica_raises_itself() -> None:
    """There is nobody to ask."""
    cell = Cell(1)
    upgrade(cell.nodes[1])
    cell.elect()
    cell.run(2 * ASK_MS)
    assert levels(cell) == [NEXT]


def test_the_version_before_refuses_to_start_once_the_level_is_raised() -> None:
    """Its log says so where its copies are not asked."""
    cell = Cell(1)
    node = cell.nodes[1]
    upgrade(node)
    client = Client(cell, cell.elect())
    cell.run(2 * ASK_MS)
    cell.submit(cell.elect(), client.command(b"x"))
    node.applier = Applier
    with pytest.raises(TooOld, match=f"it has feature level {NEXT}, and this version supports levels up to {feature.LEVEL}"):
        node.start()
    upgrade(node)
    cell.elect()
    assert node.machine.log == [b"x"]


def test_the_copies_remember_the_level() -> None:
    """Whoever starts on them is told before it takes part in anything."""
    cell = Cell(1)
    upgrade(cell.nodes[1])
    cell.elect()
    cell.run(2 * ASK_MS)
    node = cell.nodes[1]
    assert recover(node.copies, node.records).copies.feature == NEXT


def test_the_level_waits_while_a_change_of_the_members_is_in_flight() -> None:
    """Nothing is proposed behind a configuration before it is known to be chosen; a master that tried stopped."""
    cell = Cell(3, feature_max=feature.FIRST)
    for node in list(cell.nodes.values()):
        upgrade(node)
    master = cell.elect()
    cell.run(200)
    cell.cut = lambda _me, _to, message: message[0] == core.ACCEPT
    master.replica.change(cell.now, "add", master.replica.configuration.added(4))
    master.drain()
    cell.run(20)
    assert master.replica.core.fence > master.replica.core.chosen
    master.replica._reign.raise_feature(cell.now, NEXT)
    assert entry.Kind.FEATURE not in kinds(master)
    cell.cut = lambda _me, _to, _message: False
    cell.run(200)
    assert master.replica.configuration.number == 1
    master.replica._reign.raise_feature(cell.now, NEXT)
    master.drain()
    cell.run(200)
    assert levels(cell) == [NEXT] * 3
