"""Random commands on the lock service, on a second replica, and on a model in dictionaries: every answer is the same.  [SAFETY 27]

After each command everything that is kept is checked, and the two replicas are equal byte for byte; now and then one is restored from a
snapshot of the other.
"""

from random import Random
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test

from gaios import errors, lock_api
from gaios.lock_api import ListNodes
from gaios.locks.heard import encode as encode_heard
from tests.locks.model import Model, No
from tests.locks.parts import TOKEN, Client, Service

PATHS = st.sampled_from(["/", "/a", "/a", "/a", "/b", "/d", "/d/a", "/d/e", "/d/e/a"])
EVENTS = st.sampled_from([0, lock_api.EVENTS, lock_api.CHILD_ADDED | lock_api.CHILD_REMOVED, lock_api.CONFLICTING_REQUEST])
TIMES = st.sampled_from([0, 0, 1, 400, 1_000, 1_001, 3_000])


class AgainstTheModel(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.service, self.model = Service(), Model()
        self.replica = Service()
        self.sequencers: list[lock_api.Sequencer] = [lock_api.Sequencer("/none", False, 0, 1)]

    # ------------------------------------------------------------------------------------------------------------ drawing

    def session(self, data: st.DataObject) -> int:
        """One that lives; now and then one that has ended, or never was."""
        known = [*self.model.sessions] * 4 + self.model.ended[-2:] + [1]
        return data.draw(st.sampled_from(known))

    def handle(self, data: st.DataObject) -> tuple[int, int]:
        """A session and a handle, most often its own."""
        own = [(each.session, number) for number, each in self.model.handles.items()]
        return data.draw(st.sampled_from(own * 4 + [(self.session(data), 3), *[(self.session(data), own[-1][1])][: len(own)]]))

    # ---------------------------------------------------------------------------------------------------------- carrying out

    def both(self, command: Any, heard: list[int] | None = None) -> Any:
        """The service's reply and what the model says of it; None when both refuse, for the same reason."""
        revision = self.service.machine.revision + 1
        before = list(self.service.machine.snapshot())
        self.service.told.clear()
        self.model.told.clear()
        ended = len(self.service.ended), len(self.model.ended)
        try:
            expected = (
                self.model.Charge(command, heard or [], revision)
                if isinstance(command, lock_api.Charge)
                else self.model.carry_out(command, revision)
            )
        except No as no:
            with pytest.raises(getattr(errors, no.args[0])):
                self.service.do(command)
            assert list(self.service.machine.snapshot()) == before
            with pytest.raises(getattr(errors, no.args[0])):
                self.replica.do(command)
            return None
        reply = self.service.do(command)
        assert self.replica.do(command) == reply
        assert sorted(self.service.notices()) == sorted(self.model.told)
        assert self.service.ended[ended[0] :] == self.model.ended[ended[1] :]
        return reply, expected

    @initialize(shared=st.booleans())
    def begin(self, shared: bool) -> None:
        """What a walk of chance would take long to come to: several sessions at one lock, and a tree."""
        for lease_ms in (1_000, 1_000, 2_500, 60_000):
            self.open_session(lease_ms)
        self.both(lock_api.Charge(0, b""), [])
        sessions = list(self.model.sessions)
        for path in ("/d", "/d/e"):
            self.both(lock_api.Open(sessions[0], TOKEN, path, 1, directory=True, ephemeral=True, events=lock_api.EVENTS))
        for session, delay_ms, may_share in zip(sessions, (1_500, 700, 0, 1_500), (True, True, False, True), strict=True):
            opened = self.both(
                lock_api.Open(session, TOKEN, "/a", 1, ephemeral=shared, events=lock_api.EVENTS, lock_delay_ms=delay_ms)
            )  # fmt: skip
            both = self.both(lock_api.Acquire(session, TOKEN, opened[1][0], shared and may_share))
            if both[0].sequencer:
                self.sequencers.append(both[0].sequencer)

    @rule(lease_ms=st.sampled_from([1_000, 1_000, 2_500, 60_000]))
    def open_session(self, lease_ms: int) -> None:
        reply, expected = self.both(lock_api.OpenSession(TOKEN, lease_ms))
        assert (reply.session, reply.lease_ms) == (expected, lease_ms)

    @precondition(lambda self: self.model.sessions)
    @rule(data=st.data())
    def close_session(self, data: st.DataObject) -> None:
        self.both(lock_api.CloseSession(self.session(data), TOKEN))

    @rule(elapsed_ms=TIMES, data=st.data())
    def charge(self, elapsed_ms: int, data: st.DataObject) -> None:
        known = sorted([*self.model.sessions, *self.model.ended[-3:]])
        heard = [number for number in known if data.draw(st.booleans())]
        reply, expected = self.both(lock_api.Charge(elapsed_ms, encode_heard(heard)), heard)
        assert reply == lock_api.Charged(self.model.clock_ms, expected, False)

    @precondition(lambda self: self.model.sessions)
    @rule(
        path=PATHS, create=st.sampled_from([0, 1, 1, 1, 2]), directory=st.booleans(), ephemeral=st.booleans(), events=EVENTS,
        write=st.sampled_from([True, True, True, False]), lock_delay_ms=st.sampled_from([0, 700, 1_500]), data=st.data(),
    )  # fmt: skip
    def open(self, path: str, directory: bool, data: st.DataObject, **how: Any) -> None:
        directory = path in {"/", "/d", "/d/e"} or (path == "/b" and directory)
        contents = b"" if directory else b"new"
        both = self.both(lock_api.Open(self.session(data), TOKEN, path, directory=directory, contents=contents, **how))
        if both:
            assert (both[0].handle, both[0].created) == both[1]

    @precondition(lambda self: self.model.handles)
    @rule(kind=st.sampled_from([lock_api.Close, lock_api.DeleteNode, lock_api.Release, lock_api.Release]), data=st.data())
    def plainly(self, kind: Any, data: st.DataObject) -> None:
        session, handle = self.handle(data)
        before = self.service.machine.revision
        both = self.both(kind(session, TOKEN, handle))
        if both:
            assert (both[0].done, both[0].revision) == (both[1], before + both[1])

    @precondition(lambda self: self.model.handles)
    @rule(contents=st.sampled_from([b"", b"x", b"y"]), generation=st.sampled_from([None, None, 1, 2]), data=st.data())
    def set_contents(self, contents: bytes, generation: int | None, data: st.DataObject) -> None:
        session, handle = self.handle(data)
        both = self.both(lock_api.SetContents(session, TOKEN, handle, contents, generation))
        if both:
            assert both[0].done == both[1]

    @precondition(lambda self: self.model.handles)
    @rule(shared=st.booleans(), wait=st.sampled_from([True, True, False]), data=st.data())
    def acquire(self, shared: bool, wait: bool, data: st.DataObject) -> None:
        session, handle = self.handle(data)
        both = self.both(lock_api.Acquire(session, TOKEN, handle, shared, wait))
        if both:
            sequencer = both[0].sequencer
            assert (sequencer.revision if sequencer else 0, both[0].waits, both[0].delay_ms) == both[1]
            if sequencer:
                assert sequencer.shared == shared
                self.sequencers.append(sequencer)

    @precondition(lambda self: self.model.handles)
    @rule(data=st.data())
    def set_sequencer(self, data: st.DataObject) -> None:
        session, handle = self.handle(data)
        sequencer = data.draw(st.sampled_from([None, *self.sequencers[-4:]]))
        self.both(lock_api.SetSequencer(session, TOKEN, handle, sequencer))

    @rule()
    def restore(self) -> None:
        """The second replica starts over from a snapshot of the first."""
        self.replica = self.service.restored()

    # ----------------------------------------------------------------------------------------------------------- invariants

    @invariant()
    def replicas_are_equal(self) -> None:
        assert list(self.replica.machine.snapshot()) == list(self.service.machine.snapshot())
        assert self.replica.machine.checksum() == self.service.machine.checksum()

    @invariant()
    def nodes_are_the_models(self) -> None:
        for path, node in self.model.nodes.items():
            if node.directory:
                found = self.service.ask(ListNodes(path)).nodes
                assert [each.path for each in found] == self.model.children(path)
                for each in found:
                    self._same(each)

    def _same(self, found: lock_api.NodeInfo) -> None:
        node = self.model.nodes[found.path]
        stat = found.stat
        assert (stat.instance, stat.directory, stat.ephemeral) == (node.instance, node.directory, node.ephemeral)
        assert [stat.content_generation, stat.lock_generation, stat.acl_generation] == node.generations
        assert (stat.length, stat.children) == (len(node.contents), len(self.model.children(found.path)))
        holders = [(self.model.handles[handle].session, revision) for handle, (_, revision) in node.holders.items()]
        assert sorted(found.holders) == sorted(holders)
        assert (found.waiters, found.handles) == (len(node.queue), len(self.model.opens(found.path)))
        assert len(node.holders) <= 1 or all(shared for shared, _ in node.holders.values())

    @invariant()
    def handles_are_the_models(self) -> None:
        for number, handle in self.model.handles.items():
            client = Client(self.service, handle.session)
            node = self.model.nodes.get(handle.path)
            if node is None or node.instance != handle.instance:
                with pytest.raises(errors.HandleInvalid):
                    client.holds(number)
                continue
            sequencer = client.holds(number)
            assert (sequencer.revision if sequencer else 0) == node.holders.get(number, (False, 0))[1]
            if not node.directory:
                assert client.contents(number) == node.contents

    @invariant()
    def sessions_are_the_models(self) -> None:
        found = self.service.ask(lock_api.ListSessions()).sessions
        assert [each.session for each in found] == sorted(self.model.sessions)
        for each in found:
            session = self.model.sessions[each.session]
            heard_ms = self.model.clock_ms if session.heard_ms is None else session.heard_ms
            assert each.left_ms == max(0, heard_ms + session.lease_ms - self.model.clock_ms)
            assert each.handles == sum(handle.session == each.session for handle in self.model.handles.values())

    @invariant()
    def sequencers_are_the_models(self) -> None:
        for sequencer in self.sequencers:
            assert self.service.ask(lock_api.CheckSequencer(sequencer)).valid == self.model.is_held(sequencer)
        by_path: dict[str, list[int]] = {}
        for sequencer in self.sequencers:
            by_path.setdefault(sequencer.path, []).append(sequencer.revision)
        assert self.service.machine.delay_until_ms == min(self.model.delays.values(), default=0)


def test_every_answer_is_the_models() -> None:
    """Sessions, nodes, handles, locks, events and sequencers, whatever the order of commands."""
    run_state_machine_as_test(AgainstTheModel, settings=settings(max_examples=60, stateful_step_count=50, deadline=None))


@pytest.mark.seeds(12)
def test_a_long_walk_is_the_models(seed: int) -> None:
    """Fewer beginnings, and what only a crowd comes to: queues that empty, delays that end, sessions that end together."""
    dice = Random(seed)
    pair = AgainstTheModel()
    pair.begin(shared=dice.random() < 0.5)
    for _ in range(250):
        _step(pair, dice)
        for holds in (
            pair.replicas_are_equal, pair.nodes_are_the_models, pair.handles_are_the_models, pair.sessions_are_the_models,
            pair.sequencers_are_the_models,
        ):  # fmt: skip
            holds()


def _step(pair: AgainstTheModel, dice: Random) -> None:
    model = pair.model
    session = dice.choice([*model.sessions, 1])
    number, handle = dice.choice(list(model.handles.items()) or [(1, None)])
    if handle is not None and dice.random() < 0.95:
        session = handle.session
    kind = dice.choices(["session", "close session", "charge", "open", "close", "delete", "release", "acquire", "set", "check", "restore"],
                        [4 if len(model.sessions) < 7 else 0, 1, 14, 22, 5, 2, 20, 34, 4, 3, 1])[0]  # fmt: skip
    if kind == "session":
        pair.open_session(dice.choice([1_000, 2_500, 60_000]))
    elif kind == "close session":
        pair.both(lock_api.CloseSession(session, TOKEN))
    elif kind == "charge":
        heard = sorted(each for each in [*model.sessions, *model.ended[-2:]] if dice.random() < 0.8)
        pair.both(lock_api.Charge(dice.choice([0, 300, 700, 900]), encode_heard(heard)), heard)
    elif kind == "open":
        path = dice.choice(["/a", "/a", "/b", "/d", "/d/a", "/d/a", "/"])
        pair.both(
            lock_api.Open(
                dice.choice([*model.sessions, 1]), TOKEN, path, dice.choice([0, 1, 1]), path in {"/", "/d"}, dice.random() < 0.5, b"",
                dice.random() < 0.9, dice.choice([0, lock_api.EVENTS]), dice.choice([0, 700, 1_500]),
            )
        )  # fmt: skip
    elif kind == "acquire":
        both = pair.both(lock_api.Acquire(session, TOKEN, number, dice.random() < 0.5, dice.random() < 0.8))
        if both and both[0].sequencer:
            pair.sequencers = [*pair.sequencers[-20:], both[0].sequencer]
    elif kind == "set":
        pair.both(lock_api.SetContents(session, TOKEN, number, dice.choice([b"", b"x"]), dice.choice([None, 1])))
    elif kind == "check":
        pair.both(lock_api.SetSequencer(session, TOKEN, number, dice.choice([None, *pair.sequencers[-2:]])))
    elif kind == "restore":
        pair.restore()
    else:
        which = {"close": lock_api.Close, "delete": lock_api.DeleteNode, "release": lock_api.Release}[kind]
        pair.both(which(session, TOKEN, number))
