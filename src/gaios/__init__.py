"""gaios: a coordination service. A few replicas, a *cell*, keep one log by Multi-Paxos, a database on it, and a lock service on that.

    async with gaios.connect("127.0.0.1:7420,127.0.0.1:7421") as cell:
        await cell.put("greeting", "hello")

Names are loaded when they are first used (PEP 562), so that a client never loads a server: `connect` brings the client,
`Replica` the real shell, everything else only words.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gaios.api import Delete, Entry, Event, Get, Increment, MultiOp, MultiOpResult, Operation, Put, Test
    from gaios.client import connect
    from gaios.errors import (
        AnotherCell,
        CommandTooLong,
        Compacted,
        ConfigurationError,
        DirectoryInUse,
        Disagreement,
        DiskFailed,
        Error,
        Fenced,
        FutureRevision,
        InvalidCommand,
        InvalidToken,
        InvariantViolated,
        KeyTooLong,
        LockLost,
        NotAcquired,
        NotANumber,
        NotDue,
        NotInTime,
        NotMaster,
        Overloaded,
        PortTaken,
        ProtocolError,
        Refused,
        Removed,
        StaleRequest,
        StaleSequencer,
        StateDamaged,
        StateLost,
        StateMissing,
        TooManyOperations,
        TooOld,
        Unavailable,
        Unknown,
        UnknownKind,
        UnknownSession,
        ValueTooLong,
    )
    from gaios.machine import Context
    from gaios.server import Replica
    from gaios.typed import Command, Machine, Query, Upgrade, handler

__version__ = "0.1.0"

__all__ = [
    "AnotherCell",
    "Command",
    "CommandTooLong",
    "Compacted",
    "ConfigurationError",
    "Context",
    "Delete",
    "DirectoryInUse",
    "Disagreement",
    "DiskFailed",
    "Entry",
    "Error",
    "Event",
    "Fenced",
    "FutureRevision",
    "Get",
    "Increment",
    "InvalidCommand",
    "InvalidToken",
    "InvariantViolated",
    "KeyTooLong",
    "LockLost",
    "Machine",
    "MultiOp",
    "MultiOpResult",
    "NotANumber",
    "NotAcquired",
    "NotDue",
    "NotInTime",
    "NotMaster",
    "Operation",
    "Overloaded",
    "PortTaken",
    "ProtocolError",
    "Put",
    "Query",
    "Refused",
    "Removed",
    "Replica",
    "StaleRequest",
    "StaleSequencer",
    "StateDamaged",
    "StateLost",
    "StateMissing",
    "Test",
    "TooManyOperations",
    "TooOld",
    "Unavailable",
    "Unknown",
    "UnknownKind",
    "UnknownSession",
    "Upgrade",
    "ValueTooLong",
    "connect",
    "errors",
    "handler",
    "sync",
]

_MODULES = ("errors", "sync")
_HOMES = {
    "gaios.api": ("Delete", "Entry", "Event", "Get", "Increment", "MultiOp", "MultiOpResult", "Operation", "Put", "Test"),
    "gaios.client": ("connect",),
    "gaios.machine": ("Context",),
    "gaios.server": ("Replica",),
    "gaios.typed": ("Command", "Machine", "Query", "Upgrade", "handler"),
}
_HOME_OF = dict.fromkeys(__all__, "gaios.errors") | {name: home for home, names in _HOMES.items() for name in names}
"""Where a public name is defined: the errors' module, unless `_HOMES` says otherwise."""


def __getattr__(name: str) -> Any:  # noqa: ANN401 (whatever stands at that name)
    """Load a public name at its first use."""
    if name in _MODULES:
        return import_module(f"gaios.{name}")
    home = _HOME_OF.get(name)
    if home is None:
        message = f"module 'gaios' has no attribute {name!r}"
        raise AttributeError(message)
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The public names."""
    return sorted({*globals(), *__all__})
