"""What an error means to whoever called the command: its type, its sentence, what to do, an exit code.  [INTERFACE]

    0    done
    1    the answer is no: key absent, guard failed, nothing deleted, damage or a violation found, revision compacted
    2    wrong usage or configuration, another cell's directory, a directory in use, an output that cannot be written
    3    unavailable or outcome unknown, a port taken
    4    this replica's state is missing or damaged, or its disk failed
    130  interrupted

Rule 1. An error that leaves with 3 is of type `Unavailable`, `Unknown` or `PortTaken`: a caller has to know only whether the command
certainly did nothing (`Unavailable`), or may have done something (`Unknown`). What lies behind it stands in the sentence.
Rule 2. An exception that is none of ours is a fault of gaios itself. It may have struck after a command was sent, so it is `Unknown`.
Rule 3. An answer that cannot be written says nothing of the cell: it is `OutputFailed`, and what was asked for is done.
"""

from typing import Final, NamedTuple

from gaios import errors

DONE: Final = 0
NO: Final = 1
USAGE: Final = 2
UNAVAILABLE: Final = 3
STATE: Final = 4
INTERRUPTED: Final = 130


class OutputFailed(Exception):
    """Standard output took no more; the command itself was carried out."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"cannot write to standard output: {reason}")


class Report(NamedTuple):
    """How a command's failure is told."""

    type: str
    message: str
    hint: str
    code: int


# The first class that an error is an instance of decides.
_CODES: Final[tuple[tuple[type[errors.Error], int], ...]] = (
    (errors.ConfigurationError, USAGE),
    (errors.InvalidCommand, USAGE),
    (errors.InvalidToken, USAGE),
    (errors.TooMuchWork, USAGE),
    (errors.Compacted, NO),
    (errors.FutureRevision, NO),
    (errors.NotANumber, NO),
    (errors.DatabaseFull, NO),
    (errors.Fenced, NO),
    (errors.LockRefused, NO),
    (errors.NotAcquired, NO),
    (errors.NotInTime, NO),
    (errors.NotDue, NO),
    (errors.Disagreement, USAGE),
    (errors.BackupDamaged, NO),
    (errors.LockLost, NO),
    (errors.PortTaken, UNAVAILABLE),
    (errors.Unavailable, UNAVAILABLE),
    (errors.Unknown, UNAVAILABLE),
    (errors.ReplicaFailed, STATE),
    (errors.StateMissing, STATE),
    (errors.Removed, USAGE),
    (errors.StateLost, STATE),
    (errors.StateDamaged, STATE),
    (errors.DiskFailed, STATE),
    # A restart would meet the same log entry, or the same contradiction, again.
    (errors.TooOld, STATE),
    (errors.InvariantViolated, STATE),
)
_HINTS: Final[tuple[tuple[type[errors.Error], str], ...]] = (
    (errors.Unknown, "see what is there: gaios get, gaios ls"),
    (errors.Unavailable, "see which replicas answer: gaios status"),
    (errors.Compacted, "read without --rev, or watch from a newer revision"),
    (errors.InvalidCommand, "nothing was sent"),
)


def report(error: BaseException) -> Report:
    """How this error leaves the process."""
    while isinstance(error, BaseExceptionGroup):
        # Tasks that failed together: the first tells why.
        error = error.exceptions[0]
    if isinstance(error, errors.Error):
        return _report_ours(error)
    if isinstance(error, OutputFailed):
        return Report("OutputFailed", str(error), "only the answer is lost, not what the command did", USAGE)
    if isinstance(error, OSError) and error.filename is not None:
        # A path that a person named: a file to read, a directory to make.
        return Report("ConfigurationError", f"{_text(error.filename)}: {error.strerror}", "check the path and its permissions", USAGE)
    return Report(
        "Unknown",
        f"gaios itself failed: {type(error).__name__}: {error}".rstrip(": "),
        "please report this with what GAIOS_DEBUG=1 prints; what was asked for may or may not have happened",
        UNAVAILABLE,
    )


def _report_ours(error: errors.Error) -> Report:
    hint = error.hint or next((hint for kind, hint in _HINTS if isinstance(error, kind)), "")
    for kind, code in _CODES:
        if isinstance(error, kind):
            name = kind.__name__ if code == UNAVAILABLE else type(error).__name__  # Rule 1
            return Report(name, str(error), hint, code)
    # What is left (NotMaster, Overloaded, UnknownSession, StaleRequest, ProtocolError) is how the cell failed to serve.
    name = "Unavailable" if error.definite else "Unknown"
    return Report(name, str(error), hint or "try again in a moment", UNAVAILABLE)


def _text(path: object) -> str:
    return path.decode(errors="backslashreplace") if isinstance(path, bytes) else str(path)
