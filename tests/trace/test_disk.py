"""What a start may find: all that was durable, and a beginning of what was on its way.  [SAFETY 5, 7, 15]"""

from typing import Any

import msgspec
import pytest

from gaios.log.recording import Handed, Start
from gaios.trace.disk import Disk
from gaios.trace.words import Illegal

COPIES = [("write", "promise-1"), ("sync", "promise-1"), ("write", "promise-2"), ("sync", "promise-2")]
LOG = [("write", "wal/00000001.wal"), ("sync", "wal/00000001.wal")]
V = b"v" * 16
ACCEPT_1, ACCEPT_2, MARK_1 = (2, 1, 65_537, V), (2, 2, 65_537, V), (3, 1, 0, b"")


def batch(**changes: Any) -> Handed:
    return msgspec.structs.replace(Handed([*COPIES, *LOG], (65_537, 700, 1, 9), None, [ACCEPT_1, ACCEPT_2, MARK_1]), **changes)


def start(**changes: Any) -> Start:
    found = Start(b"", b"", 1, 2, 5, 0, 14, "", 0, 0, 65_537, 700, 1, 0, [(1, 65_537, V), (2, 65_537, V)])
    return msgspec.structs.replace(found, **changes)


EMPTY = {"boot": 1, "promised": 0, "longest": 0, "chosen": 0, "accepted": []}


def test_a_first_start_finds_nothing() -> None:
    Disk().restarted(start(**EMPTY))
    with pytest.raises(Illegal, match="V3 restart"):
        Disk().restarted(start(**{**EMPTY, "promised": 1}))


def test_what_was_durable_is_found_again() -> None:
    disk = Disk()
    disk.hand(batch())
    disk.done()
    disk.restarted(start())


@pytest.mark.parametrize(
    "change",
    [
        {"boot": 3},
        {"promised": 65_538},
        {"longest": 701},
        {"chosen": 0},
        {"truncated": 1},
        {"accepted": [(1, 65_537, V)]},
        {"accepted": [(1, 65_537, V), (2, 65_537, V), (3, 65_537, V)]},
        {"accepted": [(1, 65_537, V), (2, 65_538, V)]},
    ],
    ids=str,
)
def test_anything_else_is_refused(change: dict[str, Any]) -> None:
    disk = Disk()
    disk.hand(batch())
    disk.done()
    with pytest.raises(Illegal, match="V3 restart"):
        disk.restarted(start(**change))


COPIED = {"promised": 65_537, "longest": 700, "boot": 2}


@pytest.mark.parametrize(
    "found",
    [
        EMPTY,
        {**EMPTY, **COPIED},
        {**EMPTY, **COPIED, "accepted": [(1, 65_537, V)]},
        {**EMPTY, **COPIED, "accepted": [(1, 65_537, V), (2, 65_537, V)]},
        {},
    ],
    ids=["nothing", "the copies", "one record", "two records", "all"],
)
def test_any_beginning_of_a_batch_in_flight_may_be_found(found: dict[str, Any]) -> None:
    disk = Disk()
    disk.hand(batch())
    disk.restarted(start(**found))


@pytest.mark.parametrize(
    "found",
    [{**EMPTY, "accepted": [(1, 65_537, V)], "promised": 65_537}, {**EMPTY, **COPIED, "accepted": [(2, 65_537, V)]}, {"chosen": 2}],
    ids=["records without the copies", "the second record alone", "more than was written"],
)
def test_anything_but_a_beginning_may_not(found: dict[str, Any]) -> None:
    disk = Disk()
    disk.hand(batch())
    with pytest.raises(Illegal, match="V3 restart"):
        disk.restarted(start(**found))


def test_a_state_record_is_folded_like_any_other() -> None:
    disk = Disk()
    disk.hand(batch(state=(65_540, 800, 3, 1, [(4, 65_540, V)], (0, b"")), records=[(4, 2, 0, b"")]))
    disk.done()
    disk.restarted(start(promised=65_540, longest=800, chosen=3, truncated=2, accepted=[(4, 65_540, V)]))


@pytest.mark.parametrize(
    "operations",
    [
        [*COPIES, LOG[0]],
        [*LOG, *COPIES],
        [COPIES[0], COPIES[2], COPIES[1], COPIES[3], *LOG],
        [*COPIES[:2], *LOG],
        [*COPIES[:3], *LOG, COPIES[3]],
        [*COPIES, ("rename", "wal/00000001.wal"), *LOG],
        [],
    ],
    ids=["log not synced", "log first", "copies together", "one copy", "copy synced late", "name not synced", "nothing"],
)
def test_a_batch_is_synced_in_its_order(operations: list[tuple[str, str]]) -> None:
    with pytest.raises(Illegal, match="V3 persist, then say"):
        Disk().hand(batch(operations=operations))


def test_a_lazy_mark_needs_no_sync() -> None:
    Disk().hand(Handed([LOG[0]], None, None, []))


def test_one_batch_is_in_flight() -> None:
    disk = Disk()
    with pytest.raises(Illegal, match="V3 one batch in flight"):
        disk.done()
    disk.hand(batch())
    with pytest.raises(Illegal, match="V3 one batch in flight"):
        disk.hand(batch())


def test_a_record_of_an_unknown_kind_is_refused() -> None:
    disk = Disk()
    disk.hand(batch(records=[(99, 1, 1, b"")]))
    with pytest.raises(Illegal, match="V3 what is written"):
        disk.done()


def test_after_a_gap_at_least_what_is_known_must_be_there() -> None:
    disk = Disk()
    disk.hand(batch())
    disk.done()
    disk.resume(start(boot=7, promised=65_540, chosen=5))
    assert (disk.boot, disk.copied, disk.chosen) == (6, 65_540, 5)
    for less in ({"boot": 6}, {"boot": 9, "promised": 65_539}, {"boot": 9, "promised": 65_540, "chosen": 4}):
        with pytest.raises(Illegal, match="V3 restart"):
            disk.resume(start(**less))
    with pytest.raises(Illegal, match="V3 restart"):
        disk.resume(start(boot=9, promised=65_540, chosen=5, accepted=[(1, 65_537, V)]))
