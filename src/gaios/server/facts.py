"""A replica's own facts, as its status shows them.  [INTERFACE `status`]"""

from typing import Any

from gaios.log import Replica
from gaios.server.snapshots import Snapshots


def facts(replica_id: int, replica: Replica, snapshots: Snapshots, now: int) -> dict[str, Any]:
    """By name; times in ms, checksums as the machine has them."""
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
        "lease_ms": replica.lease_ns(now) // 1_000_000,
        "chain": replica.applier.chain.hex(),
        "checksum": replica.applier.machine.checksum(),
        "repairing": replica.doubt.is_repairing,
        "snapshot": snapshots.newest.handle.slot if snapshots.newest is not None else 0,
        "why": [*replica.why, *snapshots.why],
    }
