"""Which faults a run has, and how many: each seed draws its own mix.  [Groce et al. 2012, swarm testing]

A run with every fault at once finds less than many runs with a few faults each: some bugs need a thing *not* to happen.
So each group of faults is on in about half of all seeds, and its rates are drawn across orders of magnitude.

All times are nanoseconds, `*_every_ns` are means, probabilities are 0 to 1; 0 turns a fault off.
"""

import msgspec
from msgspec.structs import replace

from gaios.sim.dice import Dice

US = 1_000
MS = 1_000_000
S = 1_000_000_000


class DiskFaults(msgspec.Struct, frozen=True, kw_only=True):
    """What disks do."""

    sync_ns: int = 400 * US
    """The least that a sync takes; as much again comes by the dice."""
    slow: float = 0.0
    """How often a sync is slow."""
    slow_ns: int = 100 * MS
    failing: float = 0.0
    """How often a sync fails, and a quarter as often anything else: the replica stops, as with exit code 4, until an operator comes."""
    tear: float = 0.0
    """How often a power cut keeps every name and tears every un-synced write; else each fares by lot."""
    crash_point: float = 0.0
    """How often a batch of operations is cut short by a crash, at any point of it."""
    hang_every_ns: int = 0
    """A disk stands still: nothing that it was given, or is given, returns."""
    hang_ns: int = 10 * S
    full_every_ns: int = 0
    """Disks have no room for new files: one, some, or all, as where they share a file system."""
    full_ns: int = 5 * S
    drag_every_ns: int = 0
    """One disk is slow for a while: every sync of it takes about `drag_sync_ns` longer."""
    drag_ns: int = 5 * S
    drag_sync_ns: int = 100 * MS
    rot_every_ns: int = 0
    """A durable record, snapshot or promise copy rots, at any replica, so that it is intact somewhere (a snapshot in the store, where there
    is one); never beside lost disks."""
    rot_over: float = 0.0
    """How often it is a slot's newest record, and an older one of an older ballot stays."""
    rot_far: float = 0.0
    """How often it is many records at once, of which nothing is left: the rest of a segment or a block of it reads as zeros, or, while the
    replica is down, its file is gone."""


class NetworkFaults(msgspec.Struct, frozen=True, kw_only=True):
    """What links do, among replicas and to clients."""

    delay_ns: int = 60 * US
    """The least one-way delay."""
    jitter_ns: int = 40 * US
    """Mean of what comes on top."""
    loss: float = 0.0
    duplicate: float = 0.0
    reorder: bool = False
    """Messages overtake each other on a link."""
    corrupt: float = 0.0
    """How often a frame's bits flip: its checksum must notice."""
    stale: float = 0.0
    """How often a message is delivered once more, seconds later."""
    stale_ns: int = 3 * S
    misdirect: float = 0.0
    """How often a frame comes on another member's connection."""
    partition_every_ns: int = 0
    partition_ns: int = 800 * MS
    kinds: tuple[str, ...] = ("split", "split", "one", "link", "ring", "chain", "bridge")
    """As in partitions.py. What is named twice comes twice as often."""
    one_way: float = 0.3
    """How often a partition blocks one direction only."""
    flap: float = 0.0
    """How often a partition comes and goes while it lasts."""
    clog_every_ns: int = 0
    """Links hold back what is sent on them, and deliver it all when they are free again."""
    clog_ns: int = 500 * MS
    break_every_ns: int = 0
    """Connections of clients break."""


class ProcessFaults(msgspec.Struct, frozen=True, kw_only=True):
    """What happens to whole replicas."""

    crash_every_ns: int = 0
    down_ns: int = 400 * MS
    """Mean time until a supervisor starts it again."""
    power_cut: float = 0.5
    """How often a crash takes the machine with it: un-synced bytes, and the clock's reading."""
    retire: float = 0.0
    """How often a replica is asked to go, a moment before it is killed."""
    all_at_once: float = 0.1
    """How often a crash takes several replicas: all, all but the master, or some."""
    at_master: float = 0.4
    """How often a crash, a pause or a hanging disk chooses the master."""
    pause_every_ns: int = 0
    pause_ns: int = 900 * MS
    cut_when_paused: float = 0.0
    """How often a paused replica is also cut off from its peers, for about as long; clients still reach it."""
    mid_receive: float = 0.5
    """How often a pause falls between the poll that found bytes and the read that takes them."""
    suspend: float = 0.0
    """How often a pause is the whole machine's: its disk stands still, what peers send it is lost; its clock goes on."""
    operator_ns: int = 4 * S
    """Mean time until somebody starts a replica whose disk failed."""
    lose_disk: float = 0.0
    """How often a crash takes the disk for good, of a minority at most: such a replica refuses to start.  [SAFETY 2, 8]"""
    put_back: float = 0.0
    """How often such a loss puts the directory of an earlier life in place instead.  [SAFETY 3]"""
    rolled_back: float = 0.0
    """How often such a loss puts the directory back as it was earlier in this very life.  [SAFETY 3]"""
    cloned: float = 0.0
    """How often such a loss is none, but a second process runs on a copy of the directory from then on.  [SAFETY 3]"""
    flip_every_ns: int = 0
    """A bit flips in the memory of a replica's database, of a minority at most, and never the master's: what one reads there before it is
    found out is wrong, and nothing could tell."""
    upgrade_every_ns: int = 0
    """An operator stops a replica, installs the next version, and starts it again."""
    roll_back: float = 0.0
    """How often it is the version before instead, allowed or not; where that stops, the next one is installed again."""
    change_every_ns: int = 0
    """Somebody changes the members of the cell: one more, one less, or another one in a place."""
    leave_ns: int = 0
    """A voter goes down after about so long, until all the others were replaced; nobody else changes the members then.  [SAFETY 18]"""
    leave_older: float = 0.0
    """How often it comes back with the directory of an earlier life.  [SAFETY 3]"""
    leave_staying: int = 0
    """How many of the others are not replaced: it is removed itself then, and comes back to these."""
    hermit_starts: int = 0
    """The only founder's directory, from when it was alone, is started by itself so often; then the others, who joined since, reach it."""
    wall_jump: float = 0.0
    """How often a wall clock is off, by hours, when a process starts."""


class ClientFaults(msgspec.Struct, frozen=True, kw_only=True):
    """What clients do."""

    stall_every_ns: int = 0
    """A client stands still: it neither reads nor asks, and what replicas tell it waits for it there."""
    stall_ns: int = S
    kill_every_ns: int = 0
    """A process with sessions is killed, and begins anew with none."""
    full_bytes: int = 1 << 20
    """What may wait for a client before its replica takes nothing more from it; the real one has a MiB."""


class StoreFaults(msgspec.Struct, frozen=True, kw_only=True):
    """The store of backups, and what it does."""

    put_every_ns: int = 0
    """A master puts its newest proved snapshot by, as a backup does; 0: there is no store. Where there is one, snapshots rot everywhere,
    so that it has the only ones."""
    delay_ns: int = 20 * MS
    """Mean time until it answers."""
    failing: float = 0.0
    """How often it does not."""
    damage: float = 0.0
    """How often a part that it sends is not what was put there."""
    foreign: float = 0.0
    """How often it offers another cell's snapshot, once it has any."""
    away_every_ns: int = 0
    """It answers nobody for a while."""
    away_ns: int = 3 * S


class Faults(msgspec.Struct, frozen=True, kw_only=True):
    """A whole run's."""

    disk: DiskFaults = DiskFaults()
    network: NetworkFaults = NetworkFaults()
    process: ProcessFaults = ProcessFaults()
    client: ClientFaults = ClientFaults()
    store: StoreFaults = StoreFaults()
    drift_ppm: int = 0
    """How much one clock gains on another, at most."""

    def calm(self) -> "Faults":
        """The same world when faults stop: disks and links are quick, clocks drift on."""
        network = NetworkFaults(delay_ns=min(self.network.delay_ns, MS), jitter_ns=min(self.network.jitter_ns, MS // 5))
        return Faults(disk=DiskFaults(sync_ns=min(self.disk.sync_ns, MS)), network=network, drift_ppm=self.drift_ppm)


def swarm(dice: Dice, drift_bound_ppm: int) -> Faults:
    """Draw a mix."""

    def rate(low: float, high: float, on: float = 0.5) -> float:
        return dice.skewed(int(low * 1e6), int(high * 1e6)) / 1e6 if dice.chance(on) else 0.0

    def every(low_ns: int, high_ns: int, on: float = 0.5) -> int:
        return dice.skewed(low_ns, high_ns) if dice.chance(on) else 0

    disk = DiskFaults(
        sync_ns=dice.skewed(50 * US, 4 * MS),
        slow=rate(0.001, 0.1),
        slow_ns=dice.skewed(10 * MS, 2 * S),
        failing=rate(0.0003, 0.003, 0.25),
        hang_every_ns=every(S, 10 * S, 0.3),
        hang_ns=dice.skewed(100 * MS, 20 * S),
        tear=dice.pick((0.0, 0.0, 0.5)),
        crash_point=rate(0.0003, 0.01),
        full_every_ns=fills.skewed(S, 10 * S) if (fills := dice.split("fills")).chance(0.3) else 0,
        full_ns=fills.skewed(500 * MS, 20 * S),
        drag_every_ns=fills.skewed(S, 10 * S) if fills.chance(0.3) else 0,
        drag_ns=fills.skewed(S, 20 * S),
        drag_sync_ns=fills.skewed(20 * MS, S),
    )
    network = NetworkFaults(
        delay_ns=dice.skewed(20 * US, 5 * MS),
        jitter_ns=dice.skewed(10 * US, 20 * MS),
        loss=rate(0.001, 0.2),
        duplicate=rate(0.001, 0.3),
        reorder=dice.chance(0.5),
        corrupt=rate(0.0001, 0.005, 0.2),
        stale=rate(0.0003, 0.02, 0.4),
        stale_ns=dice.skewed(100 * MS, 10 * S),
        misdirect=rate(0.0001, 0.01, 0.2),
        partition_every_ns=every(S, 8 * S),
        partition_ns=dice.skewed(100 * MS, 4 * S),
        one_way=dice.pick((0.0, 0.3, 1.0)),
        flap=dice.pick((0.0, 0.0, 0.5)),
        clog_every_ns=every(500 * MS, 8 * S, 0.4),
        clog_ns=dice.skewed(20 * MS, 3 * S),
        break_every_ns=every(200 * MS, 4 * S),
    )
    process = ProcessFaults(
        crash_every_ns=every(500 * MS, 8 * S, 0.6),
        down_ns=dice.skewed(20 * MS, 3 * S),
        power_cut=dice.pick((0.0, 0.5, 1.0)),
        retire=dice.pick((0.0, 0.0, 0.4)),
        all_at_once=dice.pick((0.0, 0.1, 0.4)),
        at_master=dice.pick((0.2, 0.5, 0.9)),
        pause_every_ns=every(S, 8 * S),
        pause_ns=dice.skewed(50 * MS, 4 * S),
        cut_when_paused=dice.pick((0.0, 0.0, 0.5)),
        suspend=dice.pick((0.0, 0.3, 1.0)),
        operator_ns=dice.skewed(500 * MS, 10 * S),
        lose_disk=dice.pick((0.0, 0.0, 0.0, 0.1)),
        wall_jump=dice.pick((0.0, 0.0, 0.5)),
        put_back=dice.split("put back").pick((0.0, 0.5, 1.0)),
        rolled_back=(copies := dice.split("copies")).pick((0.0, 0.0, 0.5)),
        cloned=copies.pick((0.0, 0.0, 0.5)),
        flip_every_ns=memory.skewed(300 * MS, 5 * S) if (memory := dice.split("memory")).chance(0.15) else 0,
    )
    client = ClientFaults(
        stall_every_ns=every(500 * MS, 8 * S, 0.3),
        stall_ns=dice.skewed(50 * MS, 5 * S),
        full_bytes=dice.pick((64, 1_000, 1 << 20)),
        kill_every_ns=kills.skewed(500 * MS, 5 * S) if (kills := dice.split("kills")).chance(0.6) else 0,
    )
    movers = dice.split("members")
    if movers.chance(0.2):
        process = replace(process, change_every_ns=movers.skewed(300 * MS, 5 * S), lose_disk=movers.pick((0.0, process.lose_disk, 0.1)))
    versions = dice.split("versions")
    if versions.chance(0.12):
        process = replace(process, upgrade_every_ns=versions.skewed(300 * MS, 5 * S), roll_back=versions.pick((0.0, 0.1, 0.3)))
    rots = dice.split("rot")
    if rots.chance(0.3) and not process.lose_disk and not process.flip_every_ns:
        disk = replace(disk, rot_every_ns=rots.skewed(20 * MS, 2 * S), rot_far=rots.split("far").pick((0.0, 0.1, 0.5)))
    store, stores = StoreFaults(), dice.split("store")
    if disk.rot_every_ns and stores.chance(0.5):
        store = StoreFaults(
            put_every_ns=stores.skewed(100 * MS, 3 * S),
            delay_ns=stores.skewed(MS, S),
            failing=stores.pick((0.0, 0.1, 0.5)),
            damage=stores.pick((0.0, 0.1, 0.5)),
            foreign=stores.pick((0.0, 0.1, 0.5)),
            away_every_ns=stores.pick((0, 2 * S, 10 * S)),
            away_ns=stores.skewed(100 * MS, 10 * S),
        )
    drift_ppm = drift_bound_ppm if dice.chance(0.7) else 0
    return Faults(disk=disk, network=network, process=process, client=client, store=store, drift_ppm=drift_ppm)
