"""A replica in quarantine, towards its clients: nobody reads its database, and who asks is told why.  [SAFETY 25]

Rule 1. From the instant of the doubt nothing of the database is told; that it is doubted is said once it is durable.
Rule 2. Who asks for the master is sent on to it where there is one; where there is none, the reason is what a client needs to know.
"""

from gaios import errors
from gaios.log import Replica
from gaios.log.options import FAR
from gaios.server.watches import ToClient, Watches
from gaios.transport import encode_watch_end


class Seclusion:
    """What stands between a node's clients and its database while that is in doubt."""

    def __init__(self, replica: Replica, watches: Watches) -> None:
        self._replica, self._watches = replica, watches
        self._counted = 0 if replica.doubt.may_serve else -1
        """Quarantines of which the watchers were told."""

    def attend(self) -> list[ToClient]:
        """End the watches, once for each quarantine, however short it was; let new ones in when it is over."""
        doubt, ended = self._replica.doubt, list[ToClient]()
        if doubt.quarantines != self._counted and doubt.newest is not None and doubt.is_told:
            self._counted = doubt.quarantines
            ended = self._watches.shut(doubt.newest)
        if doubt.may_serve:
            self._watches.open()
        return ended

    def take(self, now: int) -> list[ToClient]:
        """What watchers are sent now: the ends of their watches, or events."""
        doubt, watches = self._replica.doubt, self._watches
        if doubt.may_serve and doubt.quarantines == self._counted and not watches.is_shut:
            return watches.take(now)
        ended = self.attend()
        return ended + watches.take(now) if doubt.may_serve else ended

    def due_ns(self) -> int:
        """When `take` is next worth a turn."""
        return self._watches.due_ns() if self._replica.doubt.may_serve else FAR

    def refusal(self, request: int) -> bytes:
        """The answer to who wants to watch here; empty when it may."""
        if self._replica.doubt.may_serve:
            return b""
        return encode_watch_end(
            request, self._replica.doubt.error() or errors.Unavailable(waited_ms=0, reason="this replica does not serve")
        )

    def reason(self) -> bytes:
        """What a request that only a master takes is told, where no master is known: empty when there is nothing special."""
        error = self._replica.doubt.error()
        return b"" if error is None or self._replica.master else errors.pack(error)
