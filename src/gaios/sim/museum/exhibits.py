"""All exhibits, and the seeds that are pinned for them in `pins.json`."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from gaios.sim.museum import (
    boot_bugs,
    cache_bugs,
    client_bugs,
    db_bugs,
    disk_bugs,
    feature_bugs,
    lock_bugs,
    log_bugs,
    member_bugs,
    paxos_bugs,
    rot_bugs,
    server_bugs,
    session_bugs,
    snapshot_bugs,
    storage_bugs,
    sums_bugs,
    transport_bugs,
)
from gaios.sim.museum.exhibit import Exhibit

EXHIBITS: list[Exhibit] = [
    exhibit
    for layer in (
        paxos_bugs,
        log_bugs,
        boot_bugs,
        member_bugs,
        sums_bugs,
        storage_bugs,
        disk_bugs,
        feature_bugs,
        rot_bugs,
        db_bugs,
        transport_bugs,
        server_bugs,
        client_bugs,
        lock_bugs,
        session_bugs,
        cache_bugs,
        snapshot_bugs,
    )
    for exhibit in layer.EXHIBITS
]
PINS = Path(__file__).with_name("pins.json")


def pins() -> dict[str, list[int]]:
    """Each exhibit's pinned seeds, by name."""
    found: dict[str, list[int]] = json.loads(PINS.read_text("utf-8"))
    return found


def write_pins(table: Mapping[str, Sequence[int]]) -> None:
    """Pin other seeds; those of exhibits that are no more are dropped."""
    known = {exhibit.name for exhibit in EXHIBITS}
    lines = [f"  {json.dumps(name)}: {json.dumps(list(seeds))}" for name, seeds in sorted(table.items()) if name in known]
    PINS.write_text("{\n" + ",\n".join(lines) + "\n}\n", "utf-8")
