"""The beginning of a directory's log, read while a replica may be writing to its end: nothing is locked, judged or changed.

Rule 1. Records are given out from the first segment on, for as long as an intact one follows the one before. A record says where it stands,
covers the one before it and has a number one higher, so what is given out was written in this order, whole, with nothing between.
Rule 2. What stands behind that is somebody else's question: a write that is under way, an unfinished one, or damage. `verify` tells.
Rule 3. What was given out may not be durable: it may be in the system's cache only. So it proves what somebody *knew*, as a mark that a
slot is chosen does; it proves nothing of what this replica may say.
"""

from collections.abc import Iterator

from gaios.storage import record, segment
from gaios.storage.record import MARK
from gaios.storage.tail import Tail, fault_of_opening, walk
from gaios.storage.verify import owner
from gaios.storage.words import Reader, Record


def prefix(reader: Reader) -> Iterator[Record]:
    """The records, without marks; none where nothing intact tells whose directory it is."""
    identity = owner(reader)
    if identity is None:
        return
    crc_seed = record.seed(identity)
    tail = Tail()
    for number in segment.numbers(reader.names()):
        file = segment.name(number)
        data = reader.read(file, 0, reader.size(file))
        opening = segment.decode(data)
        if opening is None or fault_of_opening(file, number, data, tail, identity) is not None:
            return
        tail.enter(opening)
        for header, payload in walk(data, tail, crc_seed):
            if header.kind != MARK:
                yield Record(header.kind, header.slot, header.ballot, payload)
