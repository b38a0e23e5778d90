"""Which chosen values are asked for again, and of whom."""

from gaios.log import Options
from gaios.log.options import FAR, MS
from gaios.log.repair import Repair
from gaios.log.roster import Roster
from gaios.paxos import core


def damaged(*slots: int, chosen: int = 9) -> core.Participant:
    participant = core.Participant(1, 0b11110)
    participant.chosen = chosen
    participant.faulty = dict.fromkeys(slots, 7)
    return participant


def roster(*peers: int) -> Roster:
    return Roster(1, {member: member for member in (1, *peers)})


def test_nothing_is_asked_for_where_nothing_is_missing() -> None:
    """Nor above what is chosen: a vote there ends the damage."""
    repair = Repair(damaged(10), Options(), roster(2, 3))
    assert not repair.is_due
    assert repair.wanted(0) == (0, [])
    assert repair.due_ns() == FAR


def test_peers_are_asked_in_turn_until_one_has_it() -> None:
    """Whoever lost it too does not answer."""
    repair = Repair(damaged(3, 5), Options(retransmit_ms=120), roster(2, 3))
    assert repair.wanted(0) == (2, [3, 5])
    assert repair.wanted(119 * MS) == (0, [])
    assert repair.due_ns() == 120 * MS
    assert repair.wanted(120 * MS) == (3, [3, 5])


def test_the_next_ones_are_asked_for_as_soon_as_the_first_came() -> None:
    """A whole segment may be gone: that must not take a time-out for every few slots."""
    participant = damaged(1, 2, 3)
    repair = Repair(participant, Options(seek_slots=2), roster(2, 3))
    assert repair.wanted(0)[1] == [1, 2]
    participant.faulty.pop(1)
    assert repair.wanted(1)[1] == []
    participant.faulty.pop(2)
    assert repair.wanted(1)[1] == [3]


def test_a_replica_alone_has_nobody_to_ask() -> None:
    repair = Repair(damaged(1), Options(), roster())
    assert repair.wanted(0) == (0, [])
    assert repair.due_ns() == FAR  # nor is it due: a loop would spin


def test_new_members_are_asked_too() -> None:
    """A replica that missed a change may find what it lost with them alone.  [SAFETY 18]"""
    members = roster(2)
    repair = Repair(damaged(1), Options(), members)
    assert repair.wanted(0) == (2, [1])
    members.told(members.newest.added(3).removed(2))
    asked = {repair.wanted(turn * 1_000 * MS)[0] for turn in range(1, 5)}
    assert 3 in asked


def test_the_oldest_are_asked_for_first_in_whichever_order_they_were_found() -> None:
    """Nothing is applied past one that is missing, and what runs beside may find an older one later."""
    assert Repair(damaged(7, 2, 5), Options(seek_slots=2), roster(2, 3)).wanted(0)[1] == [2, 5]


def test_who_left_and_is_there_is_asked_too() -> None:
    """It may hold the only copy, of a cell of one even.  [SAFETY 18]"""
    members = roster(2)
    repair = Repair(damaged(1), Options(), members)
    members.adopt(members.newest.removed(2), 5)
    assert repair.wanted(0) == (0, [])
    members.asks(0, 2)
    assert repair.wanted(0) == (2, [1])
    assert repair.due_ns() < FAR


def test_it_is_vain_once_everybody_was_asked_twice_and_nothing_came() -> None:
    """Whatever comes begins the count anew."""
    participant = damaged(1, 2)
    repair = Repair(participant, Options(retransmit_ms=100, seek_slots=1), roster(2, 3))
    found = []
    for turn in range(7):
        repair.wanted(turn * 100 * MS)
        found.append(repair.is_vain)
    assert found == [False] * 5 + [True] * 2
    participant.faulty.pop(1)
    repair.wanted(700 * MS)
    assert not repair.is_vain
