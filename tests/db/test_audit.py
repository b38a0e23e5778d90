"""A store that is not what it keeps up to date is found out."""

from collections.abc import Callable

import pytest

from gaios.db.audit import audit
from gaios.db.store import Store
from gaios.errors import InvariantViolated


def spoil_total(store: Store) -> None:
    store.total ^= 1


def spoil_bytes(store: Store) -> None:
    store.bytes += 1


def lose_a_key(store: Store) -> None:
    store.live.remove(b"k1")


def lose_a_record(store: Store) -> None:
    del store.histories[b"k2"]


@pytest.mark.parametrize("spoil", [spoil_total, spoil_bytes, lose_a_key, lose_a_record])
def test_what_differs_from_scratch_is_an_invariant_that_is_violated(spoil: Callable[[Store], None]) -> None:
    store = Store()
    for number in range(4):
        store.put(b"k%d" % number, b"value")
    audit(store)
    spoil(store)
    with pytest.raises(InvariantViolated):
        audit(store)
