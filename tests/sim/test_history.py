"""Records have the shapes that checkers, reports and the museum rely on."""

import pytest

from gaios import api
from gaios.entry import NOBODY
from gaios.sim.checkers import (
    agreement,
    bounded_queues,
    durability,
    epoch_monotone,
    exactly_once,
    lease_exclusivity,
    linearizability,
    persist_then_say,
    revisions_monotone,
    watch_completeness,
    witness,
)
from gaios.sim.history import DONE, REFUSED, UNKNOWN, Call, Violation
from gaios.sim.run import LIVENESS

NAMES = [
    agreement.NAME, bounded_queues.NAME, durability.NAME, epoch_monotone.NAME, exactly_once.NAME, lease_exclusivity.NAME,
    linearizability.NAME, persist_then_say.NAME, revisions_monotone.NAME, watch_completeness.NAME, witness.NAME, LIVENESS,
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_violation_says_its_property_before_the_first_colon(name: str) -> None:
    """Reports are text; the museum reads the property back from it, whatever the detail holds."""
    assert str(Violation(name, "slot 1: a and b")).partition(":")[0] == name


def test_every_property_has_a_name_of_its_own() -> None:
    """Two checkers of one name could not be told apart in a report."""
    assert len(set(NAMES)) == len(NAMES)


def test_the_three_outcomes_differ() -> None:
    """What was certainly without effect must not pass for what may have happened.  [SAFETY 20]"""
    assert len({DONE, REFUSED, UNKNOWN}) == 3


def test_a_call_that_was_never_sent_has_nobodys_identity_and_no_place() -> None:
    """Slots begin at 1, so zeros are no identity: a call without one can claim no command of the log."""
    call = Call(1, 1, api.Range(b"a"), 1, 0, None, 0, UNKNOWN, None)
    assert (call.whose, call.slot, call.nth, call.error) == ((*NOBODY, 0), 0, 0, "")


def test_records_are_values() -> None:
    """A checker that changed a record would change what the next one sees."""
    call = Call(1, 1, api.Range(b"a"), 1, 0, None, 0, UNKNOWN, None)
    with pytest.raises(AttributeError):
        call.outcome = DONE  # type: ignore[misc]
    assert call._replace(outcome=DONE) != call
    assert hash(call) == hash(call._replace())
