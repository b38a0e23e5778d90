"""Pin seeds anew after the code has moved: `python -m tests.museum [NAME PART]` prints each exhibit's hits and rewrites `pins.json`."""

import json
import sys
import time

from gaios.sim.museum import search
from tests.museum.exhibits import EXHIBITS, PINS, pins

SEEDS = 40
PINNED = 3


def main(part: str = "") -> None:
    """Search every exhibit whose name holds this part."""
    table = pins() if PINS.exists() else {}
    for exhibit in EXHIBITS:
        if part in exhibit.name:
            began = time.process_time()
            found = search(exhibit, range(SEEDS), PINNED)
            table[exhibit.name] = found
            until = f"{found[0] + 1} seeds until caught" if found else "NOT CAUGHT"
            print(f"{exhibit.name}: {until}, pinned {found} ({exhibit.layer}, {exhibit.rule}; {time.process_time() - began:.1f} s)")
    known = {exhibit.name for exhibit in EXHIBITS}
    lines = [f"  {json.dumps(name)}: {json.dumps(seeds)}" for name, seeds in sorted(table.items()) if name in known]
    PINS.write_text("{\n" + ",\n".join(lines) + "\n}\n", "utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:2])
