"""The public nouns: what a client asks of the database and what it gets back.  [PML §5.6]

A write is one `MultiOp`, a read one `Range`, `History` or `Look`; each crosses the wire and the log as the msgpack that `encode`
makes, and comes back as what `encode` made of a `MultiOpResult`, `Page`, `Changes`. Keys order by their bytes.
Wherever there is an `end`: None means the one key, `b""` a range without upper end, anything else the range `[key, end)`, which is empty
when `end` is not above `key`. A range may begin at `b""`, the lowest key; a single key has at least one byte.

An empty database stands at revision `FIRST_REVISION`; 0 is never a revision, so that it can mean *now*, or *absent*.

Left out on purpose: how a command travels (transport/, client/), how it is carried out (db/), what it may cost (db/bounds.py).
"""

from typing import Final

import msgspec

from gaios.errors import CommandTooLong, InvalidCommand, KeyTooLong, ProtocolError, TooManyOperations, ValueTooLong
from gaios.nouns import Noun, decode

KEY_BYTES_MAX: Final = 1_024
VALUE_BYTES_MAX: Final = 1 << 20
OPERATIONS_MAX: Final = 128
"""In each of a MultiOp's guard, then, otherwise."""
COMMAND_BYTES_MAX: Final = 3 << 19
"""1.5 MiB, of a MultiOp's encoding."""
PAGE_ENTRIES_MAX: Final = 1_000
PAGE_BYTES_MAX: Final = 1 << 20
"""A page ends when its keys and values exceed either; it always holds one entry if there is one."""
FIRST_REVISION: Final = 1
"""The empty database's; the first change makes 2."""
NUMBER_MAX: Final = (1 << 63) - 1
NUMBER_MIN: Final = -1 << 63
"""What an increment works on: signed 64 bits."""
EPOCH_KEY: Final = b"\x00gaios/epoch"
"""A read-only entry whose value is the epoch in decimal: name it in a guard to tie a command to one master's reign.  [PML §5.3]

It has version 1 and revisions 0, is absent before the first epoch, the same at every revision, and in no range and no watch.
"""
RESERVED_PREFIX: Final = b"\x00gaios/"
HOLDERS_PREFIX: Final = RESERVED_PREFIX + b"l/"
"""Keys below the first cannot be written, and are in no range. Below the second they can be read, watched and guarded by, one by one."""
FIELDS: Final = frozenset({"present", "absent", "value", "version", "mod_revision", "create_revision"})
OPERATORS: Final = frozenset({"==", "!=", "<", ">"})
"""What a test may look at, and how it may compare."""


class Entry(Noun, frozen=True, gc=False):
    """A key's present, or at an earlier revision its past, value."""

    key: bytes
    value: bytes
    version: int
    """Puts since the key was last created, from 1."""
    create_revision: int
    mod_revision: int


class Event(Noun, frozen=True, gc=False):
    """A change of one key; `value` is None when it was deleted.

    A revision holds at most one event of a key, the last change that the MultiOp made to it; a revision's events are ordered by key.
    """

    key: bytes
    value: bytes | None
    version: int
    """0 when it was deleted."""
    create_revision: int
    """0 when it was deleted."""
    mod_revision: int

    @property
    def type(self) -> str:
        """`put` or `delete`."""
        return "delete" if self.value is None else "put"


class Test(Noun, frozen=True, tag=1):
    """One test of a guard: over `key`, or with `end` over every key of `[key, end)`.

    `field` is `present`, `absent` (then `op` and `to` do not count), `value`, `version`, `mod_revision`, `create_revision`; `op` is one of
    `==`, `!=`, `<`, `>`; `to` is bytes for `value`, else an int. An absent key fails a test of `value`, and has 0 in the others.
    A range test holds when it holds for every existing key of the range; `present` needs at least one, `absent` needs none.
    """

    key: bytes
    field: str
    op: str = "=="
    to: bytes | int = 0
    end: bytes | None = None


class Put(Noun, frozen=True, tag=2):
    """Set a key."""

    key: bytes
    value: bytes


class Get(Noun, frozen=True, tag=3):
    """Read a key, or with `end` the keys of `[key, end)`, at most `limit` of them (0, or too many: a page's bound)."""

    key: bytes
    end: bytes | None = None
    limit: int = 0


class Delete(Noun, frozen=True, tag=4):
    """Delete a key, or with `end` every key of `[key, end)`."""

    key: bytes
    end: bytes | None = None


class Increment(Noun, frozen=True, tag=5):
    """Add to a decimal number kept as text (up to 20 digits, perhaps behind a minus); an absent key counts as 0. Signed 64 bits."""

    key: bytes
    by: int = 1


Operation = Put | Get | Delete | Increment


class MultiOp(Noun, frozen=True, tag=16):
    """If all of `guard` holds, then `then`, else `otherwise`: in order, atomically, at one revision.  [PML §5.6]

    An operation sees what those before it did. A put, an increment, or a delete that finds a key is a change; a MultiOp with a change makes
    the next revision, one without keeps the present one. When an operation fails, nothing was changed.
    """

    guard: tuple[Test, ...] = ()
    then: tuple[Operation, ...] = ()
    otherwise: tuple[Operation, ...] = ()


class Compact(Noun, frozen=True, tag=17):
    """Drop history before `revision`: reads and watches below it are refused from then on.

    It may be any revision from the last compaction's to the present one. The database compacts by itself too: see `db/bounds.py`.
    """

    revision: int


Command = MultiOp | Compact


class PutResult(Noun, frozen=True, tag=32):
    """`revision`: of this MultiOp."""

    revision: int


class GetResult(Noun, frozen=True, tag=33):
    """`more`: the limit or the page's bound cut it short."""

    entries: tuple[Entry, ...]
    more: bool = False


class DeleteResult(Noun, frozen=True, tag=34):
    """How many keys there were to delete."""

    deleted: int


class IncrementResult(Noun, frozen=True, tag=35):
    """The number after the increment."""

    value: int


Result = PutResult | GetResult | DeleteResult | IncrementResult


class MultiOpResult(Noun, frozen=True, tag=48):
    """`revision` is the database's after it; `results` holds one for each operation that ran, in order.

    `succeeded`: the guard held.
    """

    succeeded: bool
    revision: int
    results: tuple[Result, ...] = ()


class CompactResult(Noun, frozen=True, tag=49):
    """History now begins at `compacted`."""

    compacted: int


Reply = MultiOpResult | CompactResult


class Range(Noun, frozen=True, tag=64):
    r"""Read `key`, or with `end` the keys of `[key, end)`, now or at `revision` (0: now), one page at a time.

    The next page: `key` = the last key of the page + b"\x00", at the `revision` that the first page named.
    """

    key: bytes
    end: bytes | None = None
    limit: int = 0
    revision: int = 0
    keys_only: bool = False


class History(Noun, frozen=True, tag=65):
    """Every event of a key or range from `from_revision` on, whole revisions, one page at a time: what a watch begins with.

    A page of a wide range may be empty although history goes on: ask again from its `next_revision` until that is above its `revision`.
    """

    key: bytes
    end: bytes | None
    from_revision: int


class Look(Noun, frozen=True, tag=66):
    """Ask for the database's revision, compaction point, epoch, key count and checksum."""


Question = Range | History | Look


class Page(Noun, frozen=True, tag=80):
    """`revision`: that of the database, or the one that was asked for."""

    entries: tuple[Entry, ...]
    more: bool
    revision: int


class Changes(Noun, frozen=True, tag=81):
    """Events of whole revisions, in order; history goes on at `next_revision` (one past `revision` when it is complete)."""

    events: tuple[Event, ...]
    next_revision: int
    revision: int


class Overview(Noun, frozen=True, tag=82):
    """Facts of the whole database."""

    revision: int
    compacted: int
    epoch: int
    keys: int
    checksum: int
    memory: int = 0
    """Bytes that all values take, present and past, keys and an allowance included."""


Answer = Page | Changes | Overview

_commands: msgspec.msgpack.Decoder[Command] = msgspec.msgpack.Decoder(Command)
_replies: msgspec.msgpack.Decoder[Reply] = msgspec.msgpack.Decoder(Reply)
_questions: msgspec.msgpack.Decoder[Question] = msgspec.msgpack.Decoder(Question)
_answers: msgspec.msgpack.Decoder[Answer] = msgspec.msgpack.Decoder(Answer)
encode = msgspec.msgpack.Encoder().encode
"""A noun's bytes."""


def decode_command(data: bytes) -> Command:
    """Raises `InvalidCommand` for anything that `encode` did not make of a `MultiOp` or a `Compact`. Limits: see `check`."""
    return decode(_commands, data, InvalidCommand)


def decode_question(data: bytes) -> Question:
    """Raises `InvalidCommand` for anything that `encode` did not make of a `Range`, `History` or `Look`. Limits: see `check_question`."""
    return decode(_questions, data, InvalidCommand)


def decode_reply(data: bytes) -> Reply:
    """What `apply` answered to a command. Raises `ProtocolError`: the command may well have taken effect."""
    return decode(_replies, data, ProtocolError)


def decode_answer(data: bytes) -> Answer:
    """What `query` answered to a question. Raises `ProtocolError`."""
    return decode(_answers, data, ProtocolError)


def check(command: Command, data: bytes | None = None) -> bytes:
    """Check that a command keeps the limits above, whatever the state; gives its encoding, `data` where that is at hand.

    Raises:
        KeyTooLong: A key is empty, or longer than `KEY_BYTES_MAX`.
        ValueTooLong: A value is longer than `VALUE_BYTES_MAX`.
        TooManyOperations: Guard, then or otherwise has more than `OPERATIONS_MAX` entries.
        CommandTooLong: The encoding is longer than `COMMAND_BYTES_MAX`, though all of the above is in order.
        InvalidCommand: A key is reserved, a test's field, operator or operand is none, a number leaves its range.
    """
    if isinstance(command, Compact):
        _check_number("revision", command.revision, 1)
    else:
        for where in ("guard", "then", "otherwise"):
            if (count := len(getattr(command, where))) > OPERATIONS_MAX:
                raise TooManyOperations(where=where, count=count, limit=OPERATIONS_MAX)
        for test in command.guard:
            _check_test(test)
        for operation in (*command.then, *command.otherwise):
            _check_operation(operation)
    if data is None:
        try:
            data = encode(command)
        except (OverflowError, UnicodeEncodeError) as error:
            raise InvalidCommand(reason=str(error)) from None
    if len(data) > COMMAND_BYTES_MAX:
        raise CommandTooLong(length=len(data), limit=COMMAND_BYTES_MAX)
    return data


def check_question(question: Question) -> None:
    """Check that a question can be understood. Raises `KeyTooLong`, or `InvalidCommand`: a number out of range, a reserved key."""
    if isinstance(question, Look):
        return
    check_keys(question.key, question.end)
    if isinstance(question, Range):
        _check_number("limit", question.limit, 0)
        _check_number("revision", question.revision, 0)
    else:
        _check_number("revision", question.from_revision, 1)


def check_keys(key: bytes, end: bytes | None) -> None:
    """Check a key, or a range's two ends. Raises `KeyTooLong`; `InvalidCommand`: the one key is reserved, and none that is shown."""
    if end is None:
        if not 0 < len(key) <= KEY_BYTES_MAX:
            raise KeyTooLong(length=len(key), limit=KEY_BYTES_MAX)
        if key.startswith(RESERVED_PREFIX) and key != EPOCH_KEY and not key.startswith(HOLDERS_PREFIX):
            raise InvalidCommand(reason=f"the key {key!r} cannot be used: keys below {RESERVED_PREFIX!r} are reserved")
    elif len(key) > KEY_BYTES_MAX + 1 or len(end) > KEY_BYTES_MAX + 1:
        raise KeyTooLong(length=max(len(key), len(end)), limit=KEY_BYTES_MAX)


def _check_operation(operation: Operation) -> None:
    if isinstance(operation, Put):
        _check_writable(operation.key)
        if len(operation.value) > VALUE_BYTES_MAX:
            raise ValueTooLong(length=len(operation.value), limit=VALUE_BYTES_MAX)
    elif isinstance(operation, Increment):
        _check_writable(operation.key)
        if not NUMBER_MIN <= operation.by <= NUMBER_MAX:
            raise InvalidCommand(reason=f"an increment by {operation.by} leaves the signed 64-bit range")
    elif isinstance(operation, Delete):
        if operation.end is None:
            _check_writable(operation.key)
        else:
            check_keys(operation.key, operation.end)
    else:
        check_keys(operation.key, operation.end)
        _check_number("limit", operation.limit, 0)


def _check_writable(key: bytes) -> None:
    check_keys(key, None)
    if key.startswith(RESERVED_PREFIX):
        raise InvalidCommand(reason=f"the key {key!r} cannot be written: keys below {RESERVED_PREFIX!r} are reserved")


def _check_test(test: Test) -> None:
    check_keys(test.key, test.end)
    if test.field not in FIELDS:
        raise InvalidCommand(reason=f"a test's field is one of {sorted(FIELDS)}, not {test.field!r}")
    if test.field in {"present", "absent"}:
        return
    if test.op not in OPERATORS:
        raise InvalidCommand(reason=f"a test's op is one of {sorted(OPERATORS)}, not {test.op!r}")
    if test.field == "value":
        if not isinstance(test.to, bytes):
            raise InvalidCommand(reason=f"a value is compared to bytes, not to {test.to!r}")
        if len(test.to) > VALUE_BYTES_MAX:
            raise ValueTooLong(length=len(test.to), limit=VALUE_BYTES_MAX)
    elif not isinstance(test.to, int) or not NUMBER_MIN <= test.to <= NUMBER_MAX:
        raise InvalidCommand(reason=f"{test.field} is compared to a signed 64-bit number, not to {test.to!r:.100}")


def _check_number(what: str, number: int, least: int) -> None:
    if not least <= number <= NUMBER_MAX:
        raise InvalidCommand(reason=f"a {what} is {least} to {NUMBER_MAX}, not {number}")


def prefix_end(prefix: bytes) -> bytes:
    """The `end` of the range that holds exactly the keys with this prefix; `b""` when the range has no upper end."""
    trimmed = prefix.rstrip(b"\xff")
    return trimmed[:-1] + bytes((trimmed[-1] + 1,)) if trimmed else b""
