"""What became of one operation of a client: each place in the log where it stands, and what it met there.  [SAFETY 19, 20]

A client's operation is (identity, sequence), written SLOT.INDEX:SEQUENCE. It stands in the log once for each attempt that was chosen; the
exactly-once table carries out the first of them. What it was refused for is said with what stood in the state at that moment.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from gaios import api, errors, lock_api
from gaios.api import MultiOp, MultiOpResult, Test
from gaios.entry import Entry, Identity
from gaios.errors import Error, InvalidCommand
from gaios.explanation import Moment
from gaios.locks import LockService, is_lock_command
from gaios.log import Answer, Status
from gaios.machine import Context

_WRITTEN: Final = re.compile(r"([0-9]{1,19})\.([0-9]{1,9}):([0-9]{1,19})")
ATTEMPTS_TOLD: Final = 64


@dataclass(frozen=True, slots=True)
class Operation:
    """Whose, and which."""

    identity: Identity
    sequence: int

    def __str__(self) -> str:
        """As it is written."""
        return f"{self.identity.slot}.{self.identity.index}:{self.sequence}"


def parse(text: str) -> Operation:
    """An operation as it is written. Raises `InvalidCommand`."""
    found = _WRITTEN.fullmatch(text)
    if found is None:
        raise InvalidCommand(reason=f"an operation is SLOT.INDEX:SEQUENCE, as an `Unknown` error names it, not {text[:80]!r}")
    slot, index, sequence = map(int, found.groups())
    return Operation(Identity(slot, index), sequence)


@dataclass(frozen=True, slots=True)
class Failed:
    """A test of a guard that did not hold."""

    test: Test
    value: bytes | None
    """What stood under its key; None: nothing did."""
    version: int
    create_revision: int
    mod_revision: int
    changed_in: int
    """The slot that made `mod_revision`; 0: the key was not there."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One place in the log where the operation stands."""

    at: Moment
    index: int
    acknowledged: int
    """Through which the client said it had seen its answers."""
    status: int
    first: bool
    """This is the one that was carried out, or refused by the machine."""
    command: str
    """What kind of command it is."""
    session: int = 0
    """Of the lock service; 0: none."""
    revision: int = 0
    """Behind it; 0: the answer does not say."""
    succeeded: bool = True
    """False: its guard failed."""
    failed: Failed | None = None
    error: Error | None = None
    """What it was refused with."""


@dataclass(slots=True)
class Story:
    """All that is known of it."""

    operation: Operation
    registered: Moment | None = None
    evicted: Moment | None = None
    """When the exactly-once table forgot the client."""
    attempts: list[Attempt] = field(default_factory=list)
    through: int = 0
    """The last slot that was looked at."""
    since: int = 0
    """Nothing is known of this slot and those before it, but for what the exactly-once table knew there; 0: all were looked at."""
    is_client_known: bool = False
    """That table knew the client there."""
    before: Answer | None = None
    """What that table had for the operation."""


def failed_test(machine: LockService, command: bytes, context: Context, changed_in: Callable[[int], int]) -> Failed | None:
    """The first test of a guard that does not hold now; `changed_in` maps a revision to its slot."""
    try:
        decoded = api.decode_command(command)
    except InvalidCommand:
        return None
    for test in decoded.guard if isinstance(decoded, MultiOp) else ():
        reply, _ = machine.database.carry_out(MultiOp(guard=(test,)), context)
        if isinstance(reply, MultiOpResult) and not reply.succeeded:
            stood = machine.database.record(test.key) if test.end is None else None
            if stood is None:
                return Failed(test, None, 0, 0, 0, 0)
            slot = changed_in(stood.mod_revision)
            return Failed(test, stood.value, stood.version, stood.create_revision, stood.mod_revision, slot)
    return None


def attempt(at: Moment, index: int, entry: Entry, answer: Answer, *, first: bool, failed: Failed | None) -> Attempt:
    """What the log answered to an operation in one place."""
    name, session = describe(entry.command)
    error, revision, succeeded = None, 0, True
    if answer.status == Status.DONE:
        reply: Any = _nouns(entry.command).decode_reply(answer.body)
        succeeded = getattr(reply, "succeeded", getattr(reply, "done", True))
        revision = getattr(reply, "revision", 0)
    elif answer.body:
        error = errors.unpack(answer.body)
    return Attempt(at, index, entry.acknowledged, answer.status, first, name, session, revision, succeeded, failed, error)


def describe(command: bytes) -> tuple[str, int]:
    """What kind of command, and of which session of the lock service."""
    try:
        decoded: Any = _nouns(command).decode_command(command)
    except InvalidCommand:
        return "a command that cannot be read", 0
    return type(decoded).__name__, getattr(decoded, "session", 0)


def _nouns(command: bytes) -> Any:  # noqa: ANN401 (a module)
    """Whose a command is: the lock service's, or the database's."""
    return lock_api if is_lock_command(command) else api
