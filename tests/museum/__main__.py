"""Pin seeds anew after the code has moved: `python -m tests.museum [NAME PART]` prints each exhibit's hits and rewrites `pins.json`."""

import sys
import time

from gaios.sim.museum import search
from gaios.sim.museum.exhibits import EXHIBITS, PINS, pins, write_pins

SEEDS = 50
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
            print(
                f"{exhibit.name}: {until}, pinned {found} ({exhibit.layer}, {exhibit.rule}; {time.process_time() - began:.1f} s)",
                flush=True,
            )
            write_pins(table)


if __name__ == "__main__":
    main(*sys.argv[1:2])
