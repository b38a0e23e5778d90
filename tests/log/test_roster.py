"""Whom a replica talks to, and whom it hears."""

from collections.abc import Callable

from gaios import entry
from gaios.configuration import Configuration, founders, of_value
from gaios.log.records import Copies, Recovered
from gaios.log.roster import Roster, survey

FOUNDERS = founders({1: 1, 2: 2, 3: 3})


def value(configuration: Configuration) -> bytes:
    return entry.batch([entry.configuration(1 << 16 | 1, configuration.encode())], 0)


def test_a_replica_talks_to_the_founders_until_it_knows_better() -> None:
    roster = Roster(1, {1: 1, 2: 2, 3: 3})
    assert (roster.peers, roster.slot, roster.newest) == ((2, 3), 0, FOUNDERS)
    assert roster.settled(0)


def test_a_start_takes_the_newest_configuration_through_its_mark() -> None:
    """What is above it may be decided otherwise."""
    first, second = FOUNDERS.added(4), FOUNDERS.added(4).promoted(4)
    accepted = {5: (7, value(first)), 6: (7, b""), 9: (7, value(second))}
    roster = Roster(1, {1: 1, 2: 2, 3: 3})
    roster.recover(Recovered(Copies(), chosen=8, accepted=accepted))
    assert (roster.newest, roster.slot, roster.peers) == (first, 5, (2, 3, 4))
    assert roster.learners() == [4]
    from_snapshot = Roster(1, {1: 1, 2: 2, 3: 3})
    from_snapshot.recover(Recovered(Copies(), chosen=20, truncated=15, configuration=value(second), governs=12))
    assert (from_snapshot.newest, from_snapshot.slot) == (second, 12)


def test_what_stands_in_slots_that_were_dropped_is_no_configuration() -> None:
    """A peer's snapshot covers them: what was accepted there may never have been chosen."""
    roster = Roster(1, {1: 1, 2: 2, 3: 3})
    roster.recover(Recovered(Copies(), chosen=20, truncated=20, accepted={5: (7, value(FOUNDERS.added(4)))}))
    assert (roster.newest, roster.slot) == (FOUNDERS, 0)


def test_who_left_is_known_and_nothing_is_sent_to_it() -> None:
    roster = Roster(1, {1: 1, 2: 2, 3: 3})
    roster.adopt(FOUNDERS.removed(3), 4)
    assert roster.peers == (2,)
    assert not roster.votes(3)
    assert roster.lists(2)
    assert not roster.lists(3)
    assert roster.was_given(3)
    assert not roster.was_given(9), "a stranger is heard once it is known"


def test_news_is_talked_to_and_counts_for_nothing() -> None:
    """Until the log says it."""
    roster = Roster(1, {1: 1, 2: 2, 3: 3})
    news = FOUNDERS.added(4, votes=True)
    assert roster.told(news)
    assert not roster.told(news), "it is none any more"
    assert (roster.newest, roster.peers) == (FOUNDERS, (2, 3, 4))
    assert roster.votes(4)


def test_a_change_is_settled_when_a_majority_of_the_new_voters_knows_it() -> None:
    """Learners, and those who left, do not count."""
    roster = Roster(1, {1: 1, 2: 2, 3: 3})
    roster.adopt(FOUNDERS.replaced(3), 10)
    roster.hear(3, 12)
    roster.hear(4, 12)
    assert not roster.settled(12)
    roster.hear(2, 9)
    assert not roster.settled(12)
    roster.hear(2, 10)
    assert roster.settled(12)
    assert not roster.settled(9), "this replica itself does not know it"


def test_who_lost_something_counts_no_more_until_it_has_it_again() -> None:
    """Its newest word counts, and its own is told."""
    roster = Roster(1, {1: 1, 2: 2, 3: 3})
    roster.adopt(FOUNDERS.removed(3), 10)
    roster.hear(2, 12)
    assert roster.settled(12)
    assert not roster.settled(3)
    roster.hear(2, 3)
    assert not roster.settled(12)


def test_who_left_and_asks_is_there_until_it_is_silent() -> None:
    """It may be asked in turn."""
    roster = Roster(1, {1: 1, 2: 2, 3: 3})
    roster.adopt(FOUNDERS.removed(3), 4)
    assert [*roster.suppliers] == [2]
    assert roster.asks(50, 3)
    assert not roster.asks(60, 3), "it is no news any more"
    assert [[*roster.lingering], [*roster.suppliers], [*roster.peers]] == [[3], [2, 3], [2]]
    roster.forget_silent(60)
    assert [*roster.suppliers] == [2, 3]
    roster.forget_silent(61)
    assert [*roster.suppliers] == [2]


def test_who_judges_a_slot_is_known_as_far_as_changes_were_seen() -> None:
    """Those whom a configuration lists judge what is behind its own slot. One that was found otherwise may have governed before."""
    roster = Roster(1, {1: 1, 2: 2, 3: 3})
    first, second = FOUNDERS.removed(3), FOUNDERS.removed(3).removed(2)
    roster.adopt(first, 4, stands=True)
    roster.adopt(second, 8, stands=True)
    roster.adopt(second, 20)  # a snapshot tells it again
    assert [roster.electorate(slot) for slot in (1, 4, 5, 8, 9, 21)] == [0b1110, 0b110, 0b110, 0b10, 0b10, 0b10]
    jumped = Roster(1, {1: 1, 2: 2, 3: 3})
    jumped.adopt(second, 8, stands=True)
    assert [jumped.electorate(slot) for slot in (1, 7, 8)] == [0, 0, 0b10]
    taken_over = Roster(1, {1: 1, 2: 2, 3: 3})
    taken_over.adopt(first, 8)
    assert [taken_over.electorate(slot) for slot in (7, 8)] == [0, 0b110]


def test_who_voted_before_a_change_is_known_to_whoever_saw_it() -> None:
    roster = Roster(1, {1: 1, 2: 2})
    assert list(roster.before) == [], "nobody voted before the founders"
    added = roster.newest.added(3, votes=True)
    roster.adopt(added, 5, stands=True)
    assert list(roster.before) == [1, 2]
    roster.adopt(added.removed(1).removed(2), 9)
    assert list(roster.before) == [], "what was between is not known"


def test_a_start_knows_who_judges_the_slots_that_it_still_has() -> None:
    """And whom the last change removed, with the addresses."""
    first = FOUNDERS.added(4, peer="h:1")
    second = first.removed(4)
    roster = Roster(1, {1: 1, 2: 2, 3: 3})
    accepted = {9: (7, value(second)), 10: (7, b""), 12: (7, value(second.added(5)))}
    roster.recover(Recovered(Copies(), chosen=11, truncated=6, accepted=accepted, configuration=value(first), governs=5))
    assert (roster.newest, roster.slot, roster.left) == (second, 9, (4,))
    assert [roster.electorate(slot) for slot in (4, 5, 10)] == [0, 0b1110, 0b1110]
    assert (were := roster.were(4)) is not None
    assert were.peer == "h:1"


def test_what_the_core_went_over_to_is_found_among_what_was_chosen() -> None:
    changed = FOUNDERS.added(4)
    roster = Roster(2, {1: 1, 2: 2, 3: 3})
    roster.follow(1, {1: (7, b""), 2: (7, value(changed)), 3: (7, b"")}, 3)
    assert (roster.newest, roster.slot, roster.peers) == (changed, 2, (1, 3, 4))


def test_a_snapshot_stands_for_lost_records_of_who_governs() -> None:
    """It is older than a configuration whose own record is there, and newer than one that an older record names.  [SAFETY 15, 18]"""
    first = FOUNDERS.added(4)
    second = first.promoted(4)
    found = Recovered(Copies(), chosen=30, truncated=10, configuration=value(first), governs=5, surveyed=10)
    survey(found, 20, 2, second.encode())
    assert (found.governs, of_value(found.configuration), found.surveyed) == (20, second, 20)
    found = Recovered(Copies(), chosen=30, accepted={25: (7, value(second))}, configuration=value(first), governs=5)
    survey(found, 20, 1, first.encode())
    assert (found.governs, of_value(found.configuration), found.surveyed) == (5, first, 20)


def test_a_log_is_outdated_where_somebody_knows_a_newer_configuration() -> None:
    """Until it has that itself: to be told who the members are is not enough."""
    roster = Roster(1, {1: 1, 2: 2, 3: 3})
    first, second = FOUNDERS.added(4), FOUNDERS.added(4).promoted(4)
    found = [roster.is_outdated]
    steps: list[Callable[[], bool | None]] = [
        lambda: roster.told(first),
        lambda: roster.adopt(first, 5),
        lambda: roster.see(2),
        lambda: roster.see(1),
        lambda: roster.told(second),
        lambda: roster.adopt(second, 9),
    ]
    for step in steps:
        step()
        found.append(roster.is_outdated)
    assert found == [False, True, False, True, True, True, False]
