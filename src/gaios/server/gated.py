"""Between a replica's clients and its log: commands of the lock service pass the gate, and are bound to the reign.  [SAFETY 24]

Rule 1. What is the database's goes straight on; a glance at a byte or three tells.
Rule 2. Every lock command is bound to the reign in which it is proposed: none that a later reign recovers changes what was cached since.
Rule 3. A token names one request from when it came until it is answered: whoever hands requests in sees to that (node.py).
"""

from collections.abc import Callable
from typing import Any

from gaios import caching, errors
from gaios.entry import ENTRY_HEADER_BYTES
from gaios.locks import LockService, Steward, is_lock_command
from gaios.log import Answer, Replica
from gaios.server.guests import Connection
from gaios.transport import Status

Token = tuple[Connection, int]
Answers = list[tuple[Any, Answer]]


class Gated:
    """The way of clients' entries and questions to one replica's log, and of its answers back."""

    def __init__(self, replica: Replica, steward: Steward, answer: Callable[[Answers], None]) -> None:
        """`answer` is called with answers that the log does not give."""
        self._replica, self._gate, self._answer = replica, steward.gate, answer
        self._has_locks = isinstance(replica.applier.machine, LockService)
        self._may_cache: dict[Token, bool] = {}
        """Questions that are not answered yet, and whether the answer may be kept."""

    def submit(self, now: int, token: Token, entry: bytes) -> None:
        """A client's entry."""
        replica = self._replica
        if not (self._has_locks and replica.is_serving and is_lock_command(entry[ENTRY_HEADER_BYTES : ENTRY_HEADER_BYTES + 2])):
            replica.submit(now, token, entry)
            return
        self._gate.begin(now, replica.epoch)
        try:
            if self._gate.admit(now, token, entry[ENTRY_HEADER_BYTES:], entry):
                replica.submit(now, token, entry, bound=True)
        except errors.Overloaded as error:
            self._answer([(token, Answer(Status.OVERLOADED, body=errors.pack(error)))])

    def read(self, now: int, token: Token, question: bytes) -> None:
        """A client's question; where it would like to keep the answer, the gate says whether it may."""
        if self._has_locks and question.startswith(caching.CACHED_PREFIX):
            try:
                question, may = self._gate.fetch(now, self._replica.epoch if self._replica.is_serving else 0, question)
            except errors.InvalidCommand as error:
                self._answer([(token, Answer(Status.INVALID, body=errors.pack(error)))])
                return
            self._may_cache[token] = may
        self._replica.read(now, token, question)

    def answered(self, answers: Answers) -> Answers:
        """The log's answers, as they go to clients."""
        gate = self._gate
        if gate.is_busy:
            for token, _ in answers:
                gate.answered(token)
        if not self._may_cache:
            return answers
        return [(token, self._with_leave(token, answer)) for token, answer in answers]

    def attend(self, now: int) -> bool:
        """Propose what was held and may pass now; whether there was any."""
        passed = self._gate.take(now)
        for token, entry in passed:
            self._replica.submit(now, token, entry, bound=True)
        if self._gate.refused:
            refused, self._gate.refused = self._gate.refused, []
            self._answer([(token, Answer(Status.NOT_MASTER)) for token in refused])
        return bool(passed)

    def _with_leave(self, token: Token, answer: Answer) -> Answer:
        may = self._may_cache.pop(token, None)
        if may is None or answer.status != Status.DONE:
            return answer
        return answer._replace(body=caching.encode(caching.MayCache(may, answer.body)))
