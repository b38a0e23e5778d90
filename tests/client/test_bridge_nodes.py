"""Claims about open nodes without async. What they do is tested in test_nodes.py."""

import inspect
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from gaios import errors
from gaios.client import bridge_nodes, lock_sessions, nodes
from gaios.client.sync import connect
from tests.client.cellar import Cellar, wait
from tests.client.clocks import Clock, ring
from tests.servers import PATIENCE_S

PATH = "/ls/local/svc/primary"


@pytest.mark.parametrize(
    ("twin", "of"), [(bridge_nodes.Node, nodes.Node), (bridge_nodes.Session, lock_sessions.Session)], ids=["Node", "Session"]
)
def test_every_method_has_its_twin_with_the_same_parameters(twin: type, of: type) -> None:
    methods = [name for name, method in inspect.getmembers(of, inspect.isfunction) if not name.startswith("_")]
    assert len(methods) >= 3
    for name in methods:
        parameters = inspect.signature(getattr(of, name)).parameters.values()
        assert [(one.name, one.kind, one.default) for one in inspect.signature(getattr(twin, name)).parameters.values()] == [
            (one.name, one.kind, one.default) for one in parameters
        ], name


def test_a_node_is_read_written_and_listed(cellar: Cellar) -> None:
    with connect(cellar.fake.endpoints) as cell, cell.open("/ls/local/svc", create=True, directory=True) as directory:
        with cell.open(PATH, create=True, contents="one") as node:
            assert node.created
            found = node.read()
            assert found.contents == b"one"
            assert node.write("two", generation=found.stat.content_generation).succeeded
            assert not node.write("three", generation=found.stat.content_generation).succeeded
            assert node.set_acl(("", "", "")).succeeded
            assert list(directory.children()) == ["primary"]
            assert node.stat().content_generation == 2
            node.delete()
            with pytest.raises(errors.HandleInvalid):
                node.read()
        with pytest.raises(errors.UnknownHandle):
            node.read()


def test_its_lock_is_taken_and_given_back_between_threads(cellar: Cellar) -> None:
    with connect(cellar.fake.endpoints) as cell, connect(cellar.fake.endpoints) as other, ThreadPoolExecutor(1) as pool:
        mine = cell.open(PATH, create=True)
        with mine, other.open(PATH) as theirs:
            held = mine.acquire()
            assert mine.acquire() is held
            assert mine.sequencer() == held.sequencer
            assert theirs.try_acquire() is None
            waiting = pool.submit(theirs.acquire)
            wait(lambda: cellar.fake.machine._index.nodes["/svc/primary"].queue)
            theirs.cancel()
            with pytest.raises(errors.NotAcquired):
                waiting.result()
            theirs.set_sequencer(held.sequencer)
            assert mine.release()
            with pytest.raises(errors.StaleSequencer):
                theirs.write("x")
            theirs.set_sequencer(None)
            got = theirs.try_acquire()
            assert got is not None
            assert got.sequencer.revision > held.sequencer.revision
            mine.poison()
            with pytest.raises(errors.HandlePoisoned):
                mine.read()


def test_events_are_iterated(cellar: Cellar) -> None:
    with connect(cellar.fake.endpoints) as cell, cell.session() as session:
        with session.open(PATH, create=True, events=["contents_modified"]) as node:
            assert node.events().next(timeout=0.01) is None
            node.write("x")
            assert next(node.events()).type == "contents_modified"
        assert list(node.events()) == []


def test_a_lost_lock_is_found_out_by_check_and_by_the_event(cellar: Cellar, monkeypatch: pytest.MonkeyPatch) -> None:
    """[SAFETY 22]"""
    clock = Clock(monkeypatch)
    with connect(cellar.fake.endpoints) as cell, cell.open(PATH, create=True) as node:
        held = node.acquire()
        assert isinstance(held.lost, threading.Event)

        async def on_loop() -> None:
            ring(cell._cell)

        clock.sleep(13)
        cell._run(on_loop())
        assert held.lost.wait(PATIENCE_S)
        with pytest.raises(errors.LockLost):
            held.check()
        clock.sleep(-13)
