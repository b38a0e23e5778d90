"""What whoever reads a replica's log offline makes of it, a backup or `gaios explain`: nothing else than was chosen.  [SAFETY 15]

Rule 1. Each value that is read is the one that was chosen, whatever rotted. Every slot is read between those that the log gave up and the
last that it calls chosen, as far as it is read.
Rule 2. Where all damage is repaired everything is read. A log that is refused, or read in part, has damage that waits for repair.
"""

from collections.abc import Mapping
from typing import Final

from gaios.backup.history import History, chosen, whole
from gaios.errors import StateDamaged
from gaios.sim.history import Violation
from gaios.storage.words import Reader

NAME: Final = "a log is read as it was"


def read_offline(replica: int, reader: Reader, truth: Mapping[int, bytes]) -> list[Violation]:
    """Read a replica's directory as it is now; `truth`: slot → the value that was applied there."""
    name = f"replica {replica}"
    history = History(reader, name)
    try:
        reach, read = history.reach(), 0
        for slot, value, _ in chosen(history.records(), reach.truncated, name, history.rewritten()):
            if truth.get(slot, value) != value:
                return [Violation(NAME, f"{name}: another value than was chosen is read in slot {slot}")]
            read += 1
        if read != reach.chosen - reach.truncated:
            return [Violation(NAME, f"{name}: of slots {reach.truncated + 1} to {reach.chosen} {read} are read")]
        records = sum(1 for _ in whole(history.records()))
    except StateDamaged as error:
        return [] if history.ends else [Violation(NAME, f"{name}: nothing waits for repair, and the log is refused: {error}")]
    if not history.ends and records < history.survey.records:
        return [Violation(NAME, f"{name}: nothing waits for repair, and of {history.survey.records} records {records} are read")]
    return []
