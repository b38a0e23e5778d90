"""The check of a set of recordings, from files to a report."""

import time
from collections.abc import Sequence
from functools import partial
from typing import Any

import msgspec

from gaios.errors import ConfigurationError
from gaios.log.recording import Came, Entry, Left, Start, fingerprint
from gaios.spec import compile_participant
from gaios.trace.cell import Cell
from gaios.trace.disk import Disk
from gaios.trace.files import Recording, find
from gaios.trace.life import Life
from gaios.trace.merge import Lane, Missing, Place, Said, never_said, will_be_said
from gaios.trace.words import Finding, Illegal


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a check."""

    files: int
    members: list[int]
    boots: int
    steps: int
    """Entries that were checked."""
    slots: int
    """Slots that are known to be chosen."""
    seconds: float
    violations: list[Finding]
    """The first illegal step, if there is one."""
    unverified: int
    """Messages that came from boots that nobody recorded."""
    notes: list[str]
    """What could not be checked."""
    coverage: dict[str, int]
    """How often each rule of the text was carried out."""
    refused: dict[str, int]
    """How often each rule's guard did not hold."""


def check(paths: Sequence[str]) -> Report:
    """Check recordings together. A directory stands for all in it.

    Raises:
        ConfigurationError: they cannot be read, or do not belong together.
    """
    began = time.perf_counter()
    found = {path: Recording.open(path) for path in find(paths)}
    merged = _Check([recording for recording in found.values() if recording is not None])
    merged.notes += [f"{path.name} holds nothing: its process ended at its start" for path, recording in found.items() if not recording]
    violations: list[Finding] = []
    try:
        merged.run()
    except _Found as illegal:
        violations.append(illegal.finding)
    module = merged.module
    labels = [rule[0] for rule in module.RULES]
    return Report(
        files=len(found),
        members=sorted(merged.lanes),
        boots=sum(len(lane.recordings) for lane in merged.lanes.values()),
        steps=merged.steps,
        slots=len(merged.cell.chosen),
        seconds=round(time.perf_counter() - began, 3),
        violations=violations,
        unverified=merged.unverified,
        notes=merged.notes,
        coverage=dict(zip(labels, module.FIRED, strict=True)),
        refused=dict(zip(labels, module.REFUSED, strict=True)),
    )


class _Found(Exception):
    def __init__(self, place: Place, why: Illegal) -> None:
        super().__init__()
        self.finding = Finding(place.recording.name, place.number, why.rule, why.expected, why.found)


class _Check:
    """The merged check on its way."""

    def __init__(self, recordings: list[Recording]) -> None:
        self.module: Any = compile_participant(coverage=True)
        self.steps = self.unverified = 0
        self.notes: list[str] = []
        self.cell = Cell()
        self._said = Said(recordings)
        self._belong_together(recordings)
        by_member: dict[int, list[Recording]] = {}
        for recording in recordings:
            by_member.setdefault(recording.start.member, []).append(recording)
        self._disks = {member: Disk() for member in by_member}
        self._lives: dict[int, Life] = {}
        self._now: dict[int, Recording] = {}
        self.lanes: dict[int, Lane] = {}
        for member, own in sorted(by_member.items()):
            self.lanes[member] = Lane(sorted(own, key=partial(_order, own)))

    def _belong_together(self, recordings: list[Recording]) -> None:
        if not recordings:
            raise ConfigurationError(reason="nothing was recorded in any of these files")
        first, start = recordings[0], recordings[0].start
        for recording in recordings:
            other = recording.start
            if other.text != fingerprint(self.module):
                raise ConfigurationError(
                    reason=f"{recording.path} was recorded by a version of gaios with another specification",
                    hint="check it with the version that recorded it",
                )
            if (other.cell, other.voters) != (start.cell, start.voters):
                raise ConfigurationError(
                    reason=f"{recording.path} and {first.path} are of different cells", hint="name the recordings of one of them"
                )
        self.cell.voters = start.voters
        lives = [(recording.start.member, recording.start.boot, recording.start.nonce) for recording in recordings]
        if len(set(lives)) < len(lives):
            twice = next(recording for recording, life in zip(recordings, lives, strict=True) if lives.count(life) > 1)
            raise ConfigurationError(reason=f"two files are recordings of the same process, {twice.path} is one of them")
        members = {recording.start.member for recording in recordings}
        missing = [member for member in range(start.voters.bit_length()) if start.voters >> member & 1 and member not in members]
        if missing:
            self.notes.append(f"nobody recorded member {', '.join(map(str, missing))}: what they said is taken on trust")

    def run(self) -> None:
        """All of it; raises `_Found` at the first illegal step."""
        while any(lane.place for lane in self.lanes.values()):
            progress = [self._advance(member, lane) for member, lane in self.lanes.items()]
            if not any(progress):
                self._everybody_waits()

    def _advance(self, member: int, lane: Lane) -> bool:
        """As far as this member gets; whether it got anywhere."""
        progress = False
        while (place := lane.place) is not None and not self._waits(member, place.entry):
            progress = True
            self.steps += 1
            try:
                self._take(member, place)
                lane.step()
                if lane.place is None:
                    self._end(member)
            except Missing as why:
                raise _Found(why.place, why) from None
            except Illegal as why:
                raise _Found(place, why) from None
        return progress

    def _waits(self, member: int, entry: Entry) -> bool:
        """Whether this was not said yet, and will be."""
        if not isinstance(entry, Came) or not self._said.is_recorded(entry.member, entry.boot):
            return False
        return bool(self._said.unsaid(member, entry))

    def _take(self, member: int, place: Place) -> None:
        entry = place.entry
        if isinstance(entry, Start) and place.number == 1:
            self._begin(member, place.recording, entry)
            return
        life = self._lives[member]
        life.take(place.number, entry)
        if isinstance(entry, Left):
            self._said.add(member, life.start.boot, entry)
        elif isinstance(entry, Came) and (unsaid := self._said.unsaid(member, entry)):
            self.cell.is_partial = True
            self.unverified += len(unsaid)
        if place.is_last:
            life.rest(place.frame)

    def _begin(self, member: int, recording: Recording, start: Start) -> None:
        """A boot: what it found against what its predecessors wrote."""
        disk, before = self._disks[member], self._now.get(member)
        if before is not None:
            self._end(member)
        last = before.start.boot if before is not None and before.is_whole else 0
        if start.boot <= last + 1 and (before is None or last):
            disk.restarted(start)
        else:
            disk.resume(start)
            self.notes.append(f"{recording.name}: nobody recorded what was written before this boot: what it found is taken on trust")
            for slot, ballot, value in start.accepted:
                if slot <= start.chosen:
                    self.cell.trusted(slot, ballot, value)
        self._now[member] = recording
        self._lives[member] = Life(self.cell, disk, self.module, start)

    def _end(self, member: int) -> None:
        """A boot's recording is at its end."""
        life, recording = self._lives[member], self._now[member]
        life.close()
        if not recording.is_whole:
            self._said.stopped(member, life.start.boot)
            self.notes.append(f"{recording.name} was stopped before its process ended: what that said later is taken on trust")

    def _everybody_waits(self) -> None:
        """Something was heard that was never said, or before it was said."""
        waiting: list[tuple[bool, int, Place, Illegal]] = []
        for member, lane in self.lanes.items():
            place = lane.place
            if place is not None and isinstance(place.entry, Came):
                came = place.entry
                unsaid = self._said.unsaid(member, came)
                never = [message for message in unsaid if not will_be_said(self.lanes[came.member], came.boot, member, message)]
                waiting.append((not never, place.frame.true_ns, place, never_said(came, never or unsaid)))
        _, _, place, why = min(waiting, key=lambda found: found[:2])
        raise _Found(place, why)


def _order(own: list[Recording], recording: Recording) -> tuple[int, int, int, int]:
    """By boot. Starts have the same number where the earlier crashed before it was durable: then by their clock, or their clocks' age."""
    start = recording.start
    return start.boot, min(other.start.wall_ms for other in own if other.start.clock == start.clock), start.began_ns, start.nonce
