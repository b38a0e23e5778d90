"""The store keeps what can still be asked for, finds it, and lets go of the rest.  [PML §5.5, §5.6]"""

import pytest

from gaios.api import FIRST_REVISION, Event
from gaios.db.audit import audit
from gaios.db.records import successor, tombstone
from gaios.db.store import TRIM_AT, Store
from gaios.errors import Compacted, FutureRevision, InvariantViolated


def put(store: Store, *keys: bytes) -> None:
    """One revision."""
    before = {key: store.histories.get(key, [None])[-1] for key in keys}
    store.commit([successor(before[key], key, b"%d" % store.revision, store.revision + 1) for key in sorted(keys)])


def delete(store: Store, *keys: bytes) -> None:
    """One revision."""
    store.commit([tombstone(key, store.revision + 1) for key in sorted(keys)])


def versions(store: Store, key: bytes) -> list[int]:
    """The revisions of a key's records."""
    return [record.mod_revision for record in store.histories.get(key, [])]


def test_a_lone_put_is_a_commit_of_one_record() -> None:
    """The fast way and the general way build the same store."""
    fast, general = Store(), Store()
    for number in range(30):
        key = b"%d" % (number % 4)
        fast.put(key, b"%d" % general.revision)
        put(general, key)
        if number % 7 == 0:
            delete(fast, key)
            delete(general, key)
    audit(fast)
    audit(general)
    assert fast.parts() == general.parts()


def test_compaction_keeps_the_newest_version_of_each_key() -> None:
    """A put from before the point stays if it is what a reader at the point would see."""
    store = Store()
    for _ in range(3):
        put(store, b"a")
    put(store, b"b")
    put(store, b"a")
    store.compact(5, 100)
    assert versions(store, b"a") == [4, 6]
    assert versions(store, b"b") == [5]
    assert [store.at(b"a", revision) for revision in (5, 6)] == store.histories[b"a"]
    audit(store)


def test_compaction_drops_keys_that_were_deleted_before_it() -> None:
    """Nothing of them is left; a delete at the point itself is still an event of history."""
    store = Store()
    put(store, b"a", b"b")
    delete(store, b"a")
    delete(store, b"b")
    store.compact(4, 100)
    assert versions(store, b"a") == []
    assert versions(store, b"b") == [4]
    assert store.events(b"b", None, 4) == ([tombstone(b"b", 4)], 5)
    assert store.bytes == 0
    put(store, b"c")
    store.compact(5, 100)
    assert list(store.histories) == [b"c"]
    assert not store.dead
    audit(store)


def test_compaction_drops_what_was_replaced_at_the_point_itself() -> None:
    """Delete everything and compact there: the room is free at once."""
    store = Store()
    put(store, b"a", b"b")
    put(store, b"a")
    store.compact(3, 100)
    assert versions(store, b"a") == [3]
    assert versions(store, b"b") == [2]
    audit(store)


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 100])
def test_a_sweep_ends_in_the_same_store_whatever_its_steps(limit: int) -> None:
    """What is left depends on the compaction point alone."""
    stores = []
    for step in (limit, 1_000):
        store = Store()
        for number in range(60):
            put(store, b"%d" % (number % 5), b"x%d" % (number % 7), b"fixed")
            if number % 4 == 0:
                delete(store, b"%d" % (number % 5))
        store.compact(40, step)
        while store.sweeping:
            audit(store)
            store.sweep(step)
        audit(store)
        stores.append(store)
    assert stores[0].parts() == stores[1].parts()


def test_the_logs_list_is_given_back() -> None:
    """Swept records do not stay in memory behind the log's beginning."""
    store = Store()
    for _ in range(3 * TRIM_AT):
        store.put(b"key", b"")
    store.compact(store.revision, 10**9)
    assert store.log_length == len(store._log) == 1
    audit(store)
    assert versions(store, b"key") == [store.revision]


def test_only_readable_revisions_are_read() -> None:
    """The compaction point is the oldest one, the present one the newest."""
    store = Store()
    for _ in range(5):
        put(store, b"a")
    store.compact(3, 100)
    for revision in (3, 4, 6):
        store.check_revision(revision)
    with pytest.raises(Compacted) as compacted:
        store.check_revision(2)
    assert (compacted.value.revision, compacted.value.compacted) == (2, 3)
    with pytest.raises(FutureRevision) as future:
        store.check_revision(7)
    assert (future.value.revision, future.value.current) == (7, 6)
    with pytest.raises(Compacted):
        store.events(b"a", None, 2)


def test_an_earlier_revision_shows_what_stood_then() -> None:
    """Keys that were deleted since, and not those that came later."""
    store = Store()
    put(store, b"a", b"c")
    put(store, b"b")
    delete(store, b"a")
    assert [record.key for record in store.records(b"", b"", 2)] == [b"a", b"c"]
    assert [record.key for record in store.records(b"", b"", 3)] == [b"a", b"b", b"c"]
    assert [record.key for record in store.records(b"", b"", 4)] == [b"b", b"c"]
    assert [record.key for record in store.records(b"a", None, 4)] == []
    assert list(store.records(b"c", b"b", 4)) == []
    assert store.at(b"a", FIRST_REVISION) is None
    assert store.at(b"z", 4) is None


def _break_histories(store: Store) -> None:
    store.histories[b"a"].append(Event(b"a", b"", 1, 9, 9))


def _break_live(store: Store) -> None:
    store.live.add(b"z")


def _break_dead(store: Store) -> None:
    store.dead.add(b"z")


def _break_total(store: Store) -> None:
    store.total ^= 1


def _break_bytes(store: Store) -> None:
    store.bytes += 1


def _break_log(store: Store) -> None:
    store._log.reverse()


def _break_revision(store: Store) -> None:
    store.revision = 2


def _break_compacted(store: Store) -> None:
    store.compacted = 1_000


@pytest.mark.parametrize(
    "damage",
    [_break_histories, _break_live, _break_dead, _break_total, _break_bytes, _break_log, _break_revision, _break_compacted],
    ids=lambda damage: damage.__name__,
)
def test_the_check_can_fail(damage: object) -> None:
    """Every rule of the module's head is looked at.  [SAFETY 30]"""
    store = Store()
    put(store, b"a", b"b")
    put(store, b"a")
    delete(store, b"b")
    audit(store)
    assert callable(damage)
    damage(store)
    with pytest.raises(InvariantViolated):
        audit(store)
