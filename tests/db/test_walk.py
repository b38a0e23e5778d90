"""A walk meets every record once, whatever is put and dropped meanwhile, and notices any that is not what was summed up."""

import random

import pytest
from msgspec.structs import replace

from gaios.db.audit import audit
from gaios.db.store import Store


def filled(rng: random.Random, puts: int) -> Store:
    store = Store()
    for _ in range(puts):
        store.put(b"k%d" % rng.randrange(20), b"%d" % rng.randrange(1_000))
    return store


@pytest.mark.parametrize("seed", range(20))
def test_a_sound_store_passes_whatever_happens_during_the_walk(seed: int) -> None:
    rng = random.Random(seed)
    store = filled(rng, 200)
    walks = 0
    for _ in range(2_000):
        act = rng.random()
        if act < 0.5:
            store.put(b"k%d" % rng.randrange(25), b"%d" % rng.randrange(1_000))
        elif act < 0.6:
            store.compact(rng.randrange(store.compacted, store.revision + 1), rng.randrange(1, 50))
        elif act < 0.7 and store.sweeping:
            store.sweep(rng.randrange(1, 20))
        began = store._walk
        assert store.recheck(rng.randrange(1, 30))
        walks += began is not None and store._walk is None
    assert walks > 10
    audit(store)


def test_a_walk_takes_no_more_than_it_may() -> None:
    store = filled(random.Random(1), 100)
    for _ in range(9):
        assert store.recheck(10)
        assert store._walk is not None
    while store._walk is not None:
        assert store.recheck(10)


def flip(store: Store, place: int) -> None:
    """One bit of a stored value, everywhere where the record is shared."""
    record = store._log[place]
    assert record.value is not None
    wrong = replace(record, value=bytes([record.value[0] ^ 1]) + record.value[1:])
    store._log[place] = wrong
    history = store.histories[record.key]
    history[[each is record for each in history].index(True)] = wrong


@pytest.mark.parametrize("place", [0, 17, 99])
def test_a_flipped_bit_is_found_by_the_end_of_the_next_walk(place: int) -> None:
    store = filled(random.Random(2), 100)
    before = store.total
    flip(store, place)
    assert store.total == before  # the running sum alone shows nothing
    assert [store.recheck(30) for _ in range(4)] == [True, True, True, False]


def test_one_that_is_dropped_before_the_walk_meets_it_is_found_too() -> None:
    store = filled(random.Random(3), 100)
    place = next(place for place in range(50) if store._log[place].key == store.histories[store._log[place].key][0].key)
    assert store.recheck(1)
    flip(store, place)
    store.compact(store.revision, 1_000)
    assert not all(store.recheck(1_000) for _ in range(2))


def test_an_empty_store_passes() -> None:
    assert Store().recheck(10)
