"""A recording holds all that was seen, and changes nothing of it."""

import itertools
from functools import cache

import pytest
from msgspec.structs import replace

from gaios.sim import Report, run
from gaios.sim.drawing import columns
from gaios.sim.faults import MS, DiskFaults, Faults, NetworkFaults, ProcessFaults, S
from gaios.sim.museum import Exhibit
from gaios.sim.network import Network
from gaios.sim.plan import Plan
from gaios.sim.recording import LOST, WORLD, Place, Recording, Span
from gaios.sim.scenario import load
from gaios.sim.shrink import smaller_options
from gaios.sim.smaller import Smaller
from tests.museum.exhibits import EXHIBITS, pins

pytestmark = pytest.mark.timeout(300)

ROUGH = Faults(
    disk=DiskFaults(sync_ns=3 * MS, crash_point=0.02),
    network=NetworkFaults(loss=0.03, partition_every_ns=S, partition_ns=300 * MS),
    process=ProcessFaults(crash_every_ns=S, down_ns=100 * MS, power_cut=1.0, pause_every_ns=S, pause_ns=100 * MS),
)


def rough(plan: Plan) -> Plan:
    """Everything happens often that a recording has to show."""
    return replace(plan, replicas=5, clients=3, operations=200, think_ns=5 * MS, safety_ns=10 * S, deadline_ns=S, faults=ROUGH)


@cache
def recorded(seed: int, smaller: Smaller | None = None) -> tuple[Recording, Report]:
    recording = Recording()
    report = run(seed, smaller_options(smaller or Smaller(), rough, recording))
    recording.finish(report.violations)
    return recording, report


def caught(name: str, property_: str) -> tuple[Recording, Place]:
    """A planted bug's run, and the place where this property is violated first."""
    exhibit: Exhibit = next(exhibit for exhibit in EXHIBITS if exhibit.name == name)
    for seed in [*pins()[name], *range(25)]:
        recording = Recording()
        with exhibit.plant():
            report = run(seed, smaller_options(Smaller(), exhibit.plan, recording))
        recording.finish(report.violations)
        for place in recording.places:
            if place.text.startswith(f"{property_}: "):
                return recording, place
    pytest.fail(f"{name}: nothing caught it")


@pytest.mark.parametrize("seed", [3, 7, 11])
def test_a_run_that_is_looked_at_is_the_same_run(seed: int) -> None:
    assert recorded(seed)[1] == run(seed, smaller_options(Smaller(), rough))


def test_who_joins_has_a_lane() -> None:
    """Replicas stand together on the page, however late they came."""
    recording = Recording()
    report = run(5, smaller_options(Smaller(), load("members").change, recording))
    recording.finish(report.violations)
    assert recording.lanes[4] == "replica 4, in place 2"
    assert any(message.target == 4 for message in recording.messages)
    assert any(span.lane == 4 for span in recording.spans)
    lanes = [lane for lane, _ in columns(recording, report, "again")["lanes"]]
    assert lanes == sorted(recording.lanes)


def test_everything_is_in_order_and_within_the_run() -> None:
    recording, report = recorded(7)
    assert recording.end_ns // 1_000_000 == report.statistics["simulated_ms"]
    for events in (recording.messages, recording.marks, recording.spans):
        assert list(events) == sorted(events)
    assert all(message.arrived_ns == LOST or message.sent_ns < message.arrived_ns <= recording.end_ns for message in recording.messages)
    assert all(0 <= span.from_ns <= span.until_ns for span in recording.spans)
    assert {mark.lane for mark in recording.marks} | {span.lane for span in recording.spans} <= set(recording.lanes)


def test_messages_go_between_all_lanes_and_most_arrive() -> None:
    recording, _ = recorded(3)
    pairs = {(message.source, message.target) for message in recording.messages}
    assert {(1, 2), (2, 1), (1001, 1), (1, 1001)} <= pairs
    lost = sum(message.arrived_ns == LOST for message in recording.messages)
    assert 0 < lost < len(recording.messages) / 4
    assert any("(into a partition)" in message.text for message in recording.messages if message.arrived_ns == LOST)


def test_without_faults_no_message_of_replicas_is_lost_but_what_is_under_way_at_the_end() -> None:
    recording, report = recorded(3, Smaller(only=(), clients=1, operations=5))
    late = recording.end_ns - 1_000_000_000
    assert not [
        message for message in recording.messages if message.arrived_ns == LOST and message.sent_ns < late and message.source < 1000
    ]
    assert not report.violations


def test_a_replica_lives_reigns_and_dies() -> None:
    recording, report = recorded(7)
    lives = [span for span in recording.spans if span.group == "life"]
    deaths = [mark for mark in recording.marks if mark.group == "lives"]
    assert len(deaths) > 5
    assert len(lives) == len(deaths) + 5
    reigns = [span for span in recording.spans if span.group == "reign"]
    assert len(reigns) == report.sometimes["a master was elected"]
    assert all(span.text == f"serves as master, ballot {span.number // 65_536}.{span.number % 65_536}" for span in reigns)
    for reign in reigns:
        assert any(covers(life, reign) for life in lives if life.lane == reign.lane)
        assert any(covers(ballot, reign) for ballot in recording.spans if (ballot.group, ballot.lane) == ("ballot", reign.lane))
    assert any(span.group == "lease" for span in recording.spans)


def covers(outer: Span, inner: Span) -> bool:
    return outer.from_ns <= inner.from_ns and inner.until_ns <= outer.until_ns


def test_a_disk_does_one_batch_after_the_other_and_stops_with_its_process() -> None:
    recording, report = recorded(7)
    batches = [span for span in recording.spans if span.group == "disk"]
    deaths = {(mark.lane, mark.at_ns) for mark in recording.marks if mark.group == "lives"}
    for replica in range(1, 6):
        own = [span for span in batches if span.lane == replica]
        assert all(before.until_ns <= after.from_ns for before, after in itertools.pairwise(own))
        assert not any(lane == replica and span.from_ns < at < span.until_ns for span in own for lane, at in deaths)
    cut_short = {(span.lane, span.until_ns) for span in batches if span.text.endswith(" (cut short)")}
    assert cut_short
    assert cut_short <= deaths
    assert any("write wal/" in span.text and "sync wal/" in span.text for span in batches)
    harmed = {(mark.lane, mark.at_ns) for mark in recording.marks if mark.group == "disk harm"}
    assert harmed
    assert harmed <= deaths
    assert not report.violations


def test_each_call_has_its_span_with_its_outcome() -> None:
    recording, report = recorded(3)
    calls = [span for span in recording.spans if span.group.startswith("call")]
    assert len(calls) == report.statistics["calls"]
    assert sum(span.group == "call done" for span in calls) == report.statistics["done"]
    assert all(span.text.startswith("call ") and " → " in span.text for span in calls)


def test_pauses_partitions_and_rare_things_are_drawn() -> None:
    recording, report = recorded(3)
    assert sum(span.group == "pause" for span in recording.spans) == report.sometimes["a replica was paused"]
    assert sum(span.group == "partition" for span in recording.spans) == report.sometimes["a partition began"]
    told = {mark.text for mark in recording.marks if mark.lane == WORLD}
    assert set(report.sometimes) & told
    assert "faults stop" in told


def test_an_agreement_violation_shows_where_the_second_replica_applied_the_slot() -> None:
    recording, place = caught("quorum off by one", "agreement")
    applied = [mark for mark in recording.marks if mark.group == "apply" and mark.text.startswith(f"applies {place.find}:")]
    assert place.find.startswith("slot ")
    assert (place.at_ns, place.lane) in [(mark.at_ns, mark.lane) for mark in applied[1:]]


def test_a_violation_of_a_call_shows_at_its_end_in_its_clients_lane() -> None:
    recording, place = caught("cached now", "revisions monotone")
    assert place.find.startswith("call ")
    (call,) = (span for span in recording.spans if span.text.startswith(place.find))
    assert (call.until_ns, call.lane) == (place.at_ns, place.lane)


def test_a_replica_that_stops_by_itself_shows_at_that_time() -> None:
    recording, place = caught("a start does not sync the names that it finds", "no replica stops by itself")
    assert f" at {place.at_ns} ns" in place.text
    assert any(mark.at_ns == place.at_ns and mark.lane == place.lane for mark in recording.marks)


def test_what_a_start_forgot_shows_at_the_life_that_said_it() -> None:
    recording, place = caught("promise not persisted", "persist, then say")
    number = int(place.text.partition("(start ")[2].partition(")")[0])
    lives = [span for span in recording.spans if (span.group, span.lane) == ("life", place.lane)]
    assert place.at_ns == lives[number // 2].from_ns


def test_a_violation_that_names_no_place_shows_at_the_end() -> None:
    recording, _ = recorded(7)
    place = recording._place("liveness: no master serves 15000 ms after faults stopped")
    assert (place.at_ns, place.lane, place.find) == (recording.end_ns, WORLD, "")


def test_the_network_is_wrapped_where_it_sends() -> None:
    """Should these be renamed, nothing would be recorded, silently."""
    assert {"send", "connect", "is_blocked"} <= set(vars(Network))
