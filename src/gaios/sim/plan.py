"""What one run is made of: how many replicas, which settings, which faults, how much work. Each seed draws its own.

Legal but rare settings are drawn often: tiny batches, tiny segments, early time-outs, tables that forget. What breaks only at a limit
should break here first.  [reliability §1.2, BUGGIFY]
"""

from typing import Any

import msgspec
from msgspec.structs import replace

from gaios.lock_api import LEASE_MS_MAX, LEASE_MS_MIN
from gaios.log import Bounds, Options
from gaios.server.effects import Limits
from gaios.sim.dice import Dice
from gaios.sim.faults import MS, US, Faults, S, swarm
from gaios.sim.operations import Mix
from gaios.storage import PIECE_BYTES

DRIFT_BOUND_PPM = 1_000
"""What the specification allows (`DRIFT_PPM`)."""
SEGMENT_BYTES = (1 << 10, 8 << 10, 256 << 10)


class Locks(msgspec.Struct, frozen=True, kw_only=True):
    """Clients with sessions, and what they do."""

    clients: int = 0
    """Processes; none of them does what the others do, the database's clients."""
    rounds: int = 40
    """Of all of them together, in safety mode: a lock is taken, a file read and written, …"""
    session_rounds: int = 4
    """Mean rounds of each of a session's programs before it is closed."""
    leases_ms: tuple[int, ...] = (1_000, 2_000, 3_000)
    """Each session has one of these. Short ones end inside a run."""
    grace_ms: int = 2_000
    locks: int = 2
    files: int = 2
    lock: int = 4
    """How often a round is about a lock, as a weight; then about a file, a node that comes and goes, or what is another's."""
    file: int = 2
    node: int = 2
    meddle: int = 1
    cached: int = 0
    """And about what caches keep: files, lists of children and absent nodes are read again and again, and now and then changed."""
    caching: float = 0.0
    """How often a session caches what it reads."""
    shared: float = 0.25
    """How often a lock is to be shared."""
    waits: float = 0.7
    """How often a client waits for a lock that is not free."""
    hold_ns: int = 400 * MS
    """Mean time for which a lock is held."""
    delayed: float = 0.5
    """How often a lock has a lock-delay; it lasts `delay_ms` at most."""
    delay_ms: int = 2_000
    keeps: float = 0.1
    """How often a lock is held until its session ends."""
    abandons: float = 0.3
    """How often a session is not closed: its KeepAlives just stop."""

    def __post_init__(self) -> None:
        """They must have something to do."""
        weights = (self.lock, self.file, self.node, self.meddle, self.cached)
        if min(weights) < 0 or not any(weights):
            raise ValueError("weights are 0 or more, and one at least is more")
        if not self.leases_ms or not all(LEASE_MS_MIN <= lease_ms <= LEASE_MS_MAX for lease_ms in self.leases_ms):
            raise ValueError(f"leases_ms are {LEASE_MS_MIN} to {LEASE_MS_MAX}, and one at least")


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """One run's."""

    replicas: int = 5
    faults: Faults = Faults()
    options: Options = Options()
    bounds: Bounds = Bounds()
    limits: Limits = Limits()
    segment_bytes: int = 256 << 10
    turn_ns: int = 30 * US
    """What a turn of a replica's loop takes: events that come meanwhile wait for the next."""
    makes_spares: bool = True
    """Segments are made ahead, beside other batches; else when a batch lacks one."""
    clients: int = 5
    operations: int = 150
    """Of all clients together, in safety mode."""
    keys: int = 5
    mix: Mix = Mix()
    value_bytes: int = 0
    """Values have at least so many bytes."""
    think_ns: int = 20 * MS
    """Mean time between a client's operations within a burst."""
    burst: int = 4
    """Mean length of a burst; between two bursts a client rests, so long that the operations last for the whole of safety mode."""
    deadline_ns: int = 3 * S
    """What a client gives one operation."""
    locks: Locks = Locks()
    watchers: int = 2
    compacts: float = 0.0
    """How often an operation drops history."""
    drifts_ppm: tuple[int, ...] = ()
    """Each replica's clock, when a scenario says so."""
    available: bool = False
    """Faults leave a majority alone, and so every operation has to succeed by its deadline in safety mode, too."""
    safety_ns: int = 20 * S
    """How long safety mode lasts."""
    recovery_ns: int = 15 * S
    """After faults stop, everything must work by then.  [PML §6.3]"""
    under_load: bool = False
    """Clients go on while the cell recovers, and every replica must come to follow the master all the same.  [SAFETY 9]"""
    final_operations: int = 3
    """Of each client, in liveness mode."""


def draw(dice: Dice) -> Plan:
    """Draw a plan."""
    term_ms = dice.pick((600, 600, 200, dice.skewed(60, 2_000)))
    small = dice.chance(0.4)
    # Many values in flight, some of them lost: the only way to gaps between chosen slots.
    deep = dice.chance(0.25)
    # More is asked than can be done: many clients without a pause, a loop that is slow, room for few.
    overload = dice.chance(0.12)
    bounds = Bounds(
        sessions=dice.pick((3, 65_536)) if small and dice.chance(0.3) else 65_536,
        answers=dice.pick((2, 1_024)) if small and dice.chance(0.3) else 1_024,
        answer_bytes=dice.pick((1, 4_096)) if small and dice.chance(0.3) else 4_096,
        table_bytes=dice.pick((100, 128 << 20)) if small and dice.chance(0.3) else 128 << 20,
    )
    faults = swarm(dice.split("faults"), DRIFT_BOUND_PPM)
    options = Options(
        term_ms=term_ms,
        beat_ms=max(1, term_ms // dice.pick((6, 6, 4, 10))),
        pipeline=16 if deep else dice.pick((1, 2, 2, 4, 8)),
        batch_entries=1 if deep else dice.pick((1, 2, 1_024)) if small else 1_024,
        linger_us=1 if deep else dice.pick((500, 1)),
        batch_bytes=dice.pick((64, 1 << 19)) if small else 1 << 19,
        queue_entries=dice.pick((2, 8)) if overload or (small and dice.chance(0.5)) else 8_192,
        seek_slots=dice.pick((1, 2, 64)) if small else 256,
        supply_bytes=dice.pick((1, 200, 4 << 20)) if small else 4 << 20,
        cache_bytes=dice.pick((1, 2_000, 16 << 20)) if small else 16 << 20,
        apply_entries=dice.pick((1, 3, 2_000)) if small else 2_000,
        retransmit_ms=dice.pick((120, 120, dice.skewed(10, 400))),
        campaign_ms=dice.pick((400, 400, dice.skewed(50, 1_000))),
        spread_ms=dice.pick((60, 60, dice.skewed(2, 300))),
        mark_ms=dice.pick((300, 20, 3_000)),
        check_ms=dice.split("checks").pick((1_000, 200, 50)),
        **_snapshots(dice.split("snapshots")),
    )
    if deep:
        faults = replace(faults, network=replace(faults.network, loss=max(faults.network.loss, 0.1)))
    limits = Limits(requests=dice.pick((1, 3)) if small and dice.chance(0.3) else 1_024, watches=dice.pick((1, 256)))
    scrub = dice.split("scrub")
    if faults.disk.rot_every_ns or scrub.chance(0.2):
        often = scrub.pick((300, 3_000, 3_600_000))
        limits = replace(limits, scrub_every_ms=often, scrub_piece_bytes=scrub.pick((PIECE_BYTES, PIECE_BYTES, 4_096)))
    return Plan(
        replicas=dice.pick((5, 5, 3, 3, 1 + dice.below(7))),
        faults=faults,
        options=options,
        bounds=bounds,
        limits=limits,
        segment_bytes=dice.pick(SEGMENT_BYTES),
        turn_ns=dice.skewed(200 * US, 2 * MS) if overload else dice.pick((30 * US, 30 * US, dice.skewed(10 * US, MS))),
        makes_spares=dice.chance(0.7),
        clients=12 if overload else 8 if deep else dice.between(2, 8),
        keys=10 if overload else dice.pick((1, 3, 5, 10)),
        value_bytes=dice.pick((0, 0, 0, 100, 3_000)),
        compacts=dice.pick((0.0, 0.0, 0.1)),
        think_ns=10 * US if overload else dice.skewed(MS // 5, 200 * MS),
        burst=50 if overload else 20 if deep else dice.pick((1, 4, 20)),
        safety_ns=dice.pick((5, 10, 20, 40)) * S,
        deadline_ns=dice.skewed(300 * MS, 8 * S),
        locks=_locks(dice.split("locks")),
    )


def _snapshots(dice: Dice) -> dict[str, int]:
    """Many small ones, in two of three seeds."""
    if dice.chance(0.3):
        return {}
    return {
        "snapshot_slots": dice.skewed(3, 300),
        "snapshot_bytes": dice.skewed(300, 100_000),
        "snapshot_pause_us": dice.pick((100, 5_000, 100_000)),
        "snapshot_stagger_ms": dice.pick((1, 20, 300)),
        "keep_snapshots": dice.pick((2, 2, 3)),
        "keep_bytes": dice.pick((1, 1, 30_000, 1 << 30)),
    }


def _locks(dice: Dice) -> Locks:
    """Clients with sessions, in two of five seeds."""
    if dice.chance(0.6):
        return Locks()
    return Locks(
        clients=dice.between(1, 4),
        rounds=dice.pick((15, 30)),
        session_rounds=dice.pick((2, 4, 10)),
        leases_ms=dice.pick(((1_000,), (1_000, 2_000), (1_000, 2_000, 3_000), (2_000, 6_000))),
        grace_ms=dice.pick((0, 500, 2_000, 10_000)),
        locks=dice.pick((1, 1, 2, 4)),
        files=dice.pick((1, 2)),
        shared=dice.pick((0.0, 0.25, 0.5)),
        waits=dice.pick((0.3, 0.7, 1.0)),
        hold_ns=dice.skewed(20 * MS, 3 * S),
        delayed=dice.pick((0.0, 0.5, 1.0)),
        delay_ms=dice.pick((500, 2_000, 5_000)),
        keeps=dice.pick((0.0, 0.1, 0.5)),
        abandons=dice.pick((0.0, 0.3, 0.7)),
        **_caching(dice.split("caching")),
    )


def _caching(dice: Dice) -> dict[str, Any]:
    """Some of these cache, in half of those seeds."""
    return {"cached": dice.pick((2, 8)), "caching": dice.pick((0.3, 1.0))} if dice.chance(0.5) else {}
