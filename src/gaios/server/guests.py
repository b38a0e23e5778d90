"""The clients that are connected to a node, and the frames of this turn for each: one write a client a turn."""

from collections.abc import Iterator
from typing import Final

from gaios.errors import ProtocolError

LOCAL: Final = 0
"""The connection of the program that this replica is embedded in; real ones are numbered from 1."""
OWN: Final = -1
"""In place of a connection: what the node itself put into the log."""
Connection = int


class Guest:
    """One connection."""

    __slots__ = ("open", "out")

    def __init__(self) -> None:
        self.open: set[int] = set()
        """Requests under way, by their numbers."""
        self.out: list[bytes] = []
        """Frames of this turn."""

    def admit(self, request: int, limit: int) -> bool:
        """Take note of a request; False: so many are under way already.

        Two under one number would be taken for one another: the first answer would count as both's, at the gate as at the client; and a
        refusal under that number could not be told from an answer to the first. So the second breaks the protocol (its rule 1), whatever
        the two ask for, and costs the connection; what was under way goes on, unanswered.

        Raises:
            ProtocolError: one is under way under that number.
        """
        if request in self.open:
            raise ProtocolError(reason=f"a request came under the number {request}, which one that is not answered yet has")
        if len(self.open) >= limit:
            return False
        self.open.add(request)
        return True


class Guests:
    """All of them. `all` and `talking` are read where every cycle counts; `say` is how to change them."""

    __slots__ = ("all", "talking")

    def __init__(self) -> None:
        self.all: dict[Connection, Guest] = {}
        self.talking: dict[Connection, Guest] = {}
        """Those with frames."""

    def came(self, connection: Connection) -> Guest:
        """A client is connected."""
        guest = self.all[connection] = Guest()
        return guest

    def gone(self, connection: Connection) -> None:
        """It is not any more."""
        self.all.pop(connection, None)
        self.talking.pop(connection, None)

    def say(self, connection: Connection, frame: bytes) -> None:
        """A frame for a client, if it is still there."""
        guest = self.all.get(connection)
        if guest is not None:
            guest.out.append(frame)
            self.talking[connection] = guest

    def say_to_all(self, frame: bytes) -> None:
        """A frame for everybody."""
        for connection, guest in self.all.items():
            guest.out.append(frame)
            self.talking[connection] = guest

    def take(self) -> Iterator[tuple[Connection, bytes]]:
        """What each is sent now, joined."""
        for connection, guest in self.talking.items():
            out = guest.out
            yield connection, out[0] if len(out) == 1 else b"".join(out)
            out.clear()
        self.talking.clear()
