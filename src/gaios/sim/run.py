"""One run: a seed becomes a world, safety mode, then liveness mode, then a judgement.  [PML §6.3]

Rule 1. A run is a function of its seed and its options: the same trace hash every time, on every machine.
Rule 2. In safety mode anything may fail, and nothing may be wrong; where a plan says that faults leave a majority alone, operations succeed
all the same. Then faults stop; within the plan's recovery time, in which clients rest unless it says that they do not, a master serves,
and from then on every operation must succeed, and all replicas come to one state.
"""

import gc
from collections.abc import Callable
from contextlib import suppress
from hashlib import blake2b

import msgspec

from gaios import api, errors
from gaios.entry import Kind, entries
from gaios.errors import ConfigurationError
from gaios.locks import LockService
from gaios.log import RecordKind
from gaios.machine import Machine
from gaios.server.node import Node
from gaios.server.recorder import Recorder, check_empty
from gaios.sim.cell import Cell
from gaios.sim.disk import Disk
from gaios.sim.faults import MS, S
from gaios.sim.history import DONE, REFUSED, UNKNOWN, Call, Final, Violation
from gaios.sim.judge import judge
from gaios.sim.locks import liveness
from gaios.sim.locks.liveness import LIVENESS
from gaios.sim.locks.work import Work
from gaios.sim.next_version import NEXT
from gaios.sim.observations import Observations
from gaios.sim.offline import read_offline
from gaios.sim.plan import Plan, draw
from gaios.sim.recording import Recording
from gaios.sim.workload import Workload
from gaios.sim.world import World

AVAILABILITY = "availability"
CONVERGE_NS = 30 * S
"""After the last operation, every replica has the same state by then."""
LOOK_NS = 50 * MS
"""How often it is looked who follows the master, under load."""
ENDLESS = 1 << 40
"""Operations: more than any run gets to."""


class RunOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What may be asked of a run beside its seed."""

    plan: Callable[[Plan], Plan] | None = None
    """Changes the plan that the seed drew: what a scenario is."""
    until_ns: int | None = None
    """Safety mode ends then, if it has not before."""
    look: Recording | None = None
    """Records the run, to be drawn. It changes nothing."""
    lines: bool = False
    """Keep what was noted, for a reader."""
    record: str = ""
    """A directory where every transition of every replica is recorded, for `gaios spec trace`; it changes nothing of the run."""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a run."""

    seed: int
    trace_hash: str
    violations: list[str]
    statistics: dict[str, int]
    sometimes: dict[str, int]
    lines: list[str]


def run(seed: int, options: RunOptions | None = None) -> Report:
    """Run one seed. Garbage that refers to itself waits until the end: a run makes little of it, and looking for it costs an eighth.

    Raises:
        ConfigurationError: it was to be recorded, and could not be.
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        return _run(seed, options or RunOptions())
    finally:
        if collects:
            gc.enable()


def _run(seed: int, options: RunOptions) -> Report:
    world = World(seed) if options.look is None else options.look.world(seed)
    if options.lines:
        world.lines = []
    plan = draw(world.dice.split("plan"))
    if options.plan is not None:
        plan = options.plan(plan)
    seen = Observations()
    cell = Cell(world, plan, seen)
    unrecorded: list[str] = []
    if options.record:
        check_empty(options.record)
        clock = f"simulation {seed}"
        cell.record(lambda: Recorder(options.record, clock=clock, true_ns=lambda _: world.now_ns, stopped=unrecorded.append))
    workload = Workload(world, plan, cell.clients, seen)
    work = Work(world, cell.network, plan, cell.clients[plan.clients + plan.watchers :], seen.locks)
    if options.look is not None:
        options.look.attach(cell, seen)
    cell.start()
    workload.begin()
    work.begin()
    end_ns = plan.safety_ns if options.until_ns is None else min(plan.safety_ns, options.until_ns)
    world.run(end_ns, stop=lambda: not (workload.remaining or workload.open) or bool(seen.broken))
    late = _liveness(world, plan, cell, workload, work, seen)
    workload.finish_watches()
    for seat in cell.seats.values():
        seat.onlooker.ended()
        if seat.sink is not None:
            seat.sink.close()
    if unrecorded:
        raise ConfigurationError(reason=f"the run was not recorded whole: {unrecorded[0]}")
    at_end = finals(cell)
    found, undecided = judge(seen, workload.keys, at_end, world.now_ns)
    if not found:
        truth = {applied.slot: applied.value for applied in seen.applied}
        for replica in [replica for replica in at_end if cell.seats[replica].disk.has_rotted]:
            found += read_offline(replica, cell.seats[replica].disk, truth)
    found += late
    for violation in found:
        world.note(str(violation))
    _count(world, seen)
    calls = len(seen.calls)
    done = sum(call.outcome == DONE for call in seen.calls)
    return Report(
        seed=seed,
        trace_hash=world.trace_hash(),
        violations=[str(violation) for violation in found],
        statistics={
            "calls": calls,
            "done": done,
            "unknown": sum(call.ended is None for call in seen.calls),
            "events": world.events,
            "slots": max((applied.slot for applied in seen.applied), default=0),
            "simulated_ms": world.now_ns // MS,
            "undecided_keys": undecided,
        },
        sometimes=world.sometimes,
        lines=world.lines or [],
    )


def finals(cell: Cell) -> dict[int, Final]:
    """Every replica that is up and has its state, as it is now."""
    found: dict[int, Final] = {}
    for replica, seat in cell.seats.items():
        if seat.node is not None and not (seat.is_lost or cell.is_forlorn(seat)):
            applier = seat.node.replica.applier
            page = api.decode_answer(applier.machine.query(api.encode(api.Range(b"", b""))))
            assert isinstance(page, api.Page)
            values = {entry.key: entry.value for entry in page.entries}
            snapshot = b"".join([*applier.machine.snapshot(), *applier.sessions.snapshot()])
            hashed, dropped = blake2b(snapshot).digest(), _dropped(seat.node, seat.disk)
            serves = seat.node.replica.doubt.may_serve
            found[replica] = Final(seat.life, applier.applied, values, hashed, dropped, _reserved(applier.machine), applier.base, serves)
    return found


def _reserved(machine: Machine) -> dict[bytes, tuple[bytes, int]]:
    """The lock service's keys."""
    assert isinstance(machine, LockService)
    database = machine.database
    keys = database.reserved(api.RESERVED_PREFIX, api.prefix_end(api.RESERVED_PREFIX))
    records = {key: record for key in keys if (record := database.record(key)) is not None}
    return {key: (record.value, record.create_revision) for key, record in records.items() if record.value is not None}


def _dropped(node: Node, disk: Disk) -> dict[int, bytes | None]:
    """What would be read back from the disk, if somebody asked for it."""
    journal, replica = node.commit.journal, node.replica
    found: dict[int, bytes | None] = {}
    for slot in range(replica.core.truncated + 1, replica.applied + 1):
        if slot not in replica.core.acc:
            where = journal.locate(RecordKind.ACCEPT, slot)
            with suppress(errors.StateDamaged):  # it rotted, and nobody has looked since: whoever does fetches it again
                found[slot] = None if where is None else journal.read(disk, where).payload
    return found


def _count(world: World, seen: Observations) -> None:
    """What can be told from the records alone that it happened."""
    values = {applied.slot: applied.value for applied in seen.applied}
    if b"" in values.values():
        world.count("a gap was filled with a no-op")
    commands = [(*entry.identity, entry.sequence) for value in values.values() for entry in entries(value) if entry.kind == Kind.COMMAND]
    if len(set(commands)) < len(commands):
        world.count("a retry was answered from the table")
    if any(call.outcome == UNKNOWN for call in seen.calls):
        world.count("an outcome stayed unknown")
    if any(call.outcome == REFUSED for call in seen.calls):
        world.count("a call was refused")


def _liveness(world: World, plan: Plan, cell: Cell, workload: Workload, work: Work, seen: Observations) -> list[Violation]:
    """Faults stop: what does not work then."""
    if seen.broken:
        return []
    cell.rest()
    world.note("faults stop")
    workload.remaining = 0
    if plan.under_load:
        workload.again(ENDLESS, plan.deadline_ns, plan.think_ns)
    work.rest()
    found = _recover(world, plan, cell)
    workload.remaining = 0
    if not any(seat.is_serving for seat in cell.seats.values()):
        found.append(Violation(LIVENESS, f"no master serves {plan.recovery_ns // MS} ms after faults stopped"))
    world.run(world.now_ns + 10 * plan.deadline_ns, stop=lambda: workload.open == 0)
    first = len(seen.calls)
    if plan.available:
        found += [Violation(AVAILABILITY, f"{_say(call)} in safety mode") for call in seen.calls if _failed(call)]
    workload.again(plan.final_operations * plan.clients, 5 * S, 20 * MS)
    since = liveness.begin(work, 5 * S)
    world.run(world.now_ns + 60 * S, stop=lambda: workload.is_done and work.is_done)
    found += [Violation(LIVENESS, f"{_say(call)} after faults stopped") for call in seen.calls[first:] if _failed(call)]
    if not workload.is_done:
        found.append(Violation(LIVENESS, f"{workload.open} operations never ended"))
    found += liveness.end(world, cell, work, since)
    world.run(world.now_ns + CONVERGE_NS, stop=cell.has_converged)
    if not cell.has_converged():
        applied = {seat.replica: seat.node.replica.applied if seat.node is not None else None for seat in cell.seats.values()}
        found.append(Violation(LIVENESS, f"replicas do not converge: applied {applied}"))
    found += _level(plan, cell)
    world.run(world.now_ns + S)
    return found


def _recover(world: World, plan: Plan, cell: Cell) -> list[Violation]:
    """Let the recovery time pass: under load every replica that is up must follow a master at some time in its second half.

    One that has promised a newer ballot than the master's accepts nothing of it: the cell bears one failure less.  [SAFETY 9]
    """
    half_ns = plan.recovery_ns // 2
    world.run(world.now_ns + plan.recovery_ns - half_ns)
    aside = {seat.replica for seat in cell.seats.values() if plan.under_load and not (seat.is_lost or cell.is_forlorn(seat))}
    end_ns = world.now_ns + half_ns
    while aside and world.now_ns < end_ns:
        world.run(min(end_ns, world.now_ns + LOOK_NS))
        ballots = {seat.replica: seat.node.replica.ballot for seat in cell.seats.values() if seat.node is not None}
        newest = max((ballots[seat.replica] for seat in cell.seats.values() if seat.is_serving), default=-1)
        aside -= {replica for replica, ballot in ballots.items() if ballot == newest}
    world.run(end_ns)
    return [Violation(LIVENESS, f"replica {replica} followed no master for {half_ns // MS} ms under load") for replica in sorted(aside)]


def _level(plan: Plan, cell: Cell) -> list[Violation]:
    """An upgrade that came to its end has raised the cell's feature level, unless a member is gone for good."""
    census = cell.nemesis.census
    seats = [seat for seat in cell.seats.values() if census.lists(seat.replica)]
    if not plan.faults.process.upgrade_every_ns or census.lost():
        return []
    levels = {seat.replica: seat.node.replica.applier.feature if seat.node is not None else None for seat in seats}
    if set(levels.values()) == {NEXT}:
        return []
    return [Violation(LIVENESS, f"all run the next version, and have levels {levels}, not {NEXT}")]


def _failed(call: Call) -> bool:
    """Whether it had no answer, or a refusal; that history is gone already is none."""
    return call.outcome != DONE and not isinstance(call.request, api.Compact)


def _say(call: Call) -> str:
    return f"call {call.number} of client {call.client}: {call.outcome} ({call.error})"
