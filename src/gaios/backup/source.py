"""What a replica's directory has for a backup: its newest whole snapshot, and the chosen values above.  [PML §5.5]

Rule 1. Nothing is locked or changed; a replica may run on the directory meanwhile. A snapshot that has its name never changes. Damage of
the log that was repaired is skipped (history.py), any other is refused.
Rule 2. What counts as chosen is what a mark says; a snapshot counts only when a mark covers its slot and a majority has the same: the log
says so, or was truncated behind it. What one replica alone read in its memory is no backup.  [SAFETY 25]
Rule 3. A snapshot that is not whole is passed over for the one before it, as a start does.
Rule 4. A replica in quarantine has no database that a backup could be proved against: it is refused.
"""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from gaios.backup.history import Chosen, History, Reach, chosen, whole
from gaios.errors import ConfigurationError, DiskFailed, Diverged, ProtocolError, StateDamaged
from gaios.log import quarantine
from gaios.log.snapshots import Closing, encode_handle, read_closing
from gaios.storage.disk import Directory
from gaios.storage.snapshot import File, slots
from gaios.storage.verify import owner


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
            self._history = History(self.reader, str(path))
            found = self._reach()
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
        history = self._history
        return chosen(history.records(), above, str(self.path), history.rewritten())

    def _reach(self) -> Reach:
        """How far the log goes.

        Raises:
            StateDamaged: damage that was not repaired hides what stands behind it, or intact records stand behind the end.
        """
        history = self._history
        if history.survey.broken is not None:
            file, offset, kind, detail = history.survey.broken
            raise self._damaged(offset, kind, detail, file)
        count = sum(1 for _ in whole(history.records()))
        if count < history.survey.records:
            raise self._damaged(0, "order", f"of {history.survey.records} intact records {count} can be read in order")
        return history.reach()

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
            raise self._damaged(0, "snapshot", f"the log begins behind slot {self.begins}, and {why}")
        return None

    def _damaged(self, offset: int, kind: str, detail: str, file: str = "") -> StateDamaged:
        what = f"{detail}; no backup is made of it: back up another replica, or start this one, which repairs from its peers what it can"
        error = StateDamaged(file=f"{self.path}/{file}" if file else str(self.path), offset=offset, kind=kind, detail=what)
        error.hint = (
            "name another replica's directory after --dir; or start this replica beside its peers until `gaios verify` calls the damage "
            "repaired: that is skipped"
        )
        return error


def furthest(path: Path, *, sound: bool = False) -> Path:
    """Of a replica's directory itself; of a local cell's, the replica's that knows most to be chosen.

    Args:
        path: Either.
        sound: One in quarantine only if all are.

    Raises:
        ConfigurationError: it is neither.
        DiskFailed: it cannot be read.
        StateDamaged: a record cannot be read.
    """
    found: dict[Path, tuple[bool, int]] = {}
    for each in sorted(path.glob("replica-*")) or [path]:
        if (each / "wal").is_dir():
            with closing(Directory(each)) as reader:
                known = History(reader, str(each)).reach()
                found[each] = (sound and not known.quarantine, known.chosen)
    if not found:
        raise ConfigurationError(reason=f"{path} holds neither a cell nor a replica", hint="name what gaios up --dir, or serve, was given")
    return max(found, key=lambda each: found[each])


def _refuse(path: Path, payload: bytes) -> None:
    if payload:
        told = quarantine.read(payload)
        error = Diverged(slot=told.slot, reason=f"{told.reason}; no backup is made of {path}")
        error.hint = "back up another replica, or wait until this one has rebuilt its database: gaios status says how far it is"
        raise error
