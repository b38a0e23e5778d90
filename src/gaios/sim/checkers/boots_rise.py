"""Boots rise: no two lives of a replica that promised or voted have one boot number, and a later one has the higher.  [SAFETY 3]"""

from collections.abc import Iterable

from gaios.sim.history import Life, Violation

NAME = "boots rise"


def boots_rise(lives: Iterable[Life]) -> list[Violation]:
    """Compare each life that said something which binds it with the one before, in the order of starts."""
    found: list[Violation] = []
    latest: dict[int, Life] = {}
    for life in lives:
        before = latest.get(life.replica)
        if before is not None and life.boot <= before.boot:
            numbers = f"{before.boot} at start {before.life}, {life.boot} at start {life.life}"
            found.append(Violation(NAME, f"replica {life.replica}: boot {numbers}"))
        latest[life.replica] = life
    return found
