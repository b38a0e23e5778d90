"""Where a log begins that was truncated: the state behind a snapshot of the same directory.  [PML §5.5; SAFETY 25, 26]

    replayed(make, open_, directory) -> a replay of the whole log, or of what is above a snapshot; and how the log was read

Rule 1. Of the snapshots that the log reaches the oldest that a majority is known to have is taken: it tells the most. Those that only this
replica is known to have come after all of these.
Rule 2. One that is not whole, or not the one that the log recorded, is passed over. Where none is left nothing is told.
Rule 3. Nothing is locked: a replica may run on the directory, and give up its oldest log while it is read here. Then it is read once more.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Final, TypeVar

from gaios.backup.history import LOOKS, History, Reach
from gaios.errors import ConfigurationError, DiskFailed, ProtocolError, StateDamaged, StateMissing
from gaios.explain.replay import Replay
from gaios.log.snapshots import Unpacked, encode_handle, read_closing, unpack
from gaios.storage.snapshot import File, slots
from gaios.storage.words import Reader

R = TypeVar("R", bound=Replay)
HINT: Final = "name another replica's directory: its log may go back further, or have a snapshot that can be read"


def replayed(make: Callable[[], R], open_: Callable[[], AbstractContextManager[Reader]], directory: str) -> tuple[R, History]:
    """Apply a log to what `make` gives: from its first slot on, or from a snapshot. `directory` is what errors call it.

    Raises:
        ConfigurationError: what came before the log is gone, and no snapshot stands in for it.
        StateDamaged: the log contradicts itself.
        TooOld: a newer version wrote it.
    """
    truncated = -1
    for left in reversed(range(LOOKS)):
        is_steady = False
        with open_() as reader:
            history = History(reader, directory)
            try:
                found = history.reach()
                is_steady = found.truncated == truncated
                truncated = found.truncated
                replay = make()
                if truncated:
                    _begin(replay, reader, found, directory)
                replay.feed(history.records(), history.rewritten())
            except (ConfigurationError, StateDamaged, StateMissing, DiskFailed):
                if is_steady or not left:
                    raise
            else:
                return replay, history
    raise AssertionError("the last look raised or returned")


def _begin(replay: Replay, reader: Reader, found: Reach, directory: str) -> None:
    """Take over the state behind a snapshot.

    Raises:
        ConfigurationError: there is none that can be read.
    """
    until, truncated = replay.until, found.truncated
    there = [slot for slot in slots(reader.names()) if truncated <= slot <= found.chosen]
    why = "no snapshot of what came before is there"
    if until is not None and there and min(there) > until:
        why = f"its oldest snapshot stands behind slot {min(there)}, and slot {until} is asked for"
    wanted = [slot for slot in there if until is None or slot <= until]
    for slot in sorted(wanted, key=lambda slot: (slot != truncated and slot not in found.proved, slot)):
        try:
            replay.begin(_read(reader, slot, found.proved.get(slot)))
        except (ProtocolError, StateDamaged, StateMissing, DiskFailed) as error:
            why = str(error)
        else:
            return
    raise ConfigurationError(reason=f"the log of {directory} begins behind slot {truncated}, and {why}", hint=HINT)


def _read(reader: Reader, slot: int, proved: bytes | None) -> Unpacked:
    """A snapshot, every chunk of it checked while it is restored.

    Raises:
        ProtocolError, StateDamaged: it is not whole, or not the one that is proved.
    """
    file = File(reader, slot)
    closed = read_closing(file.closing())
    if proved not in {None, encode_handle(closed.handle)}:
        raise ProtocolError(reason=f"the snapshot behind slot {slot} is not the one that is proved")
    return unpack(closed, file.chunks())
