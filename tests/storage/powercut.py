"""Real power cuts on a real file system, at every operation: `python -m tests.storage.powercut`. As root; not in the gate.

A child (child.py) lives on an ext4 of its own, on a loop device, and is killed before its k-th operation; then the file system is shut
down without flushing its journal, so that nothing survives but what was synced. It is mounted again, nothing acknowledged may be lost,
and a second life is cut off in the same way. Some 0.5 s a point. ext4 keeps a new name together with the synced file, so that a missing
sync of the directory goes unnoticed here; `test_crash_together.py` notices it.  [SAFETY 5, 7]
"""

import argparse
import fcntl
import os
import shutil
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.storage.test_disk import check, run

EXT4_IOC_SHUTDOWN = 0x8004587D
NO_LOG_FLUSH = 2
IMAGE_BYTES = 32 << 20


class Machine:
    """A file system that can lose its power."""

    def __init__(self, place: Path, size: int = IMAGE_BYTES) -> None:
        self.image, self.mounted, self._size = place / "image", place / "mounted", size
        self.mounted.mkdir()

    def fresh(self) -> None:
        """Begin with an empty file system."""
        self.image.write_bytes(b"")
        os.truncate(self.image, self._size)
        subprocess.run(["mkfs.ext4", "-q", "-F", self.image], check=True)
        self.up()

    def up(self) -> None:
        """Power."""
        subprocess.run(["mount", "-o", "loop", self.image, self.mounted], check=True)

    def cut(self) -> None:
        """No power, from one moment to the next; then power again."""
        self.off()
        self.on()

    def off(self) -> None:
        """No power: nothing reaches the disk any more."""
        descriptor = os.open(self.mounted, os.O_RDONLY)
        fcntl.ioctl(descriptor, EXT4_IOC_SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))
        os.close(descriptor)

    def on(self) -> None:
        """Power again, once nobody uses it any more."""
        self.down()
        self.up()

    def down(self) -> None:
        """Unmount."""
        subprocess.run(["umount", self.mounted], check=True)


def life(machine: Machine, before: int, acknowledged: list[tuple[int, int]]) -> bool:
    """One life that is cut off before that operation. Was it reached?"""
    directory = machine.mounted / "replica-1"
    code, more = run(directory, before)
    acknowledged += more
    machine.cut()
    check(directory, acknowledged)
    return code != 0


def main() -> None:
    """Every point, or the first N."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=1000)
    points = parser.parse_args().points
    needed = [tool for tool in ("mkfs.ext4", "mount", "umount") if shutil.which(tool) is None]
    if os.geteuid() != 0 or needed:
        sys.exit(f"power cuts need root and {', '.join(needed) or 'loop devices'}")
    with tempfile.TemporaryDirectory() as place:
        machine = Machine(Path(place))
        before = 1
        reached = True
        while reached and before <= points:
            machine.fresh()
            try:
                acknowledged: list[tuple[int, int]] = []
                reached = life(machine, before, acknowledged)
                life(machine, before % 11 + 1, acknowledged)
                life(machine, 0, acknowledged)
            finally:
                machine.down()
            before += 1
    print(f"{before - 1} points, two power cuts and a whole life each: nothing acknowledged was lost")


if __name__ == "__main__":
    main()
