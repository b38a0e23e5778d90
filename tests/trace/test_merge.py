"""Nothing is heard before it is said: members wait for each other, and what nobody will say is found."""

from pathlib import Path

import pytest

from gaios.log.recording import Came, Left
from gaios.paxos import core
from gaios.trace.files import Recording
from gaios.trace.merge import Lane, Missing, Said, never_said, will_be_said
from tests.trace.tapes import Tape


@pytest.fixture
def recordings(restless: list[Path]) -> list[Recording]:
    """All boots of a member."""
    found = [Recording.open(path) for path in restless]
    return [recording for recording in found if recording is not None]


def test_a_lane_has_every_entry_of_every_boot(recordings: list[Recording]) -> None:
    lane = Lane(recordings)
    seen = []
    while lane.place is not None:
        seen.append((recordings.index(lane.place.recording), lane.place.number, lane.place.is_last))
        lane.step()
    assert sorted(seen) == seen
    assert {at for at, _, _ in seen} == set(range(len(recordings)))
    assert sum(last for _, _, last in seen) == sum(len(list(recording.frames())) for recording in recordings)


def exhaust(lane: Lane) -> None:
    while lane.place is not None:
        lane.step()


def test_a_missing_entry_is_noticed_where_it_should_stand(recordings: list[Recording]) -> None:
    tape = Tape(recordings[0].path)
    del tape.frames[3]
    tape.keep()
    lane = Lane(recordings[:1])
    with pytest.raises(Missing) as found:
        exhaust(lane)
    assert found.value.place.number == tape.frames[2][0] + len(tape.frames[2][3])


FETCH, OTHER = (core.FETCH, 7), (core.FETCH, 8)


def test_what_was_said_to_whom_is_known(recordings: list[Recording]) -> None:
    said, me = Said(recordings), recordings[0].start.member
    came = Came(0, me, 1, [FETCH, OTHER])
    assert said.unsaid(13, came) == [FETCH, OTHER]
    said.add(me, 1, Left(0, [([12], [FETCH]), ([13], [OTHER])]))
    assert said.unsaid(13, came) == [FETCH]
    said.add(me, 1, Left(0, [([13], [FETCH])]))
    assert said.unsaid(13, came) == []
    assert said.unsaid(12, came) == [OTHER]
    assert said.unsaid(13, Came(0, me, 2, [FETCH])) == [FETCH], "another boot"


def test_a_boot_is_recorded_until_its_recording_stops(recordings: list[Recording]) -> None:
    said, me = Said(recordings), recordings[0].start.member
    assert said.is_recorded(me, 2)
    assert not said.is_recorded(me, 1_000)
    assert not said.is_recorded(me + 1, 1)
    said.stopped(me, 2)
    assert not said.is_recorded(me, 2)


def test_what_will_be_said_is_told_from_what_never_will(recordings: list[Recording]) -> None:
    lane = Lane(recordings)
    left = next(entry for frame in recordings[0].frames() for entry in frame.entries if isinstance(entry, Left))
    members, messages = left.frames[0]
    assert will_be_said(lane, 1, members[0], messages[0])
    assert not will_be_said(lane, 1, 13, messages[0]), "to nobody like that"
    assert not will_be_said(lane, 2, members[0], FETCH)
    why = never_said(Came(0, 1, 2, [FETCH]), [FETCH])
    assert (why.rule, why.found) == ("V1 every message was sent", "Fetch(7), which it did not send")
