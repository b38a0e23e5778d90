"""The real shell: one replica as a process on asyncio, and a local cell of such processes.

    node        the whole replica as one pure object; the simulator runs the very same
                (outbox: what peers are told; watches: what watchers are told)
    replica     sockets, disk thread, clock and timers around a node: `gaios.Replica`
                (links, clients: connections; embed: the embedding program's session; admin, metrics, logs)
    config      who this replica is, where it listens, how it behaves: flag > GAIOS_ variable > file > default
    directory   a replica's directory: created once, opened by one process at a time
    __main__    one replica in the foreground
    local       a local cell in one directory: who is where, created once
    supervisor  `gaios up`: starts, watches, restarts and stops the replicas of a local cell (control: how others talk to it)

Nothing is imported before it is asked for: a replica must be up again within a fraction of a second.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gaios.server.replica import Replica

__all__ = ["Replica"]


def __getattr__(name: str) -> Any:  # noqa: ANN401 (whatever stands at that name)
    """Load `Replica` at its first use."""
    if name == "Replica":
        from gaios.server.replica import Replica  # noqa: PLC0415 (that is the point)

        return Replica
    message = f"module 'gaios.server' has no attribute {name!r}"
    raise AttributeError(message)
