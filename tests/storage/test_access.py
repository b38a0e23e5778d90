"""Whose directory it is, and who else may touch it."""

import errno
import os
from pathlib import Path

import pytest

from gaios.errors import ConfigurationError, DiskFailed
from gaios.storage import UNREADABLE, access
from gaios.storage.access import not_given


def test_a_directory_of_ones_own_is_nobodys_business(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    assert access.check(tmp_path) == []


@pytest.mark.parametrize("mode", [0o770, 0o702, 0o777, 0o720])
def test_what_others_may_write_is_refused(tmp_path: Path, mode: int) -> None:
    """They could forge a promise."""
    tmp_path.chmod(mode)
    with pytest.raises(ConfigurationError, match=f"mode {mode:o}") as caught:
        access.check(tmp_path)
    assert caught.value.hint == f"chmod 700 {tmp_path}"


@pytest.mark.parametrize("mode", [0o750, 0o755, 0o701])
def test_what_others_may_read_is_said(tmp_path: Path, mode: int) -> None:
    tmp_path.chmod(mode)
    (warning,) = access.check(tmp_path)
    assert f"mode {mode:o}" in warning
    assert f"chmod 700 {tmp_path}" in warning


def test_what_belongs_to_somebody_else_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root may use anything: it runs what it wants."""
    tmp_path.chmod(0o700)
    owner = tmp_path.stat().st_uid
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    with pytest.raises(ConfigurationError, match=f"belongs to user {owner}; this process is user {owner + 1}"):
        access.check(tmp_path)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    assert access.check(tmp_path) == []


@pytest.mark.parametrize(
    ("number", "kind", "hint"),
    [
        (errno.EROFS, DiskFailed, "mounted read-only"),
        (errno.EIO, DiskFailed, "dmesg"),
        (errno.EACCES, ConfigurationError, "this process is user"),
        (errno.ENOSPC, ConfigurationError, "free some space"),
        (errno.ENOTDIR, ConfigurationError, ""),
    ],
)
def test_each_refusal_says_what_to_do(number: int, kind: type[Exception], hint: str) -> None:
    """A failed disk is exit code 4, a wrong configuration 2."""
    found = access.refusal(Path("/data"), OSError(number, os.strerror(number)))
    assert type(found) is kind
    assert os.strerror(number) in str(found)
    assert "/data" in str(found)
    assert hint in found.hint


def test_a_directory_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="No such file"):
        access.check(tmp_path / "absent")


def test_only_what_the_disk_says_of_its_own_is_damage() -> None:
    """A file that is gone, or too many that are open, are not."""
    assert not_given("file", 5, OSError(errno.EMFILE, "too many")) is None
    found = not_given("file", 5, OSError(errno.EIO, "Input/output error"))
    assert found is not None
    assert (found.file, found.offset, found.kind) == ("file", 5, UNREADABLE)


def test_what_cannot_be_looked_at_is_not_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """[SAFETY 8] Whoever takes it for gone replaces a member whose state is all there."""
    assert access.is_there(tmp_path)
    assert not access.is_there(tmp_path / "none")
    (tmp_path / "file").touch()
    assert not access.is_there(tmp_path / "file" / "none")

    def fail(_: Path) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(Path, "stat", fail)
    with pytest.raises(DiskFailed, match="Input/output error"):
        access.is_there(tmp_path)
