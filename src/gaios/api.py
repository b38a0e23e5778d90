"""The public nouns: what a client asks of the database and what it gets back.  [PML §5.6]

A write is one `MultiOp`, a read one `Range`, `History` or `Look`; each crosses the wire and the log as the msgpack that `encode`
makes, and comes back as what `encode` made of a `MultiOpResult`, `Page`, `Changes`. Keys order by their bytes.
Wherever there is an `end`: None means the one key, `b""` a range without upper end, anything else the range `[key, end)`.

Left out on purpose: how a command travels (transport/, client/), how it is carried out (db/).
"""

from typing import Final, TypeVar

import msgspec

from gaios.errors import CommandTooLong, InvalidCommand, KeyTooLong, TooManyOperations, ValueTooLong

KEY_BYTES_MAX: Final = 1_024
VALUE_BYTES_MAX: Final = 1 << 20
OPERATIONS_MAX: Final = 128
"""In each of a MultiOp's guard, then, otherwise."""
COMMAND_BYTES_MAX: Final = 3 << 19
"""1.5 MiB, of a MultiOp's encoding."""
PAGE_ENTRIES_MAX: Final = 1_000
PAGE_BYTES_MAX: Final = 1 << 20
"""A page ends when its keys and values exceed either; it always holds one entry if there is one."""
NUMBER_MAX: Final = (1 << 63) - 1
EPOCH_KEY: Final = b"\x00gaios/epoch"
"""A read-only entry whose value is the epoch in decimal: name it in a guard to tie a command to one master's reign.  [PML §5.3]"""
RESERVED_PREFIX: Final = b"\x00gaios/"
"""Keys below it cannot be written."""


class _Noun(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A frozen record that travels as an array."""


class Entry(_Noun, frozen=True):
    """A key's present, or at an earlier revision its past, value."""

    key: bytes
    value: bytes
    version: int
    """Puts since the key was last created, from 1."""
    create_revision: int
    mod_revision: int


class Event(_Noun, frozen=True):
    """A change of one key; `value` is None when it was deleted."""

    key: bytes
    value: bytes | None
    version: int
    """0 when it was deleted."""
    create_revision: int
    mod_revision: int

    @property
    def type(self) -> str:
        """`put` or `delete`."""
        return "delete" if self.value is None else "put"


class Test(_Noun, frozen=True, tag=1):
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


class Put(_Noun, frozen=True, tag=2):
    """Set a key."""

    key: bytes
    value: bytes


class Get(_Noun, frozen=True, tag=3):
    """Read a key, or with `end` the keys of `[key, end)`, at most `limit` of them (0: no limit but a page's)."""

    key: bytes
    end: bytes | None = None
    limit: int = 0


class Delete(_Noun, frozen=True, tag=4):
    """Delete a key, or with `end` every key of `[key, end)`."""

    key: bytes
    end: bytes | None = None


class Increment(_Noun, frozen=True, tag=5):
    """Add to a decimal number kept as text; an absent key counts as 0. Signed 64 bits."""

    key: bytes
    by: int = 1


Operation = Put | Get | Delete | Increment


class MultiOp(_Noun, frozen=True, tag=16):
    """If all of `guard` holds, then `then`, else `otherwise`: in order, atomically, at one revision.  [PML §5.6]"""

    guard: tuple[Test, ...] = ()
    then: tuple[Operation, ...] = ()
    otherwise: tuple[Operation, ...] = ()


class Compact(_Noun, frozen=True, tag=17):
    """Drop history before `revision`: reads and watches below it are refused from then on."""

    revision: int


Command = MultiOp | Compact


class PutResult(_Noun, frozen=True, tag=32):
    """`revision`: of this MultiOp."""

    revision: int


class GetResult(_Noun, frozen=True, tag=33):
    """`more`: the limit or the page's bound cut it short."""

    entries: tuple[Entry, ...]
    more: bool = False


class DeleteResult(_Noun, frozen=True, tag=34):
    """How many keys there were to delete."""

    deleted: int


class IncrementResult(_Noun, frozen=True, tag=35):
    """The number after the increment."""

    value: int


Result = PutResult | GetResult | DeleteResult | IncrementResult


class MultiOpResult(_Noun, frozen=True, tag=48):
    """`revision` is the database's after it; `results` holds one for each operation that ran, in order."""

    succeeded: bool
    revision: int
    results: tuple[Result, ...] = ()


class CompactResult(_Noun, frozen=True, tag=49):
    """History now begins at `compacted`."""

    compacted: int


Reply = MultiOpResult | CompactResult


class Range(_Noun, frozen=True, tag=64):
    r"""Read `key`, or with `end` the keys of `[key, end)`, now or at `revision` (0: now), one page at a time.

    The next page: `key` = the last key of the page + b"\x00", at the `revision` that the first page named.
    """

    key: bytes
    end: bytes | None = None
    limit: int = 0
    revision: int = 0
    keys_only: bool = False


class History(_Noun, frozen=True, tag=65):
    """Every event of a key or range from `from_revision` on, whole revisions, one page at a time: what a watch begins with."""

    key: bytes
    end: bytes | None
    from_revision: int


class Look(_Noun, frozen=True, tag=66):
    """Ask for the database's revision, compaction point, epoch, key count and checksum."""


Question = Range | History | Look


class Page(_Noun, frozen=True, tag=80):
    """`revision`: that of the database, or the one that was asked for."""

    entries: tuple[Entry, ...]
    more: bool
    revision: int


class Changes(_Noun, frozen=True, tag=81):
    """Events of whole revisions, in order; history goes on at `next_revision` (one past `revision` when it is complete)."""

    events: tuple[Event, ...]
    next_revision: int
    revision: int


class Overview(_Noun, frozen=True, tag=82):
    """Facts of the whole database."""

    revision: int
    compacted: int
    epoch: int
    keys: int
    checksum: int


Answer = Page | Changes | Overview

_T = TypeVar("_T")
_encoder = msgspec.msgpack.Encoder()
_commands: msgspec.msgpack.Decoder[Command] = msgspec.msgpack.Decoder(Command)
_replies: msgspec.msgpack.Decoder[Reply] = msgspec.msgpack.Decoder(Reply)
_questions: msgspec.msgpack.Decoder[Question] = msgspec.msgpack.Decoder(Question)
_answers: msgspec.msgpack.Decoder[Answer] = msgspec.msgpack.Decoder(Answer)
encode = _encoder.encode
"""A noun's bytes."""


def decode_command(data: bytes) -> Command:
    """Raises `InvalidCommand` for anything that `encode` did not make of a `MultiOp` or a `Compact`. Limits: see `check`."""
    return _decode(_commands, data)


def decode_reply(data: bytes) -> Reply:
    """What `apply` answered to a command."""
    return _decode(_replies, data)


def decode_question(data: bytes) -> Question:
    """Raises `InvalidCommand` for anything that `encode` did not make of a `Range`, `History` or `Look`."""
    return _decode(_questions, data)


def decode_answer(data: bytes) -> Answer:
    """What `query` answered to a question."""
    return _decode(_answers, data)


def _decode(decoder: "msgspec.msgpack.Decoder[_T]", data: bytes) -> _T:
    try:
        return decoder.decode(data)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise InvalidCommand(reason=str(error)) from None


def prefix_end(prefix: bytes) -> bytes:
    """The `end` of the range that holds exactly the keys with this prefix; `b""` when the range has no upper end."""
    trimmed = prefix.rstrip(b"\xff")
    return trimmed[:-1] + bytes((trimmed[-1] + 1,)) if trimmed else b""
