"""Whose disk is full, and what that means."""

from gaios.log import Room
from gaios.log.options import MS
from gaios.log.roster import Roster
from gaios.log.space import AGAIN_MS, FORGET_MS, SAY_MS, Space

FIVE = [1, 2, 3, 4, 5]
S = 1_000 * MS


def space(room: Room = Room.PLENTY, **others: int) -> Space:
    """Of member 1 of five; the others' as `b=…`, by letter."""
    made = Space(1, Roster(1, {member: member for member in FIVE}), 0)
    made.tell(0, room)
    for name, told in others.items():
        made.heard(0, "abcde".index(name) + 1, told)
    return made


def test_what_was_told_is_forgotten_when_it_is_not_told_again() -> None:
    """A replica that was restarted with room says nothing."""
    seen = space(b=Room.SHORT)
    assert seen.of(FORGET_MS * MS - 1, 2) == Room.SHORT
    assert seen.of(FORGET_MS * MS, 2) == Room.PLENTY
    seen.heard(1, 2, Room.PLENTY)
    assert seen.full(1) == []


def test_a_disk_that_is_not_well_is_told_of_again_and_again() -> None:
    seen = space()
    assert not seen.is_due(S)
    assert seen.tell(5, Room.SHORT)
    assert not seen.tell(6, Room.SHORT)
    assert seen.is_due(6)
    assert not seen.is_due(7)
    assert seen.due_ns() == 6 + SAY_MS * MS
    assert seen.is_due(6 + SAY_MS * MS)
    assert seen.tell(2 * S, Room.PLENTY)
    assert seen.is_due(2 * S), "the good news, once"
    assert not seen.is_due(9 * S)


def test_one_full_minority_stops_nothing() -> None:
    seen = space(b=Room.NONE, c=Room.SHORT)
    assert not seen.refuses_growth(1, FIVE)
    assert not seen.refuses_all(1, FIVE)
    assert not seen.hands_over(1, FIVE)


def test_a_full_majority_of_the_followers_takes_nothing_that_grows() -> None:
    """Of those that follow: whoever is dead has no room either."""
    seen = space(b=Room.SHORT, c=Room.SHORT)
    assert not seen.refuses_growth(1, FIVE)
    assert seen.refuses_growth(1, [1, 2, 3, 4]), "two with room, of three that are needed"
    assert not seen.refuses_all(1, [1, 2, 3, 4])
    assert not space(b=Room.SHORT).refuses_growth(1, [1, 2]), "without a majority there is nothing to refuse"
    assert space(b=Room.NONE, c=Room.NONE).refuses_all(1, [1, 2, 3, 4])


def test_a_full_master_refuses_what_grows_itself() -> None:
    assert space(Room.SHORT).refuses_growth(1, FIVE)
    assert not space(Room.SHORT).refuses_all(1, FIVE)
    assert space(Room.NONE).refuses_all(1, FIVE)


def test_a_full_master_hands_over_to_a_majority_with_room() -> None:
    assert space(Room.SHORT, b=Room.SHORT).hands_over(1, FIVE)
    assert not space(Room.SHORT, b=Room.SHORT, c=Room.SHORT).hands_over(1, FIVE)
    assert not space(Room.SHORT, b=Room.SHORT).hands_over(1, [1, 2, 3, 4]), "a majority with room has to follow"
    assert space(Room.NONE, b=Room.SHORT, c=Room.SHORT).hands_over(1, FIVE), "those live on their reserve"
    assert not space().hands_over(1, FIVE)


def test_a_full_master_hands_over_ever_more_rarely() -> None:
    """Whoever became master again all the same waits twice as long each time; a disk that was well begins anew."""
    seen = space(Room.SHORT)
    assert seen.hands_over(0, FIVE)
    assert not seen.hands_over(AGAIN_MS * MS - 1, FIVE)
    assert seen.hands_over(AGAIN_MS * MS, FIVE)
    assert not seen.hands_over((3 * AGAIN_MS - 1) * MS, FIVE)
    assert seen.hands_over(3 * AGAIN_MS * MS, FIVE)
    seen.tell(3 * AGAIN_MS * MS, Room.PLENTY)
    seen.tell(3 * AGAIN_MS * MS, Room.SHORT)
    assert seen.hands_over(3 * AGAIN_MS * MS, FIVE)


def test_whoever_has_less_room_waits_longer() -> None:
    assert [space(room).wait_ms(600) for room in Room] == [0, 600, 1_200]


def test_a_disk_without_room_is_told_to_people() -> None:
    assert [list(space(room).why(3)) != [] for room in Room] == [False, True, True]
