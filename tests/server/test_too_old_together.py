"""A version that is too old for a directory, a snapshot or a frame stops before it uses anything of it.  [SAFETY 17]"""

import msgspec
import pytest

from gaios import entry, storage
from gaios.errors import TooOld
from gaios.locks import LockService
from gaios.log import Options, Recovered, codec, records, recover
from gaios.log.feature import LEVEL
from gaios.log.records import State
from gaios.server.loading import load
from gaios.sim.next_version import NEXT, VERSION
from gaios.storage import Identity, Journal, record, segment
from gaios.storage import snapshot as snapshots
from tests.server.parts import CELL, HandCell, S, put

OPTIONS = Options(snapshot_slots=5, snapshot_stagger_ms=1, snapshot_pause_us=1)


@pytest.fixture
def upgraded() -> HandCell:
    """A cell of the next version, at its level, with snapshots."""
    cell = HandCell(2, options=OPTIONS, version=VERSION)
    master = cell.elect()
    cell.run(3 * S)
    cell.ask(master, 1, 1, entry.register())
    cell.run(S)
    (answer,) = cell.answers(master, 1)
    for number in range(1, 12):
        cell.ask(master, 1, 1 + number, put((answer.slot, answer.index), number, b"k", b"v"))
        cell.run(S // 10)
    cell.run(S)
    for node in cell.nodes.values():
        assert node.replica.applier.feature == NEXT
        assert node.snapshots.newest is not None
    return cell


def recovered(cell: HandCell) -> Recovered:
    _, found = Journal.open(Identity(CELL, 1, 0), cell.disks[1])
    return recover(found.copies, found.records)


def test_a_directory_of_a_higher_level_is_refused_at_once(upgraded: HandCell) -> None:
    """By its promise copies; the newer version goes on there."""
    upgraded.version = {}
    with pytest.raises(TooOld, match=rf"level {NEXT}, and this version supports levels up to {LEVEL}.*install the newer one"):
        upgraded.start(1)
    upgraded.version = VERSION
    upgraded.start(1)
    upgraded.run(S)
    assert upgraded.nodes[1].replica.applier.feature == NEXT


def test_a_snapshot_of_a_higher_level_is_not_passed_over(upgraded: HandCell) -> None:
    """An older one, and more of the log, would come to the same entry."""
    found = recovered(upgraded)
    assert load(upgraded.disks[1], CELL, found, LockService(), NEXT).base is not None
    with pytest.raises(TooOld, match=r"snap.*level 2"):
        load(upgraded.disks[1], CELL, found, LockService(), LEVEL)


def test_a_snapshot_file_of_a_newer_format_is_not_passed_over(upgraded: HandCell, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is no damage: there is nothing to be repaired."""
    found = recovered(upgraded)
    monkeypatch.setattr(snapshots, "VERSION", 0)
    with pytest.raises(TooOld, match=r"snap.*format 1 .*install the newer one"):
        load(upgraded.disks[1], CELL, found, LockService(), NEXT)


@pytest.mark.parametrize("module", [storage.copies, segment, record], ids=["copies", "segment", "record"])
def test_a_file_of_a_newer_format_is_no_damage(upgraded: HandCell, monkeypatch: pytest.MonkeyPatch, module: object) -> None:
    """A repair would make it worse."""
    monkeypatch.setattr(module, "VERSION", 0)
    with pytest.raises(TooOld, match=r"format 1 is not known.*install the newer one"):
        upgraded.start(1)


def test_an_intact_record_of_a_newer_form_is_no_damage(upgraded: HandCell, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is lost that another member would have to take the place of."""

    def refuse(_: bytes) -> State:
        raise msgspec.ValidationError("a field of another form")

    monkeypatch.setattr(records, "decode_state", refuse)
    with pytest.raises(TooOld, match=r"a durable record cannot be read.*install the newer one"):
        upgraded.start(1)


def test_a_peers_frame_of_a_higher_level_stops_the_version_before() -> None:
    """It is behind; what it would be told next, it could not know."""
    cell = HandCell(2)
    node = cell.nodes[1]
    body = codec.encode(2, 1, 0, [(250, b"new")], NEXT)
    with pytest.raises(TooOld, match=r"a peer's frame.*level 2"):
        node.peer_frame(cell.now, 2, 1, body)
