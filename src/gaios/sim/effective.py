"""What of the log took effect: each client's command once, a master's own commands in its epoch.  [SAFETY 14, 19]

Which entries of the log stand where, the chosen values say; which of them were carried out, the machines said while they did it.
"""

from collections.abc import Iterable
from typing import NamedTuple

from gaios import api, lock_api
from gaios.entry import Kind, entries
from gaios.sim.checkers.exactly_once import Submitted
from gaios.sim.checkers.witness import Chosen
from gaios.sim.observations import Observations

_LOCKS = 0x70
"""The second byte of an encoded command: from here on it is the lock service's."""


class Entries(NamedTuple):
    """All entries of the log, by place."""

    commands: dict[tuple[int, int], bytes]
    submitted: dict[tuple[int, int], Submitted]
    """Whose command stands there."""
    charges: dict[tuple[int, int], int]
    """Whose own command: the ballot of the master that put it there."""
    epochs: list[tuple[int, int, int]]
    """Slot, index and ballot of each epoch's entry, in order."""


def read(values: Iterable[tuple[int, bytes]]) -> Entries:
    """The entries of a log, by slot."""
    found = Entries({}, {}, {}, [])
    for slot, value in values:
        found.commands.setdefault((slot, 0), b"")
        for nth, entry in enumerate(entries(value)):
            found.commands[slot, nth] = entry.command
            if entry.kind == Kind.COMMAND:
                found.submitted[slot, nth] = Submitted(*entry.identity, entry.sequence)
            elif entry.kind == Kind.MASTER:
                found.charges[slot, nth] = entry.identity[0]
            elif entry.kind == Kind.EPOCH:
                found.epochs.append((slot, nth, entry.identity[0]))
    return found


def effective(log: Entries, seen: Observations) -> list[Chosen]:
    """What took effect, in the log's order."""
    found: list[Chosen] = []
    once: set[Submitted] = set()
    epoch, epochs = 0, iter(log.epochs)
    next_epoch = next(epochs, None)
    for place in sorted({(done.slot, done.nth) for done in (*seen.executed, *seen.charged)}):
        while next_epoch is not None and next_epoch[:2] < place:
            epoch, next_epoch = max(epoch, next_epoch[2]), next(epochs, None)
        command, whose = log.commands[place], log.submitted.get(place)
        if place in log.charges:
            found.append(Chosen(*place, (log.charges[place], 0, 0), lock_api.decode_command(command), epoch))
        elif whose is not None and whose not in once:
            once.add(whose)
            decoded = api.decode_command(command) if command[1] < _LOCKS else lock_api.decode_command(command)
            if not isinstance(decoded, api.Compact):
                found.append(Chosen(*place, whose, decoded, epoch))
    return found
