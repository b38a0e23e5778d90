"""Exit codes are what scripts branch on: [INTERFACE] lists them, and these tests hold them."""

import pytest

from gaios import errors
from gaios.cli import exits


def every_error() -> list[errors.Error]:
    return [
        errors.InvalidCommand(reason="r"),
        errors.KeyTooLong(length=0, limit=1),
        errors.ValueTooLong(length=2, limit=1),
        errors.TooManyOperations(where="then", count=2, limit=1),
        errors.CommandTooLong(length=2, limit=1),
        errors.NotMaster(replica=1),
        errors.Overloaded(what="queue", limit=1, unit="entries"),
        errors.Unavailable(waited_ms=1, reason="r"),
        errors.Compacted(revision=1, compacted=2),
        errors.FutureRevision(revision=2, current=1),
        errors.NotANumber(key=b"k", reason="r"),
        errors.TooMuchWork(do="change", limit=1, unit="keys"),
        errors.DatabaseFull(limit=1),
        errors.InvalidToken(given="g"),
        errors.Fenced(what="w", seen="0.2", given="0.1"),
        errors.NotThisCell(path="/ls/a/p", named="a", name="b", id="0f"),
        errors.UnknownSession(slot=1, index=1),
        errors.SessionExpired(session=1),
        errors.UnknownLockSession(session=1),
        errors.UnknownHandle(session=1, handle=2),
        errors.HandleInvalid(handle=1, path="/p"),
        errors.ReadOnlyHandle(handle=1, path="/p"),
        errors.NoSuchNode(path="/p"),
        errors.NodeExists(path="/p"),
        errors.WrongKindOfNode(path="/p", expected="file"),
        errors.NotEmpty(path="/p", children=1),
        errors.PermissionDenied(principal="me", right="write", path="/p", acl="a"),
        errors.LockConflict(handle=1, path="/p"),
        errors.StaleSequencer(path="/p", generation=0, revision=1),
        errors.LimitReached(what="the cell", limit=1, unit="sessions"),
        errors.NotAcquired(path="/p", waited_ms=1),
        errors.NotInTime(what="w", waited_ms=1),
        errors.NotDue(what="w", period=1, every_ms=1),
        errors.Disagreement(what="w", agreed=1, given=2, where="k"),
        errors.HandlePoisoned(path="/p"),
        errors.LockLost(path="/p", sequencer="0.1", reason="r"),
        errors.LostBeforeCall(path="/p", sequencer="0.1", reason="r"),
        errors.StaleRequest(sequence=1, acknowledged=1),
        errors.Unknown(reason="r"),
        errors.ProtocolError(reason="r"),
        errors.ConfigurationError(reason="r"),
        errors.AnotherCell(what="w", found="f", expected="e"),
        errors.DirectoryInUse(directory="d"),
        errors.StaleBackup(reason="r"),
        errors.StateLost(directory="d", what="w"),
        errors.Removed(member=4, replica=2, configuration=3),
        errors.BootRefused(reason="r"),
        errors.DiskFull(replicas="1", reserve=True),
        errors.Diverged(slot=1, reason="r"),
        errors.BackupDamaged(what="w", reason="r"),
        errors.PortTaken(address="a"),
        errors.StateMissing(directory="d", what="w"),
        errors.ReplicaFailed(reason="r"),
        errors.StateDamaged(file="f", offset=0, kind="k", detail="d"),
        errors.DiskFailed(file="f", operation="sync", reason="r"),
        errors.UnknownKind(slot=1, index=0, kind=9),
        errors.TooOld(what="w", reason="r"),
        errors.NewerFormat(reason="r"),
        errors.InvariantViolated(invariant="i", detail="d"),
    ]


def leaves(kind: type[errors.Error]) -> set[type[errors.Error]]:
    below = kind.__subclasses__()
    return {kind} | {leaf for sub in below for leaf in leaves(sub)}


def test_every_error_class_has_a_report() -> None:
    """A class added to the tree without a place here fails this test."""
    told = {type(error) for error in every_error()} | {errors.Error, errors.Refused, errors.LockRefused}
    assert told == {kind for kind in leaves(errors.Error) if kind.__module__ == "gaios.errors"}


@pytest.mark.parametrize("error", every_error(), ids=lambda error: type(error).__name__)
def test_code_3_means_unavailable_or_unknown_or_a_port(error: errors.Error) -> None:
    failure = exits.report(error)
    assert failure.code in {exits.NO, exits.USAGE, exits.UNAVAILABLE, exits.STATE}
    assert (failure.code == exits.UNAVAILABLE) == (failure.type in {"Unavailable", "Unknown", "PortTaken"})
    assert failure.message


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.Compacted(revision=1, compacted=2), 1),
        (errors.Fenced(what="w", seen="0.2", given="0.1"), 1),
        (errors.KeyTooLong(length=0, limit=1), 2),
        (errors.AnotherCell(what="w", found="f", expected="e"), 2),
        (errors.DirectoryInUse(directory="d"), 2),
        (errors.Unavailable(waited_ms=1, reason="r"), 3),
        (errors.Unknown(reason="r"), 3),
        (errors.PortTaken(address="a"), 3),
        (errors.StateMissing(directory="d", what="w"), 4),
        (errors.ReplicaFailed(reason="r"), 4),
        (errors.StateDamaged(file="f", offset=0, kind="k", detail="d"), 4),
        (errors.StateLost(directory="d", what="w"), 4),
        (errors.DiskFailed(file="f", operation="sync", reason="r"), 4),
    ],
    ids=lambda value: type(value).__name__,
)
def test_codes_are_those_of_the_interface(error: errors.Error, code: int) -> None:
    assert exits.report(error).code == code


def test_what_certainly_did_nothing_is_unavailable_and_the_rest_unknown() -> None:
    """A script repeats the first without a thought, and the second only after a look.  [SAFETY 20]"""
    assert exits.report(errors.Overloaded(what="queue", limit=1, unit="entries")).type == "Unavailable"
    assert exits.report(errors.StaleRequest(sequence=1, acknowledged=1)).type == "Unknown"


def test_a_fault_of_our_own_names_itself_and_leaves_the_outcome_unknown() -> None:
    failure = exits.report(ZeroDivisionError("division by zero"))
    assert failure.type == "Unknown"
    assert failure.code == exits.UNAVAILABLE
    assert "ZeroDivisionError: division by zero" in failure.message
    assert "report" in failure.hint


def test_a_path_that_cannot_be_used_is_wrong_usage() -> None:
    failure = exits.report(FileNotFoundError(2, "No such file or directory", b"/no\xff"))
    assert (failure.type, failure.code) == ("ConfigurationError", exits.USAGE)
    assert failure.message == "/no\\xff: No such file or directory"


def test_an_answer_that_cannot_be_written_leaves_nothing_unknown() -> None:
    failure = exits.report(exits.OutputFailed("No space left on device"))
    assert (failure.type, failure.code) == ("OutputFailed", exits.USAGE)
    assert failure.message == "cannot write to standard output: No space left on device"


def test_tasks_that_failed_together_are_told_as_the_first() -> None:
    group = ExceptionGroup("tasks", [ExceptionGroup("inner", [errors.Unavailable(waited_ms=1, reason="r")]), ValueError("x")])
    assert exits.report(group).type == "Unavailable"
