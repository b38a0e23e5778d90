"""Which generation a new cell gets: reserved in the store's head, or named by whoever restores.  [SAFETY 23]

Rule 1. A generation is given to one cell only, before any directory of it is made: the reservation is a conditional put.
Rule 2. Founders on several machines restore each for itself, with the same cell id: the first reserves, the others find that reservation,
and are refused if they are about to restore anything else.
Rule 3. Without a head that can be trusted, the generation has to be named, above that of the backup; nobody guesses it.
"""

from typing import Final

from gaios.backup.manifest import HEAD, RESTORES_MAX, Head, Restore, decode, encode
from gaios.backup.rebase import Rebuilt
from gaios.backup.stores import Store
from gaios.errors import ConfigurationError, Overloaded

TRIES: Final = 20
"""Each try that fails is another's success."""


def reserve(store: Store, rebuilt: Rebuilt, cell: bytes, *, now_ms: int, generation: int | None = None) -> int:
    """The new cell's generation; `generation` is the one that was named, if any.

    Raises:
        ConfigurationError: it cannot be reserved, or was given to another cell, or this cell was made from something else.
        BackupDamaged: the head cannot be trusted.
        Overloaded: others wrote the head each time.
    """
    wanted = (cell.hex(), rebuilt.slot, rebuilt.applier.chain.hex())
    for _ in range(TRIES):
        found = store.get(HEAD)
        if found is None:
            raise ConfigurationError(reason=f"{store.url} has no {HEAD}, so that no generation can be reserved")
        head = decode(Head, found.data, HEAD)
        known = next((each for each in head.restores if each.cell == cell.hex()), None)
        if known is not None:
            return _again(known, wanted, generation)
        least = max(head.generation, rebuilt.machine.generation) + 1
        if generation is not None and generation < least:
            raise ConfigurationError(
                reason=f"generation {generation} may have been given out: {store.url} knows of {least - 1}",
                hint=f"leave --generation away, or say at least {least}",
            )
        given = Restore(generation=generation or least, cell=wanted[0], slot=wanted[1], chain=wanted[2], time_ms=now_ms)
        made = Head(
            cell=head.cell,
            generation=given.generation,
            backups=head.backups,
            retired=head.retired,
            restores=[*head.restores, given][-RESTORES_MAX:],
        )
        store.replace(HEAD, encode(made), found.version)  # whether it was, the next look at the head tells, whatever became of the answer
    raise Overloaded(what=f"the head of {store.url}", limit=TRIES, unit="changes by others while a generation was reserved")


def named(rebuilt: Rebuilt, generation: int) -> int:
    """A generation that cannot be reserved because the store may not be written: whoever names it answers for it.

    Raises:
        ConfigurationError: it is not above the backup's own.
    """
    if generation <= rebuilt.machine.generation:
        raise ConfigurationError(
            reason=f"the backup is of generation {rebuilt.machine.generation}; {generation} is not above it",
            hint=f"say at least {rebuilt.machine.generation + 1}, and above every restore that was ever made of this cell",
        )
    return generation


def _again(known: Restore, wanted: tuple[str, int, str], generation: int | None) -> int:
    if (known.cell, known.slot, known.chain) != wanted:
        raise ConfigurationError(
            reason=f"cell {known.cell} was restored behind slot {known.slot}; this would be slot {wanted[1]} of another state",
            hint="restore all founders of a cell to the same slot (--to-slot), or take a new cell id",
        )
    if generation not in (None, known.generation):
        raise ConfigurationError(reason=f"cell {known.cell} was given generation {known.generation}, not {generation}")
    return known.generation
