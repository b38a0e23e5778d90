"""Recordings as files: which there are, and their entries, one frame in memory at a time."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from gaios.errors import ConfigurationError, ProtocolError
from gaios.log.recording import HEAD_BYTES, HEADER_BYTES, Frame, Start, frame_length, is_intact, read_frame, read_header

SUFFIX = ".trace"


class Recording:
    """One boot of one member. `is_whole`: it ends where its process ended; else it was stopped before."""

    def __init__(self, path: Path, start: Start, *, is_whole: bool) -> None:
        self.path, self.start, self.is_whole = path, start, is_whole

    @classmethod
    def open(cls, path: Path) -> "Recording | None":
        """Read the header and what the boot started with; None where the process ended before its first turn did.

        Raises:
            ConfigurationError: it cannot be read, or is no recording.
        """
        try:
            with path.open("rb") as file:
                is_whole = read_header(file.read(HEADER_BYTES))
        except OSError as error:
            raise ConfigurationError(reason=f"cannot read {path}: {error.strerror}") from None
        except ProtocolError as error:
            raise ConfigurationError(reason=f"{path} is no recording: {error.reason}") from None
        first = next(frames(path), None)
        if first is None:
            return None
        if not first.entries or not isinstance(first.entries[0], Start):
            raise ConfigurationError(reason=f"{path} does not begin with a start")
        return cls(path, first.entries[0], is_whole=is_whole)

    @property
    def name(self) -> str:
        """What findings call it."""
        return self.path.name

    def frames(self) -> Iterator[Frame]:
        """As `frames`."""
        return frames(self.path)


def frames(path: Path) -> Iterator[Frame]:
    """Every frame of a recording; a torn last one is where it ends.

    Raises:
        ConfigurationError: something in it is damaged.
    """
    try:
        with path.open("rb") as file:
            at = len(file.read(HEADER_BYTES))
            while (found := _next(file, at)) is not None:
                yield found[0]
                at = found[1]
    except OSError as error:
        raise ConfigurationError(reason=f"cannot read {path}: {error.strerror}") from None
    except ProtocolError as error:
        raise ConfigurationError(reason=f"{path} is damaged: {error.reason}") from None


def _next(file: BinaryIO, at: int) -> tuple[Frame, int] | None:
    """The frame that stands at `at`, and where the one behind it does."""
    head = file.read(HEAD_BYTES)
    if len(head) < HEAD_BYTES:
        return None
    length = frame_length(head)
    payload = file.read(length)
    if len(payload) < length:
        return None
    if not is_intact(head, payload):
        raise ProtocolError(reason=f"the frame at byte {at} is not the one that was written")
    return read_frame(payload), at + HEAD_BYTES + length


def find(paths: Iterable[str]) -> list[Path]:
    """The recordings that are named; a directory stands for all in it.

    Raises:
        ConfigurationError: one is not there, or a directory holds none, or one is named twice.
    """
    found: list[Path] = []
    for name in paths:
        path = Path(name)
        if path.is_dir():
            inside = sorted(path.glob(f"*{SUFFIX}"))
            if not inside:
                raise ConfigurationError(reason=f"there are no recordings ({SUFFIX}) in {name}")
            found += inside
        elif path.exists():
            found.append(path)
        else:
            raise ConfigurationError(reason=f"there is no {name}")
    resolved = [path.resolve() for path in found]
    if len(set(resolved)) < len(resolved):
        twice = next(path for path in resolved if resolved.count(path) > 1)
        raise ConfigurationError(reason=f"{twice} is named twice")
    return found
