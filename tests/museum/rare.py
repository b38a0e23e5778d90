"""Bugs that simulated cells meet too seldom to wait for: gaios had each of them, and each is planted where its own test is.  [SAFETY 30]

Most need several things at one place of the log: a batch torn at one certain record, and that very record rotted later. What the seeds of a
simulated world do meet is in gaios.sim.museum.
"""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from gaios.backup import history
from gaios.client.members import Change
from gaios.client.state import CHANGE, Call
from gaios.log import RecordKind, Recovered, Replica, damage, records, steps
from gaios.log.records import Record
from gaios.log.roster import Roster
from gaios.log.standing import Standing
from gaios.log.steps import Steps
from gaios.sim.museum.exhibit import Plant, method, together
from gaios.storage import patient
from gaios.storage.patient import Patient
from gaios.storage.spares import Spares
from gaios.storage.words import Remove
from tests.backup import test_history
from tests.cli import test_member
from tests.client import test_calls
from tests.log import test_changes, test_damage, test_electing, test_gauge, test_raising, test_steps
from tests.storage import test_patient, test_spares


class Rare(NamedTuple):
    """One planted bug."""

    name: str
    rule: str
    """Which of SAFETY's rules it breaks."""
    plant: Plant
    test: Callable[..., Any]
    """What fails while it is planted."""
    arguments: Mapping[str, Any] = MappingProxyType({})


def _the_last_one_counts(sound: Callable[..., Any]) -> Callable[..., Any]:
    """Of the votes in a slot the one that stands last in the log, whatever its ballot."""

    def fold(found: Recovered, records_: Iterable[Record]) -> Recovered:
        for record in records_:
            if record[0] == RecordKind.ACCEPT:
                found.accepted.pop(record[1], None)
            sound(found, [record])
        return found

    return fold


def _in_any_ballot(sound: Callable[..., Any]) -> Callable[..., Any]:
    """The same, where a backup reads the log."""

    def chosen(read: Iterable[Any], *rest: Any) -> Any:
        return sound([(each[0], each[1], 1 << 40, each[3]) if each[0] == RecordKind.ACCEPT else each for each in read], *rest)

    return chosen


def _within_the_window(sound: Callable[..., Any]) -> Callable[..., Any]:
    """A state record tells of what may be voted for by its mark, and not of what lies further above."""

    def state_record(self: Steps, boots: Any) -> Record:
        top, self._top = self._top, 0
        try:
            record: Record = sound(self, boots)
        finally:
            self._top = top
        return record

    return state_record


def _whatever_was_taken_over(sound: Callable[..., Any]) -> Callable[..., Any]:
    """Votes below a snapshot that was taken over are votes as any others."""

    def settle(found: Recovered, holes: Any, covered: int) -> None:
        del covered
        proved, found.proved = found.proved, type(found.proved)()
        sound(found, holes, 0)
        found.proved = proved

    return settle


def _holds_all(sound: Callable[..., Any]) -> Callable[..., Any]:
    """What a start read is durable."""

    def restore(self: Steps, recovered: Recovered, *rest: Any) -> None:
        sound(self, recovered, *rest)
        self._held = recovered.chosen

    return restore


def _removes_nothing(sound: Callable[..., Any]) -> Callable[..., Any]:
    """Spare files stay, whatever a batch lacks."""
    return lambda self, **wants: [each for each in sound(self, **wants) if not isinstance(each, Remove)]


def _in_small_blocks() -> None:
    """With blocks as small as that test's file has records."""
    with method(patient, "BLOCK_BYTES", lambda sound: test_patient.BLOCK_BYTES)():
        test_patient.test_a_start_goes_around_a_sector_that_cannot_be_read(2)


RARE = [
    Rare(
        "a state record that was lost behind lost records is taken for the one that the log began with",
        "SAFETY 7, 15",
        method(damage, "_hole", lambda sound: lambda rotten, *where, **how: sound(rotten, *where, **how | {"is_beginning": not rotten.at})),
        test_damage.test_a_damaged_state_record_is_a_creations_only_if_nothing_was_lost_before_it,
        {"lost": 3},
    ),
    Rare(
        "a stale vote behind the state record of its own torn batch counts",
        "SAFETY 6, 7",
        together(method(records, "fold", _the_last_one_counts), method(damage, "fold", _the_last_one_counts)),
        test_damage.test_what_stands_behind_the_state_record_of_its_own_batch_is_older,
    ),
    Rare(
        "a backup takes a stale vote behind the state record of its own torn batch",
        "SAFETY 6, 16",
        together(method(history, "chosen", _in_any_ballot), method(test_history, "chosen", _in_any_ballot)),
        test_history.test_what_stands_behind_the_state_record_of_its_own_batch_is_older,
    ),
    Rare(
        "a state record leaves out what lies beyond the window",
        "SAFETY 7, 15",
        method(Steps, "state_record", _within_the_window),
        test_steps.test_a_state_record_tells_also_what_lies_beyond_the_window,
    ),
    Rare(
        "a vote below a snapshot that was taken over is taken for chosen",
        "SAFETY 6, 15",
        method(damage, "_settle", _whatever_was_taken_over),
        test_damage.test_what_was_voted_for_below_a_snapshot_that_was_taken_over_is_not_taken_for_chosen,
    ),
    Rare(
        "the repair of a place passes for that of one within it",
        "SAFETY 6, 15",
        method(steps, "joined", lambda sound: lambda place, slots, waiting: slots),
        test_steps.test_a_place_that_is_found_around_one_that_waits_waits_for_the_same,
    ),
    Rare(
        "a sector that cannot be read ends a start",
        "SAFETY 7",
        method(Patient, "read", lambda sound: lambda self, name, offset, length: self._reader.read(name, offset, length)),
        _in_small_blocks,
    ),
    Rare(
        "spare files that are of no use hold the room without which nothing is written",
        "SAFETY 28",
        method(Spares, "prepare", _removes_nothing),
        test_spares.test_files_that_are_too_short_make_room_for_one_that_a_batch_lacks,
    ),
    Rare(
        "a master goes on that lost a chosen value which nobody supplies",
        "SAFETY 6",
        method(Replica, "is_stranded", lambda sound: property(lambda self: False)),
        test_electing.test_a_value_that_its_master_lost_is_recovered_by_those_who_do_not_know_that_it_is_chosen,
        {"size": 3},
    ),
    Rare(
        "the feature level rises over a removed member that may be needed",
        "SAFETY 17, 18",
        method(Standing, "is_settled", lambda sound: property(lambda self: True)),
        test_raising.test_a_member_that_was_removed_and_cannot_be_spared_yet_keeps_the_level,
    ),
    Rare(
        "the gauge counts on the new members alone before their change is settled",
        "SAFETY 18",
        method(Roster, "before", lambda sound: property(lambda self: self.voters)),
        test_gauge.test_what_it_says_is_borne_whoever_fails_also_before_a_change_is_settled,
        {"size": 2, "dead": 0, "tolerated": [0, 1]},
    ),
    Rare(
        "what a start read settles a change before it is durable",
        "SAFETY 5, 18",
        method(Steps, "restore", _holds_all),
        test_changes.test_what_a_start_read_settles_nothing_before_it_is_durable,
    ),
    Rare(
        "an older configuration that is settled lets the member go that a change removed",
        "SAFETY 18",
        method(
            test_member,
            "_settled",
            lambda sound: (
                lambda cell, change, within_s: sound(cell, Change(number=0, replica=change.replica, member=change.member), within_s)
            ),
        ),
        test_member.test_a_configuration_that_is_not_the_changes_own_does_not_say_that_the_old_member_may_go,
    ),
    Rare(
        "a change of the members that was sent and not answered is told as not made",
        "SAFETY 20",
        method(Call, "binds", lambda sound: property(lambda self: self.kind != CHANGE and sound.fget(self))),
        test_calls.test_a_change_of_the_members_that_was_sent_is_unknown_until_it_is_answered,
    ),
]
