"""The exactly-once table: each client's command takes effect once, however often it is sent.  [SAFETY 19]

Rule 1. An identity is where its registration stands in the log; the table knows it from there until it is evicted.
Rule 2. A sequence number at or below what the client acknowledged was answered before: it is not carried out.
Rule 3. One that has an answer gets that answer again.
Rule 4. The longest unused client is evicted when the table is full: by slots, never by time, so the same at every replica.
Rule 5. Everything here is a function of the log alone.
"""

from collections import OrderedDict
from collections.abc import Iterator

import msgspec

from gaios.entry import Identity
from gaios.log.answers import Answer, Status

_FORGOTTEN = Answer(Status.STALE)


class Session:
    """What the table remembers of one client."""

    __slots__ = ("acknowledged", "answers")

    def __init__(self) -> None:
        self.acknowledged = 0
        self.answers: dict[int, Answer] = {}

    def acknowledge(self, through: int) -> None:
        """Forget the answers that the client has seen."""
        if through <= self.acknowledged:
            return
        if through - self.acknowledged <= len(self.answers):
            for sequence in range(self.acknowledged + 1, through + 1):
                self.answers.pop(sequence, None)
        elif self.answers:
            self.answers = {sequence: answer for sequence, answer in self.answers.items() if sequence > through}
        self.acknowledged = through


class Sessions:
    """The table.

    Args:
        limit: clients remembered.
        answers: unacknowledged answers kept for each.
        answer_bytes: an answer with a larger body is remembered only as given.
    """

    def __init__(self, *, limit: int, answers: int, answer_bytes: int) -> None:
        self._limit, self._answers, self._answer_bytes = limit, answers, answer_bytes
        self._known: OrderedDict[Identity, Session] = OrderedDict()

    def __len__(self) -> int:
        """How many clients are known."""
        return len(self._known)

    def register(self, identity: Identity) -> None:
        """A client is known from here on."""
        while len(self._known) >= self._limit:
            self._known.popitem(last=False)
        self._known[identity] = Session()

    def find(self, identity: Identity) -> Session | None:
        """The client's session, now the most recently used one; None for a stranger."""
        session = self._known.get(identity)
        if session is not None:
            self._known.move_to_end(identity)
        return session

    def recall(self, session: Session, sequence: int) -> Answer | None:
        """The answer that this command got before; None when it is new."""
        if sequence <= session.acknowledged:
            return _FORGOTTEN
        return session.answers.get(sequence)

    def is_full(self, session: Session) -> bool:
        """Whether the client leaves too many answers unacknowledged to get another."""
        return len(session.answers) >= self._answers

    def remember(self, session: Session, sequence: int, answer: Answer) -> None:
        """Keep an answer until the client acknowledges it."""
        if len(answer.body) > self._answer_bytes:
            answer = Answer(Status.STALE, answer.slot, answer.index)
        session.answers[sequence] = answer

    def snapshot(self) -> Iterator[bytes]:
        """The table as canonical chunks, longest unused client first."""
        for identity, session in self._known.items():
            yield msgspec.msgpack.encode((identity, session.acknowledged, sorted(session.answers.items())))

    def restore(self, chunks: Iterator[bytes]) -> None:
        """Replace the table by a snapshot's."""
        self._known.clear()
        kind = tuple[tuple[int, int], int, list[tuple[int, tuple[int, int, int, bytes]]]]
        for chunk in chunks:
            identity, acknowledged, answers = msgspec.msgpack.decode(chunk, type=kind)
            session = self._known[Identity(*identity)] = Session()
            session.acknowledged = acknowledged
            session.answers = {sequence: Answer(*answer) for sequence, answer in answers}
