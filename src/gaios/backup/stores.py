"""Where backups are kept, by URL: file:///DIR, or s3://, gs://, az:// through obstore.  [PML §5.5]

Rule 1. `head` alone is replaced, by `replace`, which names what was read; a manifest is made by `create`; every other object has a name
that is never used twice, and `put` may write it again.
Rule 2. A condition that failed may have failed by its own success, where an answer was lost and the request was sent again: whoever gets
False reads what is there now.
Rule 3. A directory's objects are files, written aside, synced, and then linked or renamed; `head` is replaced under a lock of `DIR/lock`.
"""

import errno
import fcntl
import os
import secrets
import shlex
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol
from urllib.parse import unquote, urlsplit

from gaios.errors import BackupDamaged, ConfigurationError, Unavailable

SCHEMES: Final = ("file", "s3", "s3a", "gs", "az", "abfs", "abfss")
OBJECT_BYTES_MAX: Final = 1 << 28
"""Nothing that we put into a store is longer: a piece of the log has 64 MiB at most, and a manifest of a terabyte a few dozen."""
_LOCK: Final = "lock"
_ASIDE: Final = ".new-"
_NO_ROOM: Final = "free some space where the store is, and give the command again: the backups that it names are whole all the same"
_HINTS: Final = {
    errno.EROFS: "make the store writable, or name another; a restore goes without writing: --read-only --generation N",
    errno.ENOSPC: _NO_ROOM,
    errno.EDQUOT: _NO_ROOM,
}


class Found(NamedTuple):
    """An object."""

    data: bytes
    version: Any
    """What `replace` names."""


class Store(Protocol):
    """A place for objects. Every method raises `Unavailable` when it does not answer, and `ConfigurationError` when it does not let us."""

    url: str

    def get(self, name: str, limit: int = OBJECT_BYTES_MAX) -> Found | None:
        """An object; None where there is none.

        Raises:
            BackupDamaged: it has more than `limit` bytes, which are not read.
        """
        ...

    def put(self, name: str, data: bytes) -> None:
        """Write an object whose name nobody else uses."""
        ...

    def create(self, name: str, data: bytes) -> bool:
        """Write an object unless there is one: whether it was written (Rule 2)."""
        ...

    def replace(self, name: str, data: bytes, version: Any) -> bool:  # noqa: ANN401 (a store's own)
        """Write an object if it is still what was read: whether it was written (Rule 2)."""
        ...

    def names(self) -> list[str]:
        """Of all objects."""
        ...

    def delete(self, names: Iterable[str]) -> None:
        """Take objects away; those that are not there are no error."""
        ...


def open_store(url: str) -> Store:
    """The store of a URL.

    Raises:
        ConfigurationError: it is none, or what it needs is not installed.
    """
    scheme = urlsplit(url).scheme
    if scheme not in SCHEMES:
        raise ConfigurationError(
            reason=f"{url!r} names no store of backups",
            hint="write file:///DIR, s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or az://CONTAINER/PREFIX",
        )
    if scheme != "file":
        from gaios.backup.objects import ObjectStore  # noqa: PLC0415 (needs obstore, which a directory does not)

        return ObjectStore(url)
    parts = urlsplit(url)
    path = unquote(parts.path)
    if parts.netloc or not path.startswith("/") or path == "/":
        raise ConfigurationError(
            reason=f"{url!r} is not the URL of a directory", hint="write file:///, with three slashes, and an absolute path"
        )
    return DirectoryStore(Path(path), url)


class DirectoryStore:
    """A directory of this machine, or one that is mounted here and has locks."""

    def __init__(self, path: Path, url: str = "") -> None:
        self.path, self.url = path, url or path.as_uri()

    def get(self, name: str, limit: int = OBJECT_BYTES_MAX) -> Found | None:
        """See `Store`."""
        try:
            with (self.path / name).open("rb") as file:
                data = file.read(limit + 1)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise self._failed("read", name, error) from None
        if len(data) > limit:
            raise too_large(name, limit)
        return Found(data, _version(data))

    def put(self, name: str, data: bytes) -> None:
        """See `Store`."""
        try:
            with self._aside(name, data) as aside:
                aside.replace(self.path / name)
        except OSError as error:
            raise self._failed("write", name, error) from None

    def create(self, name: str, data: bytes) -> bool:
        """See `Store`."""
        try:
            with self._aside(name, data) as aside:
                (self.path / name).hardlink_to(aside)
                aside.unlink()
        except FileExistsError:
            return False
        except OSError as error:
            raise self._failed("create", name, error) from None
        return True

    def replace(self, name: str, data: bytes, version: Any) -> bool:  # noqa: ANN401 (as there)
        """See `Store`."""
        try:
            with self._locked():
                found = self.get(name)
                if found is None or found.version != version:
                    return False
                self.put(name, data)
        except OSError as error:
            raise self._failed("replace", name, error) from None
        return True

    def names(self) -> list[str]:
        """See `Store`."""
        try:
            found = [path.relative_to(self.path).as_posix() for path in self.path.rglob("*") if path.is_file()]
        except OSError as error:
            raise self._failed("list", "", error) from None
        return sorted(name for name in found if name != _LOCK and not name.rpartition("/")[2].startswith(_ASIDE))

    def delete(self, names: Iterable[str]) -> None:
        """See `Store`."""
        for name in names:
            try:
                (self.path / name).unlink(missing_ok=True)
                for above in (self.path / name).parents:
                    if above == self.path or any(above.iterdir()):
                        break
                    above.rmdir()
            except OSError as error:
                raise self._failed("delete", name, error) from None

    @contextmanager
    def _aside(self, name: str, data: bytes) -> Iterator[Path]:
        """A file beside the object, whole and durable; the names there are durable when the body is done."""
        parent = (self.path / name).parent
        missing = [each for each in (parent, *parent.parents) if not each.exists()]
        parent.mkdir(parents=True, exist_ok=True)
        aside = parent / f"{_ASIDE}{secrets.token_hex(8)}"
        try:
            with aside.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            yield aside
        finally:
            aside.unlink(missing_ok=True)
        for each in (parent, *(made.parent for made in missing)):
            descriptor = os.open(each, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with (self.path / _LOCK).open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _failed(self, what: str, name: str, error: OSError) -> ConfigurationError | Unavailable:
        told = f"cannot {what} {self.path / name}: {error.strerror or error}"
        if isinstance(error, (PermissionError, NotADirectoryError, IsADirectoryError)):
            return ConfigurationError(
                reason=told, hint=f"this process is user {os.geteuid()}: look at ls -ld {shlex.quote(str(self.path))}"
            )
        return unavailable(told, _HINTS.get(error.errno or 0, ""))


def unavailable(told: str, hint: str = "") -> Unavailable:
    """The error of a store that does not do what it was asked to."""
    failed = Unavailable(waited_ms=0, reason=told)
    failed.hint = hint or "the backups that the store names are whole all the same; see what ails it, and give the command again"
    return failed


def too_large(name: str, limit: int) -> BackupDamaged:
    """The error of an object that cannot be what it should be."""
    return BackupDamaged(what=name, reason=f"it has more than the {limit} bytes that it may have")


def _version(data: bytes) -> str:
    return blake2b(data, digest_size=16).hexdigest()
