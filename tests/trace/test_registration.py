"""Whose word counts for a boot, where members change.  [SAFETY 3, 18]"""

import pytest

from gaios.configuration import founders
from gaios.log.codec import BOOTED, NEWS
from gaios.log.recording import Start
from gaios.paxos import core
from gaios.trace.registration import Registration
from gaios.trace.words import Illegal

FOUNDERS = 0b1110
RECORDED = (BOOTED, 1, 7, [(2, 1, 7, 0, 0, 0)])
REPLACED = founders({1: 1, 2: 2, 3: 3}).replaced(3).promoted(4).replaced(1).promoted(5)
"""The members are 2, 4 and 5."""


def second() -> Registration:
    """Of member 2, in boot 1 with nonce 7, one of three founders."""
    start = Start(b"", b"", 2, 1, 7, 0, FOUNDERS, "clock", 0, 0, 0, 0, 0, 0, [])
    return Registration(start, core.Participant(2, FOUNDERS))


def test_one_of_three_and_itself_are_a_majority() -> None:
    registration = second()
    with pytest.raises(Illegal, match="a majority of 3 recorded the boot; found 1"):
        registration.check((core.BOOT,))
    registration.hear(3, RECORDED)
    registration.check((core.BOOT,))


@pytest.mark.parametrize("member", [1, 4])
def test_the_newest_members_that_were_told_count_or_those_that_it_knew(member: int) -> None:
    """It may have had reason not to believe the news."""
    registration = second()
    registration.hear(4, (NEWS, REPLACED.encode(), 1))
    with pytest.raises(Illegal, match="a majority of 3 recorded the boot; found 1"):
        registration.check((core.BOOT,))
    registration.hear(member, RECORDED)
    registration.check((core.BOOT,))


def test_who_was_invited_goes_by_its_invitation() -> None:
    """Whoever tells it news may be behind that."""
    invitation = founders({1: 1, 2: 2}).replaced(2)
    start = Start(b"", b"", 3, 1, 7, 0, 0b110, "clock", 0, 0, 0, 0, 0, 0, [], told=invitation.encode())
    registration = Registration(start, core.Participant(3, 0b110))
    with pytest.raises(Illegal, match="a majority of 1 recorded the boot; found 0"):
        registration.check((core.BOOT,))
    registration.hear(1, (NEWS, founders({1: 1, 2: 2}).encode(), 1))
    registration.hear(1, (BOOTED, 1, 7, [(3, 1, 7, 0, 0, 0)]))
    registration.check((core.BOOT,))


def test_what_was_enough_once_is_enough() -> None:
    registration = second()
    registration.hear(1, RECORDED)
    registration.hear(4, (NEWS, REPLACED.encode(), 1))
    registration.check((core.BOOT,))


def test_older_news_than_the_core_knows_count_for_nothing() -> None:
    start = Start(b"", b"", 2, 1, 7, 0, FOUNDERS, "clock", 0, 0, 0, 0, 0, 0, [])
    participant = core.Participant(2, FOUNDERS)
    participant.config, participant.voters = REPLACED.number, REPLACED.voters
    registration = Registration(start, participant)
    registration.hear(1, (NEWS, founders({1: 1, 2: 2, 3: 3}).added(4).encode(), 1))
    registration.hear(1, RECORDED)
    with pytest.raises(Illegal, match="a majority of 3"):
        registration.check((core.BOOT,))
