"""All exhibits, and the seeds that are pinned for them in `pins.json`."""

import json
from pathlib import Path

from gaios.sim.museum import Exhibit
from tests.museum import client_bugs, core_bugs, db_bugs, log_bugs, server_bugs, storage_bugs

EXHIBITS: list[Exhibit] = [
    exhibit for layer in (core_bugs, log_bugs, storage_bugs, db_bugs, server_bugs, client_bugs) for exhibit in layer.EXHIBITS
]
PINS = Path(__file__).with_name("pins.json")


def pins() -> dict[str, list[int]]:
    """Each exhibit's pinned seeds, by name."""
    found: dict[str, list[int]] = json.loads(PINS.read_text("utf-8"))
    return found
