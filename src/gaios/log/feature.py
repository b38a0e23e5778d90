"""The feature level: what every replica of the cell can do, raised by an entry of the log.  [SAFETY 17, 26; STYLE 10]

Rule 1. `LEVEL` is the highest level that this version supports, and stands here alone. Whatever is new in a format (an entry's kind, a
message, a record, a snapshot's form) comes with a level, and is neither proposed, said nor written before the log has raised the cell to
it: until then the version before can take any replica over.
Rule 2. Who meets a level above what it supports, in an entry, a frame, a snapshot or its own directory, stops with `TooOld`. It skips
nothing.

How a cell comes to a level is in raising.py.
"""

from typing import Final

from gaios.errors import TooOld

FIRST: Final = 1
"""The level of a cell whose log has not raised it."""
LEVEL: Final = 1
"""The highest level that this version supports."""
LEVEL_END: Final = 1 << 16
"""No level is as high."""


def check(level: int, highest: int, what: str) -> None:
    """May a replica that supports levels up to `highest` go on with this, which has that level?

    Raises:
        TooOld: it may not.
    """
    if level > highest:
        raise TooOld(what=what, reason=f"it has feature level {level}, and this version supports levels up to {highest}")
