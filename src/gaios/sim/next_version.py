"""A version of gaios that supports one feature level more: what cells are upgraded to in the simulator, and in tests with real processes.

At its level a master puts an entry of a kind of its own into the log now and then, which registers a client that nobody is. A version that
does not know the kind must not go on behind such an entry: its exactly-once table would be another one.

Nothing here is ever part of a replica that is not told to be this version.
"""

from collections.abc import Sequence
from typing import Any, Final

from gaios.entry import NOBODY, Entry, Identity, encode
from gaios.errors import InvariantViolated
from gaios.log import Output, Replica
from gaios.log.answers import Answer, Status
from gaios.log.applier import Applier
from gaios.log.feature import LEVEL

NEXT: Final = LEVEL + 1
GHOST: Final = 200
"""The kind of entry that comes with that level; `client slot` is the ballot of its reign."""
EVERY_SLOTS: Final = 5


def ghost(ballot: int) -> bytes:
    """Such an entry."""
    return encode(GHOST, Identity(ballot, NOBODY.index), 0, 0, b"")


class NextApplier(Applier):
    """Applies what the next version may put into the log."""

    highest = NEXT

    def _own(self, slot: int, index: int, entry: Entry) -> tuple[Answer, Sequence[Any]]:
        if entry.kind != GHOST:
            return super()._own(slot, index, entry)
        if self.feature < NEXT:
            raise InvariantViolated(invariant="no entry comes before its level", detail=f"slot {slot} of level {self.feature}")
        if entry.identity.slot != self.epoch:
            return Answer(Status.NOT_MASTER, slot, index), ()
        self.sessions.register(Identity(slot, index))
        return Answer(Status.DONE, slot, index), ()


class NextReplica(Replica):
    """Proposes it, as master, once the cell has the level."""

    _ghost_slot = 0

    def output(self, now: int) -> Output | None:
        """As `Replica.output`."""
        applier, reign = self.applier, self._reign
        may = applier.feature >= NEXT and self.is_serving and self._proposes and not reign.in_flight
        if may and applier.applied >= self._ghost_slot + EVERY_SLOTS:
            self._ghost_slot = reign._offer(now, [ghost(reign.ballot)])  # noqa: SLF001 (a replica's own reign)
        return super().output(now)


VERSION: Final[dict[str, Any]] = {"make": NextReplica, "applier": NextApplier}
"""What `server.node.Node.start` is to be told, beside the rest, to be this version."""
