"""The exactly-once table: each client's command takes effect once, however often it is sent.  [SAFETY 19]

Rule 1. An identity is where its registration stands in the log; the table knows it from there until it is evicted.
Rule 2. A sequence number at or below what the client acknowledged was answered before: it is not carried out.
Rule 3. One that has an answer gets that answer again.
Rule 4. The longest unused client is evicted when the table is full: by slots, never by time, so the same at every replica.
Rule 5. Everything here is a function of the log alone, and of `Bounds`, which are therefore part of what the log means: a replica with
other bounds would answer, and do, something else. They are no option, and change only with a version.
"""

from collections import OrderedDict
from collections.abc import Iterable, Iterator

import msgspec

from gaios.entry import Identity
from gaios.errors import Overloaded, ProtocolError
from gaios.log.answers import Answer, Status

_FORGOTTEN = Answer(Status.STALE)
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(tuple[tuple[int, int], int, list[tuple[int, tuple[int, int, int, bytes]]]]).decode


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

    __slots__ = ("acknowledged", "answers", "identity")

    def __init__(self, identity: Identity) -> None:
        self.identity = identity
        self.acknowledged = 0
        self.answers: dict[int, Answer] = {}

    def encode(self) -> bytes:
        """As a chunk of a snapshot."""
        return _encode((self.identity, self.acknowledged, sorted(self.answers.items())))

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
            return len(answer[3]) if answer is not None else 0
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
    """The exactly-once table: clients in the order in which they were used, the longest unused first."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._known: OrderedDict[tuple[int, int], Session] = OrderedDict()
        self._bytes = 0
        self._kept: list[dict[tuple[int, int], bytes]] = []
        """For each snapshot that is not read to its end: sessions as they were at its call, of those that were used since."""
        self.trail = 0
        """A running hash of everything that was ever answered: what replicas compare of this table, see sums.py."""

    def __len__(self) -> int:
        """How many clients are known."""
        return len(self._known)

    def __contains__(self, identity: Identity) -> bool:
        """Whether a client is known; that is no use of it."""
        return identity in self._known

    def peek(self, identity: tuple[int, int], sequence: int) -> Answer | None:
        """The answer to a client's command, as far as it is kept; None: there was none, or the client is unknown. That is no use of it."""
        session = self._known.get(identity)
        if session is None:
            return None
        return _FORGOTTEN if sequence <= session.acknowledged else session.answers.get(sequence)

    def register(self, identity: Identity) -> None:
        """A client is known from here on."""
        while len(self._known) >= self._bounds.sessions:
            self._forget_one()
        self._known[identity] = Session(identity)

    def find(self, identity: tuple[int, int]) -> Session | None:
        """The client's session, now the most recently used one; None for a stranger."""
        session = self._known.get(identity)
        if session is not None:
            self._known.move_to_end(identity)
            for kept in self._kept:
                if identity not in kept:
                    kept[identity] = session.encode()
        return session

    def recall(self, session: Session, sequence: int, acknowledged: int) -> Answer | None:
        """A command came, and says which answers its client has seen: the answer that it got before, or None when it is new.

        Raises:
            Overloaded: the client leaves too many answers unacknowledged to get another; this attempt is not remembered.
        """
        seen = session.acknowledged
        before = _FORGOTTEN if sequence <= seen else session.answers.get(sequence)
        if acknowledged > seen:
            self._bytes -= session.acknowledge(acknowledged)
        if before is None and len(session.answers) >= self._bounds.answers:
            raise Overloaded(what="a client's unacknowledged answers", limit=len(session.answers), unit="answers")
        return before

    def remember(self, session: Session, sequence: int, answer: Answer) -> None:
        """Keep an answer until the client acknowledges it."""
        size = len(answer[3])
        if size > self._bounds.answer_bytes:
            answer, size = Answer(Status.STALE, answer.slot, answer.index), 0
        session.answers[sequence] = answer
        self._bytes += size
        while self._bytes > self._bounds.table_bytes:
            self._forget_one()

    def snapshot(self) -> Iterator[bytes]:
        """The table of this call as `len(self)` canonical chunks, longest unused client first, whatever is done to it meanwhile."""
        reading = self._read(list(self._known.values()), {})
        next(reading)  # it has begun: should nobody read it to its end, its end comes when it is forgotten
        return reading

    def _read(self, sessions: list[Session], kept: dict[tuple[int, int], bytes]) -> Iterator[bytes]:
        self._kept.append(kept)
        try:
            yield b""
            for session in sessions:
                chunk = kept.get(session.identity)
                kept[session.identity] = b""  # it may change from now on
                yield session.encode() if chunk is None else chunk
        finally:
            self._kept = [each for each in self._kept if each is not kept]

    def restore(self, chunks: Iterable[bytes]) -> None:
        """Replace the table by a snapshot's.

        Raises:
            ProtocolError: the chunks are not one; nothing is changed.
        """
        known: OrderedDict[tuple[int, int], Session] = OrderedDict()
        try:
            for identity, acknowledged, answers in map(_decode, chunks):
                session = known[Identity(*identity)] = Session(Identity(*identity))
                session.acknowledged = acknowledged
                session.answers = {sequence: Answer(*answer) for sequence, answer in answers}
        except (msgspec.DecodeError, RecursionError) as error:
            raise ProtocolError(reason=f"not a snapshot of the exactly-once table: {error}") from None
        self._known, self._bytes = known, sum([session.bytes for session in known.values()])

    def clear(self) -> None:
        """Nobody is known, and nothing was answered: as before the first slot."""
        self._known.clear()
        self._bytes = self.trail = 0

    def _forget_one(self) -> None:
        """The longest unused client."""
        self._bytes -= self._known.popitem(last=False)[1].bytes
