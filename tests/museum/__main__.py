"""Pin seeds anew after the code has moved: `python -m tests.museum [NAME PART]` prints each exhibit's hits and rewrites `pins.json`.

Of the first seeds that catch an exhibit the quickest are pinned, the quickest first: the gate runs that one.
"""

import sys
import time

from gaios.sim.museum import Exhibit, replay, search
from gaios.sim.museum.exhibits import EXHIBITS, PINS, pins, write_pins

SEEDS = 50
FOUND = 6
PINNED = 3


def cost_s(exhibit: Exhibit, seed: int) -> float:
    """What the gate pays for this seed, in seconds of one processor."""
    began = time.process_time()
    for planted in (True, False):
        replay(exhibit, seed, planted=planted)
    return time.process_time() - began


def main(part: str = "") -> None:
    """Search every exhibit whose name holds this part."""
    table = pins() if PINS.exists() else {}
    for exhibit in EXHIBITS:
        if part in exhibit.name:
            found = search(exhibit, range(SEEDS), FOUND)
            costs = {seed: cost_s(exhibit, seed) for seed in found}
            table[exhibit.name] = sorted(found, key=costs.__getitem__)[:PINNED]
            until = f"{found[0] + 1} seeds until caught" if found else "NOT CAUGHT"
            told = ", ".join(f"{seed} ({costs[seed]:.1f} s)" for seed in table[exhibit.name])
            print(f"{exhibit.name}: {until}, pinned {told} ({exhibit.layer}, {exhibit.rule})", flush=True)
            write_pins(table)


if __name__ == "__main__":
    main(*sys.argv[1:2])
