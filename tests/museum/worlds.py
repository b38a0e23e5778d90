"""Worlds in which certain bugs show: a plan's settings and faults, turned to where it hurts. The seed still draws the rest."""

from msgspec.structs import replace

from gaios.log import Options
from gaios.sim.faults import MS, US, DiskFaults, Faults, NetworkFaults, ProcessFaults, S
from gaios.sim.plan import Plan


def churn(plan: Plan) -> Plan:
    """Three replicas, short leases; masters are cut off and everybody crashes, with values in flight and marks unwritten."""
    faults = Faults(
        disk=DiskFaults(sync_ns=200 * US, crash_point=0.003),
        network=NetworkFaults(
            loss=0.02, duplicate=0.05, stale=0.01, stale_ns=500 * MS, partition_every_ns=400 * MS, partition_ns=250 * MS, one_way=0.5
        ),
        process=ProcessFaults(crash_every_ns=400 * MS, down_ns=60 * MS, all_at_once=0.5, at_master=0.6),
        drift_ppm=plan.faults.drift_ppm,
    )
    options = Options(
        term_ms=100, beat_ms=20, spread_ms=20, poll_ms=30, yield_ms=40, campaign_ms=100, retransmit_ms=30, mark_ms=3_000, pipeline=4
    )
    return replace(
        plan,
        replicas=3,
        faults=faults,
        options=options,
        clients=5,
        think_ns=4 * MS,
        burst=20,
        keys=3,
        operations=600,
        safety_ns=15 * S,
        deadline_ns=S,
    )


def forgetful_granters(plan: Plan) -> Plan:
    """Long leases; the master is cut off, and everybody else restarts within one."""
    faults = Faults(
        disk=DiskFaults(sync_ns=200 * US),
        network=NetworkFaults(partition_every_ns=1_500 * MS, partition_ns=700 * MS, one_way=0.3, kinds=("master",)),
        process=ProcessFaults(crash_every_ns=S, down_ns=20 * MS, all_at_once=0.8, at_master=0.0),
        drift_ppm=plan.faults.drift_ppm,
    )
    return replace(
        plan, replicas=3, faults=faults, options=Options(term_ms=1_500, beat_ms=200), think_ns=20 * MS, operations=200, safety_ns=20 * S
    )


def flapping_links(plan: Plan) -> Plan:
    """Far apart; links fail for about as long as a lease lasts, so that grants lapse and are given again while somebody campaigns."""
    faults = Faults(
        disk=DiskFaults(sync_ns=50 * US),
        network=NetworkFaults(
            delay_ns=12 * MS,
            jitter_ns=3 * MS,
            reorder=True,
            partition_every_ns=80 * MS,
            partition_ns=160 * MS,
            kinds=("master", "link"),
            one_way=0.4,
        ),
        drift_ppm=plan.faults.drift_ppm,
    )
    options = Options(term_ms=120, beat_ms=20, spread_ms=5, poll_ms=50, yield_ms=80, campaign_ms=200, retransmit_ms=50)
    return replace(plan, replicas=3, faults=faults, options=options, think_ns=20 * MS, operations=100, safety_ns=30 * S, deadline_ns=S)


def long_leases(plan: Plan) -> Plan:
    """Long leases on clocks at the ends of the drift bound; the master is cut off for longer."""
    faults = Faults(
        disk=DiskFaults(sync_ns=20 * US),
        network=NetworkFaults(
            delay_ns=10 * US, jitter_ns=5 * US, partition_every_ns=10 * S, partition_ns=20 * S, kinds=("master",), one_way=0.0
        ),
        drift_ppm=1_000,
    )
    options = Options(term_ms=20_000, beat_ms=3_000, spread_ms=2, poll_ms=2, yield_ms=2)
    return replace(
        plan,
        replicas=3,
        drifts_ppm=(-500, 500, 500),
        faults=faults,
        options=options,
        operations=100,
        deadline_ns=4 * S,
        safety_ns=400 * S,
        recovery_ns=80 * S,
    )


def bridges(plan: Plan) -> Plan:
    """Links among three replicas fail one by one, often one way: one of them hears both others, who do not hear each other."""
    faults = Faults(
        disk=DiskFaults(sync_ns=50 * US),
        network=NetworkFaults(
            jitter_ns=5 * MS, reorder=True, partition_every_ns=400 * MS, partition_ns=1_500 * MS, kinds=("link",), one_way=0.7
        ),
        drift_ppm=plan.faults.drift_ppm,
    )
    options = Options(term_ms=600, beat_ms=100, spread_ms=20)
    return replace(plan, replicas=3, faults=faults, options=options, think_ns=20 * MS, operations=200, safety_ns=20 * S)


def power_cuts(plan: Plan) -> Plan:
    """Machines lose power all the time, often at once, in the middle of whatever their disks do."""
    faults = Faults(
        disk=DiskFaults(sync_ns=4 * MS, slow=0.05, slow_ns=50 * MS, crash_point=0.02),
        network=NetworkFaults(partition_every_ns=S, partition_ns=300 * MS),
        process=ProcessFaults(crash_every_ns=500 * MS, down_ns=50 * MS, power_cut=1.0, all_at_once=0.4),
        drift_ppm=plan.faults.drift_ppm,
    )
    options = Options(term_ms=150, beat_ms=30, spread_ms=30, yield_ms=60, retransmit_ms=50)
    return replace(
        plan, replicas=3, faults=faults, options=options, think_ns=4 * MS, burst=20, operations=300, safety_ns=15 * S, deadline_ns=S
    )


def sleepy_masters(plan: Plan) -> Plan:
    """Masters are paused between poll and receive, for much longer than their lease, and cut off from their peers; clients keep asking."""
    faults = Faults(
        disk=DiskFaults(sync_ns=100 * US),
        process=ProcessFaults(pause_every_ns=1_500 * MS, pause_ns=800 * MS, at_master=1.0, mid_receive=1.0, cut_when_paused=1.0),
        drift_ppm=plan.faults.drift_ppm,
    )
    options = Options(term_ms=60, beat_ms=15, spread_ms=5)
    return replace(
        plan, replicas=3, faults=faults, options=options, clients=12, keys=2, think_ns=10 * MS, burst=2, operations=800, safety_ns=20 * S
    )


def cut_off_masters(plan: Plan) -> Plan:
    """Masters are cut off from their peers and from no client, longer than a lease."""
    faults = Faults(
        disk=DiskFaults(sync_ns=100 * US),
        network=NetworkFaults(partition_every_ns=2 * S, partition_ns=1_500 * MS, kinds=("master",), one_way=0.0),
        drift_ppm=plan.faults.drift_ppm,
    )
    options = Options(term_ms=400, beat_ms=80, spread_ms=20)
    return replace(
        plan, replicas=3, faults=faults, options=options, clients=8, keys=2, think_ns=10 * MS, burst=5, operations=500, safety_ns=15 * S
    )


def hasty(plan: Plan) -> Plan:
    """Far apart, with many small values in flight; masters are cut off or die within moments of their election."""
    faults = Faults(
        disk=DiskFaults(sync_ns=100 * US),
        network=NetworkFaults(delay_ns=4 * MS, partition_every_ns=100 * MS, partition_ns=120 * MS, kinds=("master", "split"), one_way=0.2),
        process=ProcessFaults(crash_every_ns=100 * MS, down_ns=80 * MS, all_at_once=0.1, at_master=0.9),
        drift_ppm=plan.faults.drift_ppm,
    )
    options = Options(
        term_ms=60,
        beat_ms=12,
        spread_ms=12,
        poll_ms=20,
        yield_ms=30,
        campaign_ms=60,
        retransmit_ms=40,
        mark_ms=3_000,
        pipeline=16,
        batch_entries=1,
    )
    return replace(
        plan,
        replicas=3,
        faults=faults,
        options=options,
        clients=8,
        think_ns=MS,
        burst=50,
        keys=3,
        operations=600,
        safety_ns=8 * S,
        deadline_ns=S,
    )


def contested(plan: Plan) -> Plan:
    """Candidates fail: a third of all messages is lost, old ones come back, leases are short, replicas crash all the time."""
    faults = Faults(
        disk=DiskFaults(sync_ns=300 * US, slow=0.05, slow_ns=20 * MS),
        network=NetworkFaults(
            loss=0.3,
            duplicate=0.2,
            reorder=True,
            stale=0.05,
            stale_ns=400 * MS,
            jitter_ns=MS,
            partition_every_ns=500 * MS,
            partition_ns=200 * MS,
        ),
        process=ProcessFaults(crash_every_ns=200 * MS, down_ns=20 * MS, all_at_once=0.3, at_master=0.5),
        drift_ppm=plan.faults.drift_ppm,
    )
    options = Options(
        term_ms=60, beat_ms=10, spread_ms=10, poll_ms=20, yield_ms=15, campaign_ms=40, retransmit_ms=10, mark_ms=3_000, pipeline=4
    )
    return replace(
        plan,
        replicas=3,
        faults=faults,
        options=options,
        clients=5,
        think_ns=3 * MS,
        burst=20,
        keys=3,
        operations=300,
        safety_ns=12 * S,
        deadline_ns=S,
    )


def slow_disks(plan: Plan) -> Plan:
    """Every batch of the disk is long and full; heartbeats are lost more often than values, and machines lose power."""
    faults = Faults(
        disk=DiskFaults(sync_ns=6 * MS, crash_point=0.06),
        network=NetworkFaults(loss=0.35, partition_every_ns=S, partition_ns=S, kinds=("link",), one_way=0.3),
        process=ProcessFaults(down_ns=10 * MS, power_cut=1.0),
        drift_ppm=plan.faults.drift_ppm,
    )
    options = Options(
        term_ms=60, beat_ms=20, spread_ms=10, poll_ms=20, yield_ms=60, campaign_ms=100, retransmit_ms=10, pipeline=8, batch_entries=1
    )
    return replace(
        plan, replicas=3, faults=faults, options=options, clients=6, think_ns=MS, burst=100, operations=800, safety_ns=10 * S, deadline_ns=S
    )


def lagging(plan: Plan) -> Plan:
    """Replicas are cut off for a while, and ask for what they missed; nobody keeps values in memory."""
    faults = Faults(
        disk=DiskFaults(sync_ns=4 * MS, slow=0.2, slow_ns=40 * MS),
        network=NetworkFaults(loss=0.02, partition_every_ns=200 * MS, partition_ns=150 * MS, kinds=("one",)),
        process=ProcessFaults(crash_every_ns=700 * MS, down_ns=100 * MS),
        drift_ppm=plan.faults.drift_ppm,
    )
    options = Options(term_ms=150, beat_ms=30, spread_ms=20, cache_bytes=1, pipeline=4, retransmit_ms=30)
    return replace(
        plan, replicas=3, faults=faults, options=options, think_ns=4 * MS, burst=20, operations=300, safety_ns=10 * S, deadline_ns=S
    )


def killed_then_cut(plan: Plan) -> Plan:
    """Tiny segments; processes are killed at any point of a batch, started again, and then the power goes."""
    faults = Faults(
        disk=DiskFaults(sync_ns=2 * MS, crash_point=0.15),
        process=ProcessFaults(down_ns=10 * MS, power_cut=0.5),
        drift_ppm=plan.faults.drift_ppm,
    )
    options = Options(term_ms=100, beat_ms=20, spread_ms=20)
    return replace(
        plan, replicas=3, faults=faults, options=options, segment_bytes=1 << 10, think_ns=4 * MS, burst=20, operations=300, safety_ns=10 * S
    )


def torn_segments(plan: Plan) -> Plan:
    """Tiny segments, many values in flight, nothing kept in memory; disks hang at times, and the power goes in the middle of batches."""
    faults = Faults(
        disk=DiskFaults(sync_ns=500 * US, slow=0.2, slow_ns=30 * MS, crash_point=0.08, tear=1.0),
        network=NetworkFaults(loss=0.05, partition_every_ns=300 * MS, partition_ns=150 * MS, kinds=("one", "link")),
        process=ProcessFaults(down_ns=10 * MS, power_cut=1.0),
        drift_ppm=plan.faults.drift_ppm,
    )
    options = Options(term_ms=100, beat_ms=20, spread_ms=20, pipeline=8, batch_entries=1, cache_bytes=1, retransmit_ms=20)
    return replace(
        plan, replicas=3, faults=faults, options=options, segment_bytes=1 << 10, think_ns=2 * MS, burst=50, operations=400, safety_ns=8 * S
    )
