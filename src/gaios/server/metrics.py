"""Counts for Prometheus: plain numbers while running, made into series only when somebody asks.

Rule 1. The hot path adds to integers; the library is loaded at the first `/metrics`.
Rule 2. A registry of its own: a program that embeds several replicas has no clash.
"""

import time
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from gaios.server.replica import Replica

SYNC_BOUNDS_S: Final = (0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0)
BATCH_BOUNDS: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024)


class Histogram:
    """Counts below bounds."""

    __slots__ = ("bounds", "counts", "sum")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.sum = 0.0

    def add(self, value: float) -> None:
        """One observation."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.sum += value

    def buckets(self) -> list[tuple[str, float]]:
        """Cumulative, as Prometheus wants them."""
        total, found = 0, []
        for bound, count in zip((*map(str, self.bounds), "+Inf"), self.counts, strict=True):
            total += count
            found.append((bound, float(total)))
        return found


class Metrics:
    """What the shell counts; the node counts its own."""

    __slots__ = ("batches", "client_frames", "clients_refused", "frames_in", "syncs", "turns")

    def __init__(self) -> None:
        self.syncs = Histogram(SYNC_BOUNDS_S)
        self.batches = Histogram(tuple(float(bound) for bound in BATCH_BOUNDS))
        self.frames_in = 0
        self.client_frames = 0
        self.clients_refused = 0
        self.turns = 0


def render(replica: "Replica", now: int) -> bytes:
    """The text that a scrape gets; `now` is the replica's."""
    from prometheus_client import CollectorRegistry, generate_latest  # noqa: PLC0415 (60 ms, for scraped replicas only)

    registry = CollectorRegistry()
    registry.register(_Collector(replica, now))
    return generate_latest(registry)


class _Collector:
    def __init__(self, replica: "Replica", now: int) -> None:
        self._replica, self._now = replica, now

    def collect(self) -> Iterator[Any]:
        """Every series, read now."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily  # noqa: PLC0415 (as above)

        for name, value, what in self._gauges():
            yield GaugeMetricFamily(f"gaios_{name}", what, value=value)
        for name, value, what in self._counters():
            yield CounterMetricFamily(f"gaios_{name}", what, value=value)
        metrics = self._replica.metrics
        for name, histogram, what in (
            ("sync_seconds", metrics.syncs, "From handing a batch to the disk's thread until it was durable."),
            ("batch_records", metrics.batches, "Records in a disk batch."),
        ):
            yield HistogramMetricFamily(f"gaios_{name}", what, buckets=histogram.buckets(), sum_value=histogram.sum)
        links = GaugeMetricFamily("gaios_peer_link_up", "Whether frames reach a peer.", labels=["peer"])
        dropped = CounterMetricFamily("gaios_peer_frames_dropped", "Frames that a slow or absent peer did not get.", labels=["peer"])
        sent = CounterMetricFamily("gaios_peer_frames_sent", "Frames sent to a peer.", labels=["peer"])
        for link in self._replica.links.values():
            links.add_metric([str(link.replica)], float(link.is_up))
            dropped.add_metric([str(link.replica)], link.dropped)
            sent.add_metric([str(link.replica)], link.frames)
        fit = GaugeMetricFamily("gaios_member_fit", "At the master: whether it counts on a member.", labels=["peer"])
        log = self._replica.node.replica
        if log.is_serving:
            unfit = {each.member for each in log.unfit(self._now)}
            for member, place in log.members.items():
                fit.add_metric([str(place)], float(member not in unfit))
        yield from (links, dropped, sent, fit)

    def _gauges(self) -> Iterable[tuple[str, float, str]]:
        node = self._replica.node
        log = node.replica
        return (
            ("is_master", float(log.is_serving), "1 for the master whose epoch is applied."),
            ("ballot", log.ballot, "The newest ballot promised: round times 65536 plus member."),
            ("epoch", log.epoch, "The ballot of the newest applied reign."),
            ("chosen_slot", log.chosen, "Every slot through this one is known to be chosen."),
            ("applied_slot", log.applied, "Every slot through this one is applied."),
            ("lease_remaining_seconds", log.lease_ns(self._now) / 1e9, "How long the master's lease lasts yet; 0 without one."),
            ("disk_full", float(log.space.room), "0: the disk has room; 1: the log goes on in its reserve; 2: that is used up, too."),
            ("log_free_bytes", node.commit.journal.free_bytes(), "What the log can take without a new file."),
            ("quarantined", float(not log.doubt.may_serve), "1 while this replica's database differs from the others', and serves nobody."),
            ("repairing", float(log.is_repairing), "1 while something durable of this replica is lost or in doubt, and being set right."),
            ("compared_slot", log.doubt.agreed, "The newest slot where a majority came to the same state as this replica."),
            ("feature_level", log.applier.feature, "The cell's feature level, where this replica is."),
            ("feature_level_max", log.raising.highest, "The level that this replica supports, and allows."),
            ("queue_entries", log.waiting, "Entries that wait for a slot."),
            ("client_connections", self._replica.connections, "Clients that are connected."),
            ("watches", len(node.watches), "Watches that are served."),
            ("boot", log.boot, "How often this replica was started."),
            *self._of_failures(),
            *self._of_backups(),
        )

    def _of_failures(self) -> Iterable[tuple[str, float, str]]:
        """At the master only: alarm on `gaios_tolerates < 2` in a cell of five, and where nobody has it."""
        log = self._replica.node.replica
        if log.is_serving:
            tolerates = log.tolerates(self._now)
            yield "tolerates", -1 if tolerates is None else tolerates, "How many more members may fail; -1: too many have."

    def _of_backups(self) -> Iterable[tuple[str, float, str]]:
        """When the newest was made that this replica knows of, for alarms on `time() - gaios_backup_timestamp_seconds`."""
        backups = self._replica.backups
        taken_ms = backups.facts["taken_ms"] if backups is not None else None
        if taken_ms is not None:
            yield "backup_timestamp_seconds", taken_ms / 1_000, "When the newest backup was made that this replica knows of."

    def _counters(self) -> Iterable[tuple[str, float, str]]:
        node, metrics, backups = self._replica.node, self._replica.metrics, self._replica.backups
        return (
            ("requests", node.answered, "Requests answered."),
            ("requests_refused", node.refused, "Requests answered with an error."),
            ("overloads", node.overloaded, "Requests refused because something was full."),
            ("handovers", node.replica.handovers, "Reigns given up because this disk was full or slow."),
            ("polls", node.replica.polls, "Polls begun."),
            ("quarantines", node.replica.doubt.quarantines, "How often this replica's database was found to be wrong."),
            ("damages", node.damages.total, "Damaged places of the log, of the start and since."),
            ("snapshots_repaired", node.snapshots.repaired, "Damaged snapshots that were fetched again."),
            ("snapshots_fetched", node.snapshots.fetches, "Snapshots that were fetched."),
            ("snapshots_fetched_from_store", node.snapshots.store_fetches, "Those of which the store of backups sent a part, or all."),
            ("scrubbed_bytes", node.scrubber.bytes, "Bytes that were read again to find rot."),
            ("scrub_passes", node.scrubber.passes, "Passes over all that lies still on the disk."),
            ("elections_won", node.replica.reigns, "Reigns begun."),
            ("disk_batches", node.commit.batches, "Disk batches begun; each is one sync of the log."),
            ("disk_records", node.commit.records, "Records written."),
            ("peer_frames_received", metrics.frames_in, "Frames that came from peers."),
            ("client_frames_received", metrics.client_frames, "Frames that came from clients."),
            ("turns", metrics.turns, "Turns of the event loop that did something."),
            ("backups", backups.made if backups is not None else 0, "Backups made and proved."),
            ("backup_failures", backups.failed if backups is not None else 0, "Backups that failed."),
            ("process_cpu_seconds", time.process_time(), "CPU that this process used."),
        )
