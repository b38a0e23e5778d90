"""What a replica said, as the checkers have it."""

from gaios.log import codec
from gaios.paxos import core
from gaios.sim.checkers.persist_then_say import Said
from gaios.sim.speech import Speech


def frame(*messages: tuple[object, ...]) -> bytes:
    return codec.encode(1, 1, 0, list(messages))


def test_speech_is_the_most_that_was_said() -> None:
    speech = Speech()
    assert speech.hear(frame((core.PROMISE, 65_537, 0, 3, {4: (65_537, b"v")}, {})))
    assert not speech.hear(frame((core.ACCEPTED, 131_073, 0, 5), (core.GRANT, 131_073, 0, 7, 600)))
    assert not speech.hear(frame((core.ACCEPTED, 65_537, 0, 5)))
    assert speech.said() == Said(131_073, 600, {4: 65_537, 5: 131_073})


def test_a_release_is_speech_worth_a_look() -> None:
    """It says that a ballot was claimed: a crash must not make that ballot free again."""
    speech = Speech()
    assert speech.hear(frame((core.RELEASE, 65_537, 0)))
    assert speech.said() == Said(65_537)


def test_messages_that_need_no_record_are_not_speech() -> None:
    """An Accept may leave before the leader's own record is durable.  [SAFETY 5]"""
    speech = Speech()
    speech.hear(frame((core.ACCEPT, 65_537, 0, 1, b"v"), (core.LEARN, 65_537, 0, 1)))
    assert speech.said() == Said()


def test_a_snapshot_that_is_called_durable_is_told_until_the_next_frame() -> None:
    """[SAFETY 26] It is looked at when that is said: later it may be given up."""
    speech = Speech()
    speech.hear(frame((codec.TAKEN, 9, b"d" * 32, 1), (codec.TAKEN, 18, b"e" * 32, 0)))
    assert speech.taken == {9, 18}
    speech.hear(frame((core.LEARN, 65_537, 0, 1)))
    assert speech.taken == set()
