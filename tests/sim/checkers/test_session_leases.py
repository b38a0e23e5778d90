"""Histories known to be good and bad.  [SAFETY 30]"""

from gaios.sim.checkers.session_leases import session_leases
from gaios.sim.locks.history import CLOSED, EXPIRED, Life

LIFE = Life(1, 4, 1_000, 0, promised_ns=500)


def told(ended_ns: int, how: str = EXPIRED) -> Life:
    return Life(1, 4, 1_000, 0, promised_ns=500, ended_ns=ended_ns, how=how)


def test_a_session_that_ends_after_its_lease_passes() -> None:
    assert not session_leases([LIFE, told(700)], {1: 500})


def test_a_session_that_is_over_before_its_client_is_unsure_is_found() -> None:
    assert "session 1 was over at 499 ns; client 4 had it until 500 ns" in session_leases([LIFE], {1: 499})[0].detail


def test_a_client_that_is_told_too_early_is_found() -> None:
    assert "and it never was" in session_leases([told(400)], {})[0].detail
    assert "and it was so at 600 ns" in session_leases([told(400)], {1: 600})[0].detail


def test_who_took_the_end_for_granted_after_its_grace_is_not_accused() -> None:
    assert not session_leases([told(501)], {})
    assert not session_leases([told(400, CLOSED)], {})
