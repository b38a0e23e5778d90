"""A sound recording is legal; one with anything altered is refused at the step where that shows.  [SAFETY 30]"""

from pathlib import Path
from typing import Any

import pytest

from gaios.errors import ConfigurationError
from gaios.paxos import core
from gaios.sim import RunOptions, run
from gaios.sim.scenario import load
from gaios.trace import check
from gaios.trace.words import Finding
from tests.museum.exhibits import EXHIBITS, pins
from tests.trace.tapes import CAME, DONE, EVENT, HANDED, LEFT, SENDS, START, STEP, WRITES, Place, all_places, tapes

ACCEPT_RECORD = 2


def refused(directory: Path) -> Finding:
    """The one finding."""
    (found,) = check([str(directory)]).violations
    return found


def holds(place: Place, tag: int) -> bool:
    """Whether frames of that place hold a message."""
    return any(message[0] == tag for _, messages in place.entry[2] for message in messages)


def test_a_sound_recording_is_legal_and_checked_whole(sound: Path) -> None:
    """The figures tell that the check is not vacuous."""
    report = check([str(sound)])
    assert (report.violations, report.unverified, report.notes) == ([], 0, [])
    assert report.members == [1, 2, 3, 4, 5]
    assert report.boots == report.files >= 20
    assert report.steps > 5_000
    assert report.slots > 20


@pytest.mark.parametrize(("scenario", "seed"), [("members", 0), ("members-upgrade", 1), ("members-rot", 0)])
def test_changes_of_the_members_are_steps_of_the_text(tmp_path: Path, scenario: str, seed: int) -> None:
    """Also what is said again to members that came since, and boots that only they recorded."""
    directory = str(tmp_path / "recordings")
    assert not run(seed, RunOptions(plan=load(scenario).change, record=directory)).violations
    report = check([directory])
    assert (report.violations, report.unverified) == ([], 0)
    assert report.coverage["M"] > 5
    assert len(report.members) > 5


def test_the_order_of_the_files_does_not_matter(sound: Path) -> None:
    paths = sorted(map(str, sound.iterdir()))
    assert check(paths).steps == check(paths[::-1]).steps == check([str(sound)]).steps


def test_an_altered_message_is_refused_where_it_came(copy: Path) -> None:
    """V1: the same bytes."""
    place = next(p for p in all_places(tapes(copy), CAME) if p.entry[4][0][0] == core.ACCEPT)
    place.entry[4][0][3] += 1
    place.tape.keep()
    found = refused(copy)
    assert found[:3] == (place.tape.name, place.number, "V1 every message was sent")


def test_a_message_from_another_boot_is_refused_where_it_came(copy: Path) -> None:
    """V1: the claimed sender is a boot of a member."""
    found = tapes(copy)
    place = next(p for p in all_places(found, CAME) if p.entry[3] > 1 and p.entry[4][0][0] == core.GRANT)
    place.entry[3] -= 1
    place.tape.keep()
    assert refused(copy)[:3] == (place.tape.name, place.number, "V1 every message was sent")


def test_a_message_altered_where_it_left_is_refused_there(copy: Path) -> None:
    """V3: nothing leaves that no step sent."""
    place = next(p for p in all_places(tapes(copy), LEFT) if holds(p, core.ACCEPT))
    message = next(m for _, messages in place.entry[2] for m in messages if m[0] == core.ACCEPT)
    message[4] = b"\1" * 16
    place.tape.keep()
    assert refused(copy)[:3] == (place.tape.name, place.number, "V3 what leaves was sent")


def test_a_removed_message_is_missed_where_it_came(copy: Path) -> None:
    """V1: what came had been sent. One of those who heard it is named."""
    found = tapes(copy)
    place = next(p for p in all_places(found, LEFT) if holds(p, core.ACCEPT) and len(p.entry[2]) == 1)
    ((_, messages),) = place.entry[2]
    gone = messages.pop(next(index for index, m in enumerate(messages) if m[0] == core.ACCEPT))
    place.tape.keep()
    heard = {(p.tape.name, p.number) for p in all_places(found, CAME) if gone in p.entry[4]}
    finding = refused(copy)
    assert finding.rule == "V1 every message was sent"
    assert finding[:2] in heard


def test_a_removed_entry_is_missing_where_it_was(copy: Path) -> None:
    """Entries are numbered."""
    tape = tapes(copy)[0]
    first, _, _, entries, _ = tape.frames[20]
    del entries[-1]
    tape.keep()
    assert refused(copy)[:3] == (tape.name, first + len(entries), "V1 nothing is missing")


def test_a_sync_moved_behind_what_waits_for_it_is_refused_where_that_leaves(copy: Path) -> None:
    """V3: persist, then say."""
    for tape in tapes(copy):
        for frame in tape.frames:
            kinds = [entry[0] for entry in frame[3]]
            if kinds == [DONE, LEFT] and any(m[0] == core.ACCEPTED for _, messages in frame[3][1][2] for m in messages):
                frame[3].reverse()
                tape.keep()
                assert refused(copy)[:3] == (tape.name, frame[0], "V3 persist, then say")
                return
    pytest.fail("no vote left right behind its sync")


def test_a_forgotten_sync_is_refused_where_the_batch_is_handed_over(copy: Path) -> None:
    """V3: what is written is synced before it counts."""
    place = next(p for p in all_places(tapes(copy), HANDED) if p.entry[4])
    place.entry[1].pop()
    place.tape.keep()
    assert refused(copy)[:3] == (place.tape.name, place.number, "V3 persist, then say")


def test_a_record_that_is_not_written_is_missed(copy: Path) -> None:
    """V3: the disk is handed what the steps wanted, or the vote that waits for it never leaves."""
    place = next(p for p in all_places(tapes(copy), HANDED) if p.number > 100 and [r for r in p.entry[4] if r[0] == ACCEPT_RECORD])
    place.entry[4] = [record for record in place.entry[4] if record[0] != ACCEPT_RECORD]
    place.tape.keep()
    found = refused(copy)
    assert found.file == place.tape.name
    assert found.step > place.number
    assert found.rule in {"V3 persist, then say", "V3 what is written"}


@pytest.mark.parametrize(
    ("alter", "what"),
    [
        (lambda step: step[SENDS].pop(), "to send"),
        (lambda step: step[WRITES][0].__setitem__(1, step[WRITES][0][1] + 1), "to write"),
        (lambda step: step.__setitem__(3, False), "a rule carried out"),
    ],
    ids=["sends", "writes", "refused"],
)
def test_a_changed_output_is_refused_at_its_step(copy: Path, alter: Any, what: str) -> None:
    """V2: a step is reproducible."""
    place = next(p for p in all_places(tapes(copy), STEP) if p.entry[EVENT][0] == core.ACCEPT and p.entry[WRITES])
    alter(place.entry)
    place.tape.keep()
    found = refused(copy)
    assert found[:3] == (place.tape.name, place.number, "V2 a step is reproducible")
    assert what in found.expected


PROMISED, LONGEST, CHOSEN, ACCEPTED = 11, 12, 13, 15
"""Where in a start."""


@pytest.mark.parametrize(
    "alter",
    [
        lambda start: start.__setitem__(PROMISED, start[PROMISED] - 65_536),
        lambda start: start.__setitem__(LONGEST, start[LONGEST] + 1),
        lambda start: start.__setitem__(CHOSEN, start[CHOSEN] + 1),
        lambda start: start[ACCEPTED].pop(),
        lambda start: start[ACCEPTED].append([start[ACCEPTED][-1][0] + 1, 65_537, b"\1" * 16]),
        lambda start: start[ACCEPTED][0].__setitem__(2, b"\1" * 16),
    ],
    ids=["promise", "term", "mark", "forgotten", "invented", "other value"],
)
def test_a_state_that_differs_from_what_was_written_is_refused_at_the_start(copy: Path, alter: Any) -> None:
    """V3: what a start finds is the fold of what was persisted, no less and no more.  [SAFETY 7]"""
    place = max(all_places(tapes(copy), START), key=lambda p: len(p.entry[ACCEPTED]))
    alter(place.entry)
    place.tape.keep()
    assert refused(copy)[:3] == (place.tape.name, 1, "V3 restart")


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("recovery takes its own value", "V2"),
        ("a lease is not shortened by the drift bound", "V2 state"),
        ("records are not synced", "V3 persist, then say"),
        ("a start does not sync the names that it finds", "V3 persist, then say"),
    ],
)
def test_a_planted_bug_is_named_at_the_first_step_that_shows_it(tmp_path: Path, name: str, rule: str) -> None:
    """Of the text, of the state between steps, of storage: what ran is not what the text says, or says more than it keeps."""
    exhibit = next(each for each in EXHIBITS if each.name == name)
    with exhibit.plant():
        run(pins()[name][0], RunOptions(plan=exhibit.plan, record=str(tmp_path)))
    assert refused(tmp_path).rule.startswith(rule)


def test_what_nobody_recorded_is_told_and_not_taken_for_fine(copy: Path) -> None:
    """Rule 2 of the room: the rest is checked all the same."""
    for path in copy.glob("member-3-*"):
        path.unlink()
    report = check([str(copy)])
    assert not report.violations
    assert report.unverified > 100
    assert any("nobody recorded member 3" in note for note in report.notes)


def test_a_boot_that_nobody_recorded_leaves_a_gap_that_is_told(copy: Path, restless: list[Path]) -> None:
    second, *_, last = sorted({int(path.name.split("-")[3]) for path in restless})[1:]
    assert second < last
    for path in restless:  # a start that was cut short is begun anew as the same boot
        if path.name.split("-")[3] == str(second):
            path.unlink()
    report = check([str(copy)])
    assert not report.violations
    assert any(later.name in note for later in restless if later.exists() for note in report.notes)


def test_a_recording_that_was_stopped_is_checked_as_far_as_it_goes(copy: Path) -> None:
    """What its process said later is taken on trust."""
    tape = tapes(copy)[-1]
    tape.header = tape.header[:9] + b"\1" + tape.header[10:]
    del tape.frames[len(tape.frames) // 2 :]
    tape.keep()
    report = check([str(copy)])
    assert not report.violations
    assert any("was stopped" in note for note in report.notes)


def test_recordings_of_two_cells_are_not_checked_together(copy: Path) -> None:
    tape = tapes(copy)[0]
    tape.frames[0][3][0][2] = bytes(16)
    tape.keep()
    with pytest.raises(ConfigurationError, match="different cells"):
        check([str(copy)])


def test_a_recording_of_another_text_is_not_judged_by_this_one(copy: Path) -> None:
    tape = tapes(copy)[0]
    tape.frames[0][3][0][1] = bytes(8)
    tape.keep()
    with pytest.raises(ConfigurationError, match="another specification"):
        check([str(copy)])


def test_a_recording_that_was_copied_is_no_second_process(copy: Path) -> None:
    path = min(copy.iterdir())
    (copy / "copied.trace").write_bytes(path.read_bytes())
    with pytest.raises(ConfigurationError, match="recordings of the same process"):
        check([str(copy)])


def test_two_processes_on_one_directory_are_noticed(copy: Path, restless: list[Path]) -> None:
    """The same boot twice, with two nonces: the first had made that boot durable.  [SAFETY 3]"""
    path = restless[1]
    (copy / "clone.trace").write_bytes(path.read_bytes())
    clone = next(tape for tape in tapes(copy) if tape.name == "clone.trace")
    clone.frames[0][3][0][5] += 1
    clone.keep()
    assert refused(copy).rule.startswith(("V3", "V4"))
