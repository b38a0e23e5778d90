"""Where the newest record of a slot stands."""

from hypothesis import given
from hypothesis import strategies as st

from gaios.storage.index import GAP_MAX, Index

slots = st.one_of(st.integers(0, 40), st.integers(GAP_MAX - 5, GAP_MAX + 5), st.integers(0, 2**64 - 1))
steps = st.lists(st.one_of(st.tuples(st.just("add"), slots), st.tuples(st.just("forget"), slots)), max_size=60)


@given(steps)
def test_an_index_answers_like_a_dictionary(steps: list[tuple[str, int]]) -> None:
    """The arrays are only for memory: any slots in any order, the newest place wins, what is forgotten is gone."""
    index = Index()
    model: dict[int, tuple[int, int, int]] = {}
    for number, (step, slot) in enumerate(steps, 1):
        if step == "add":
            index.add(slot, number, number * 8, number)
            model[slot] = (number, number * 8, number)
        else:
            index.forget(slot)
            model = {known: place for known, place in model.items() if known >= slot}
        for known in {*model, slot}:
            assert index.find(known) == model.get(known)


def test_dense_slots_cost_twelve_bytes() -> None:
    """A million old values may be on disk."""
    index = Index()
    for slot in range(1000, 2000):
        index.add(slot, 1, slot * 8, 100)
    assert index.places.itemsize + index.lengths.itemsize == 12
    assert (len(index.places), len(index.lengths), index.far) == (1000, 1000, {})


def test_a_slot_far_outside_takes_no_gap() -> None:
    """One odd slot must not cost gigabytes."""
    index = Index()
    index.add(1, 1, 80, 5)
    index.add(2**63, 1, 160, 6)
    assert len(index.places) == 1
    assert index.find(2**63) == (1, 160, 6)
