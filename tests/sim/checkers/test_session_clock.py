"""Logs known to be good and bad.  [SAFETY 30]"""

import pytest

from gaios.sim.checkers.session_clock import session_clock
from gaios.sim.locks.replay import Charged

FIRST = Charged(4, 0, 65_537, 65_537, is_first=True, elapsed_ms=0, due_ms=250)
NEXT = Charged(5, 0, 65_537, 65_537, is_first=False, elapsed_ms=250, due_ms=250)


def test_a_reign_that_charges_what_is_due_passes() -> None:
    assert not session_clock([FIRST, NEXT, NEXT])


@pytest.mark.parametrize(
    ("charge", "said"),
    [
        (FIRST._replace(elapsed_ms=1), "is the first of epoch 65537, and charges 1 ms"),
        (NEXT._replace(elapsed_ms=251), "charges 251 ms; 250 ms were due at most"),
        (NEXT._replace(epoch=131_074), "is of ballot 65537's master, and took effect in epoch 131074"),
    ],
)
def test_a_charge_of_too_much_or_of_another_reign_is_found(charge: Charged, said: str) -> None:
    found = session_clock([FIRST, charge])
    assert len(found) == 1
    assert said in found[0].detail
