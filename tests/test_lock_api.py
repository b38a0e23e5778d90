"""The lock service's nouns travel as they are, and nothing else is taken for one."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaios import api, errors, lock_api

TOKEN = b"t" * lock_api.TOKEN_BYTES
STAT = lock_api.Stat(7, 1, 0, 1, 9, 3, 0, False, True, ("r", "w", "c"))
SEQUENCER = lock_api.Sequencer("/a/b", False, 2, 40)
COMMANDS: list[lock_api.LockCommand] = [
    lock_api.OpenSession(TOKEN, caching=True, client="me"),
    lock_api.CloseSession(1, TOKEN),
    lock_api.Open(1, TOKEN, "/a", create=lock_api.MUST_CREATE, contents=b"x", acl=("r", "w", "c")),
    lock_api.Close(1, TOKEN, 2),
    lock_api.SetContents(1, TOKEN, 2, b"y", generation=3),
    lock_api.SetAcl(1, TOKEN, 2, ("r", "w", "c")),
    lock_api.DeleteNode(1, TOKEN, 2),
    lock_api.Acquire(1, TOKEN, 2, shared=True, wait=False),
    lock_api.Release(1, TOKEN, 2),
    lock_api.SetSequencer(1, TOKEN, 2, SEQUENCER),
    lock_api.Charge(3_000, b"\x01\x02"),
]
REPLIES: list[lock_api.LockReply] = [
    lock_api.SessionOpened(1, 12_000),
    lock_api.Opened(2, True, STAT),
    lock_api.Changed(3, True, STAT),
    lock_api.Acquired(SEQUENCER),
    lock_api.Charged(9, 0, False),
]
QUESTIONS: list[lock_api.LockQuestion] = [
    lock_api.GetContentsAndStat(1, TOKEN, 2),
    lock_api.ReadDir(1, TOKEN, 2, after="b", limit=3),
    lock_api.GetSequencer(1, TOKEN, 2),
    lock_api.CheckSequencer(SEQUENCER),
    lock_api.ListSessions(),
    lock_api.ListNodes("/"),
]
ANSWERS: list[lock_api.LockAnswer] = [
    lock_api.ContentsAndStat(b"x", STAT),
    lock_api.Children((("a", STAT),), False),
    lock_api.Acquired(None, waits=True),
    lock_api.Checked(True, 40),
    lock_api.Sessions((lock_api.SessionInfo(1, "me", "", 12_000, 5, True, 1, 0),), 9, False),
    lock_api.Nodes((lock_api.NodeInfo("/a", STAT, ((1, 40),), False, 2, 3),), True),
]


def test_every_noun_comes_back_as_it_went() -> None:
    for command in COMMANDS:
        assert lock_api.decode_command(lock_api.encode(command)) == command
    for reply in REPLIES:
        assert lock_api.decode_reply(lock_api.encode(reply)) == reply
    for question in QUESTIONS:
        assert lock_api.decode_question(lock_api.encode(question)) == question
    for answer in ANSWERS:
        assert lock_api.decode_answer(lock_api.encode(answer)) == answer


def test_no_noun_of_the_lock_service_is_one_of_the_database() -> None:
    for noun in COMMANDS:
        with pytest.raises(errors.InvalidCommand):
            api.decode_command(lock_api.encode(noun))
    for question in QUESTIONS:
        with pytest.raises(errors.InvalidCommand):
            api.decode_question(lock_api.encode(question))


@given(st.binary(max_size=64) | st.sampled_from(COMMANDS).map(lambda noun: lock_api.encode(noun)[:-1]))
def test_other_bytes_are_refused(data: bytes) -> None:
    for decode, error in (
        (lock_api.decode_command, errors.InvalidCommand),
        (lock_api.decode_question, errors.InvalidCommand),
        (lock_api.decode_reply, errors.ProtocolError),
        (lock_api.decode_answer, errors.ProtocolError),
    ):
        try:
            noun = decode(data)
        except error:
            continue
        assert isinstance(noun, msgspec.Struct)


def test_a_token_says_generation_and_revision() -> None:
    assert str(SEQUENCER) == "2.40"
