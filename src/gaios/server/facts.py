"""A replica's own facts, as its status shows them.  [INTERFACE `status`]"""

from collections.abc import Mapping
from typing import Any

from gaios.log import Replica
from gaios.server.snapshots import Snapshots


def facts(replica_id: int, replica: Replica, snapshots: Snapshots, now: int, problems: Mapping[int, str]) -> dict[str, Any]:
    """By name; times in ms, checksums as the machine has them. `problems` are why peers cannot be spoken to, by replica id."""
    return {
        "id": replica_id,
        "member": replica.me,
        "boot": replica.boot,
        "role": replica.role,
        "voting": replica.core.electors() >> replica.me & 1 == 1,
        "config": replica.config,
        "settled": replica.is_settled,
        "removed": replica.is_removed,
        "configuration": replica.configuration.encode().hex(),
        "master": replica.members.get(replica.master),
        "ballot": replica.ballot,
        "epoch": replica.epoch,
        "chosen": replica.chosen,
        "applied": replica.applied,
        "feature": replica.applier.feature,
        "feature_max": replica.raising.highest,
        "lease_ms": replica.lease_ns(now) // 1_000_000,
        "chain": replica.applier.chain.hex(),
        "checksum": replica.applier.machine.checksum(),
        "repairing": replica.is_repairing,
        "silent": replica.is_silent,
        "snapshot": snapshots.newest.handle.slot if snapshots.newest is not None else 0,
        "fetched": fetched(snapshots),
        "why": [*replica.why, *snapshots.why, *snapshots.under_way],
        "gauge": gauge(replica, now, problems) if replica.is_serving else None,
    }


def fetched(snapshots: Snapshots) -> dict[str, int] | None:
    """The newest snapshot that was fetched since the start, and how many of its parts came from peers, and from the store of backups."""
    return dict(zip(("slot", "peers", "store"), snapshots.fetched, strict=True)) if snapshots.fetched is not None else None


def gauge(replica: Replica, now: int, problems: Mapping[int, str]) -> dict[str, Any]:
    """How many more replicas may fail, as this master sees it, and who does not count."""
    unfit = [(replica.members[each.member], each) for each in replica.unfit(now)]
    return {
        "tolerates": replica.tolerates(now),
        "unfit": [
            {"id": place, "reason": str(each.reason), "for_ms": (now - each.since_ns) // 1_000_000, "problem": problems.get(place, "")}
            for place, each in unfit
        ],
    }
