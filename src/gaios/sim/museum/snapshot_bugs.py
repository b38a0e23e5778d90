"""Bugs of snapshots: what is in them, when they count, and what goes because of them."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from msgspec.structs import replace

from gaios.errors import ProtocolError
from gaios.log import Bounds
from gaios.log.applier import Applier
from gaios.log.applying import Applying
from gaios.log.codec import OFFER, PART
from gaios.log.proofs import Proofs
from gaios.log.sessions import Sessions
from gaios.log.snapshots import Capture, Part, encode_handle, read_closing, read_handle
from gaios.server import node
from gaios.server.fetching import STORE
from gaios.server.seeking import Seeking
from gaios.server.snapshots import Snapshots
from gaios.sim.faults import MS, S, StoreFaults
from gaios.sim.museum.exhibit import Exhibit, method, scenario, together
from gaios.sim.plan import Plan
from gaios.storage import Operation
from gaios.storage.snapshot import Writer
from gaios.storage.words import Sync


def _before_it_is_durable(sound: Callable[..., Any]) -> Callable[..., Any]:
    """What a snapshot covers is truncated as soon as it is on its way."""

    def slice_(self: Snapshots, now: int, capture: Capture) -> None:
        sound(self, now, capture)
        self._replica.truncate(now, capture.part.slot)

    return slice_


def _of_its_slices(sound: Callable[..., Any]) -> Callable[..., Any]:
    """Its state is that of the time when it is written, not of its slot."""

    def capture(self: Applier, *arguments: Any) -> Capture:
        made: Capture = sound(self, *arguments)

        def later() -> Iterator[bytes]:
            yield from self.machine.snapshot()

        return Capture(made.part, self.sessions.snapshot(), later())

    return capture


def _forgets_clients(sound: Callable[..., Any]) -> Callable[..., Any]:
    """The exactly-once table is left out: whoever starts from a snapshot knows no client."""

    def capture(self: Applier, *arguments: Any) -> Capture:
        part = sound(self, *arguments).part
        told = {name: getattr(part, name) for name in part.__struct_fields__}
        return Capture(Part(**{**told, "sessions": 0}), iter(()), self.machine.snapshot())

    return capture


def _by_identity(sound: Callable[..., Any]) -> Callable[..., Any]:
    """Clients in the order in which they registered: restored, the table forgets another one first."""

    def snapshot(self: Sessions) -> Iterator[bytes]:
        return iter(sorted(sound(self)))

    return snapshot


def _unsynced(sound: Callable[..., Any]) -> Callable[..., Any]:
    """It gets its name before its bytes are on the disk."""

    def end(self: Writer, closing: bytes) -> list[Operation]:
        return [operation for operation in sound(self, closing) if not isinstance(operation, Sync)]

    return end


def _keeps_the_newest_alone(sound: Callable[..., Any]) -> Callable[..., Any]:
    """A start takes the log's word for what it truncated, and begins with nothing where no snapshot is found."""

    def load(*arguments: Any) -> Any:
        found = sound(*arguments)
        return found._replace(base=None)

    return load


def _machine_alone(sound: Callable[..., Any]) -> Callable[..., Any]:
    """The machine takes the snapshot over, and the core does not hear of it."""

    def install(self: Applying, now: int, base: Any) -> int:
        take = self._steps.take
        self._steps.take = lambda *_: False  # type: ignore[method-assign]
        try:
            number: int = sound(self, now, base)
        finally:
            self._steps.take = take  # type: ignore[method-assign]
        return number

    return install


def _whoever_took_it(sound: Callable[..., Any]) -> Callable[..., Any]:
    """It is durable, so it counts: should its database have been wrong, the log that could tell is gone."""
    del sound  # it is not asked
    return lambda self, slot: True


def _whatever_the_store_has(sound: Callable[..., Any]) -> Callable[..., Any]:
    """What is in the store is this cell's: which cell a snapshot names, and which log, nobody looks at."""

    def heard(self: Seeking, now: int, member: int, message: Any) -> None:
        if member == STORE and message[0] == OFFER:
            handle = replace(read_handle(message[1]), cell=self._cell)
            message = (OFFER, encode_handle(handle))
        elif member == STORE and message[0] == PART and message[3] == 0:
            with suppress(ProtocolError):
                closing = read_closing(message[4])
                message = (*message[:4], closing._replace(handle=replace(closing.handle, cell=self._cell)).encode())
        sound(self, now, member, message)

    return heard


def _of_any_log(sound: Callable[..., Any]) -> Callable[..., Any]:
    """The second guard against it."""
    del sound  # it is not asked
    return lambda self, handle: True


def _of_few_clients(plan: Plan) -> Plan:
    """A table that forgets."""
    return replace(scenario("snapshots")(plan), bounds=Bounds(sessions=4))


def _shared(plan: Plan) -> Plan:
    """A store that two cells were told of."""
    changed = scenario("lost-snapshots")(plan)
    store = StoreFaults(put_every_ns=100 * MS, delay_ns=5 * MS, foreign=1.0)
    return replace(changed, safety_ns=4 * S, operations=120, faults=replace(changed.faults, store=store))


def _named_by_the_dying(plan: Plan) -> Plan:
    """Processes are killed while the names of their snapshots are made durable, and the next ones are asked about them soon."""
    snapshots = scenario("snapshots")(plan)
    disk = replace(snapshots.faults.disk, crash_point=0.0, slow=0.5, slow_ns=20 * MS)
    process = replace(snapshots.faults.process, power_cut=0.1, crash_every_ns=150 * MS, down_ns=10 * MS, all_at_once=0.0)
    options = replace(snapshots.options, check_ms=20)
    return replace(snapshots, faults=replace(snapshots.faults, disk=disk, process=process), options=options)


EXHIBITS = [
    Exhibit(
        "the log is truncated before a snapshot is durable",
        "log",
        "SAFETY 26",
        method(Snapshots, "_slice", _before_it_is_durable),
        ("no replica stops by itself", "persist, then say"),
        scenario("snapshots"),
    ),
    Exhibit(
        "a snapshot is of a later state than its slot's",
        "log",
        "SAFETY 26",
        method(Applier, "capture", _of_its_slices),
        ("identical state", "no replica stops by itself", "exactly once"),
        scenario("snapshots"),
    ),
    Exhibit(
        "a snapshot leaves the exactly-once table out",
        "log",
        "SAFETY 19",
        method(Applier, "capture", _forgets_clients),
        ("identical state", "exactly once"),
        scenario("snapshots"),
    ),
    Exhibit(
        "a snapshot has the clients in another order",
        "log",
        "SAFETY 27",
        method(Sessions, "snapshot", _by_identity),
        ("identical state",),
        _of_few_clients,
    ),
    Exhibit(
        "a snapshot has its name before its bytes are synced",
        "storage",
        "SAFETY 26",
        method(Writer, "end", _unsynced),
        ("no replica stops by itself",),
        scenario("snapshots"),
    ),
    Exhibit(
        "a start passes over its snapshots",
        "server",
        "SAFETY 26",
        method(node, "load", _keeps_the_newest_alone),
        ("no replica stops by itself",),
        scenario("snapshots"),
    ),
    Exhibit(
        "a start takes the name of a snapshot for durable",
        "server",
        "SAFETY 26",
        method(node, "load", lambda sound: lambda *arguments: sound(*arguments)._replace(first=())),
        ("persist, then say",),
        _named_by_the_dying,
    ),
    Exhibit(
        "a peer's snapshot is taken over by the machine alone",
        "log",
        "SAFETY 6",
        method(Applying, "install", _machine_alone),
        ("no replica stops by itself", "agreement", "liveness"),
        scenario("snapshots"),
    ),
    Exhibit(
        "a snapshot counts that nobody else has",
        "log",
        "SAFETY 26",
        method(Proofs, "is_proved", _whoever_took_it),
        ("quarantined", "identical state", "no replica stops by itself", "liveness"),
        scenario("wrong-snapshots"),
    ),
    Exhibit(
        "a snapshot of another cell is taken from a shared store",
        "server",
        "SAFETY 2",
        together(method(Seeking, "heard", _whatever_the_store_has), method(Seeking, "_is_ours", _of_any_log)),
        ("identical state", "agreement", "no replica stops by itself", "exactly once", "revisions monotone"),
        _shared,
    ),
]
