"""A client's core under a script: the test is its network, its clock and every replica."""

from typing import Any

from gaios import entry, errors
from gaios.api import Event
from gaios.client.core import READ, WRITE, Core, Output
from gaios.client.lease import Told
from gaios.client.tuning import MS
from gaios.errors import Error
from gaios.transport import (
    Decoder,
    Kind,
    Status,
    Welcome,
    decode_keepalive,
    decode_read,
    decode_request,
    decode_submit,
    decode_watch,
    encode_answer,
    encode_events,
    encode_pong,
    encode_watch_end,
)

CELL = b"0123456789abcdef"
A, B, C = "a:1", "b:2", "c:3"


class Script:
    """Events go in by methods; `step` drains, and sorts what came out."""

    def __init__(self, *endpoints: str, seed: int = 0) -> None:
        self.core = Core(endpoints or (A, B, C), seed)
        self.now = 1_000 * MS
        self.sent: list[tuple[str, int, Any]] = []
        """Frames sent since the last `take`: (endpoint, kind, what it carries)."""
        self.dialled: list[str] = []
        self.closed: list[str] = []
        self.outcomes: dict[int, bytes | Error] = {}
        self.told: list[tuple[int, tuple[Event, ...] | Error]] = []
        self.leases: list[Told] = []

    # ---------------------------------------------------------------------------------------------- the caller

    def write(self, command: bytes = b"w", within: int = 10_000 * MS) -> int:
        """Ask for a write."""
        number = self.core.call(self.now, WRITE, command, self.now + within)
        self.step()
        return number

    def read(self, question: bytes = b"r", within: int = 10_000 * MS) -> int:
        """Ask for a read."""
        number = self.core.call(self.now, READ, question, self.now + within)
        self.step()
        return number

    # ---------------------------------------------------------------------------------------------- replicas

    def welcome(self, endpoint: str, *, serving: bool = False, master: str = "", cell: bytes = CELL) -> None:
        """A connection was made."""
        self.core.opened(self.now, endpoint, Welcome(version=1, cell=cell, serving=serving, master=master))
        self.step()

    def lose(self, endpoint: str, why: str = "reset") -> None:
        """A connection was lost, or could not be made."""
        self.core.closed(self.now, endpoint, why)
        self.step()

    def frame(self, endpoint: str, data: bytes) -> None:
        """A replica sent this."""
        for kind, body in Decoder(1 << 26, magic=False).feed(data):
            self.core.received(self.now, endpoint, kind, body)
        self.step()

    def answer(
        self, endpoint: str, request: int, status: int = Status.DONE, body: bytes | Error = b"", slot: int = 0, index: int = 0
    ) -> None:
        """A replica answered a request."""
        data = errors.pack(body) if isinstance(body, Error) else body
        self.frame(endpoint, encode_answer(request, status, slot, index, data))

    def pong(self, endpoint: str, *, serving: bool = False, master: str = "", request: int = 1) -> None:
        """A replica said whether it serves."""
        self.frame(endpoint, encode_pong(request, serving, master))

    def events(self, endpoint: str, request: int, next_revision: int, *events: Event) -> None:
        """A replica told events."""
        self.frame(endpoint, encode_events(request, next_revision, events))

    def watch_end(self, endpoint: str, request: int, error: Error) -> None:
        """A replica ended a watch."""
        self.frame(endpoint, encode_watch_end(request, error))

    # ---------------------------------------------------------------------------------------------- time

    def advance(self, ns: int) -> None:
        """Let time pass, with every tick that the core asks for."""
        end = self.now + ns
        for _ in range(100_000):
            due = self.core.deadline_ns()
            if due > end:
                break
            assert due > self.now or due <= self.now, "unreachable"
            self.now = max(self.now, due)
            self.core.tick(self.now)
            assert self.core.deadline_ns() > self.now, "a tick leaves nothing due: else a shell would spin"
            self.step()
        else:
            raise AssertionError("the core does not let time pass")
        self.now = end

    def step(self) -> Output:
        """Carry out what the core wants."""
        output = self.core.drain()
        self.closed += output.close
        self.dialled += output.dial
        for endpoint, data in output.send:
            for kind, body in Decoder(1 << 26, magic=False).feed(data):
                self.sent.append((endpoint, kind, _understood(kind, body)))
        for number, outcome in output.finished:
            assert number not in self.outcomes, "a call has one outcome"
            self.outcomes[number] = outcome
        self.told += output.watched
        self.leases += [told for _, told in output.leases]
        return output

    def take(self, kind: int | None = None) -> list[tuple[str, int, Any]]:
        """What was sent since the last time, of one kind or all; the rest is forgotten."""
        sent, self.sent = self.sent, []
        return [frame for frame in sent if kind is None or frame[1] == kind]

    def submits(self) -> list[tuple[str, int, entry.Entry]]:
        """The entries sent since the last time: (endpoint, request, entry)."""
        return [(endpoint, *what) for endpoint, _, what in self.take(Kind.SUBMIT)]

    def submits_to(self, endpoint: str) -> bool:
        """Whether an entry was sent there; forgets nothing."""
        return any(sent == endpoint and kind == Kind.SUBMIT for sent, kind, _ in self.sent)

    def take_dialled(self) -> list[str]:
        """Whom it dialled since the last time."""
        dialled, self.dialled = self.dialled, []
        return dialled

    # ---------------------------------------------------------------------------------------------- short cuts

    def at_home(self, endpoint: str = A, slot: int = 7) -> "Script":
        """With a master and a session, and nothing under way."""
        probe = self.write(b"first")
        while endpoint not in self.dialled:
            self.lose(self.dialled.pop())
            self.advance(50 * MS)
        self.welcome(endpoint, serving=True)
        ((_, request, _),) = self.submits()
        self.answer(endpoint, request, slot=slot)
        self.answer(endpoint, probe, body=b"ok")
        assert self.outcomes.pop(probe) == b"ok"
        for other in self.core._search.links.values():
            if other.endpoint != endpoint and other.state == 1:
                self.lose(other.endpoint)
        self.advance(3_000 * MS)
        self.take()
        self.dialled.clear()
        self.closed.clear()
        return self


def _understood(kind: int, body: bytes) -> Any:
    if kind == Kind.SUBMIT:
        request, data = decode_submit(body)
        return request, entry.check_submitted(data)
    if kind in {Kind.READ, Kind.CHANGE}:
        return decode_read(body)
    if kind == Kind.KEEPALIVE:
        return decode_keepalive(body)
    if kind == Kind.WATCH:
        return decode_watch(body)
    return decode_request(body)
