"""Histories known to be good and bad.  [SAFETY 30]"""

from gaios.sim.checkers.lock_delay import lock_delay
from gaios.sim.locks.history import Life
from gaios.sim.locks.state import Granted

MS = 1_000_000
LOST = Granted("/l", 2, session=1, handle=3, shared=False, revision=4, ended=9, was_lost=True)
LIFE = Life(1, 1, 1_000, 0, promised_ns=500 * MS)


def judged(at_ms: int, handle: int = 7, revision: int = 10) -> int:
    return len(lock_delay([("/l", handle, revision, at_ms * MS)], [LOST], {3: 1_000}, [LIFE]))


def test_a_grant_after_the_delay_passes() -> None:
    assert not judged(1_500)


def test_a_grant_within_the_delay_is_found() -> None:
    assert judged(1_400)
    found = lock_delay([("/l", 7, 10, 600 * MS)], [LOST], {3: 1_000}, [LIFE])
    assert "session 1 lost it with a lock-delay of 1000 ms, and was sure of it until 500000000 ns" in found[0].detail


def test_grants_of_before_and_the_holders_own_are_none_of_its_business() -> None:
    assert not judged(600, revision=3)
    assert not judged(600, handle=3)
    assert not lock_delay([("/other", 7, 10, 600 * MS)], [LOST], {3: 1_000}, [LIFE])


def test_nobody_knows_until_when_a_client_was_sure_who_never_heard_of_its_session() -> None:
    assert not lock_delay([("/l", 7, 10, 600 * MS)], [LOST], {3: 1_000}, [])
