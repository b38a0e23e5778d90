"""The nouns cross wire and log unchanged, keep their limits, and hostile bytes make none.  [SAFETY 17; PML §5.6]"""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaios import api, errors
from tests.db.oracle import MULTIOPS
from tests.hostile import INPUTS, damaged

ENTRY = api.Entry(b"key", b"value", 2, 3, 4)
COMMANDS = [
    api.MultiOp(),
    api.MultiOp(then=(api.Put(b"key", b"value"),)),
    api.MultiOp(
        (api.Test(b"a", "present"), api.Test(b"b", "value", "<", b"x", b""), api.Test(b"c", "version", ">", 3)),
        (api.Get(b"k", b"l", 10), api.Delete(b"k"), api.Increment(b"n", -5)),
        (api.Put(b"k", b"v" * 300),),
    ),
    api.Compact(1 << 40),
]
QUESTIONS = [api.Range(b"k"), api.Range(b"k", b"", 5, 1 << 33, True), api.History(b"k", None, 9), api.Look()]
REPLIES = [
    api.MultiOpResult(True, 7, (api.PutResult(7), api.GetResult((ENTRY,), True), api.DeleteResult(3), api.IncrementResult(-4))),
    api.MultiOpResult(False, 1),
    api.CompactResult(9),
]
ANSWERS = [
    api.Page((ENTRY, ENTRY), False, 9),
    api.Changes((api.Event(b"k", None, 0, 0, 5), api.Event(b"l", b"", 1, 5, 5)), 6, 5),
    api.Overview(9, 2, 65_537, 3, 1 << 63, 1_000),
]
KINDS: list[tuple[Any, list[Any], type[errors.Error]]] = [
    (api.decode_command, COMMANDS, errors.InvalidCommand),
    (api.decode_question, QUESTIONS, errors.InvalidCommand),
    (api.decode_reply, REPLIES, errors.ProtocolError),
    (api.decode_answer, ANSWERS, errors.ProtocolError),
]


@pytest.mark.parametrize(("decode", "nouns", "kind"), KINDS, ids=["command", "question", "reply", "answer"])
def test_every_noun_comes_back_as_it_went(decode: Any, nouns: list[Any], kind: type[errors.Error]) -> None:
    """And one of another kind does not come back at all.

    From a client it is invalid; from a replica it breaks the protocol, since the command that it answers may have taken effect.
    """
    for noun in nouns:
        assert decode(api.encode(noun)) == noun
    for other, strangers, _ in KINDS:
        if other is not decode:
            for noun in strangers:
                with pytest.raises(kind):
                    decode(api.encode(noun))


@given(MULTIOPS)
def test_every_multiop_within_limits_is_accepted(command: api.MultiOp) -> None:
    """The check gives back the encoding, so that a client encodes once."""
    data = api.check(command)
    assert data == api.encode(command) == api.check(command, data)
    assert api.decode_command(data) == command


@pytest.mark.parametrize(("decode", "nouns", "kind"), KINDS, ids=["command", "question", "reply", "answer"])
def test_hostile_bytes_are_a_noun_or_invalid(decode: Any, nouns: list[Any], kind: type[errors.Error]) -> None:
    """100,000 damaged encodings each; what decodes, its check judges without an accident."""
    refused = 0
    for data in damaged([api.encode(noun) for noun in nouns], seed=7):
        try:
            noun = decode(data)
            if decode is api.decode_command:
                api.check(noun, data)
            elif decode is api.decode_question:
                api.check_question(noun)
        except kind:
            refused += 1
    assert INPUTS // 2 < refused < INPUTS


@pytest.mark.parametrize(
    "data", [b"\x91" * 100_000, b"\xdd\xff\xff\xff\xff", b"\x94\x10\xdd\xff\xff\xff\xff", b"\x93\x02\xc6\xff\xff\xff\xff"]
)
def test_claims_of_size_and_depth_are_not_believed(data: bytes) -> None:
    """Neither the stack nor the memory is at the sender's disposal."""
    with pytest.raises(errors.InvalidCommand):
        api.decode_command(data)


@pytest.mark.parametrize(
    ("test", "kind"),
    [
        (api.Test(b"", "present"), errors.KeyTooLong),
        (api.Test(b"k", "exists"), errors.InvalidCommand),
        (api.Test(b"k", "value", "=", b""), errors.InvalidCommand),
        (api.Test(b"k", "value", "==", 3), errors.InvalidCommand),
        (api.Test(b"k", "value", "==", b"v" * (api.VALUE_BYTES_MAX + 1)), errors.ValueTooLong),
        (api.Test(b"k", "version", "==", b"3"), errors.InvalidCommand),
        (api.Test(b"k", "version", "==", 1 << 63), errors.InvalidCommand),
        (api.Test(b"k", "mod_revision", "<", -(1 << 63) - 1), errors.InvalidCommand),
    ],
)
def test_a_test_that_cannot_be_understood_is_refused(test: api.Test, kind: type[errors.Error]) -> None:
    """Before it is proposed, since no state could make sense of it."""
    with pytest.raises(kind) as raised:
        api.check(api.MultiOp(guard=(test,)))
    assert type(raised.value) is kind


@pytest.mark.parametrize(
    ("operation", "kind"),
    [
        (api.Get(b"k", None, -1), errors.InvalidCommand),
        (api.Get(b"", None), errors.KeyTooLong),
        (api.Delete(b"k" * 1_026, b""), errors.KeyTooLong),
        (api.Delete(b"", b"k" * 1_026), errors.KeyTooLong),
        (api.Increment(b"k", 1 << 63), errors.InvalidCommand),
        (api.Increment(b"k", 1 << 70), errors.InvalidCommand),
        (api.Put(b"", b""), errors.KeyTooLong),
    ],
)
def test_an_operation_out_of_range_is_refused(operation: api.Operation, kind: type[errors.Error]) -> None:
    """In either list."""
    for command in (api.MultiOp(then=(operation,)), api.MultiOp(otherwise=(operation,))):
        with pytest.raises(kind) as raised:
            api.check(command)
        assert type(raised.value) is kind


def test_what_cannot_be_encoded_is_refused() -> None:
    """A caller's number or text may be anything; the present test never looks at its operand."""
    with pytest.raises(errors.InvalidCommand):
        api.check(api.MultiOp(guard=(api.Test(b"k", "present", "==", 1 << 70),)))
    with pytest.raises(errors.InvalidCommand):
        api.check(api.MultiOp(guard=(api.Test(b"k", "present", "\ud800"),)))


@pytest.mark.parametrize("revision", [0, -1, 1 << 63])
def test_a_compaction_names_a_revision(revision: int) -> None:
    """0 is not one."""
    with pytest.raises(errors.InvalidCommand):
        api.check(api.Compact(revision))


def test_a_range_may_begin_where_the_last_page_ended() -> None:
    """The last key of a page + a zero byte: one more than a key may have."""
    api.check_question(api.Range(b"k" * api.KEY_BYTES_MAX + b"\x00", b"l" * api.KEY_BYTES_MAX + b"\x00"))
    api.check_question(api.Range(b"", b""))
    api.check_question(api.Look())
    with pytest.raises(errors.KeyTooLong):
        api.check_question(api.Range(b"k" * api.KEY_BYTES_MAX + b"\x00"))


@given(st.binary(max_size=4), st.binary(max_size=5))
def test_a_prefix_holds_the_keys_that_begin_with_it(prefix: bytes, key: bytes) -> None:
    """Also when it ends in 0xff, where the next key is shorter, or there is none."""
    end = api.prefix_end(prefix)
    assert key.startswith(prefix) == (prefix <= key and (not end or key < end))
