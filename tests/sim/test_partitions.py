"""Every shape cuts what its name says."""

import pytest

from gaios.sim.dice import Dice
from gaios.sim.partitions import KINDS, Link, shape

FIVE = (1, 2, 3, 4, 5)


def failing(kind: str, seed: int, replicas: tuple[int, ...] = FIVE) -> set[Link]:
    out, back = shape(kind, Dice(seed), replicas, [2], [1_001, 1_002])
    return set(out) | set(back)


def neighbours(links: set[Link]) -> dict[int, set[int]]:
    """Whom each replica still hears."""
    return {a: {b for b in FIVE if a != b and (b, a) not in links} for a in FIVE}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("count", [1, 2, 3, 5, 7])
def test_nobody_is_cut_off_from_itself_and_both_ways_fail_unless_one_is_asked_for(kind: str, count: int) -> None:
    for seed in range(20):
        links = failing(kind, seed, tuple(range(1, count + 1)))
        assert all(a != b for a, b in links)
        assert links == {(b, a) for a, b in links}


def test_on_a_ring_of_five_each_hears_a_majority_and_no_two_the_same() -> None:
    heard = neighbours(failing("ring", 1))
    assert all(len(others) == 2 for others in heard.values())
    assert len({frozenset({me, *others}) for me, others in heard.items()}) == 5


def test_on_a_chain_two_hear_one_and_the_rest_hear_two() -> None:
    heard = neighbours(failing("chain", 1))
    assert sorted(len(others) for others in heard.values()) == [1, 1, 2, 2, 2]


def test_a_bridge_is_heard_by_both_halves() -> None:
    heard = neighbours(failing("bridge", 1))
    assert sorted(len(others) for others in heard.values()) == [2, 2, 2, 2, 4]


def test_the_master_is_cut_off_from_all_the_others() -> None:
    links = failing("master", 3)
    assert {(2, 1), (2, 3), (2, 4), (2, 5)} <= links
    assert not any(2 not in link for link in links)


def test_a_split_may_cut_off_clients_too() -> None:
    cut = [failing("split", seed) for seed in range(40)]
    assert any(a > 1_000 for links in cut for a, _ in links)
    assert any(all(a < 1_000 for a, _ in links) for links in cut)


def test_clients_are_cut_off_from_all_replicas_and_replicas_from_none() -> None:
    cut = [failing("clients", seed) for seed in range(20)]
    assert all({min(link) for link in links} in (set(), set(FIVE)) for links in cut)
    assert {frozenset(max(link) for link in links) for links in cut} >= {frozenset({1_001}), frozenset({1_001, 1_002})}
