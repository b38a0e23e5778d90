"""A machine of a test's own, and whether it keeps the rules of the seam.  [SAFETY 27]

Rule 1. After each command a second machine, restored from the snapshot of before and given the same command, says and becomes the same:
what is not in the snapshot makes no difference.
Rule 2. A refused command, and a query, change nothing.
Rule 3. What is wrong stops the replica, and so fails the test, with the rule that was broken.

Left out on purpose: speed. A snapshot is taken at every command: machines in tests are small.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from gaios import errors
from gaios.machine import Context, Machine


class Examined(Machine):
    """See the module."""

    def __init__(self, make: Callable[[], Machine]) -> None:
        self._make = make
        self._machine = make()
        self._seen = self._snapshot()
        self.boot = self.revision = 0
        """What observers ask of every machine; this one counts commands."""

    def validate(self, command: bytes) -> None:
        """As its machine's."""
        self._machine.validate(command)

    def begin_epoch(self, context: Context) -> None:
        """As its machine's."""
        self._machine.begin_epoch(context)
        self._seen = self._snapshot()

    def apply(self, command: bytes, context: Context) -> tuple[bytes, Sequence[Any]]:
        """As its machine's; and Rules 1 and 2."""
        self.revision += 1
        return self._twice(lambda machine: machine.apply(command, context))

    def apply_own(self, command: bytes, context: Context) -> tuple[bytes, Sequence[Any]]:
        """As `apply`."""
        return self._twice(lambda machine: machine.apply_own(command, context))

    def query(self, question: bytes) -> bytes:
        """As its machine's; and Rule 2."""
        try:
            return self._machine.query(question)
        finally:
            if self._snapshot() != self._seen:
                raise errors.InvariantViolated(invariant="a query changes nothing", detail=_shown(question))

    def checksum(self) -> int:
        """As its machine's."""
        return self._machine.checksum()

    def snapshot(self) -> Iterator[bytes]:
        """As its machine's."""
        return self._machine.snapshot()

    def restore(self, chunks: Iterable[bytes]) -> None:
        """As its machine's."""
        self._machine.restore(chunks)
        self._seen = self._snapshot()

    def _snapshot(self) -> bytes:
        return b"".join(self._machine.snapshot())

    def _twice(self, act: Callable[[Machine], tuple[bytes, Sequence[Any]]]) -> tuple[bytes, Sequence[Any]]:
        before = self._seen
        restored = self._make()
        restored.restore([before])
        said, refusal = _outcome(act, self._machine)
        self._seen = self._snapshot()
        again, refused_again = _outcome(act, restored)
        if refusal is not None and self._seen != before:
            raise errors.InvariantViolated(invariant="a refused command changes nothing", detail=str(refusal))
        other = b"".join(restored.snapshot())
        if (said, str(refusal), self._seen, self._machine.checksum()) != (again, str(refused_again), other, restored.checksum()):
            detail = f"one went on from {_shown(self._seen)}, the other from {_shown(other)}"
            raise errors.InvariantViolated(invariant="a machine that was restored goes on as the one that was saved", detail=detail)
        if refusal is not None:
            raise refusal
        assert said is not None
        return said


def _outcome(
    act: Callable[[Machine], tuple[bytes, Sequence[Any]]], machine: Machine
) -> tuple[tuple[bytes, Sequence[Any]] | None, errors.Error | None]:
    try:
        return act(machine), None
    except errors.Error as error:
        if not error.deterministic:
            raise
        return None, error


def _shown(data: bytes) -> str:
    return repr(data[:200])
