"""Variables that look like ours and are none: a misspelt setting is told of, not passed over.  [INTERFACE `up`, `serve`]

It is a warning, not an error as for a flag or a key of the file. An environment is shared: after a roll-back it has what only the newer
version reads, a supervisor hands on all of its own, and Kubernetes gives every pod beside a service called `gaios` a dozen variables
such as GAIOS_SERVICE_HOST. A replica that refused to start for one of them would be down for nothing.
"""

import difflib
from collections.abc import Mapping
from typing import Final

from gaios.server.config import ENVIRONMENT, KEYS

KNOWN: Final = (
    *(ENVIRONMENT + key.upper() for key in KEYS),
    *(f"{ENVIRONMENT}{name}" for name in ("CONFIG", "DEBUG", "ENDPOINTS", "PORT", "REPLACE_LOST_S", "SEQUENCER")),
)
"""What replicas, their supervisor, the commands and `make up` read, and what `gaios lock` sets."""


def unknown(environment: Mapping[str, str]) -> dict[str, str]:
    """Variables that begin as ours do and that nothing reads; each with the nearest that something does, empty where none is near."""
    found = sorted(name for name in environment if name.startswith(ENVIRONMENT) and name not in KNOWN)
    return {name: next(iter(difflib.get_close_matches(name, KNOWN, n=1, cutoff=0.8)), "") for name in found}
