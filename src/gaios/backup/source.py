"""What a replica's directory has for a backup: its newest whole snapshot, and the chosen values above.  [PML §5.5]

Rule 1. Nothing is locked or changed; a replica may run on the directory meanwhile. A snapshot that has its name never changes, and the log
is read as a start reads it: damage that was repaired is skipped (storage/prefix.py), any other is refused.
Rule 2. What counts as chosen is what a mark says; a snapshot counts only when a mark covers its slot and a majority has the same: the log
says so, or was truncated behind it. What one replica alone read in its memory is no backup.  [SAFETY 25]
Rule 3. A snapshot that is not whole is passed over for the one before it, as a start does.
Rule 4. A replica in quarantine has no database that a backup could be proved against: it is refused.
"""

from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from gaios.errors import ConfigurationError, DiskFailed, Diverged, ProtocolError, StateDamaged
from gaios.log import RecordKind, quarantine
from gaios.log.records import State
from gaios.log.snapshots import Closing, encode_handle, read_closing
from gaios.storage.disk import Directory
from gaios.storage.prefix import Hole, Survey, mended, survey
from gaios.storage.snapshot import File, slots
from gaios.storage.verify import owner
from gaios.storage.words import Record

LOOKS: Final = 3
"""At a log in which something seems damaged: its writer may have been quicker than its reader."""
_states: Final = msgspec.msgpack.Decoder(State)


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


class Source:
    """See the module. To be closed."""

    def __init__(self, path: Path) -> None:
        """Open a replica's directory.

        Raises:
            ConfigurationError: it is none.
            Diverged: the replica is in quarantine.
            StateDamaged: a record cannot be read.
        """
        self.path = path
        self.reader = Directory(path)
        identity = owner(self.reader)
        if identity is None:
            self.reader.close()
            raise ConfigurationError(reason=f"nothing in {path} says whose directory it is", hint="name a replica's directory")
        self.cell = identity.cell
        try:
            self.survey = self._survey()
            found = reach(self._records(), str(path))
            _refuse(path, found.quarantine)
            self.begins, self.through = found.truncated, found.chosen
            self.snapshot = self._newest(found.proved)
        except BaseException:
            self.reader.close()
            raise

    def close(self) -> None:
        """Give the descriptors back."""
        self.reader.close()

    def chunks(self) -> Iterator[bytes]:
        """Of the snapshot; each is the one that its digest names."""
        assert self.snapshot is not None
        for number, chunk in enumerate(File(self.reader, self.snapshot.handle.slot).chunks()):
            self.snapshot.check(number, chunk)
            yield chunk

    def values(self, above: int) -> Iterator[Chosen]:
        """The chosen values behind a slot, in order, as far as marks go.

        Raises:
            StateDamaged: the log contradicts itself.
        """
        directory = str(self.path)
        late = rewritten(mended(self.reader, self.survey.holes), directory) if self.survey.holes else {}
        return chosen(mended(self.reader, self.survey.holes), above, directory, late)

    def _survey(self) -> Survey:
        """What is damaged, and was repaired.

        Raises:
            StateDamaged: what was not hides what stands behind it.
        """
        found = survey(self.reader)
        for _ in range(LOOKS - 1):
            if found.broken is None:
                break
            found = survey(self.reader)
        if found.broken is None:
            return found
        file, offset, kind, detail = found.broken
        raise StateDamaged(file=f"{self.path}/{file}", offset=offset, kind=kind, detail=f"{detail}; back up another replica")

    def _records(self) -> Iterator[Record]:
        """All records but what is damaged.

        Raises:
            StateDamaged: intact ones stand behind the end.
        """
        count = 0
        for each in _whole(mended(self.reader, self.survey.holes)):
            count += 1
            yield each
        if count < self.survey.records:
            detail = f"of {self.survey.records} intact records {count} can be read in order; back up another replica"
            raise StateDamaged(file=str(self.path), offset=0, kind="order", detail=detail)

    def _newest(self, proved: dict[int, bytes]) -> Closing | None:
        """The newest snapshot that is proved and whole.

        Raises:
            StateDamaged: the log begins behind all of them.
        """
        why = "there is no snapshot"
        for slot in reversed(slots(self.reader.names())):
            is_proved = slot in proved or slot == self.begins
            if is_proved and self.begins <= slot <= self.through:
                try:
                    found = read_closing(File(self.reader, slot, self.cell).closing())
                    if proved.get(slot, own := encode_handle(found.handle)) != own:
                        why = f"the snapshot behind slot {slot} is not the one that is proved"
                        continue
                    for number, chunk in enumerate(File(self.reader, slot).chunks()):
                        found.check(number, chunk)
                except (ProtocolError, StateDamaged, DiskFailed) as error:
                    why = str(error)
                else:
                    return found
        if self.begins:
            detail = f"the log begins behind slot {self.begins}, and {why}"
            raise StateDamaged(file=str(self.path), offset=0, kind="snapshot", detail=detail)
        return None


def furthest(path: Path) -> Path:
    """Of a replica's directory itself; of a local cell's, the replica's that knows most to be chosen; one in quarantine only if all are.

    Raises:
        ConfigurationError: it is neither.
    """
    found: dict[Path, tuple[bool, int]] = {}
    for each in sorted(path.glob("replica-*")) or [path]:
        if (each / "wal").is_dir():
            with closing(Directory(each)) as reader:
                known = reach(_whole(mended(reader, survey(reader).holes)), str(each))
                found[each] = (not known.quarantine, known.chosen)
    if not found:
        raise ConfigurationError(reason=f"{path} holds neither a cell nor a replica", hint="name what gaios up --dir, or serve, was given")
    return max(found, key=lambda each: found[each])


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
            state = _state(payload, directory)
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
    for each in _whole(records):
        if each.kind == RecordKind.ACCEPT and each.slot <= through:
            found[each.slot] = each.payload
        elif each.kind == RecordKind.CHOSEN:
            through = max(through, each.slot)
        elif each.kind == RecordKind.STATE:
            through = max(through, _state(each.payload, directory).chosen)
    return found


def chosen(records: Iterable[Record | Hole], above: int, directory: str, late: dict[int, bytes] | None = None) -> Iterator[Chosen]:
    """The chosen values behind a slot: of each the one that was recorded last before the mark that covers it.

    Where that may have stood in a hole, the one that repair wrote behind the mark, which is in `late`, if it did.

    Raises:
        StateDamaged: one of them does not stand before its mark, or a record cannot be read.
    """
    through, accepted, late = above, dict[int, bytes](), late or {}
    for each in records:
        if isinstance(each, Hole):
            doubtful = [each.record.slot] if each.record is not None else list(accepted)
            for at in doubtful:
                if at in late:
                    accepted.pop(at, None)
            continue
        kind, slot, _, payload = each
        mark, chain = 0, b""
        if kind == RecordKind.ACCEPT:
            if slot > through:
                accepted[slot] = payload
        elif kind == RecordKind.CHOSEN:
            mark, chain = slot, payload
        elif kind == RecordKind.STATE:
            state = _state(payload, directory)
            accepted |= {at: value for at, _, value in state.accepted if at > through}
            mark = state.chosen
        while through < mark:
            through += 1
            value = accepted.pop(through, late.get(through))
            if value is None:
                detail = f"slot {through} is marked as chosen, and no value stands before the mark"
                raise StateDamaged(file=directory, offset=0, kind="order", detail=detail)
            yield Chosen(through, value, chain if through == mark else b"")


def _refuse(path: Path, payload: bytes) -> None:
    if payload:
        told = quarantine.read(payload)
        error = Diverged(slot=told.slot, reason=f"{told.reason}; no backup is made of {path}")
        error.hint = "back up another replica, or wait until this one has rebuilt its database: gaios status says how far it is"
        raise error


def _whole(records: Iterable[Record | Hole]) -> Iterator[Record]:
    return (each for each in records if not isinstance(each, Hole))


def _state(payload: bytes, directory: str) -> State:
    try:
        return _states.decode(payload)
    except msgspec.DecodeError as error:
        raise StateDamaged(file=directory, offset=0, kind="version", detail=f"a state record cannot be read: {error}") from None
