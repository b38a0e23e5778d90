"""`python -m gaios.backup --dir DIR --url URL --keep N --younger-ms N`: one backup, as a master has it made: by a process of its own.

It neither holds the master's lock on its processor nor doubles its memory while it restores what it proves. One line of JSON on standard
output says what came of it; the exit code is 0 when that is a backup, 1 otherwise.
"""

import os
import sys
import time
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from gaios.backup.save import save
from gaios.backup.stores import open_store
from gaios.errors import Error

NICE = 10
"""Behind every replica, and before what runs only when nothing else does (19)."""


def main(arguments: Sequence[str]) -> int:
    """Make it; the exit code."""
    parser = ArgumentParser(prog="python -m gaios.backup")
    for name, type_ in (("dir", Path), ("url", str), ("keep", int), ("younger-ms", int)):
        parser.add_argument(f"--{name}", type=type_, required=True)
    asked = parser.parse_args(arguments)
    os.nice(NICE)
    answer: dict[str, Any]
    try:
        done = save(open_store(asked.url), asked.dir, now_ms=time.time_ns() // 1_000_000, keep=asked.keep, younger_ms=asked.younger_ms)
    except (Error, OSError) as error:
        answer = {"error": type(error).__name__, "reason": str(error)}
    else:
        answer = {"id": done.entry.id, "slot": done.entry.slot, "taken_ms": done.entry.taken_ms, "fresh": done.fresh, "gap": done.gap}
    sys.stdout.write(msgspec.json.encode(answer).decode() + "\n")
    return int("error" in answer)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
