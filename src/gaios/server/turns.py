"""The turns of one replica's event loop: what came is handed to the node, what the node wants is carried out.  [SAFETY 12, 28]

    sockets ── frames ──► inbox ─┐                          ┌─► disk thread ── done ──► next turn
    peers' frames, timers ───────┴─► one turn: node.drain() ┼─► peers' links
                                                            └─► clients' connections

Rule 1. One turn of the loop is one drain: whatever came in one poll shares one disk batch, one frame a peer and one write a client. The end
of a sync takes a turn only if more comes of it than that messages may leave which waited for it: most often it is a vote.
Rule 2. `now` is read from CLOCK_BOOTTIME after the bytes were; the loop's own clock only says when to look again.
Rule 3. Peers' frames and sessions' KeepAlives are handed on at once, clients' requests wait their turn and only so many are taken in one:
overload can neither delay a lease nor end a session.  [SAFETY 28]
Rule 4. The first failure of the disk, or of this program, ends the turns: nothing is said after it.
"""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Final

from gaios import errors
from gaios.log import Answer, Evidence
from gaios.log.options import FAR
from gaios.server import evidence
from gaios.server.clients import ClientConnection, Frame
from gaios.server.effects import Effects
from gaios.server.links import Link, say
from gaios.server.logs import Logger
from gaios.server.metrics import Metrics
from gaios.server.narrator import Narrator
from gaios.server.node import Node
from gaios.server.remote import Remote
from gaios.storage import Piece
from gaios.storage.disk import Disk
from gaios.transport import Kind

TURN_NS: Final = 5_000_000
"""Clients' frames are taken for so long in one turn; then peers, timers and the disk come first again."""
TURN_FRAMES: Final = 256
"""How many are taken between looks at the clock."""
GATHER_PIECES: Final = 128
"""Pieces of writes that wait for a slot in flight before a turn is made for them alone."""
TURN_READS: Final = 32
"""Reads after which their answers are sent before more are taken: a page may have a MiB, and answers must not gather."""
YIELD_NS: Final = 3_000_000_000
"""So long after its start a follower that replays its log leaves the processors to the master, who has to do so before it serves."""
YIELD_S: Final = 0.01
"""For so long after each portion."""
LOOK_S: Final = 5.0
"""An idle replica asks so often whether its directory is still there."""
_SUBMIT, _READ, _KEEPALIVE = int(Kind.SUBMIT), int(Kind.READ), int(Kind.KEEPALIVE)
"""Plain numbers: an enumeration's members cost more to compare with, and these are compared with at every request."""


def clock() -> int:
    """Nanoseconds on a clock that goes on through suspension.  [SAFETY 10, 12]"""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME)


class Turns:
    """See the module. `links` and `clients` are looked up, never changed, here."""

    def __init__(
        self, *, node: Node, disk: Disk, links: Mapping[int, Link], clients: Mapping[int, ClientConnection], metrics: Metrics, log: Logger
    ) -> None:
        self.node = node
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Ends when the replica does, with the error that stopped it, if any."""
        self.metrics, self._log = metrics, log
        self.on_durable: Callable[[], None] | None = None
        """Called once, when the start's batch is durable."""
        self.remote: Remote | None = None
        self._disk, self._links, self._clients = disk, links, clients
        self._loop = asyncio.get_running_loop()
        self._inbox: deque[tuple[ClientConnection, list[Frame]]] = deque()
        self._scheduled = False
        self._timer: asyncio.TimerHandle | None = None
        self._timer_ns = FAR
        self._deadline_ns = 0
        self._yield_until = clock() + YIELD_NS
        self._disk_began_ns = 0
        self._local: dict[int, asyncio.Future[Answer]] = {}
        self._requests = 0
        self._narrator = Narrator(node, log)
        self._looking: asyncio.TimerHandle | None = None

    def look(self) -> None:
        """Ask the disk now and then whether its directory is still there: an idle replica would not notice for days."""
        self._looking = self._loop.call_later(LOOK_S, self.look)
        self._disk.execute((), self._looked)

    def wake(self) -> None:
        """Let a turn come once what the loop has at hand is done."""
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._on_wake)

    def turn(self) -> None:
        """One turn."""
        self._scheduled = False
        if self.done.done():
            return
        self.metrics.turns += 1
        try:
            if self._inbox:
                self._take_frames()
            now = clock()
            if now >= self._deadline_ns:
                self.node.tick(now)
            self._carry_out(now, self.node.drain(now))
        except Exception as error:  # noqa: BLE001 (whatever it is, this replica must not go on)
            self.fail(error)

    def client_paused(self, connection: ClientConnection) -> None:
        """A client takes nothing more for now, or again: then its requests that waited for that have their turn.

        They came before whatever of it is in the inbox, and go before it.
        """
        self.node.client_paused(connection.number, paused=connection.is_paused)
        if not connection.is_paused and connection.waiting:
            frames, connection.waiting = connection.waiting, []
            self._inbox.appendleft((connection, frames))
            connection.queued += 1
        self.wake()

    def client_frames(self, connection: ClientConnection, frames: list[Frame]) -> None:
        """A client's requests wait for their turn.

        A master with a slot in flight would only queue a write: a few are left for the turn in which that slot is done.
        """
        may_wait = True
        for kind, _ in frames:
            if kind != _SUBMIT:
                may_wait = False
                if kind == _KEEPALIVE:
                    self._keep_alive(connection, [body for kind, body in frames if kind == _KEEPALIVE])
                    frames = [frame for frame in frames if frame[0] != _KEEPALIVE]
                    break
        if not frames:
            return
        self._inbox.append((connection, frames))
        connection.queued += 1
        if not may_wait or len(self._inbox) >= GATHER_PIECES or not self.node.replica.in_flight:
            self.wake()

    def _keep_alive(self, connection: ClientConnection, bodies: list[bytes]) -> None:
        """KeepAlives, at once."""
        if self.done.done():
            return
        try:
            now = clock()
            for body in bodies:
                self.node.client_frame(now, connection.number, Kind.KEEPALIVE, body)
        except errors.ProtocolError as error:
            connection.close(error)
        except Exception as error:  # noqa: BLE001 (whatever it is, this replica must not go on)
            self.fail(error)
        self.wake()

    def peer_frames(self, member: int, nonce: int, bodies: list[bytes]) -> None:
        """A peer's messages, at once; `nonce` is that of its connection. Most votes beyond a majority's need no turn.

        Raises:
            ProtocolError: they break the protocol's rules.
        """
        if self.done.done():
            return
        self.metrics.frames_in += len(bodies)
        try:
            now = clock()
            for body in bodies:
                if self.node.peer_frame(now, member, nonce, body):
                    self.wake()
        except errors.ProtocolError:
            raise
        except Exception as error:  # noqa: BLE001 (whatever it is, this replica must not go on)
            self.fail(error)

    def submit(self, entry: bytes) -> "asyncio.Future[Answer]":
        """The embedding program's own write."""
        request, future = self._expect()
        self.node.submit(clock(), request, entry)
        return future

    def read(self, question: bytes) -> "asyncio.Future[Answer]":
        """The embedding program's own read."""
        request, future = self._expect()
        self.node.read(clock(), request, question)
        return future

    def fail(self, error: Exception) -> None:
        """Stop at once, and say nothing more to anybody."""
        if self.done.done():
            return
        fields = {"reason": str(error)}
        if not isinstance(error, errors.Error):
            import traceback  # noqa: PLC0415 (only here)

            fields["where"] = "".join(traceback.format_exception(error))
        self._log.error("failed", error=type(error).__name__, **fields)
        self.done.set_exception(error)
        for connection in list(self._clients.values()):
            if connection.transport is not None:
                connection.transport.abort()

    async def finish(self, wait_s: float) -> None:
        """Give up the lease, let the disk end its batch, leave the mark: what a clean stop does before connections are closed."""
        if not self.done.done():
            self.node.retire(clock())
            self.turn()
        end = self._loop.time() + wait_s
        # A few turns at most: they are not worth an event of their own.
        while self.node.commit.is_busy and not self.done.done() and self._loop.time() < end:  # noqa: ASYNC110
            await asyncio.sleep(0.001)
        if not self.done.done() and not self.node.commit.is_busy:
            with contextlib.suppress(errors.DiskFailed):
                self._disk.execute_now(self.node.close())

    def close(self) -> None:
        """No more turns."""
        for timer in (self._timer, self._looking):
            if timer is not None:
                timer.cancel()
        for future in list(self._local.values()):
            future.cancel()
        if not self.done.done():
            self.done.set_result(None)

    # -- inside ----------------------------------------------------------------------------------------------------------

    def _take_frames(self) -> None:
        node, inbox, metrics = self.node, self._inbox, self.metrics
        began = now = clock()
        taken = reads = 0
        while inbox and now - began < TURN_NS:
            connection, frames = inbox.popleft()
            number = connection.number
            if connection.is_gone:
                continue
            done = 0
            try:
                for kind, body in frames:
                    if connection.is_paused:
                        break
                    done += 1
                    node.client_frame(now, number, kind, body)
                    if kind == _READ:
                        reads += 1
                        if reads >= TURN_READS:
                            reads = 0
                            self._carry_out(now, node.drain(now))
            except errors.ProtocolError as error:
                connection.close(error)
            else:
                if done < len(frames):
                    connection.waiting += frames[done:]
            connection.queued -= 1
            if connection.is_throttled and not connection.queued:
                connection.throttle(on=False)
            metrics.client_frames += done
            taken += done
            if taken >= TURN_FRAMES:
                taken = 0
                now = clock()
        if inbox:
            for connection, _ in inbox:
                if not connection.is_throttled:
                    connection.throttle(on=True)
            self.wake()

    def _carry_out(self, now: int, effects: Effects) -> None:
        if effects.evidence is not None:
            self._keep(effects.evidence)
        say(self._links, effects.to_peers)
        for number, data in effects.to_clients:
            if (connection := self._clients.get(number)) is not None:
                connection.send(data)
        for request, answer in effects.local:
            future = self._local.pop(request, None)
            if future is not None and not future.done():
                future.set_result(answer)
        if effects.disk is not None:
            # Last: what was said is on its way, and the disk's thread finds the interpreter free.
            self._disk_began_ns = now
            self.metrics.batches.add(self.node.commit.newest)
            self._disk.execute(effects.disk, self._executed)
        if effects.spare is not None:
            self._disk.execute_aside(effects.spare, self._back_here(self.node.spare_done), self._back_here(self.node.no_room))
        if effects.snapshot is not None:
            node = self.node
            self._disk.execute_aside(effects.snapshot, self._back_here(node.snapshot_done), self._back_here(node.snapshots.no_room))
        if effects.scrub is not None:
            self._loop.run_in_executor(None, effects.scrub).add_done_callback(self._scrubbed)
        if effects.asked and self.remote is not None:
            self.remote.ask(effects.asked, self._back_here)
        self._deadline_ns = effects.deadline_ns
        if effects.deadline_ns < self._timer_ns:
            self._arm(now, effects.deadline_ns)
        self._narrator.look(now)

    def _keep(self, found: Evidence) -> None:
        """Keep it; raises what it ends with, if it does, once it is kept."""

        def said(event: str, what: str) -> None:
            self._log.warning(event, see=what)

        if found.fatal is not None:
            evidence.keep(self._disk.path, found, said)
            raise found.fatal
        evidence.keep_aside(self._disk.path, found, said)

    def _arm(self, now: int, deadline: int) -> None:
        """See to it that a turn comes when something is due. An earlier timer stays: it will look again."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer, self._timer_ns = None, deadline
        if deadline <= now:
            replica = self.node.replica
            if now < self._yield_until and replica.master not in {0, replica.me}:
                self._timer = self._loop.call_later(YIELD_S, self._on_timer)
            else:
                self._loop.call_soon(self._on_timer)
        else:
            self._timer = self._loop.call_later((deadline - now) / 1e9, self._on_timer)

    def _on_timer(self) -> None:
        self._timer, self._timer_ns = None, FAR
        now = clock()
        if now >= self._deadline_ns:
            self.turn()
        else:  # what was due when it was set has been done
            self._arm(now, self._deadline_ns)

    def _on_wake(self) -> None:
        if self._scheduled:  # no other turn came before
            self.turn()

    def _executed(self, failure: errors.DiskFailed | None) -> None:
        """On the disk's thread."""
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(self._on_disk, failure)

    def _looked(self, failure: errors.DiskFailed | None) -> None:
        """On the disk's thread."""
        if failure is not None:
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self.fail, failure)

    def _back_here(self, tell: Callable[[int], None]) -> Callable[..., None]:
        """A callback for another thread: it has `tell` called here with the time, or ends this replica with the failure it is given."""

        def come(failure: errors.DiskFailed | None = None) -> None:
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._on_aside, tell, failure)

        return come

    def _on_aside(self, tell: Callable[[int], None], failure: errors.DiskFailed | None) -> None:
        if failure is not None:
            self.fail(failure)
        elif not self.done.done():
            tell(clock())
            self.wake()

    def _scrubbed(self, step: "asyncio.Future[Piece | None]") -> None:
        if self.done.done() or step.cancelled():
            return
        if (error := step.exception()) is not None:
            self.fail(error if isinstance(error, Exception) else RuntimeError(repr(error)))
        else:
            self.node.scrubbed(clock(), step.result())
            self.wake()

    def _on_disk(self, failure: errors.DiskFailed | None) -> None:
        if failure is not None:
            self.fail(failure)
        elif not self.done.done():
            now = clock()
            self.metrics.syncs.add((now - self._disk_began_ns) / 1e9)
            turns = True
            try:
                turns = self.node.disk_done(now) or self._scheduled or len(self._inbox) > 0
                if not turns:
                    self._carry_out(now, self.node.release(now))
            except Exception as error:  # noqa: BLE001 (whatever it is, this replica must not go on)
                self.fail(error)
            if self.on_durable is not None:
                on_durable, self.on_durable = self.on_durable, None
                on_durable()
            if turns:
                self.turn()

    def _expect(self) -> "tuple[int, asyncio.Future[Answer]]":
        self._requests += 1
        request = self._requests
        future = self._local[request] = self._loop.create_future()
        future.add_done_callback(lambda _: self._local.pop(request, None))
        self.wake()
        return request, future
