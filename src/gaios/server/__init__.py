"""The real shell: one replica as a process on asyncio, and a local cell of such processes.

One replica, pure; the simulator runs the very same objects:

    node        log, journal, machine and clients as one object: events in, `Effects` out (effects); answering: what clients are told
    commit      group commit: what waits for which batch of the disk; damage, scrub: bytes of it that cannot be read
    outbox      what peers are told; guests, watches: what clients are told; gated: lock commands pass the gate; seclusion: a quarantine
    snapshots   those that are taken (keeping: which there are; seeking, fetching: others'; giving: to others; loading: at a start;
                retention: which stay)
    facts       what status shows; places: where members are
    recorded    a node that tells every transition, for trace/

Around it the shell, of sockets, threads, files and processes:

    replica     `gaios.Replica`: turns (event loop, clock, disk thread) and doors (ports; links: peers; clients; admin) around a node
    embed       the embedding program's session; backups: made by the master; remote: the store of backups, as a source of snapshots
    evidence    what is kept of a database that was wrong; recorder: the file of a recording
    metrics     for Prometheus; logs, narrator: for people; courtesy: replicas that share processors
    config      who this replica is, where it listens, how it behaves: flag > GAIOS_ variable > file > default; variables: misspelt ones
    directory   a replica's directory: created once, opened by one process at a time
    __main__    one replica in the foreground

A local cell of such processes:

    local       a local cell in one directory: who is where, created once
    supervisor  `gaios up`: starts, watches, restarts and stops its replicas (keeper: one of them; control: how others talk to it;
                failures: why one does not run; replacing: of one whose state is lost)

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
