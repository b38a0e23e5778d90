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
        BackupDamaged,
        BootRefused,
        CommandTooLong,
        Compacted,
        ConfigurationError,
        DatabaseFull,
        DirectoryInUse,
        Disagreement,
        DiskFailed,
        DiskFull,
        Diverged,
        Error,
        Fenced,
        FutureRevision,
        HandleInvalid,
        HandlePoisoned,
        InvalidCommand,
        InvalidToken,
        InvariantViolated,
        KeyTooLong,
        LimitReached,
        LockConflict,
        LockLost,
        LockRefused,
        LostBeforeCall,
        NewerFormat,
        NodeExists,
        NoSuchNode,
        NotAcquired,
        NotANumber,
        NotDue,
        NotEmpty,
        NotInTime,
        NotMaster,
        NotThisCell,
        Overloaded,
        PermissionDenied,
        PortTaken,
        ProtocolError,
        ReadOnlyHandle,
        Refused,
        Removed,
        ReplicaFailed,
        SessionExpired,
        StaleBackup,
        StaleRequest,
        StaleSequencer,
        StateDamaged,
        StateLost,
        StateMissing,
        TooManyOperations,
        TooMuchWork,
        TooOld,
        Unavailable,
        Unknown,
        UnknownHandle,
        UnknownKind,
        UnknownLockSession,
        UnknownSession,
        ValueTooLong,
        WrongKindOfNode,
    )
    from gaios.machine import Context
    from gaios.server import Replica
    from gaios.typed import Command, Machine, Query, Upgrade, handler

__version__ = "0.1.0"

__all__ = [
    "AnotherCell",
    "BackupDamaged",
    "BootRefused",
    "Command",
    "CommandTooLong",
    "Compacted",
    "ConfigurationError",
    "Context",
    "DatabaseFull",
    "Delete",
    "DirectoryInUse",
    "Disagreement",
    "DiskFailed",
    "DiskFull",
    "Diverged",
    "Entry",
    "Error",
    "Event",
    "Fenced",
    "FutureRevision",
    "Get",
    "HandleInvalid",
    "HandlePoisoned",
    "Increment",
    "InvalidCommand",
    "InvalidToken",
    "InvariantViolated",
    "KeyTooLong",
    "LimitReached",
    "LockConflict",
    "LockLost",
    "LockRefused",
    "LostBeforeCall",
    "Machine",
    "MultiOp",
    "MultiOpResult",
    "NewerFormat",
    "NoSuchNode",
    "NodeExists",
    "NotANumber",
    "NotAcquired",
    "NotDue",
    "NotEmpty",
    "NotInTime",
    "NotMaster",
    "NotThisCell",
    "Operation",
    "Overloaded",
    "PermissionDenied",
    "PortTaken",
    "ProtocolError",
    "Put",
    "Query",
    "ReadOnlyHandle",
    "Refused",
    "Removed",
    "Replica",
    "ReplicaFailed",
    "SessionExpired",
    "StaleBackup",
    "StaleRequest",
    "StaleSequencer",
    "StateDamaged",
    "StateLost",
    "StateMissing",
    "Test",
    "TooManyOperations",
    "TooMuchWork",
    "TooOld",
    "Unavailable",
    "Unknown",
    "UnknownHandle",
    "UnknownKind",
    "UnknownLockSession",
    "UnknownSession",
    "Upgrade",
    "ValueTooLong",
    "WrongKindOfNode",
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
