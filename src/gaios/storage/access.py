"""Whose directory it is, who else may touch it, and whether it can be written at all.  [etcd audit 2020, finding 3]

Rule 1. What others may write, they may forge: it is refused. What they may only read is said.
Rule 2. Wrong rights are a matter of configuration, exit code 2; a file system that went read-only, or fails, is a failed disk, exit code 4.
Rule 3. A message names the file, what is wrong with it, and what to type.
"""

import errno
import os
import shlex
import stat
from pathlib import Path
from typing import Final

from gaios.errors import ConfigurationError, DiskFailed, Error, StateDamaged
from gaios.storage.words import UNREADABLE

_FAILED: Final = frozenset({errno.EROFS, errno.EIO, errno.EUCLEAN, errno.ESTALE, errno.ENXIO})
_NOT_GIVEN: Final = frozenset({errno.EIO, errno.EBADMSG, errno.EILSEQ, errno.ENODATA})
_READ_ONLY = "it is mounted read-only, by its administrator or by the kernel after errors: dmesg tells; make it writable and start again"


def check(path: Path) -> list[str]:
    """What should be mended about the rights of a replica's directory, in sentences.

    Raises:
        ConfigurationError: it belongs to somebody else, or others may write into it.
        DiskFailed: it cannot be looked at.
    """
    try:
        found = path.stat()
    except OSError as error:
        raise refusal(path, error) from None
    me = os.geteuid()
    if me not in {found.st_uid, 0}:
        raise ConfigurationError(
            reason=f"{path} belongs to user {found.st_uid}; this process is user {me}",
            hint=f"run it as that user, or, as root: chown -R {me} {shlex.quote(str(path))}",
        )
    mode = stat.S_IMODE(found.st_mode)
    mend = f"chmod 700 {shlex.quote(str(path))}"
    if mode & 0o022:
        raise ConfigurationError(reason=f"others may write into {path} (mode {mode:o}), and so forge what it holds", hint=mend)
    return [f"others may read {path} (mode {mode:o}), and with it all that the cell holds: {mend}"] if mode & 0o055 else []


def is_there(path: Path) -> bool:
    """Whether there is a file or directory of that name. What cannot be looked at is not gone.

    Raises:
        ConfigurationError: this process may not look.
        DiskFailed: the disk does not tell.
    """
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise refusal(path, error) from None
    return True


def refusal(path: Path, error: OSError) -> Error:
    """Why a directory cannot be used: `DiskFailed` where its disk is to blame, else `ConfigurationError`."""
    why = error.strerror or str(error)
    if error.errno in _FAILED:
        failed = DiskFailed(file=str(path), operation="open", reason=why)
        failed.hint = _READ_ONLY if error.errno == errno.EROFS else "dmesg tells what the kernel knows"
        return failed
    hint = ""
    if error.errno in {errno.EACCES, errno.EPERM}:
        hint = f"this process is user {os.geteuid()}: look at ls -ld {shlex.quote(str(path))} and the directories above"
    elif error.errno in {errno.ENOSPC, errno.EDQUOT}:
        hint = "free some space first: a start needs a few bytes"
    return ConfigurationError(reason=f"cannot use {path} as a directory: {why}", hint=hint)


def not_given(name: str, offset: int, error: OSError) -> StateDamaged | None:
    """What to raise where the disk does not give these bytes back; None: it is something else that is wrong."""
    if error.errno not in _NOT_GIVEN:
        return None
    return StateDamaged(file=name, offset=offset, kind=UNREADABLE, detail=f"the disk does not give it back: {error.strerror or error}")
