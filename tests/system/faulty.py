"""A cell of real processes on disks that fail when they are told to.

`faultshim.c` is compiled with gcc and preloaded; a mapped file tells it which replica's disk does what, and is changed while they run.
"""

import os
import shutil
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from pathlib import Path

import pytest

from gaios.server import control, local
from tests.server.parts import places

_ROW = struct.Struct("<4i")
_ROWS = 10


class Fault(IntEnum):
    """A column of the shim's table."""

    FULL = 0
    """A write that makes a file longer fails with this errno."""
    SYNC = 1
    """Syncs fail with this errno."""
    DELAY = 2
    """Each fdatasync takes so many microseconds longer."""
    WRITE = 3
    """Writes fail with this errno."""


class Faults:
    """The table, by replica."""

    def __init__(self, path: Path) -> None:
        path.write_bytes(bytes(_ROW.size * _ROWS))
        self._file = os.open(path, os.O_RDWR | os.O_CLOEXEC)

    def set(self, fault: Fault, value: int, *replicas: int) -> None:
        """From now on, until it is set to 0."""
        for replica in replicas:
            os.pwrite(self._file, value.to_bytes(4, "little"), replica * _ROW.size + 4 * fault)

    def close(self) -> None:
        os.close(self._file)


@contextmanager
def faulty_cell(where: Path, replicas: int = 3) -> Iterator[tuple[local.LocalCell, Faults]]:
    """A supervised cell with small segments on such disks, stopped at the end whatever happened to it."""
    if shutil.which("gcc") is None:
        message = "gcc is not on this machine: apt-get install gcc libc6-dev"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    where.mkdir(exist_ok=True)
    shim = where / "faultshim.so"
    source = Path(__file__).with_name("faultshim.c")
    subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-o", shim, source, "-ldl"], check=True)
    faults = Faults(where / "faults")
    more = {"LD_PRELOAD": str(shim), "FAULTS": str(where / "faults"), "GAIOS_SEGMENT_MIB": "1"}
    before = {name: os.environ.get(name) for name in more}
    cell = local.create(where / "cell", places(replicas))
    os.environ.update(more)
    try:
        control.detach(cell)
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
    try:
        yield cell, faults
    finally:
        control.stop(cell)
        faults.close()
