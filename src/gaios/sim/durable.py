"""What is sure to be left of a simulated disk."""

from gaios.errors import StateMissing
from gaios.sim.file import File


class Durable:
    """What the dice could leave of a disk at the least: a `Reader` of synced bytes under synced names."""

    def __init__(self, names: dict[str, File], machine: str) -> None:
        self._names, self._machine = names, machine

    def names(self) -> list[str]:
        """As `Disk.names`."""
        return sorted(self._names)

    def size(self, name: str) -> int:
        """As `Disk.size`."""
        return len(self._file(name).durable)

    def read(self, name: str, offset: int, length: int) -> bytes:
        """As `Disk.read`."""
        return bytes(memoryview(self._file(name).durable)[offset : offset + length])

    def _file(self, name: str) -> File:
        if name not in self._names:
            raise StateMissing(directory=self._machine, what=name)
        return self._names[name]
