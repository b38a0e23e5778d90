"""What is sure to be left."""

import pytest

from gaios.errors import StateMissing
from gaios.sim.durable import Durable
from gaios.sim.file import File


def test_of_a_file_the_synced_bytes_are_left() -> None:
    file = File()
    file.write(0, b"old")
    file.sync()
    file.write(1, b"new")
    left = Durable({"wal/b": file, "wal/a": File()}, "1")
    assert left.names() == ["wal/a", "wal/b"]
    assert (left.size("wal/b"), left.read("wal/b", 1, 9)) == (3, b"ld")
    with pytest.raises(StateMissing, match="wal/c"):
        left.size("wal/c")
