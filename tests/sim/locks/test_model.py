"""The model says what the documentation says; the service itself is asked whether it does the same."""

from collections.abc import Iterator, Sequence
from random import Random
from typing import Any

import pytest

from gaios import errors, lock_api
from gaios.lock_api import Acquired, LockCommand, Notice
from gaios.locks import LockService, Told
from gaios.machine import Context
from gaios.sim.locks.facts import of_keys, of_model
from gaios.sim.locks.model import Model
from gaios.sim.run import _reserved

TOKENS = [bytes([number]) * 16 for number in range(3)]


class Both:
    """The service and the model, asked the same."""

    def __init__(self) -> None:
        self.service, self.model = LockService(), Model()

    def ask(self, command: LockCommand) -> tuple[object, list[tuple[int, Notice]]]:
        context = Context(self.service.revision, 0, 0, 1)
        effects: Sequence[Any] = ()
        try:
            if isinstance(command, lock_api.Charge):
                reply, effects = self.service.apply_own(lock_api.encode(command), context)
            else:
                reply, effects = self.service.apply(lock_api.encode(command), context)
            answer: object = lock_api.decode_reply(reply)
        except errors.LockRefused as error:
            answer = type(error).__name__
        return answer, [(effect.session, effect.notice) for effect in effects if isinstance(effect, Told)]

    def both(self, command: LockCommand, heard: list[int] | None = None) -> object:
        before = self.service.revision
        answer, told = self.ask(command)
        if isinstance(command, lock_api.Charge):
            expected: object = self.model.charge(command.elapsed_ms, heard or [], before + 1, quiet=command.quiet)
            changed = True
        else:
            expected, changed = self.model.apply(command, before + 1)
        assert answer == expected, command
        assert self.service.revision == before + changed, command
        assert sorted(told, key=repr) == sorted(self.model.told, key=repr), command
        assert of_keys(_reserved(self.service)) == of_model(self.model), command
        return answer


def commands(dice: Random, sessions: list[tuple[int, bytes]], handles: list[tuple[int, bytes, int]]) -> LockCommand:
    """Any command, mostly of handles that are open."""
    session, token = dice.choice(sessions)
    paths = ["/a", "/b", "/d", "/d/x", "/d/y", "/d/x/z"]
    if dice.random() < 0.3 or not handles:
        create = dice.choice([0, 1, 1, 2])
        directory = dice.random() < 0.4
        return lock_api.Open(
            session, token, dice.choice(paths), create, directory, dice.random() < 0.6, b"" if directory else b"%d" % dice.randrange(9),
            dice.random() < 0.9, dice.choice([0, 127, 64, 1, 2]), dice.choice([0, 500]),
        )  # fmt: skip
    of = dice.choice(handles)
    kind = dice.choice(["acquire", "acquire", "acquire", "release", "close", "write", "delete", "set", "acl"])
    match kind:
        case "acquire":
            return lock_api.Acquire(*of, shared=dice.random() < 0.4, wait=dice.random() < 0.7)
        case "release":
            return lock_api.Release(*of)
        case "close":
            return lock_api.Close(*of)
        case "write":
            return lock_api.SetContents(*of, b"%d" % dice.randrange(99), dice.choice([None, None, 1, 2]))
        case "acl":
            return lock_api.SetAcl(*of, ("", "", f"a{dice.randrange(9)}"), dice.choice([None, None, 1, 2]))
        case "delete":
            return lock_api.DeleteNode(*of)
        case _:
            path = dice.choice(paths[:2])
            return lock_api.SetSequencer(*of, dice.choice([None, lock_api.Sequencer(path, False, 0, dice.randrange(1, 40))]))


@pytest.mark.parametrize("seed", range(40))
def test_the_service_does_what_the_model_says(seed: int) -> None:
    """Replies, revisions, events and the whole state, after each command of a random history."""
    dice, both = Random(seed), Both()
    sessions: list[tuple[int, bytes]] = []
    handles: list[tuple[int, bytes, int]] = []
    for number in range(150):
        if len(sessions) < 3 or dice.random() < 0.02:
            token = TOKENS[number % 3]
            opened = both.both(lock_api.OpenSession(token, dice.choice([1_000, 2_000])))
            assert isinstance(opened, lock_api.SessionOpened)
            sessions.append((opened.session, token))
        elif dice.random() < 0.1:
            heard = sorted(session for session, _ in sessions if dice.random() < 0.7)
            both.both(lock_api.Charge(dice.choice([0, 250, 600]), bytes(_steps(heard)), quiet=dice.random() < 0.3), heard)
        elif dice.random() < 0.02:
            both.both(lock_api.CloseSession(*dice.choice(sessions)))
        else:
            answer = both.both(asked := commands(dice, sessions, handles))
            if isinstance(answer, lock_api.Opened) and isinstance(asked, lock_api.Open):
                handles.append((asked.session, asked.token, answer.handle))


def _steps(heard: list[int]) -> Iterator[int]:
    """LEB128 of differences."""
    before = 0
    for session in heard:
        step, before = session - before, session
        while step > 0x7F:
            yield step & 0x7F | 0x80
            step >>= 7
        yield step


def test_a_session_of_another_token_is_not_known_and_one_that_ended_is_over() -> None:
    both = Both()
    both.both(lock_api.OpenSession(TOKENS[0]))
    assert both.both(lock_api.Open(2, TOKENS[1], "/")) == "UnknownLockSession"
    assert both.both(lock_api.Open(9, TOKENS[0], "/")) == "UnknownLockSession"
    both.both(lock_api.CloseSession(2, TOKENS[0]))
    assert both.both(lock_api.Open(2, TOKENS[0], "/")) == "SessionExpired"


def test_a_lost_lock_waits_for_its_delay_and_goes_to_the_first_in_line() -> None:
    model = Model()
    model.apply(lock_api.OpenSession(TOKENS[0], 1_000), 2)
    model.apply(lock_api.OpenSession(TOKENS[1], 60_000), 3)
    model.apply(lock_api.Open(2, TOKENS[0], "/l", 1, lock_delay_ms=500), 4)
    model.apply(lock_api.Open(3, TOKENS[1], "/l"), 5)
    assert model.apply(lock_api.Acquire(2, TOKENS[0], 4), 6)[0] == Acquired(lock_api.Sequencer("/l", False, 0, 6))
    assert model.apply(lock_api.Acquire(3, TOKENS[1], 5), 7)[0] == Acquired(None, waits=True)
    model.charge(0, [], 8)
    model.charge(1_001, [], 9)
    assert model.ended == [(2, True)]
    assert model.standing(5) == Acquired(None, waits=True, delay_ms=500)
    model.charge(499, [], 10)
    assert not model.told
    model.charge(1, [], 11)
    assert model.told == [(3, Notice(5, lock_api.LOCK_ACQUIRED, "", 11))]
