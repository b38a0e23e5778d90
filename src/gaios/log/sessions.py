"""The exactly-once table: each client's command takes effect once, however often it is sent.  [SAFETY 19]

Rule 1. An identity is where its registration stands in the log; the table knows it from there until it is evicted.
Rule 2. A sequence number at or below what the client acknowledged was answered before: it is not carried out.
Rule 3. One that has an answer gets that answer again.
Rule 4. The longest unused client is evicted when the table is full: by slots, never by time, so the same at every replica.
Rule 5. Everything here is a function of the log alone, and of `Bounds`, which are therefore part of what the log means: a replica with
other bounds would answer, and do, something else. They are no option, and change only with a version.
"""

from collections import OrderedDict
from collections.abc import Iterator

import msgspec

from gaios.entry import Identity
from gaios.errors import Overloaded
from gaios.log.answers import Answer, Status

_FORGOTTEN = Answer(Status.STALE)


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """How much the table remembers; the same at every replica of a cell.  [SAFETY 27, 28]"""

    sessions: int = 65_536
    """Clients; the longest unused is forgotten."""
    answers: int = 1_024
    """Unacknowledged answers of one client: twice what a client has under way."""
    answer_bytes: int = 4_096
    """An answer larger than this is not kept: a retry then learns only that it was carried out."""
    table_bytes: int = 128 << 20
    """All answers together; beyond it the longest unused clients are forgotten."""


class Session:
    """What the table remembers of one client."""

    __slots__ = ("acknowledged", "answers")

    def __init__(self) -> None:
        self.acknowledged = 0
        self.answers: dict[int, Answer] = {}

    @property
    def bytes(self) -> int:
        """Of all answers kept."""
        return sum([len(answer.body) for answer in self.answers.values()])

    def acknowledge(self, through: int) -> int:
        """Forget the answers that the client has seen; how many bytes they were."""
        answers = self.answers
        if through == self.acknowledged + 1:
            self.acknowledged = through
            answer = answers.pop(through, None)
            return len(answer.body) if answer is not None else 0
        if through <= self.acknowledged:
            return 0
        if through - self.acknowledged <= len(answers):
            seen = [answers.pop(sequence) for sequence in range(self.acknowledged + 1, through + 1) if sequence in answers]
        else:
            seen = [answer for sequence, answer in answers.items() if sequence <= through]
            self.answers = {sequence: answer for sequence, answer in answers.items() if sequence > through}
        self.acknowledged = through
        return sum([len(answer.body) for answer in seen])


class Sessions:
    """The table."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._known: OrderedDict[Identity, Session] = OrderedDict()
        self._bytes = 0
        self.trail = 0
        """A running hash of everything that was ever answered: what replicas compare of this table, see sums.py."""

    def __len__(self) -> int:
        """How many clients are known."""
        return len(self._known)

    def __contains__(self, identity: Identity) -> bool:
        """Whether a client is known; that is no use of it."""
        return identity in self._known

    def register(self, identity: Identity) -> None:
        """A client is known from here on."""
        while len(self._known) >= self._bounds.sessions:
            self._forget_one()
        self._known[identity] = Session()

    def find(self, identity: Identity) -> Session | None:
        """The client's session, now the most recently used one; None for a stranger."""
        session = self._known.get(identity)
        if session is not None:
            self._known.move_to_end(identity)
        return session

    def recall(self, session: Session, sequence: int, acknowledged: int) -> Answer | None:
        """A command came, and says which answers its client has seen: the answer that it got before, or None when it is new.

        Raises:
            Overloaded: the client leaves too many answers unacknowledged to get another; this attempt is not remembered.
        """
        before = _FORGOTTEN if sequence <= session.acknowledged else session.answers.get(sequence)
        if acknowledged > session.acknowledged:
            self._bytes -= session.acknowledge(acknowledged)
        if before is None and len(session.answers) >= self._bounds.answers:
            raise Overloaded(what="a client's unacknowledged answers", limit=len(session.answers), unit="answers")
        return before

    def remember(self, session: Session, sequence: int, answer: Answer) -> None:
        """Keep an answer until the client acknowledges it."""
        if len(answer.body) > self._bounds.answer_bytes:
            answer = Answer(Status.STALE, answer.slot, answer.index)
        session.answers[sequence] = answer
        self._bytes += len(answer.body)
        while self._bytes > self._bounds.table_bytes:
            self._forget_one()

    def snapshot(self) -> Iterator[bytes]:
        """The table as canonical chunks: the trail, then the clients, longest unused first."""
        yield msgspec.msgpack.encode(self.trail)
        for identity, session in self._known.items():
            yield msgspec.msgpack.encode((identity, session.acknowledged, sorted(session.answers.items())))

    def restore(self, chunks: Iterator[bytes]) -> None:
        """Replace the table by a snapshot's."""
        self._known.clear()
        self._bytes = 0
        self.trail = msgspec.msgpack.decode(next(chunks), type=int)
        kind = tuple[tuple[int, int], int, list[tuple[int, tuple[int, int, int, bytes]]]]
        for chunk in chunks:
            identity, acknowledged, answers = msgspec.msgpack.decode(chunk, type=kind)
            session = self._known[Identity(*identity)] = Session()
            session.acknowledged = acknowledged
            session.answers = {sequence: Answer(*answer) for sequence, answer in answers}
            self._bytes += session.bytes

    def clear(self) -> None:
        """Nobody is known, and nothing was answered: as before the first slot."""
        self._known.clear()
        self._bytes = self.trail = 0

    def _forget_one(self) -> None:
        """The longest unused client."""
        self._bytes -= self._known.popitem(last=False)[1].bytes
