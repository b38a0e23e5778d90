"""A call knows whether it may still take effect; a link knows what it is owed."""

from gaios.client.state import READY, WRITE, Call, Link
from gaios.client.tuning import MS, NEVER


def test_a_call_is_clean_without_open_attempts_and_without_doubt() -> None:
    for links, doubt, clean in (([], False, True), ([Link("a:1")], False, False), ([], True, False)):
        call = Call(2, WRITE, b"", 0, 9, None)
        call.links, call.doubt = links, doubt
        assert call.clean is clean


def test_a_link_is_owed_from_the_first_request_until_it_says_something() -> None:
    link = Link("a:1")
    link.reset(READY, 5 * MS)
    assert link.owes_since == NEVER
    link.owe(6 * MS)
    link.owe(7 * MS)
    assert link.owes_since == 6 * MS
    link.attempts[2] = Call(2, WRITE, b"", 0, 9, None)
    link.heard(8 * MS)
    assert link.owes_since == 8 * MS
    link.attempts.clear()
    link.heard(9 * MS)
    assert link.owes_since == NEVER


def test_any_word_counts_as_the_sign_that_was_asked_for() -> None:
    """Answers in front of a PONG show that the replica lives."""
    link = Link("a:1")
    link.pinging, link.pinged_at = True, 5 * MS
    link.heard(9 * MS)
    assert link.pinged_at == 9 * MS
