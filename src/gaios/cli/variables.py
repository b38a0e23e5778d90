"""Misspelt variables, told on standard error before the command begins.

Rule 1. A command tells of those that it might have read: `up` and `init` of any that begin with GAIOS_ and that nothing reads
(gaios.server.variables), all others of what looks like a variable of the command line. `serve` leaves it to the replica's log.
Rule 2. It is a warning: that module says why. Nothing of a server is loaded for a client's command.
"""

import difflib
from collections.abc import Mapping
from typing import Final

READ: Final = ("GAIOS_ENDPOINTS", "GAIOS_DEBUG")
_STARTING: Final = frozenset({"up", "init"})


def warnings(command: str, environment: Mapping[str, str]) -> list[str]:
    """A sentence for each variable that this command would have passed over."""
    ours = [name for name in environment if name.startswith("GAIOS_") and name not in READ]
    if not ours or command == "serve":
        return []
    if command in _STARTING:
        from gaios.server.variables import unknown

        found = unknown(environment)
    else:
        found = {name: near[0] for name in sorted(ours) if (near := difflib.get_close_matches(name, READ, n=1, cutoff=0.85))}
    return [f"nothing reads the variable {name}" + (f"; did you mean {near}?" if near else "") for name, near in found.items()]
