"""The twin without async: the same calls, from any thread, interruptible, and not across a fork."""

import asyncio
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import gaios
from gaios.api import Put
from gaios.client.bridge import CHUNK
from gaios.client.sync import Cell, connect
from gaios.errors import Compacted, ConfigurationError, KeyTooLong, LockLost, NotAcquired, Unavailable
from tests.client.cellar import Cellar, wait
from tests.client.clocks import Clock, ring
from tests.servers import PATIENCE_S


@pytest.fixture
def cell(cellar: Cellar) -> Iterator[Cell]:
    with connect(cellar.fake.endpoints, timeout=PATIENCE_S) as connected:
        yield connected


def test_a_first_program_works(cellar: Cellar) -> None:
    with gaios.sync.connect(cellar.fake.endpoints) as cell:
        done = cell.put("greeting", "hello")
        entry = cell.get("greeting")
        assert entry is not None
        assert (entry.value, entry.mod_revision) == (b"hello", done.revision)
        assert cell.cas("greeting", "bye", mod_revision=done.revision).succeeded
        assert cell.increment("n").value == 1
        assert cell.delete("n").deleted == 1
        assert cell.multiop(then=[Put(b"k", b"v")]).succeeded
        assert [found.key for found in cell.range()] == [b"greeting", b"k"]
        assert cell.overview().keys == 2
        assert cell.status().master == 1
        assert cell.compact(done.revision).compacted == done.revision
        with pytest.raises(KeyTooLong):
            cell.put("", "")


def test_threads_share_one(cell: Cell) -> None:
    with ThreadPoolExecutor(16) as pool:
        values = list(pool.map(lambda _: cell.increment("n").value, range(400)))
    assert sorted(values) == list(range(1, 401))


def test_one_thread_serves_every_twin_of_the_process(cellar: Cellar) -> None:
    with connect(cellar.fake.endpoints) as one, connect(cellar.fake.endpoints) as two:
        one.put("k", "1")
        two.put("k", "2")
    assert [thread.name for thread in threading.enumerate()].count("gaios-client") == 1


def test_entries_are_iterated_chunk_by_chunk(cell: Cell) -> None:
    for batch in range(6):
        cell.multiop(then=[Put(b"k%04d" % (batch * 100 + number), b"v") for number in range(100)])
    assert len(list(cell.entries(prefix="k"))) == 600 > 2 * CHUNK
    for entry in cell.entries(prefix="k"):
        assert entry.key == b"k0000"
        break


def test_a_watch_is_a_blocking_iterator(cellar: Cellar, cell: Cell) -> None:
    with cell.watch("k") as watch, connect(cellar.fake.endpoints) as writer:
        writing = threading.Thread(target=lambda: [writer.put("k", str(number)) for number in range(300)])
        writing.start()
        seen = [event.value for _, event in zip(range(300), watch, strict=False)]
        writing.join()
    assert seen == [b"%d" % number for number in range(300)]


def test_a_watch_may_be_asked_with_a_time_out(cell: Cell) -> None:
    with cell.watch("k") as watch:
        assert watch.next(timeout=0.02) is None
        cell.put("k", "v")
        event = watch.next(timeout=PATIENCE_S)
        assert event is not None
        assert event.value == b"v"


def test_closing_a_watch_wakes_the_thread_that_reads_it(cellar: Cellar, cell: Cell) -> None:
    watch = cell.watch("k")
    seen: list[object] = []
    reading = threading.Thread(target=lambda: seen.extend(watch))
    reading.start()
    wait(lambda: len(cellar.fake.watches) == 1)
    watch.close()
    reading.join(PATIENCE_S)
    assert not reading.is_alive()
    assert seen == []
    assert watch.next() is None


def test_a_watch_tells_what_ended_it(cell: Cell) -> None:
    cell.put("k", "1")
    cell.compact(cell.put("k", "2").revision)
    with pytest.raises(Compacted):
        next(cell.watch("k", from_revision=1))


def test_closing_the_client_wakes_the_thread_that_waits(cellar: Cellar) -> None:
    cellar.fake.master = 0
    errors: list[BaseException] = []
    with connect(cellar.fake.endpoints) as cell:

        def put() -> None:
            try:
                cell.put("k", "v")
            except gaios.Error as error:
                errors.append(error)

        waiting = threading.Thread(target=put)
        waiting.start()
        wait(lambda: cell._cell._shell._calls)
    waiting.join(PATIENCE_S)
    assert [type(error) for error in errors] == [Unavailable]


def test_an_interrupt_ends_the_wait_and_harms_nothing(cellar: Cellar, cell: Cell) -> None:
    """Ctrl-C."""
    cell.put("k", "v")
    cellar.fake.lose_answers = 1
    me = threading.get_ident()

    def interrupt() -> None:
        wait(lambda: not cellar.fake.lose_answers)
        signal.pthread_kill(me, signal.SIGINT)

    alarm = threading.Thread(target=interrupt)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        alarm.start()
        with pytest.raises(KeyboardInterrupt):
            cell.put("k", "w", timeout=1e6)
    finally:
        signal.signal(signal.SIGINT, before)
        alarm.join()
    cell.put("k", "x")


def test_a_twin_is_refused_on_its_own_loop(cell: Cell) -> None:
    """It would wait for itself."""

    async def call() -> None:
        cell.put("k", "v")

    with pytest.raises(ConfigurationError, match="its own event loop"):
        cell._run(call())


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_is_told_to_open_its_own(cellar: Cellar, cell: Cell) -> None:
    """Gunicorn preloads an application and forks."""
    cell.put("k", "v")
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        said = b"nothing"
        try:
            cell.put("k", "w")
        except ConfigurationError:
            with connect(cellar.fake.endpoints, timeout=PATIENCE_S) as own:
                said = b"refused, then %d" % own.increment("n").value
        finally:
            os.write(writing, said)
            os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reading, 100) == b"refused, then 1"
    os.close(reading)
    os.close(writing)
    cell.put("k", "x")


def test_a_lock_is_held_by_with(cellar: Cellar) -> None:
    """And whoever cannot be cancelled asks before each step."""
    with connect(cellar.fake.endpoints) as cell:
        with cell.lock("job") as held:
            held.check()
            assert isinstance(held.lost, threading.Event)
            assert not held.lost.is_set()
            assert held.path == "/locks/job"
            assert cell.check(held.sequencer)
            assert cell.check(str(held.sequencer), "job")
            with pytest.raises(NotAcquired), cell.session() as session, session.lock("job", wait=0):
                raise AssertionError
        assert not cell.check(held.sequencer)


def test_a_lost_lock_is_found_out_by_check_and_by_the_event(cellar: Cellar, monkeypatch: pytest.MonkeyPatch) -> None:
    """[SAFETY 22] Nothing of the body is interrupted; leaving tells who never asked."""
    clock = Clock(monkeypatch)
    with connect(cellar.fake.endpoints) as cell:

        def hold(*, ask: bool) -> None:
            with cell.lock("job") as held:
                clock.sleep(13)
                cell._run(on_loop())
                assert held.lost.wait(PATIENCE_S)
                if ask:
                    held.check()

        async def on_loop() -> None:
            ring(cell._cell)

        for ask in (True, False):
            with pytest.raises(LockLost, match="jeopardy"):
                hold(ask=ask)
            clock.sleep(-13)


def test_who_asks_for_what_another_thread_holds_takes_it_from_nobody(cellar: Cellar) -> None:
    with connect(cellar.fake.endpoints) as cell:
        lock = cell.lock("job")
        with lock as held, ThreadPoolExecutor(1) as pool:
            with pytest.raises(ConfigurationError):
                pool.submit(lock.__enter__).result(PATIENCE_S)
            held.check()
            assert cell.check(held.sequencer)


@pytest.mark.parametrize("when", ["before", "after"])
def test_an_interrupt_leaves_no_lock_and_no_node_behind(cellar: Cellar, monkeypatch: pytest.MonkeyPatch, when: str) -> None:
    """Ctrl-C strikes before the loop has begun with a call, or when it has just done it."""
    real = asyncio.run_coroutine_threadsafe

    class Future:
        def __init__(self, call: Any, loop: asyncio.AbstractEventLoop) -> None:
            self.call, self.loop = call, loop

        def result(self) -> Any:
            monkeypatch.undo()
            if when == "after":
                real(self.call, self.loop).result(PATIENCE_S)
            raise KeyboardInterrupt

        def cancel(self) -> None:
            self.call.close()

    def left() -> bool:
        nodes = cellar.fake.machine._index.nodes
        return "/svc" in nodes or ("/locks/job" in nodes and bool(nodes["/locks/job"].holders))

    def interrupt() -> None:
        monkeypatch.setattr(asyncio, "run_coroutine_threadsafe", Future)

    with connect(cellar.fake.endpoints) as cell:
        with cell.lock("mine"):  # the session
            pass
        lock = cell.lock("job")
        interrupt()
        with pytest.raises(KeyboardInterrupt):
            lock.__enter__()
        wait(lambda: not left())
        lock.__enter__()
        interrupt()
        with pytest.raises(KeyboardInterrupt):
            lock.__exit__(None, None, None)
        wait(lambda: not left())
        interrupt()
        with pytest.raises(KeyboardInterrupt):
            cell.open("/ls/local/svc", create=True, ephemeral=True)
        wait(lambda: not left())


def test_threads_take_turns(cellar: Cellar) -> None:
    """Locks of one session exclude each other: they are handles of their own."""
    inside: list[int] = []
    most: list[int] = []
    with connect(cellar.fake.endpoints) as cell, ThreadPoolExecutor(8) as pool:

        def work(number: int) -> int:
            with cell.lock("job") as held:
                inside.append(number)
                most.append(len(inside))
                inside.remove(number)
                return held.sequencer.revision

        revisions = list(pool.map(work, range(40)))
    assert max(most) == 1
    assert len(set(revisions)) == 40


def test_a_session_can_be_had_apart(cellar: Cellar) -> None:
    with connect(cellar.fake.endpoints) as cell:
        with cell.session(lease=30, client="worker 7") as session:
            seen = [session.state]
            with session.lock("job"):
                seen.append(session.state)
            (found,) = cell.sessions()
            assert (found.client, found.lease_ms) == ("worker 7", 30_000)
        assert [*seen, session.state] == ["none", "safe", "none"]
        assert [node.path for node in cell.nodes()] == ["/locks"]
