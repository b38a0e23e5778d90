"""The seam between the log and whatever it replicates.  [PML §3]

    log ── validate(command) ─► may it be proposed?        (at the master, before)
        ── apply(command, context) ─► reply, effects       (at every replica, in slot order)
        ── query(question) ─► answer                       (at the master, under its lease)

Rule 1. A machine is a function of the commands applied to it: no clock, dice, I/O, hash order or float.  [SAFETY 27]
Rule 2. A command that fails raises a deterministic `errors.Error` with nothing changed; that is its answer, the same everywhere.
Rule 3. Any other exception from `apply` stops the replica.
Rule 4. Effects are for this replica's own listeners (watches). They are not replicated and may be dropped.
Rule 5. What `begin_epoch`, `apply`, `apply_own` and `restore` do not change, nothing changes: `query`, `checksum` and `snapshot` only look.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, ClassVar, NamedTuple

from gaios.errors import InvalidCommand


class Context(NamedTuple):
    """Where in the log a command stands."""

    slot: int
    index: int  # type: ignore[assignment] # the literature's word; tuple.index is not used
    """Its place in the slot's batch, from 0."""
    time_ms: int
    """The master's advisory clock; never decreases along the log, never used for safety."""
    epoch: int
    """The ballot of the master in whose reign this stands.  [PML §5.3]"""


class Machine(ABC):
    """Subclass this, hand it to `gaios.Replica`, and it is replicated."""

    version: ClassVar[int] = 1
    """Rises when `apply` gives another result for the same command and state."""

    @abstractmethod
    def validate(self, command: bytes) -> None:
        """Check a command's form before it is proposed; must not depend on the state.

        Raises:
            InvalidCommand: it would be refused at every state.
        """

    def grows(self, command: bytes) -> bool:
        """Whether the state may take more room after a valid command: such ones are refused while disks are full.  [SAFETY 28]

        Those that delete or give up should say no: they are what makes room. Yes unless overridden.
        """
        del command
        return True

    def begin_epoch(self, context: Context) -> None:  # noqa: B027 (most machines need not know)
        """A master's reign begins here in the log; every later command's context has this epoch.  [PML §5.3; SAFETY 14]

        A machine whose answers depend on the epoch hears of it here, before the new master's first read. Does nothing unless overridden.
        """

    @abstractmethod
    def apply(self, command: bytes, context: Context) -> tuple[bytes, Sequence[Any]]:
        """Carry out a chosen command: its reply, and effects for this replica's listeners.

        Raises:
            Error: a deterministic one: the command was refused, and changed nothing. Any other stops the replica.
        """

    def apply_own(self, command: bytes, context: Context) -> tuple[bytes, Sequence[Any]]:
        """Carry out a command that the master itself originated, in its own epoch; as `apply`. Refuses all unless overridden.  [SAFETY 14]

        Raises:
            Error: as `apply` does.
        """
        del command, context
        raise InvalidCommand(reason="this machine has no commands of the master's")

    @abstractmethod
    def query(self, question: bytes) -> bytes:
        """Answer a read of the current state; changes nothing.

        Raises:
            Refused: the question cannot be understood or answered.
        """

    @abstractmethod
    def checksum(self) -> int:
        """A number below 2**64 that is equal on replicas whose states are equal; cheap at any time."""

    def recheck(self, records: int) -> bool:
        """Look at so many records again, the next ones each time: whether all is as it was put there. For memory that forgets.

        What `checksum` keeps up to date is not computed anew, so a bit that flips in what is stored escapes it. Looks at nothing unless
        overridden. It changes nothing that anybody can read.
        """
        del records
        return True

    @abstractmethod
    def snapshot(self) -> Iterator[bytes]:
        """The whole state as canonical chunks: equal states give equal bytes. The state is that of the call, whatever is applied after.

        Making a chunk should take a millisecond at most. An empty one is none: it only lets others work, and `restore` is not given it.
        A generator that returns False has found that what it read is not what `checksum` summed up: memory that forgets, see `recheck`.
        """

    @abstractmethod
    def restore(self, chunks: Iterable[bytes]) -> None:
        """Replace the whole state by a snapshot's, or raise with nothing changed.

        Raises:
            ProtocolError: the chunks are not a snapshot of this version.
        """
