"""A disk on which the power may fail: everything that a directory may hold afterwards, after each call of the system.

Rule 1. What was not synced of a file is lost. Rule 2. Of the renames since the directory was synced, any may be lost, and any kept.
Rule 3. A write takes half of what it is given, as the kernel may.

It stands in for the module `os`: calls are carried out in a real directory, and watched; a sync costs nothing.
"""

import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any


class Crash(BaseException):
    """The process is no more; nothing may catch it."""


class Inode:
    """One file's bytes: what a reader sees, and what a power cut leaves."""

    def __init__(self, contents: bytes = b"") -> None:
        self.seen = self.synced = contents


class Disk:
    """`os`, watched. `cuts` has every directory that a power cut could have left so far, as names and contents."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.names = {path.name: Inode(path.read_bytes()) for path in directory.iterdir()}
        self.durable = dict(self.names)
        self.renames: list[tuple[str, Inode]] = []
        self.descriptors: dict[int, Inode | None] = {}
        self.calls = 0
        self.crash_before: int | None = None
        self.cuts: list[dict[str, bytes]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def step(self) -> None:
        """A call is about to be made: perhaps the process, or the power, gets no further."""
        self.cuts += self.outcomes()
        self.calls += 1
        if self.calls == self.crash_before:
            raise Crash

    def outcomes(self) -> Iterator[dict[str, bytes]]:
        """What a power cut would leave now."""
        for kept in itertools.product((False, True), repeat=len(self.renames)):
            names = dict(self.durable)
            names.update(rename for rename, keep in zip(self.renames, kept, strict=True) if keep)
            yield {name: inode.synced for name, inode in names.items()}

    def open(self, path: Any, flags: int, mode: int = 0o777) -> int:
        self.step()
        descriptor = os.open(path, flags, mode)
        name = Path(path).name
        if flags & os.O_TRUNC:
            self.names[name] = Inode()
        self.descriptors[descriptor] = None if Path(path) == self.directory else self.names.setdefault(name, Inode())
        return descriptor

    def write(self, descriptor: int, data: memoryview) -> int:
        self.step()
        inode = self.descriptors[descriptor]
        assert inode is not None
        half = bytes(data[: (len(data) + 1) // 2])
        inode.seen += half
        return os.write(descriptor, half)

    def fsync(self, descriptor: int) -> None:
        self.step()
        inode = self.descriptors[descriptor]
        if inode is None:
            self.durable.update(self.renames)
            self.renames.clear()
        else:
            inode.synced = inode.seen

    def replace(self, source: Path, target: Path) -> None:
        self.step()
        source.replace(target)
        inode = self.names[target.name] = self.names.pop(source.name)
        self.renames.append((target.name, inode))

    def close(self, descriptor: int) -> None:
        # Also of a process that crashed: the kernel does it.
        os.close(descriptor)
        del self.descriptors[descriptor]
