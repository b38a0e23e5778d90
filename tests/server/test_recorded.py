"""A node that is recorded does the same as any other, and tells all of it before it happens."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gaios import entry
from gaios.log.recording import Came, Done, Frame, Handed, Left, Start, Step, digest
from gaios.paxos import core
from gaios.server.node import Node
from gaios.server.recorded import RecordedNode, start_recorded
from gaios.server.recorder import Recorder
from gaios.trace import check
from tests.server.parts import CELL, MS, HandCell, put

CLIENT = 1


class Ear:
    """Keeps what it is told."""

    clock = "test"

    def __init__(self) -> None:
        self.frames: list[Frame] = []
        self.begun: list[tuple[int, int, int]] = []

    def true_ns(self, now: int) -> int:
        return 77

    def begin(self, member: int, boot: int, nonce: int) -> None:
        self.begun.append((member, boot, nonce))

    def put(self, frame: Frame) -> None:
        self.frames.append(frame)

    @property
    def entries(self) -> list[Any]:
        return [each for frame in self.frames for each in frame.entries]


@pytest.fixture
def ears(monkeypatch: pytest.MonkeyPatch) -> dict[int, Ear]:
    """One for each member; cells that are made from now on are recorded."""
    made = {member: Ear() for member in (1, 2, 3)}
    monkeypatch.setattr("tests.server.parts.Node", SimpleNamespace(start=lambda **given: start_recorded(made[given["member"]], **given)))
    return made


def carried_out(cell: HandCell) -> int:
    """A master is elected and a put acknowledged."""
    master = cell.elect()
    cell.ask(master, CLIENT, 1, entry.register())
    cell.settle()
    answer = cell.answers(master, CLIENT)[-1]
    cell.ask(master, CLIENT, 2, put((answer.slot, answer.index), 1, b"key", b"a value that is nobody else's business"))
    cell.settle()
    cell.run(100 * MS)
    return master


def test_a_recording_begins_with_what_the_start_found(ears: dict[int, Ear]) -> None:
    cell = HandCell()
    master = carried_out(cell)
    node = cell.start(master)
    assert isinstance(node, RecordedNode)
    cell.settle()
    entries = ears[master].entries
    at = max(index for index, each in enumerate(entries) if isinstance(each, Start))
    start, step = entries[at], next(each for each in entries[at:] if isinstance(each, Step))
    assert (start.cell, start.member, start.boot, start.nonce) == (CELL, master, 2, node.replica.nonce)
    assert (start.voters, start.config, start.clock) == (0b1110, 0, "test")
    assert start.promised == node.replica.core.promised
    assert start.accepted == [(slot, ballot, digest(value)) for slot, (ballot, value) in sorted(node.replica.core.acc.items())]
    assert (step.event, step.fired) == ((core.BOOT,), True)
    assert [begun[:2] for begun in ears[master].begun] == [(master, 1), (master, 2)]


def test_every_kind_of_transition_is_told_and_numbered_without_a_gap(ears: dict[int, Ear]) -> None:
    carried_out(HandCell())
    for ear in ears.values():
        assert {type(each) for each in ear.entries} == {Start, Step, Came, Handed, Done, Left}
        first = 1
        for frame in ear.frames:
            assert frame.first == first
            assert frame.true_ns == 77
            first += len(frame.entries)


def test_a_turn_is_told_before_its_effects_are_given_to_be_carried_out(ears: dict[int, Ear]) -> None:
    """A process that is killed in between has said nothing that is not recorded."""
    cell = HandCell()
    cell.elect()
    ear, node = ears[1], cell.nodes[1]
    seen: list[int] = []
    put_frame = ear.put

    def count(frame: Frame) -> None:
        put_frame(frame)
        seen.append(len(ear.frames))

    ear.put = count  # type: ignore[method-assign]  # an ear that counts
    before = len(ear.frames)
    now = cell.now + 10_000 * MS
    node.tick(now)
    effects = node.drain(now)
    assert effects.to_peers
    assert seen == [before + 1]
    (told,) = [each for each in ear.frames[-1].entries if isinstance(each, Left)]
    assert {member for members, _ in told.frames for member in members} == {member for member, _, _ in effects.to_peers}


def test_values_are_not_told(ears: dict[int, Ear]) -> None:
    carried_out(HandCell())
    assert b"nobody else" not in repr([ear.frames for ear in ears.values()]).encode()


def test_what_waits_for_the_start_waits_in_a_recorded_node_too(ears: dict[int, Ear]) -> None:
    """The operations of the start are in its first batch."""
    HandCell()
    first = next(each for each in ears[1].entries if isinstance(each, Handed))
    assert ("write", "promise-2") in first.operations
    assert first.copies is not None
    assert first.copies[2] == 1


def test_a_recorded_cell_is_legal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kills and restarts included: what was on its way to a disk is lost with its process."""

    def recorded(**given: Any) -> Node:
        return start_recorded(Recorder(tmp_path, clock="test", true_ns=lambda _: 0, stopped=print), **given)

    monkeypatch.setattr("tests.server.parts.Node", SimpleNamespace(start=recorded))
    cell = HandCell()
    for member in _around(carried_out(cell)):
        cell.start(member)
        cell.run(3_000 * MS)
    report = check([str(tmp_path)])
    assert (report.violations, report.unverified) == ([], 0)
    assert report.boots == 6
    assert report.coverage["P2b"] > 0


def _around(member: int) -> Iterator[int]:
    for step in range(3):
        yield (member + step - 1) % 3 + 1
