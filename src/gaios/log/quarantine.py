"""What a QUARANTINE record says: why a database must not be served.  [SAFETY 25]"""

from typing import Final

import msgspec

from gaios.log.sums import Sum

VERSION: Final = 1


class Quarantine(msgspec.Struct, array_like=True, frozen=True):
    """The record's payload; an empty one, which is none of these, ends the quarantine."""

    version: int
    slot: int
    """Where it differed."""
    agreed: int
    """The newest slot before that where it is known to have been right; 0: none."""
    mine: Sum | None
    """What this replica came to there, where it had summed that up."""
    right: Sum | None
    """What the majority came to, where there was one."""
    reason: str


_decoder = msgspec.msgpack.Decoder(Quarantine)


def read(payload: bytes) -> Quarantine:
    """A record's payload; what this version cannot read says so, and nothing else."""
    try:
        found = _decoder.decode(payload)
    except msgspec.DecodeError:
        found = None
    if found is None or found.version != VERSION:
        return Quarantine(VERSION, 0, 0, None, None, "a record says so that this version cannot read")
    return found
