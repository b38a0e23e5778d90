"""The file that a recording is kept in.

    DIR/member-1-boot-7-89abcdef01234567.trace

Rule 1. A frame is with the kernel before `put` returns: it outlives the process, also one that is killed. It is never synced: what a power
cut leaves of it is not relied on, and recordings that went through one may miss what was said last.
Rule 2. It never harms: a recording that reaches its bound, or cannot be written, is marked as stopped, the log says so, and the replica
goes on.
"""

import os
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Final

from gaios.errors import ConfigurationError
from gaios.log.recording import ENDED_AT, HEADER, STOPPED, Frame, encode_frame

SUFFIX: Final = ".trace"
BYTES_MAX: Final = 512 << 20
"""What one member's recordings in a directory may take up together: some hours of a test cell, an hour of one under full load."""


def check_empty(directory: "str | os.PathLike[str]") -> None:
    """Refuse a directory that holds recordings already: those of another run would be taken for this one's.

    Raises:
        ConfigurationError: it does.
    """
    there = next(Path(directory).glob(f"*{SUFFIX}"), None)
    if there is not None:
        raise ConfigurationError(reason=f"there are recordings in {directory} already: {there.name}", hint="name an empty directory")


class Recorder:
    """A `recorded.Sink` in a directory."""

    def __init__(
        self,
        directory: "str | os.PathLike[str]",
        *,
        clock: str,
        true_ns: Callable[[int], int],
        stopped: Callable[[str], object],
        bytes_max: int = BYTES_MAX,
    ) -> None:
        """`stopped` is told why a recording ends before its process.

        Raises:
            ConfigurationError: the directory cannot be made.
        """
        self.clock, self.true_ns = clock, true_ns
        self._directory, self._stopped, self._bytes_max = Path(directory), stopped, bytes_max
        self._descriptor = -1
        self._left = 0
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigurationError(reason=f"cannot record into {directory}: {error.strerror}") from None

    def begin(self, member: int, boot: int, nonce: int) -> None:
        """Open the file of a boot."""
        self.close()
        name = f"member-{member}-boot-{boot}-{nonce:016x}{SUFFIX}"
        try:
            there = sum(path.stat().st_size for path in self._directory.glob(f"member-{member}-boot-*{SUFFIX}"))
            self._left = self._bytes_max - there - len(HEADER)
            self._descriptor = os.open(self._directory / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            os.write(self._descriptor, HEADER)
        except OSError as error:
            self._stop(f"{error.strerror}: {self._directory / name}")

    def put(self, frame: Frame) -> None:
        """Write a frame."""
        if self._descriptor < 0:
            return
        data = encode_frame(frame)
        self._left -= len(data)
        if self._left < 0:
            self._stop(f"this member's recordings have reached {self._bytes_max} bytes")
            return
        try:
            written = os.write(self._descriptor, data)
        except OSError as error:
            self._stop(error.strerror or str(error))
        else:
            if written < len(data):
                self._stop("the disk is full")

    def close(self) -> None:
        """The process ends, and its recording with it."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _stop(self, reason: str) -> None:
        if self._descriptor >= 0:
            try:
                os.pwrite(self._descriptor, bytes([STOPPED]), ENDED_AT)
            except OSError:
                reason += "; and the file could not be marked"
            self.close()
        self._stopped(reason)


def of_this_machine(directory: str, stopped: Callable[[str], object]) -> Recorder:
    """A recorder for processes that all read the same clock: those of this machine, until it is started anew.

    Raises:
        ConfigurationError: the directory cannot be made.
    """
    try:
        machine = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:
        machine = uuid.uuid4().hex
    return Recorder(directory, clock=machine, true_ns=lambda now: now, stopped=stopped)
