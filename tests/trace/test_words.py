"""People read findings: messages have their names, values the beginning of their digests."""

import pytest

from gaios.paxos import core
from gaios.trace.words import Finding, Illegal, shown, shown_sends, shown_writes


def test_a_message_has_its_name_and_its_fields() -> None:
    assert shown((core.ACCEPT, 65_537, 0, 7, bytes(range(16)))) == "Accept(65537, 0, 7, 00010203…)"
    assert shown([core.PROMISE, 65_538, 0, 3, {4: [65_537, b""]}, {}]) == "Promise(65538, 0, 3, {4: (65537, NOOP)}, {})"


@pytest.mark.parametrize("junk", [None, [], 7, [99, 1], ["x"], [[1]]])
def test_whatever_stands_in_a_recording_can_be_shown(junk: object) -> None:
    assert shown(junk)


def test_what_is_sent_and_written_is_listed() -> None:
    assert shown_sends([(0, (core.RELEASE, 65_537, 0)), (2, (core.FETCH, 9))]) == "Release(65537, 0) to all others, Fetch(9) to 2"
    assert shown_sends([]) == "nothing"
    assert shown_writes([(core.F_PROMISED, 65_537), (core.F_ACC, 3, 65_537, b"")]) == "promised 65537, acc 3 65537 NOOP"
    assert shown_writes([]) == "nothing"


def test_a_finding_says_where_what_was_expected_and_what_stood_there() -> None:
    why = Illegal("V2 a step", "this", "that")
    assert str(Finding("a.trace", 7, why.rule, why.expected, why.found)) == "a.trace, step 7: V2 a step: expected this; found that"
    assert str(why) == "V2 a step: expected this; found that"
