"""What a replica makes of a message, beyond the step of the core that it causes.  [PML §3; SAFETY 3, 9, 25]

Rule 1. Messages of log/ itself (codec.py) change nothing in the core. Before its own boot is registered a replica hears of boots alone.
Rule 2. What a message of the core tells by the way (who leads, how far others are, how quick) is taken also where no step came of it.
"""

from abc import abstractmethod
from typing import Final

from gaios.log.applying import Applying
from gaios.log.codec import BOOT, BOOTED, FEATURE, NEWS, POLL, POLLED, ROOM, STAND, SUM, TRANSFERS, Message
from gaios.log.electing import Electing
from gaios.paxos import core

_TELLS_CHOSEN: Final = frozenset({core.LEARN, core.PROMISE})
_OF_A_MASTER: Final = frozenset({core.HEARTBEAT, core.ACCEPT})


class Hearing(Electing, Applying):
    """The part of a `Replica` that listens."""

    @abstractmethod
    def _begin(self) -> None:
        """Take part from now on, if the boot is registered."""

    def _hear(self, now: int, member: int, boot: int, message: Message) -> None:
        """A message that is the log's own, not the core's; NEWS was heard before all others."""
        tag = message[0]
        if tag in (BOOT, BOOTED):
            self.boots.take(now, member, message)
            self._steps.output.at_once.extend((member, news) for news in (self.news() if tag == BOOT else ()))
            self._begin()
        elif tag == NEWS or not self._has_begun:
            pass
        elif tag == POLL:
            self._polled(now, member, message)
        elif tag == POLLED:
            self._count_poll(now, member, message)
        elif tag == SUM:
            self._catchup.heard(member, message[1])
            self.doubt.hear(now, member, message)
        elif tag in TRANSFERS:
            self._steps.output.transfers.append((member, message))
        elif tag == FEATURE:
            self.raising.hear(member, boot, message)
        elif tag == ROOM:
            self.space.heard(now, member, message[1])
        elif tag == STAND:
            self.gauge.told(member, self.core.chosen - message[1], message[2])

    def _note(self, now: int, member: int, message: Message, *, fired: bool) -> None:
        """What a message says beyond the step that it caused, if any."""
        tag = message[0]
        self.boots.heard(member, message)
        if tag in _TELLS_CHOSEN:
            self._catchup.heard(member, message[3])
        elif tag in _OF_A_MASTER:
            if message[1] == self.core.promised:
                self._master = member
                self._election.ended()
                if tag == core.HEARTBEAT and self.gauge.is_due(now, message[1], self.ailments):
                    self._steps.output.at_once.append((member, (STAND, self.core.chosen, int(self.ailments))))
        elif tag == core.GRANT:
            if fired:
                self.gauge.granted(now, member)
        elif tag == core.ACCEPTED:
            if member != self.me and fired:
                self._reign.pace.accepted(now, message[3], member)
        elif tag == core.PREPARE:
            self._election.seen = max(self._election.seen, message[1])
            promise = self._steps.promise
            if not fired and promise is not None and promise[1] == message[1] == self.core.promised:
                self._steps.output.after.append((member, promise))
        elif tag == core.CHOSEN and fired:
            if self._is_candidate and self.core.quorum(self.core.proms):  # else others chose it, and may go on so for ever
                self._election.extend(now)
            self._refilled(message[1])
