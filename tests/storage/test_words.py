"""Operations are data."""

import pickle

import pytest

from gaios.storage import Create, Remove, Rename, Sync, SyncDirectory, Write
from gaios.storage.words import Operation


@pytest.mark.parametrize(
    "operation",
    [Create("a", 1), Write("a", 0, b"x"), Sync("a"), SyncDirectory("wal"), Rename("a", "b"), Remove("a")],
    ids=lambda operation: type(operation).__name__,
)
def test_an_operation_says_which_file_it_touches_first(operation: Operation) -> None:
    """A shell and a trace can name the file of any operation, and a trace can be kept."""
    assert operation[0] in {"a", "wal"}
    assert pickle.loads(pickle.dumps(operation)) == operation


def test_a_sync_of_a_file_and_of_a_directory_are_different_things() -> None:
    """They are tuples of one name; a shell tells them apart by type."""
    assert not isinstance(SyncDirectory("wal"), Sync)
