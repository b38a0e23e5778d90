"""Peers are given what is proved, part by part, and told what is gone."""

from gaios.log.codec import GONE, PART
from gaios.log.snapshots import read_closing
from gaios.server.giving import Giving
from gaios.storage.snapshot import name
from tests.server.parts import CELL
from tests.server.test_snapshots import SMALL, live


def unexpected(slot: int, why: str) -> None:
    raise AssertionError(f"{slot}: {why}")


def test_the_closing_comes_first_and_then_each_chunk() -> None:
    cell = live(SMALL, 30)
    kept = cell.nodes[1].snapshots.kept[0]
    slot, digest = kept.handle.slot, kept.handle.digest
    giving = Giving(cell.disks[1], CELL, unexpected)
    tag, *_, closing = giving.answer([kept], slot, digest, 0)
    assert tag == PART
    assert read_closing(closing).handle == kept.handle
    tag, *_, part, chunk = giving.answer([kept], slot, digest, 1)
    assert (tag, part) == (PART, 1)
    read_closing(closing).check(0, chunk)
    assert giving.answer([kept], slot, digest, 99) == (GONE, slot, digest)


def test_what_is_not_proved_or_not_whole_is_gone() -> None:
    cell = live(SMALL, 30)
    kept = cell.nodes[1].snapshots.kept[0]
    slot, digest = kept.handle.slot, kept.handle.digest
    spoilt: dict[int, str] = {}
    giving = Giving(cell.disks[1], CELL, spoilt.__setitem__)
    assert giving.answer([], slot, digest, 1) == (GONE, slot, digest)
    assert giving.answer([kept], slot, bytes(32), 1) == (GONE, slot, bytes(32))
    assert spoilt == {}
    cell.disks[1].files[name(slot)][100] ^= 1
    assert giving.answer([kept], slot, digest, 1) == (GONE, slot, digest)
    assert name(slot) in spoilt[slot]


def test_a_file_that_was_replaced_is_looked_at_anew() -> None:
    cell = live(SMALL, 60)
    kept, other = cell.nodes[1].snapshots.kept[:2]
    spoilt: dict[int, str] = {}
    giving = Giving(cell.disks[1], CELL, spoilt.__setitem__)
    giving.answer([kept], kept.handle.slot, kept.handle.digest, 1)
    cell.disks[1].files[name(kept.handle.slot)] = cell.disks[1].files[name(other.handle.slot)]
    giving.forget([kept.handle.slot])
    assert giving.answer([kept], kept.handle.slot, kept.handle.digest, 1)[0] == GONE
    assert list(spoilt) == [kept.handle.slot]
