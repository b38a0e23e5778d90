"""What a holder says of itself: a key that names its grant, so that it counts only while that grant is held.  [SAFETY 23]

It is written under the guard of the grant (fenced.py): a former holder cannot overwrite what its successor says.
"""

import msgspec

from gaios.api import Entry, Test
from gaios.client.held import while_held
from gaios.errors import ProtocolError
from gaios.lock_api import Sequencer, holder_key


class Said(msgspec.Struct, frozen=True, array_like=True):
    """What stands at the key, as msgpack."""

    handle: int
    """Of the lock's file, in the holder's session."""
    sequencer: Sequencer
    """Of its grant."""
    value: bytes
    """What it says."""

    @property
    def holder_key(self) -> bytes:
        """The key that is there while the handle holds the lock: it changes when the grant ends."""
        return holder_key(self.sequencer.path, self.handle)

    def guard(self) -> Test:
        """A test for a MultiOp's guard that holds while the grant does."""
        return while_held(self.sequencer, self.handle)

    def encode(self) -> bytes:
        """Its bytes."""
        return msgspec.msgpack.encode(self)


def said_in(entry: Entry, who: str) -> Said:
    """What an entry says; `who` should have written it.

    Raises:
        ProtocolError: it holds something else.
    """
    try:
        return msgspec.msgpack.decode(entry.value, type=Said)
    except msgspec.DecodeError:
        raise ProtocolError(reason=f"the key {entry.key!r} holds something that no {who} wrote") from None
