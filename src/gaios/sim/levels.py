"""How full a replica's bounded things are: what `checkers/bounded_queues.py` compares with their limits.  [SAFETY 28]"""

from collections.abc import Iterator
from typing import NamedTuple

from gaios.server.node import Node


class Fill(NamedTuple):
    """One of them, now."""

    name: str
    now: int
    limit: int


def levels(node: Node) -> Iterator[Fill]:
    """All that can be told without changing anything."""
    # What a replica shows nobody is read where it is kept.
    sessions, bounds = node.replica.applier.sessions, node.replica.applier.sessions._bounds  # noqa: SLF001
    yield Fill("clients in the exactly-once table", len(sessions), bounds.sessions)
    answers = max((len(session.answers) for session in sessions._known.values()), default=0)  # noqa: SLF001
    yield Fill("answers kept for a client", answers, bounds.answers)
    requests = max((len(client.open) for client in node.guests.all.values()), default=0)
    yield Fill("requests of a connection", requests, node.limits.requests)
    watches = max((len(own) for own in node.watches._requests.values()), default=0)  # noqa: SLF001
    yield Fill("watches of a connection", watches, node.limits.watches)
