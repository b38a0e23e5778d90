"""A file that is replaced as a whole, by a token at least as new as the one before.  [SAFETY 23]

    NAME          the contents; written anew beside it, then renamed
    NAME.fence    the newest token that was seen
    NAME.lock     held with flock while one of us compares and writes

Rule 1. Compare, and change, only with the lock in hand: threads and processes of one machine take turns.
Rule 2. A new token is durable before anything else changes. So whoever meets the new contents meets their token, after any crash.
Rule 3. Each file is written under another name, synced, and renamed; the directory is synced between the two renames, and at the end.
Contents are the old or the new ones, whole.
Rule 4. What a crash leaves half-done is written over by the next write.

Left out on purpose: machines that share a directory over a network, unless its flock reaches all of them, as NFSv4's does.
"""

import fcntl
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from gaios.errors import Fenced, InvalidToken, ProtocolError
from gaios.fencing.token import Given, Token

FENCE: Final = ".fence"
LOCK: Final = ".lock"
NEW: Final = ".new"
FENCE_BYTES_MAX: Final = 64
"""A token has at most 39 characters; anything longer is none."""
_NEW_FLAGS: Final = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC


class FencedFile:
    """One file, guarded. Two objects of one path are as good as one; a symbolic link is followed once, at the start.

    Every method raises `OSError` when the disk fails, and `ProtocolError` when `NAME.fence` does not hold a token, in which case
    nothing is accepted any more. Deleting `NAME.fence` makes the file accept any token again.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(os.path.realpath(path))

    def read(self) -> bytes | None:
        """The contents; None where there is no file. To read under a lock, claim first, or use `update`."""
        with suppress(FileNotFoundError):
            return self.path.read_bytes()
        return None

    def seen(self) -> Token | None:
        """The newest token that came; None before the first."""
        try:
            with open(self._beside(FENCE), "rb") as fence:  # noqa: PTH123 (a bounded read)
                text = fence.read(FENCE_BYTES_MAX).decode("ascii", "replace")
        except FileNotFoundError:
            return None
        try:
            return Token.parse(text.removesuffix("\n"))
        except InvalidToken as error:
            raise ProtocolError(reason=f"{self._beside(FENCE)} is damaged: {error}") from None

    def claim(self, token: Given) -> None:
        """Change nothing, but refuse older tokens from now on.

        Raises:
            Fenced: a newer token was seen.
            InvalidToken: that is no token.
        """
        given = Token.of(token)
        with self._turn() as directory:
            self._raise_to(directory, given)

    def write(self, token: Given, contents: bytes) -> None:
        """Replace the contents.

        Raises:
            Fenced: a newer token was seen. Nothing was changed.
            InvalidToken: that is no token.
        """
        self.update(token, lambda _: contents)

    def update(self, token: Given, change: Callable[[bytes | None], bytes]) -> bytes:
        """Replace the contents by what `change` makes of them. What it raises leaves them as they are.

        Raises:
            Fenced: a newer token was seen. Nothing was changed.
            InvalidToken: that is no token.
        """
        given = Token.of(token)
        with self._turn() as directory:
            self._raise_to(directory, given)
            contents = change(self.read())
            self._replace(self.path, contents)
            os.fsync(directory)
        return contents

    @contextmanager
    def _turn(self) -> Iterator[int]:
        """Rule 1. Yields the directory's descriptor."""
        directory = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            lock = self._locked()
            try:
                yield directory
            finally:
                os.close(lock)
        finally:
            os.close(directory)

    def _locked(self) -> int:
        """The lock's descriptor; closing it unlocks. A lock that somebody deleted meanwhile excludes nobody: take the new one."""
        name = self._beside(LOCK)
        while True:
            lock = os.open(name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX)
                if os.path.samestat(os.fstat(lock), os.stat(name)):  # noqa: PTH116 (of a descriptor and a name)
                    return lock
            except FileNotFoundError:
                pass
            except BaseException:
                os.close(lock)
                raise
            os.close(lock)

    def _raise_to(self, directory: int, given: Token) -> None:
        seen = self.seen()
        if seen is not None and given < seen:
            raise Fenced(what=str(self.path), seen=str(seen), given=str(given))
        if given != seen:
            self._replace(self._beside(FENCE), f"{given}\n".encode())
        # Also for a token that was there: who wrote it may have died before this.
        os.fsync(directory)

    def _replace(self, path: Path, contents: bytes) -> None:
        """Rule 3, but for the directory."""
        new = path.with_name(path.name + NEW)
        descriptor = os.open(new, _NEW_FLAGS, 0o666)
        try:
            with suppress(FileNotFoundError):
                os.fchmod(descriptor, stat.S_IMODE(path.stat().st_mode))
            left = memoryview(contents)
            while left:
                left = left[os.write(descriptor, left) :]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.replace(new, path)  # noqa: PTH105 (beside the other calls of os)

    def _beside(self, suffix: str) -> Path:
        return self.path.with_name(self.path.name + suffix)
