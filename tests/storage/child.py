"""A replica's disk in a process of its own, killed before its k-th operation: `python child.py DIRECTORY K`.

It creates the directory if need be, recovers, and writes batches; each acknowledgement is one line on standard output. Run by
`test_disk.py`; K of 0 is never reached.
"""

import os
import signal
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from gaios.storage import Identity, Journal, Record, create
from gaios.storage.disk import Disk
from gaios.storage.words import Operation, SyncDirectory, Write

ME = Identity(b"cell of a child.", 1, 1)
VALUE = 2
"""The kind of the records that it writes."""
SEGMENT_BYTES = 1024
BATCHES = 5


class Countdown:
    """Kills this process before an operation; where that is a write whose length is odd in words, in the middle of it."""

    def __init__(self, before: int) -> None:
        self.before = before

    def __call__(self, operations: Iterable[Operation]) -> Iterator[Operation]:
        """The same operations, asked for one after the other by the disk thread."""
        for operation in operations:
            self.before -= 1
            if self.before == 0:
                if isinstance(operation, Write) and len(operation.data) % 16:
                    yield operation._replace(data=operation.data[: len(operation.data) // 2])
                os.kill(os.getpid(), signal.SIGKILL)
            yield operation


def main(directory: Path, before: int) -> None:
    """One life, until it is killed or done."""
    disk = Disk(directory, create=True)
    deadly = Countdown(before)
    state = Record(1, 0, 0, b"state")
    manifest = directory / "manifest"
    if not manifest.exists():
        leftovers = [name for name in disk.reader.names() if name != "lock"]
        disk.execute_now(deadly(create(ME, b"0", state, segment_bytes=SEGMENT_BYTES, leftovers=leftovers)))
        with manifest.open("w") as file:
            os.fsync(file.fileno())
        disk.execute_now([SyncDirectory("")])
    journal, recovered = Journal.open(ME, disk.reader, segment_bytes=SEGMENT_BYTES)
    disk.execute_now(deadly(recovered.operations))
    count = sum(record.kind == VALUE for record in recovered.records)
    boot = int(recovered.copies) + 1
    for number in range(BATCHES):
        batch = [Record(VALUE, slot, boot, b"%d " % slot * (slot * 7 % 60 + 1)) for slot in range(count, count + 1 + number % 2)]
        disk.execute_now(deadly(journal.batch(b"%d" % boot if number == 0 else None, batch, lambda: state)))
        count += len(batch)
        os.write(1, b"%d %d\n" % (count, boot))
        disk.execute_now(deadly([*journal.mark(), *journal.prepare()]))
    disk.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
