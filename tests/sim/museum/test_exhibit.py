"""A planted bug is there while it is planted, and gone afterwards. What is planted, and caught, stands in tests/museum."""

import pytest

from gaios.log import Replica
from gaios.log.election import Election
from gaios.paxos import core
from gaios.sim.museum import Exhibit, catches, method, replay, search, text, together

HARMLESS = text(("return b % ROUND", "return (b + ROUND) % ROUND"))
RELEASED = "class Release(Msg):   bal: Ballot; cfg: Config; to = OTHERS"
BROKEN = method(Election, "due_ns", lambda sound: lambda self, granted_until: 1 << 61)


def participant() -> object:
    defaults = Replica.__init__.__kwdefaults__
    assert defaults is not None
    return defaults["participant"]


def test_an_edit_of_the_text_is_what_replicas_run_while_it_is_planted() -> None:
    with HARMLESS():
        assert participant() is not core.Participant
    assert participant() is core.Participant


def test_what_the_text_says_may_leave_at_once_does_while_it_is_planted() -> None:
    """Which messages wait for records is a part of the text, too."""
    sound = core.AFTER
    with text(("class Release(Msg):   bal: Ballot; cfg: Config;                           to = OTHERS; after = RECORDS", RELEASED))():
        assert sound - core.AFTER == {core.RELEASE}
    assert core.AFTER is sound


def test_a_method_is_put_back_even_when_a_run_fails() -> None:
    sound = Election.due_ns
    with pytest.raises(ZeroDivisionError), together(BROKEN, HARMLESS)():
        _ = 1 // (Election.due_ns is sound)
    assert Election.due_ns is sound
    assert participant() is core.Participant


def test_what_cannot_be_called_as_the_sound_method_is_not_planted() -> None:
    """A replica would stop at the first call, and that pass for a bug that was caught."""
    sound = Election.due_ns
    with pytest.raises(TypeError, match="too many positional"), method(Election, "due_ns", lambda sound: lambda self: 1 << 61)():
        pass
    assert Election.due_ns is sound


def test_a_harmless_change_changes_no_run() -> None:
    """The in-memory compilation is the same program, so only a bug makes a difference."""
    exhibit = Exhibit("harmless", "paxos", "", HARMLESS, ("agreement",))
    assert replay(exhibit, 1).trace_hash == replay(exhibit, 1, planted=False).trace_hash


def test_a_bug_is_caught_by_the_property_that_it_breaks() -> None:
    """Nobody ever polls: nothing is wrong, and nothing works."""
    exhibit = Exhibit("nobody polls", "log", "", BROKEN, ("liveness",))
    assert search(exhibit, range(3), enough=1) == [0]
    assert not catches(exhibit._replace(caught_by=("agreement",)), replay(exhibit, 0))
