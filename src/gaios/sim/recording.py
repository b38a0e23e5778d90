"""A whole run as a space-time diagram: who said what to whom and when it arrived, what each replica believed, what its disk did.

    recording = Recording(); report = run(seed, RunOptions(look=recording)); recording.finish(report.violations)

Rule 1. Looking changes nothing: no dice are thrown, no event is added, the trace's hash is that of a run that nobody looks at.
Rule 2. Lanes are numbered as the ends of links are: the world is 0, replicas from 1, clients from 1001. All times are true, in ns.
"""

import re
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

from gaios import api
from gaios.sim import words
from gaios.sim.cell import Cell
from gaios.sim.client import FIRST_END
from gaios.sim.locks.spans import bars
from gaios.sim.network import Connection, Network
from gaios.sim.observations import Observations
from gaios.sim.plan import Plan
from gaios.sim.seat import Seat
from gaios.sim.world import World
from gaios.storage.words import Operation, SyncDirectory, Write

WORLD = 0
PLACES_MAX = 50
"""Violations that are drawn: one bug may show in thousands, and the first tell the most."""
LOST = -1
"""When a message arrived that never did."""

_HARMS = {"an un-synced write was torn", "an un-synced write was lost", "a directory operation was lost", "a sync failed", "a write failed"}


Told = Callable[[], None]


class Message(NamedTuple):
    """One message, from one lane to another."""

    sent_ns: int
    arrived_ns: int
    source: int
    target: int
    group: str
    text: str


class Mark(NamedTuple):
    """Something at one moment."""

    at_ns: int
    lane: int
    group: str
    text: str


class Span(NamedTuple):
    """Something that lasts."""

    from_ns: int
    until_ns: int
    lane: int
    group: str
    text: str
    number: int = 0
    """A ballot, where it has one."""


class Place(NamedTuple):
    """Where in the diagram a violation shows."""

    text: str
    at_ns: int
    lane: int
    find: str
    """What to filter by to see what it is about."""


class Recording:
    """See the module."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.marks: list[Mark] = []
        self.spans: list[Span] = []
        self.places: list[Place] = []
        self.lanes: dict[int, str] = {WORLD: "world"}
        self.end_ns = 0
        self._world: World = None  # type: ignore[assignment] # until `world`
        self._seen = Observations()
        self._open: dict[tuple[int, str], Span] = {}
        """(lane, what) → a span that has not ended."""
        self._pauses: dict[int, int] = {}
        """Lane → which span is its last pause."""
        self._died = (-1, WORLD)
        """When the last process died, and whose."""
        self._outcomes: dict[int, tuple[int, str]] = {}
        self._last: tuple[bytes, words.Told] = (b"", ("", ""))

    # -- hooks -----------------------------------------------------------------------------------------------------------

    def world(self, seed: int) -> World:
        """A world that tells this recording what it is told."""
        self._world = _World(seed, self)
        return self._world

    def attach(self, cell: Cell, seen: Observations) -> None:
        """Look at a cell that has not been started."""
        self._seen = seen
        for seat in cell.seats.values():
            self._attach_one(seat)
        cell.on_join = self._attach_one
        for client in cell.clients:
            self.lanes[client.end] = f"{_part(client.number, cell.plan)} {client.number}"
        _wrap(cell.network, "send", lambda original: self._sent(original, cell.network))
        _wrap(cell.network, "connect", lambda _: lambda client, replica: _Connection(self, cell.network, client, replica))

    def _attach_one(self, seat: Seat) -> None:
        """A replica's lane, also of one that joins later."""
        place = f", in place {seat.place}" if seat.place != seat.replica else ""
        self.lanes[seat.replica] = f"replica {seat.replica}{place}"
        _wrap(seat.onlooker, "turned", partial(self._turned, seat))
        _wrap(seat.disk, "submit", partial(self._submitted, seat.replica))

    def _sent(self, original: Callable[..., None], network: Network) -> Callable[..., None]:
        def send(source: int, target: int, frame: bytes, deliver: Callable[[bytes], None]) -> None:
            if frame != self._last[0]:
                self._last = (frame, words.peer_frame(frame))
            blocked = " (into a partition)" if network.is_blocked(source, target) else ""
            index = self.send(source, target, (self._last[1][0], self._last[1][1] + blocked))

            def arrive(data: bytes) -> None:
                self.arrived(index, "" if data == frame else " (damaged)")
                deliver(data)

            original(source, target, frame, arrive)

        return send

    def send(self, source: int, target: int, told: words.Told) -> int:
        """A message leaves; its number."""
        self.messages.append(Message(self._world.now_ns, LOST, source, target, *told))
        return len(self.messages) - 1

    def arrived(self, index: int, how: str = "") -> None:
        """It arrives, perhaps once more."""
        message = self.messages[index]
        if message.arrived_ns == LOST:
            self.messages[index] = message._replace(arrived_ns=self._world.now_ns, text=message.text + how)
        else:
            self.messages.append(message._replace(arrived_ns=self._world.now_ns, text=f"{message.text} (again){how}"))

    def _turned(self, seat: Seat, original: Callable[..., None]) -> Callable[..., None]:
        def turned(*arguments: object) -> None:
            original(*arguments)
            assert seat.node is not None
            replica, core = seat.node.replica, seat.node.replica.core
            self._follow(seat.replica, "ballot", core.promised, lambda: f"promised ballot {words.ballot(core.promised)}")
            reign = core.bal if replica.is_serving else 0
            self._follow(seat.replica, "reign", reign, lambda: f"serves as master, ballot {words.ballot(core.bal)}")

        return turned

    def _follow(self, lane: int, group: str, number: int, text: Callable[[], str]) -> None:
        """A replica is in a state of this kind; 0: in none."""
        held = self._open.get((lane, group))
        if (held.number if held else 0) != number:
            self.close(lane, group)
            if number:
                self.open(lane, group, text(), number)

    def _submitted(self, replica: int, original: Callable[..., None]) -> Callable[..., None]:
        def submit(operations: Sequence[Operation], done: Told, failed: Told, no_room: Told | None = None) -> None:
            group = "disk beside" if (replica, "disk") in self._open else "disk"
            self.open(replica, group, words.joined(map(_operation, operations)))

            def ended(tell: Callable[[], None], how: str) -> None:
                self.close(replica, group, how)
                tell()

            full = partial(ended, no_room, " (no room)") if no_room is not None else None
            original(operations, partial(ended, done, ""), partial(ended, failed, " (failed)"), full)

        return submit

    # -- what the world is told ------------------------------------------------------------------------------------------

    def note(self, text: str) -> None:
        """The world is told something: lives, pauses, partitions, calls."""
        word, _, rest = text.partition(" ")
        if word == "start":
            self.open(int(rest), "life", "lives")
        elif word in {"kill", "power"}:
            lane = int(text.rpartition(" ")[2])
            self.mark(lane, "lives", text.rpartition(" ")[0])
            self._died = (self.now, lane)
            for group in ("life", "ballot", "reign"):
                self.close(lane, group)
            for group in ("disk", "disk beside"):
                self.close(lane, group, " (cut short)")
            self._end_pause(lane)
        elif word in {"stopped", "disk"} and (found := re.fullmatch(r"(stopped|disk failed) (\d+) ?(.*)", text)):
            self.mark(int(found[2]), "lives", f"{found[1]} {found[3]}".rstrip())
        elif word == "pause":
            paused, *point, duration = rest.split()
            text = f"paused at its next {' '.join(point)}"
            self._end_pause(int(paused))
            self._pauses[int(paused)] = len(self.spans)
            self.spans.append(Span(self.now, self.now + int(duration), int(paused), "pause", text))
        elif word == "partition":
            self._open.setdefault((WORLD, rest), Span(self.now, 0, WORLD, "partition", f"partition {rest}"))
        elif word == "heal":
            self.close(WORLD, rest)
        elif word == "faults":
            self.mark(WORLD, "world", text)
            for lane, group in [key for key in self._open if key[0] == WORLD]:
                self.close(lane, group)
            for lane in list(self._pauses):
                self._end_pause(lane)
        elif word == "outcome":
            number, _, outcome = rest.partition(" ")
            self._outcomes[int(number)] = (self.now, outcome.strip())

    def count(self, what: str) -> None:
        """A rare thing happened."""
        # A power cut is told first, and then what it does to the disk.
        at_ns, lane = self._died
        self.mark(lane if what in _HARMS and at_ns == self.now else WORLD, "disk harm" if what in _HARMS else "rare", what)

    @property
    def now(self) -> int:
        """True time."""
        return self._world.now_ns

    def mark(self, lane: int, group: str, text: str) -> None:
        """Something happens now."""
        self.marks.append(Mark(self.now, lane, group, text))

    def open(self, lane: int, group: str, text: str, number: int = 0) -> None:
        """Something begins; what was open of its kind ends."""
        self.close(lane, group)
        self._open[lane, group] = Span(self.now, 0, lane, group, text, number)

    def close(self, lane: int, group: str, how: str = "") -> None:
        """It ends."""
        span = self._open.pop((lane, group), None)
        if span is not None:
            self.spans.append(span._replace(until_ns=self.now, text=span.text + how))

    def _end_pause(self, lane: int) -> None:
        """A pause that would last longer ends: its process died, or is made to go on."""
        at = self._pauses.pop(lane, None)
        if at is not None and self.spans[at].until_ns > self.now:
            self.spans[at] = self.spans[at]._replace(until_ns=self.now)

    # -- the end ---------------------------------------------------------------------------------------------------------

    def finish(self, violations: Sequence[str]) -> None:
        """The run is over: close what is open, draw what the observations hold, and find where each violation shows."""
        self.end_ns = self.now
        for lane, group in list(self._open):
            self.close(lane, group)
        for lease in self._seen.leases:
            text = f"holds a lease, ballot {words.ballot(lease.ballot)}"
            self.spans.append(Span(lease.from_ns, min(lease.until_ns, self.end_ns), lease.replica, "lease", text, lease.ballot))
        for call in self._seen.calls:
            ended, outcome = self._outcomes.get(call.number, (self.end_ns, "no outcome"))
            place = f", slot {call.slot}.{call.nth}" if call.slot else ""
            text = f"call {call.number}: {words.request(call.request)} → {outcome}{place}{_reply(call.reply)}"
            self.spans.append(Span(call.began_ns, ended, FIRST_END + call.client - 1, f"call {call.outcome}", text))
        for bar in bars(self._seen.locks, self.end_ns):
            self.spans.append(Span(bar.from_ns, bar.until_ns, FIRST_END + bar.client - 1, bar.group, bar.text))
        said: dict[bytes, str] = {}
        for applied in self._seen.applied:
            if applied.value not in said:
                said[applied.value] = words.value(applied.value)
            text = f"applies slot {applied.slot}: {said[applied.value]}; revision {applied.revision} (boot {applied.boot})"
            self.marks.append(Mark(applied.at_ns, applied.replica, "apply", text))
        self.messages.sort()
        self.marks.sort()
        self.spans.sort()
        self.places = [self._place(violation) for violation in violations[:PLACES_MAX]]

    def _place(self, text: str) -> Place:
        """Where a violation shows: at the time, call or slot that it names; else at the end."""
        replica = re.search(r"replicas? (\d+)", text)
        lane = int(replica[1]) if replica else WORLD
        if found := re.search(r" at (\d+) ns", text):
            return Place(text, int(found[1]), lane, "")
        if found := re.search(r"lock call (\d+)", text):
            asked = next((asked for asked in self._seen.locks.asked if asked.number == int(found[1])), None)
            if asked is not None:
                return Place(text, asked.ended_ns or asked.began_ns, FIRST_END + asked.client - 1, f"lock call {found[1]}:")
        elif found := re.search(r"call (\d+)", text):
            call = next((call for call in self._seen.calls if call.number == int(found[1])), None)
            if call is not None:
                return Place(
                    text, self._outcomes.get(call.number, (call.began_ns, ""))[0], FIRST_END + call.client - 1, f"call {found[1]}:"
                )
        if found := re.search(r"slot (\d+)", text):
            named_lives = {(int(replica), int(boot)) for replica, boot in re.findall(r"(\d+) \(boot (\d+)\)", text)}
            here = [applied for applied in self._seen.applied if applied.slot == int(found[1])]
            named = [applied for applied in here if (applied.replica, applied.boot) in named_lives] or here
            if named:
                return Place(text, named[-1].at_ns, named[-1].replica, f"slot {found[1]}")
        if found := re.search(r"replica (\d+) \(start (\d+)\)", text):
            lives = [span.from_ns for span in self.spans if (span.group, span.lane) == ("life", lane)]
            # Ends are counted too.
            return Place(text, lives[int(found[2]) // 2] if int(found[2]) // 2 < len(lives) else self.end_ns, lane, "")
        if found := re.search(r"client (\d+)", text):
            return Place(text, self.end_ns, FIRST_END + int(found[1]) - 1, "")
        return Place(text, self.end_ns, lane, "")


class _World(World):
    """A world that is looked at."""

    __slots__ = ("_recording",)

    def __init__(self, seed: int, recording: Recording) -> None:
        super().__init__(seed)
        self._recording = recording

    def note(self, text: str, data: bytes = b"") -> None:
        super().note(text, data)
        self._recording.note(text)

    def count(self, what: str) -> None:
        super().count(what)
        self._recording.count(what)


class _Connection(Connection):
    """A client's connection that is looked at."""

    __slots__ = ("_recording", "_sending", "_under_way")

    def __init__(self, recording: Recording, network: Network, client: int, replica: int) -> None:
        super().__init__(network, network._world, network._dice, (client, replica))  # noqa: SLF001 (as `Network.connect` makes it)
        self._recording = recording
        self._sending = 0
        self._under_way: tuple[deque[int], deque[int]] = (deque(), deque())

    def send(self, side: int, data: bytes) -> None:
        self._sending = self._recording.send(self.ends[side], self.ends[1 - side], words.client_bytes(data))
        super().send(side, data)

    def _arrive(self, side: int, data: bytes) -> None:
        self._under_way[side].append(self._sending)
        super()._arrive(side, data)

    def _deliver(self, side: int, data: bytes) -> None:
        index = self._under_way[side].popleft()
        # Of a message that came in two pieces, the second completes it.
        if self.is_open and index not in self._under_way[side]:
            self._recording.arrived(index)
        super()._deliver(side, data)


def _part(client: int, plan: Plan) -> str:
    """What a client is for."""
    return "client" if client <= plan.clients else "watcher" if client <= plan.clients + plan.watchers else "process"


def _wrap(owner: Any, name: str, make: Callable[[Any], Any]) -> None:  # noqa: ANN401 (any part of a cell)
    setattr(owner, name, make(getattr(owner, name)))


def _operation(operation: Operation) -> str:
    name = type(operation).__name__
    if isinstance(operation, Write):
        return f"write {operation.name} at {operation.offset}, {len(operation.data)} bytes"
    if isinstance(operation, SyncDirectory):
        return f"sync directory {operation.name or '.'}"
    return f"{name.lower()} {' to '.join(str(field) for field in operation)}"


def _reply(reply: object) -> str:
    match reply:
        case api.MultiOpResult():
            return f", {'' if reply.succeeded else 'guard failed, '}revision {reply.revision}"
        case api.Page():
            found = ", ".join(f"{words.text(entry.key)}={words.text(entry.value)}" for entry in reply.entries[:4])
            return f", {found or 'nothing'}{', …' if len(reply.entries) > 4 else ''}, revision {reply.revision}"
        case _:
            return ""
