"""What every store has to do, a directory and a real S3 server alike."""

import errno
import os
import threading
from pathlib import Path

import pytest

from gaios.backup.stores import DirectoryStore, Store, open_store
from gaios.cli import exits
from gaios.errors import ConfigurationError, Error, Unavailable


def test_objects_are_there_until_they_are_deleted(any_store: Store) -> None:
    """Names have slashes."""
    assert any_store.get("a/b/c") is None
    assert any_store.names() == []
    any_store.put("a/b/c", b"1")
    any_store.put("a/b/c", b"2")
    any_store.put("d", b"")
    found = any_store.get("a/b/c")
    assert found is not None
    assert found.data == b"2"
    assert any_store.names() == ["a/b/c", "d"]
    any_store.delete(["a/b/c", "absent"])
    assert any_store.names() == ["d"]


def test_creation_is_for_one(any_store: Store) -> None:
    """The second finds the first's."""
    assert any_store.create("x/y", b"1")
    assert not any_store.create("x/y", b"2")
    found = any_store.get("x/y")
    assert found is not None
    assert found.data == b"1"


def test_a_replacement_needs_what_was_read(any_store: Store) -> None:
    """Also when an absent object is to be replaced."""
    any_store.create("head", b"1")
    first = any_store.get("head")
    assert first is not None
    assert any_store.replace("head", b"2", first.version)
    assert not any_store.replace("head", b"3", first.version)
    assert not any_store.replace("other", b"3", first.version)
    found = any_store.get("head")
    assert found is not None
    assert found.data == b"2"


def test_of_many_at_once_one_replaces(any_store: Store) -> None:
    """Each count is another's."""
    any_store.create("head", b"0")

    def count() -> None:
        done = False
        while not done:
            found = any_store.get("head")
            assert found is not None
            done = any_store.replace("head", b"%d" % (int(found.data) + 1), found.version)

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = any_store.get("head")
    assert found is not None
    assert found.data == b"8"


def test_urls_name_stores(tmp_path: Path) -> None:
    """Or are refused with what to write."""
    made = open_store(f"{tmp_path.as_uri()}/a%20b")
    assert isinstance(made, DirectoryStore)
    assert made.path == tmp_path / "a b"
    for wrong in ("file://host/dir", "file:///", "ftp://x/y", "/plain/path", "file:relative"):
        with pytest.raises(ConfigurationError):
            open_store(wrong)


def test_a_directory_that_cannot_be_used_says_so(tmp_path: Path) -> None:
    """A file stands in its place."""
    (tmp_path / "file").write_bytes(b"")
    store = DirectoryStore(tmp_path / "file")
    assert store.get("x") is None
    with pytest.raises((ConfigurationError, Unavailable), match="file"):
        store.put("x", b"")


@pytest.mark.parametrize(
    ("number", "kind", "hint"),
    [
        (errno.EROFS, Unavailable, "--read-only --generation N"),
        (errno.ENOSPC, Unavailable, "free some space where the store is"),
        (errno.EIO, Unavailable, "are whole all the same"),
        (errno.EACCES, ConfigurationError, "this process is user"),
    ],
)
def test_what_a_store_refuses_is_said_with_what_to_do_about_the_store(
    store: DirectoryStore, monkeypatch: pytest.MonkeyPatch, number: int, kind: type[Error], hint: str
) -> None:
    """No replica has anything to do with it."""

    def fsync(descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(kind, match=os.strerror(number)) as failed:
        store.put("x", b"")
    assert hint in failed.value.hint
    assert "gaios status" not in exits.report(failed.value).hint


def test_what_a_crash_left_aside_is_no_object(store: DirectoryStore) -> None:
    """Nor is the lock."""
    store.put("a/x", b"")
    (store.path / "a" / ".new-0011").write_bytes(b"half")
    (store.path / "lock").write_bytes(b"")
    assert store.names() == ["a/x"]
