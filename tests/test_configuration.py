"""Configurations: numbers without a gap, member numbers never twice, and bytes that say what they are."""

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from gaios import entry
from gaios.configuration import (
    FORMAT,
    MEMBER_END,
    Configuration,
    Member,
    ballot_text,
    decode,
    founders,
    is_configuration,
    listed,
    newest,
    numbered,
    of_value,
)
from gaios.errors import InvalidCommand, ProtocolError

FOUNDERS = founders({1: 1, 2: 2, 3: 3})


def value(configuration: Configuration) -> bytes:
    return entry.batch([entry.configuration(1 << 16 | 1, configuration.encode())], 7)


def test_a_ballot_is_read_as_round_and_member() -> None:
    assert ballot_text(2 * MEMBER_END + 1) == "2.1"


def test_a_member_number_is_given_once() -> None:
    """[SAFETY 1] Whoever comes back is somebody else."""
    changed = FOUNDERS.added(4).removed(4).added(4)
    assert [member.number for member in changed.members] == [1, 2, 3, 5]
    assert (changed.number, changed.next_member) == (3, 6)
    assert changed.replaced(2).at(2) == Member(6, 2, votes=False)


def test_who_joins_learns_first() -> None:
    joined = FOUNDERS.added(9, peer="h:1", client="h:2", admin="h:3")
    assert joined.voters == 0b1110
    assert joined.places == {1: 1, 2: 2, 3: 3, 4: 9}
    promoted = joined.promoted(4)
    assert promoted.voters == 0b11110
    assert promoted.member(4) == Member(4, 9, True, "h:1", "h:2", "h:3")


def test_a_replacement_keeps_place_and_addresses() -> None:
    """[SAFETY 8]"""
    joined = FOUNDERS.added(4, votes=True, peer="h:1")
    replaced = joined.replaced(4, peer="h:9")
    assert replaced.at(4) == Member(5, 4, False, "h:9")
    assert joined.replaced(4).at(4) == Member(5, 4, False, "h:1")


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: FOUNDERS.added(3), "member 3 is in place 3"),
        (lambda: FOUNDERS.promoted(3), "member 3 is no learner"),
        (lambda: FOUNDERS.removed(9), "member 9 is not in configuration 0"),
        (lambda: FOUNDERS.added(4).replaced(9), "member 9 is not in configuration 1"),
        (lambda: founders({1: 1}).removed(1), "needs a voter"),
        (lambda: Configuration(FORMAT, 1, 4, (Member(1, 1), Member(1, 2))).check(), "twice"),
        (lambda: Configuration(FORMAT, 1, 2, (Member(2, 1),)).check(), "must be in order"),
        (lambda: founders({n: n for n in range(1, 17)}).check(), "16 members; at most 15"),
    ],
)
def test_what_no_cell_can_be_is_refused(make: Callable[[], object], says: str) -> None:
    with pytest.raises(InvalidCommand, match=says):
        make()


BEFORE = FOUNDERS.added(4).removed(3)
"""Members 1, 2 and the learner 4; 3 is gone, 5 is next."""


@pytest.mark.parametrize(
    "after",
    [BEFORE.added(5), BEFORE.removed(1), BEFORE.removed(4), BEFORE.promoted(4), BEFORE.replaced(2, peer="h:1"), BEFORE.replaced(4)],
    ids=["added", "removed", "a learner removed", "promoted", "replaced", "a learner replaced"],
)
def test_one_step_follows(after: Configuration) -> None:
    after.check_follows(BEFORE)


@pytest.mark.parametrize(
    ("after", "says"),
    [
        (FOUNDERS, "does not follow 2"),
        (BEFORE.added(5).added(6), "does not follow 2"),
        (replace(BEFORE, number=3), "one member"),
        (replace(BEFORE.added(5).added(6), number=3), "one member"),
        (replace(BEFORE.added(5).promoted(4), number=3), "one member"),
        (replace(BEFORE.added(5), next_member=5, members=(*BEFORE.members, Member(3, 5, votes=False))), "below 5 were given"),
        (replace(BEFORE.added(5), next_member=1 << 16, members=(*BEFORE.members, Member(60_000, 5, votes=False))), "below 5 were given"),
        (replace(BEFORE.removed(1), next_member=6), "below 5 were given"),
        (BEFORE.added(5, votes=True), "learner"),
        (replace(BEFORE, number=3, members=(replace(BEFORE.members[0], peer="h:1"), *BEFORE.members[1:])), "replace it"),
        (replace(BEFORE, number=3, members=(replace(BEFORE.members[0], votes=False), *BEFORE.members[1:])), "replace it"),
    ],
    ids=str,
)
def test_what_is_no_step_does_not_follow(after: Configuration, says: str) -> None:
    """A number that somebody had, numbers that are used up, a voter that learned nothing, an address that is changed."""
    with pytest.raises(InvalidCommand, match=says):
        after.check_follows(BEFORE)


def test_numbers_come_to_an_end() -> None:
    """A ballot has no room for more."""
    last = founders({MEMBER_END - 2: 1}).added(2)
    assert last.next_member == MEMBER_END
    with pytest.raises(InvalidCommand, match="65536"):
        last.added(3)


def test_bytes_are_read_back() -> None:
    changed = FOUNDERS.added(4)
    assert decode(changed.encode()) == changed
    assert of_value(value(changed)) == changed
    assert (numbered(value(changed)), listed(value(changed)), is_configuration(value(changed))) == (1, 0b1110, True)


@pytest.mark.parametrize("other", [b"", b"x", entry.batch([entry.register()], 0), entry.batch([entry.epoch(65_537)], 0)])
def test_other_values_are_no_configurations(other: bytes) -> None:
    assert (numbered(other), listed(other), is_configuration(other)) == (0, 0, False)


def test_a_configuration_has_a_slot_of_its_own() -> None:
    """Else what governs the entry behind it?"""
    both = entry.batch([entry.configuration(65_537, FOUNDERS.added(4).encode()), entry.register()], 0)
    with pytest.raises(ProtocolError, match="slot of its own"):
        numbered(both)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xc0",
        b"\x95" + FOUNDERS.encode()[1:] + b"\x91" * 5_000,  # nested as deep as nothing is, where a newer version might have a field
        FOUNDERS.added(4, peer="host").encode().replace(b"host", b"\xff\xfe\xff\xfe"),
        Configuration(9, 1, 2, (Member(1, 1),)).encode(),
        Configuration(1, 1, 1, ()).encode(),
        Configuration(1, 1, 3, (Member(1, 1), Member(-2, 2))).encode(),
        Configuration(1, 1, 3, (Member(1, 1), Member(1 << 60, 2))).encode(),  # as a bit mask it would fill the memory
    ],
)
def test_bytes_that_are_none_are_refused(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        decode(data)


def test_the_newest_chosen_one_is_found() -> None:
    accepted = {2: (7, value(FOUNDERS.added(4))), 3: (7, b"x"), 5: (7, value(FOUNDERS.added(4).promoted(4)))}
    found = newest(accepted, 4)
    assert found is not None
    assert (found[0], found[1].number) == (2, 1)
    assert newest(accepted, 4, above=2) is None
    assert newest({}, 9) is None
