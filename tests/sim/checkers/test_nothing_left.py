"""States known to be good and bad.  [SAFETY 30]"""

import pytest

from gaios.lock_api import Stat
from gaios.sim.checkers.nothing_left import nothing_left
from gaios.sim.locks.facts import Facts

FILE = Stat(5, 1, 0, 1, 0, 0, 0, directory=False, ephemeral=True, acl=("", "", ""))
NOTHING = Facts(9, {}, {}, {}, {}, {}, {}, {})
LIVING = NOTHING._replace(
    nodes={"/l": FILE},
    sessions={1: 1_000},
    handles={("/l", 1, 6): (5, True, 0, 0, None)},
    holders={("/l", 6): (1, False, 7)},
    delays={"/m": 8},
)


def test_what_is_some_living_sessions_passes_as_long_as_sessions_may_live() -> None:
    assert not nothing_left({1: LIVING}, waited=False)
    assert not nothing_left({1: NOTHING}, waited=True)


def test_sessions_and_lock_delays_that_never_end_are_found() -> None:
    found = [violation.detail for violation in nothing_left({1: NOTHING, 2: LIVING}, waited=True)]
    assert found == ["replica 2 still has session 1", "replica 2 still has the lock-delay of /m"]


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        (LIVING._replace(sessions={}), "replica 1 has handle 6 of /l, of session 1, which is over"),
        (NOTHING._replace(holders=LIVING.holders), "replica 1 has /l held by handle 6, which is closed"),
        (LIVING._replace(waiters={("/l", 8): (1, 7, True)}), "replica 1 has handle 7 in the queue of /l, which is closed"),
        (NOTHING._replace(nodes=LIVING.nodes), "replica 1 has the ephemeral node /l, which nobody has open"),
        (LIVING._replace(handles={("/l", 1, 6): (4, True, 0, 0, None)}), "replica 1 has the ephemeral node /l, which nobody has open"),
    ],
)
def test_what_is_nobodys_is_found(facts: Facts, said: str) -> None:
    assert said in [violation.detail for violation in nothing_left({1: facts}, waited=False)]
