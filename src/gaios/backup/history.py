"""The log of a directory, read offline: which values were chosen, what it says of snapshots, where it had to be read on behind damage.

    survey ──► holes ──► records, a `Hole` where damage was repaired ──► chosen values, each as it stood before the mark that covers it

Rule 1. Nothing is locked or changed; a replica may run on the directory meanwhile. The log is read as a start reads it: damage that was
repaired is skipped (storage/prefix.py), and where other damage stands it ends.
Rule 2. What counts as chosen is what a mark says. A value that may have stood in a hole is the one that repair wrote behind the mark. So is
one that stood in a segment which was given up since: then the log begins behind its mark, and no hole tells of it.
"""

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

import msgspec

from gaios.errors import StateDamaged
from gaios.log import Copies, RecordKind
from gaios.log.damage import COPIES_WORD
from gaios.log.records import State
from gaios.storage import copies, segment
from gaios.storage.copies import Copy
from gaios.storage.prefix import Hole, records_across, survey
from gaios.storage.words import Reader, Record

LOOKS: Final = 3
"""At a log in which something seems damaged: its writer may have been quicker than its reader."""
_states: Final = msgspec.msgpack.Decoder(State)
_copies: Final = msgspec.msgpack.Decoder(Copies)


class Reach(NamedTuple):
    """How far a log goes: what it begins behind, and what its marks cover; and what it says of snapshots."""

    truncated: int
    chosen: int
    proved: dict[int, bytes]
    """Handles of the snapshots that a majority had, by slot."""
    quarantine: bytes
    """The newest QUARANTINE record's payload; empty: the database may be served."""


class Chosen(NamedTuple):
    """A slot's value, and the log's hash through it where the replica had written that down."""

    slot: int
    value: bytes
    chain: bytes


class History:
    """One log, as far as it can be read."""

    def __init__(self, reader: Reader, directory: str) -> None:
        """`directory` is what errors call it."""
        self._reader, self._directory = reader, directory
        self.survey = survey(reader)
        """What is damaged, and whether it was repaired."""
        for _ in range(LOOKS - 1):
            if self.survey.broken is None:
                break
            self.survey = survey(reader)

    def records(self) -> Iterator[Record | Hole]:
        """All of them, in order."""
        return records_across(self._reader, self.survey.holes)

    def rewritten(self) -> dict[int, bytes]:
        """As `rewritten`.

        Raises:
            StateDamaged: a record cannot be read.
        """
        return rewritten(self.records(), self._directory)

    def reach(self) -> Reach:
        """As `reach`.

        Raises:
            StateDamaged: a record cannot be read.
        """
        found = reach(whole(self.records()), self._directory)
        return found if found.quarantine or not self._is_doubted() else found._replace(quarantine=COPIES_WORD)

    def _is_doubted(self) -> bool:
        """What the promise copies say, should the record have rotted."""
        intact = [each for each in copies.load(self._reader, self._reader.names()) if isinstance(each, Copy)]
        newest = max(intact, key=lambda copy: copy.generation, default=None)
        try:
            return newest is not None and _copies.decode(newest.payload).is_doubted
        except msgspec.DecodeError as error:
            raise _unreadable(self._directory, f"the promise copies cannot be read: {error}") from None

    @property
    def skipped(self) -> list[str]:
        """Where it was read on behind damage that was repaired, for people."""
        holes = [hole for hole in self.survey.holes.values() if hole.lost]
        told = [f": slot {hole.record.slot}" if hole.record is not None and hole.record.slot else "" for hole in holes]
        ends = ["its end" if hole.end == segment.SEGMENT_BYTES_MAX else str(hole.end) for hole in holes]
        where = [f"{segment.name(hole.segment)}, bytes {hole.start} to {end}" for hole, end in zip(holes, ends, strict=True)]
        return [place + which for place, which in zip(where, told, strict=True)]

    @property
    def ends(self) -> str:
        """Why it was not read to its end, for people; empty: it was."""
        broken = self.survey.broken
        return "" if broken is None else f"{broken.file}, byte {broken.offset}: {broken.detail}"


def reach(records: Iterable[Record], directory: str) -> Reach:
    """How far a log goes.

    Raises:
        StateDamaged: a record cannot be read.
    """
    truncated = through = 0
    proved: dict[int, bytes] = {}
    doubt = b""
    for kind, slot, ballot, payload in records:
        if kind == RecordKind.CHOSEN:
            through = max(through, slot)
        elif kind == RecordKind.TRUNCATE:
            truncated = max(truncated, slot)
        elif kind == RecordKind.STATE:
            state = decode_state(payload, directory)
            truncated, through = max(truncated, state.truncated), max(through, state.chosen)
            doubt = state.quarantine
        elif kind == RecordKind.QUARANTINE:
            doubt = payload
        elif kind == RecordKind.SNAPSHOT:
            if ballot:
                proved[slot] = payload
            elif proved.get(slot, payload) != payload:
                del proved[slot]
    return Reach(truncated, max(through, truncated), proved, doubt)


def rewritten(records: Iterable[Record | Hole], directory: str) -> dict[int, bytes]:
    """Values that were written again behind the mark that covers them: what is chosen is, and nothing else is there any more.  [SAFETY 6]

    Raises:
        StateDamaged: a record cannot be read.
    """
    found, through = dict[int, bytes](), 0
    for each in whole(records):
        if each.kind == RecordKind.ACCEPT and each.slot <= through:
            found[each.slot] = each.payload
        elif each.kind == RecordKind.CHOSEN:
            through = max(through, each.slot)
        elif each.kind == RecordKind.STATE:
            through = max(through, decode_state(each.payload, directory).chosen)
    return found


def chosen(records: Iterable[Record | Hole], above: int, directory: str, late: dict[int, bytes] | None = None) -> Iterator[Chosen]:
    """The chosen values behind a slot: of each the one of the newest ballot, and of that the last, before the mark that covers it.

    Where that may have stood in a hole, or before all that is left, the one that repair wrote behind the mark: it is in `late`, if it did.

    Raises:
        StateDamaged: one of them does not stand before its mark, or a record cannot be read.
    """
    through, accepted, late = above, dict[int, tuple[int, bytes]](), late or {}
    for each in records:
        if isinstance(each, Hole):
            doubtful = [each.record.slot] if each.record is not None else list(accepted)
            for at in doubtful:
                if at in late:
                    accepted.pop(at, None)
            continue
        kind, slot, ballot, payload = each
        mark, chain = 0, b""
        if kind == RecordKind.ACCEPT:
            if slot > through and ballot >= accepted.get(slot, (0,))[0]:
                accepted[slot] = (ballot, payload)
        elif kind == RecordKind.CHOSEN:
            mark, chain = slot, payload
        elif kind == RecordKind.STATE:
            state = decode_state(payload, directory)
            accepted |= {at: (voted_in, value) for at, voted_in, value in state.accepted if at > through}
            mark = state.chosen
        while through < mark:
            through += 1
            value = accepted.pop(through)[1] if through in accepted else late.get(through)
            if value is None:
                detail = f"slot {through} is marked as chosen, and no value stands before the mark"
                raise StateDamaged(file=directory, offset=0, kind="order", detail=detail)
            yield Chosen(through, value, chain if through == mark else b"")


def whole(records: Iterable[Record | Hole]) -> Iterator[Record]:
    """Without the holes."""
    return (each for each in records if not isinstance(each, Hole))


def decode_state(payload: bytes, directory: str) -> State:
    """A state record's payload.

    Raises:
        StateDamaged: it is none.
    """
    try:
        return _states.decode(payload)
    except msgspec.DecodeError as error:
        raise _unreadable(directory, f"a state record cannot be read: {error}") from None


def _unreadable(directory: str, detail: str) -> StateDamaged:
    return StateDamaged(file=directory, offset=0, kind="version", detail=detail)
