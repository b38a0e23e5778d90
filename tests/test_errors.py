"""The error tree answers its two questions.  [SAFETY 17, 20]"""

import inspect
import re
import shlex

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaios import errors
from tests.hostile import INPUTS, damaged

TREE = sorted(
    (value for value in vars(errors).values() if inspect.isclass(value) and issubclass(value, errors.Error)),
    key=lambda value: value.__name__,
)
ARGUED = [kind for kind in TREE if "__init__" in vars(kind) or kind.__init__ is not Exception.__init__]
EXAMPLES: dict[type, object] = {bytes: b"key", int: 3, str: "word", bool: True}


def example(kind: type[errors.Error]) -> tuple[errors.Error, dict[str, object]]:
    """An error of that class, with arguments made by their annotations."""
    parameters = inspect.signature(kind).parameters.values()
    assert all(parameter.kind is parameter.KEYWORD_ONLY for parameter in parameters)
    arguments = {parameter.name: EXAMPLES[parameter.annotation] for parameter in parameters}
    return kind(**arguments), arguments


@pytest.mark.parametrize("kind", ARGUED, ids=lambda kind: kind.__name__)
def test_every_class_keeps_its_arguments_and_says_something(kind: type[errors.Error]) -> None:
    """Arguments are keyword-only, stay as attributes, and each error has a message for people."""
    error, arguments = example(kind)
    assert {name: getattr(error, name) for name in arguments} == arguments
    assert str(error)


@pytest.mark.parametrize("kind", TREE, ids=lambda kind: kind.__name__)
def test_every_refusal_is_definite(kind: type[errors.Error]) -> None:
    """`Refused` means: did not and will not take effect. A subclass cannot take that back."""
    assert isinstance(kind.definite, bool)
    assert isinstance(kind.deterministic, bool)
    if issubclass(kind, errors.Refused):
        assert kind.definite


def test_doubt_is_not_definite() -> None:
    """What may have taken effect must never be repeated blindly."""
    assert not errors.Unknown.definite
    assert not errors.ProtocolError.definite
    assert not errors.DiskFailed.definite
    assert not errors.StaleRequest.definite


def test_what_depends_on_the_replica_is_not_deterministic() -> None:
    """An answer of the log must be the same everywhere: who is master or how full a queue is is not."""
    assert not any(
        kind.deterministic for kind in (errors.NotMaster, errors.Overloaded, errors.Unavailable, errors.DiskFailed, errors.UnknownKind)
    )
    assert all(kind.deterministic for kind in (errors.Compacted, errors.NotANumber, errors.UnknownSession, errors.KeyTooLong))


def test_the_drawing_names_every_class() -> None:
    """The module's docstring is the map; a class that is not on it would not be found."""
    drawn = set(re.findall(r"\b[A-Z]\w+\b", (errors.__doc__ or "").split("Each class answers")[0]))
    assert {kind.__name__ for kind in TREE} <= drawn


@pytest.mark.parametrize("kind", TREE, ids=lambda kind: kind.__name__)
def test_every_error_crosses_the_wire(kind: type[errors.Error]) -> None:
    """What a replica refuses, its client raises: same class, same arguments, same message."""
    error = example(kind)[0] if kind in ARGUED else kind("words")
    back = errors.unpack(errors.pack(error))
    assert type(back) is kind
    assert (str(back), vars(back)) == (str(error), vars(error))


def test_an_error_of_a_later_version_keeps_what_its_reader_needs() -> None:
    """An unknown class is at least known to be definite or not."""

    class Newer(errors.Refused):
        pass

    class Doubtful(errors.Error):
        pass

    assert type(errors.unpack(errors.pack(Newer("words")))) is errors.Refused
    assert type(errors.unpack(errors.pack(Doubtful("words")))) is errors.Error


@given(st.binary(max_size=100))
def test_random_bytes_are_no_error(data: bytes) -> None:
    """Nothing but a typed answer comes out of the decoder."""
    with pytest.raises(errors.ProtocolError):
        errors.unpack(data)


@pytest.mark.parametrize("arguments", [{}, {"length": "1", "limit": 2}, {"length": 1, "limit": 2, "more": 3}])
def test_wrong_arguments_are_a_protocol_error(arguments: dict[str, object]) -> None:
    """A peer cannot make this process raise TypeError."""
    with pytest.raises(errors.ProtocolError, match="not an error"):
        errors.unpack(msgspec.msgpack.encode(("KeyTooLong", True, "", arguments)))


def test_hostile_bytes_are_an_error_of_the_tree_or_a_protocol_error() -> None:
    """Whoever speaks to a client can make it raise nothing but ours."""
    good = [errors.pack(example(kind)[0] if kind in ARGUED else kind("words")) for kind in TREE]
    refused = 0
    for data in damaged(good, seed=7):
        try:
            assert isinstance(errors.unpack(data), errors.Error)
        except errors.ProtocolError:
            refused += 1
    assert INPUTS // 2 < refused < INPUTS


def test_an_error_may_speak_of_a_file_with_any_name() -> None:
    """A path's bytes need not be UTF-8; the wire's are."""
    back = errors.unpack(errors.pack(errors.DirectoryInUse(directory="cell-\udcff")))
    assert isinstance(back, errors.DirectoryInUse)
    assert back.directory == "cell-\\udcff"


def test_what_is_told_reads_like_a_sentence() -> None:
    """One and several, and keys and values as people write them."""
    text = errors.NotANumber(key=b"a", reason="its value b'text' is not a decimal number")
    assert str(text) == "cannot increment 'a': its value 'text' is not a decimal number; nothing was changed"
    assert "the disks of replicas 1, 3 are full" in str(errors.DiskFull(replicas="1, 3", reserve=True))
    assert "the disk of replica 1 is full" in str(errors.DiskFull(replicas="1", reserve=True))
    assert str(errors.StateMissing(directory="d", what="promise-1 and promise-2")) == "d: promise-1 and promise-2 are missing"
    assert str(errors.StateMissing(directory="d", what="the directory")) == "d: the directory is missing"
    assert str(errors.NoSuchNode(path="/x")) == "there is no node /ls/local/x"


def test_of_two_copies_one_may_be_started_again() -> None:
    """[SAFETY 3] Both are told the same: only who made the copy knows which of them is the replica's own."""
    for what in ("another process runs on a copy of it: member 2 has seen boot 5 with another nonce",
                 "member 2 says that boot 5 of member 3 was seen with another nonce"):  # fmt: skip
        hint = errors.StateLost(directory="d", what=what).hint
        assert hint.startswith("never start the copy again")
        assert "if this is its own, stop the copy, and start this once" in hint
    assert errors.StateLost(directory="d", what="it was rolled back").hint.startswith("never start it again on this directory")


def test_no_hint_leads_to_a_start_on_old_or_empty_state() -> None:
    """A disk that was rolled back is not noticed in 0.1.0: a restored copy could undo acknowledged writes.  [SAFETY 2, 3]"""
    damaged_ = errors.StateDamaged(file="wal/00000001.wal", offset=8, kind="payload", detail="d").hint
    missing = errors.StateMissing(directory="d", what="the directory").hint
    for hint in (damaged_, missing):
        assert not re.search(r"\b(copy|restore|backup)\b", hint)
        assert "the other replicas go on without this one as long as a majority is intact" in hint
        assert "`gaios member replace`" in hint
    assert "keep the directory as it is" in damaged_
    assert "gaios verify" in damaged_
    assert "only if it is this replica's own latest directory" in missing
    assert "never start it empty" in missing
    assert "fix" not in errors.AnotherCell(what="w", found="f", expected="e").hint


def test_an_empty_key_is_told_that_it_is_empty() -> None:
    """The class speaks of long keys; the sentence has to say which limit was met."""
    assert str(errors.KeyTooLong(length=0, limit=1_024)).endswith("a key must have 1 to 1024 bytes; this one is empty")
    assert str(errors.KeyTooLong(length=2_000, limit=1_024)).endswith("a key must have 1 to 1024 bytes; this one has 2000")


@pytest.mark.parametrize(
    ("error", "typed"),
    [
        (errors.SessionExpired(session=7), "gaios explain --session 7"),
        (errors.LockLost(path="/locks/a", sequencer="0.5", reason="r"), "gaios explain --lock /ls/local/locks/a --sequencer 0.5"),
        (errors.StaleSequencer(path="/a", generation=1, revision=5), "gaios explain --lock /ls/local/a --sequencer 1.5"),
        (errors.NotAcquired(path="/locks/a", waited_ms=0), "gaios explain --lock /ls/local/locks/a"),
        (errors.HandleInvalid(handle=3, path="/a"), "gaios explain --lock /ls/local/a"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_who_loses_something_is_told_what_to_type(error: errors.Error, typed: str) -> None:
    """Also after it crossed a wire, and in a shell's words whatever the name is."""
    for each in (error, errors.unpack(errors.pack(error))):
        assert each.hint.endswith(typed)


@pytest.mark.parametrize("path", ["/a b", "/a'b", "/$(reboot)", "/a;b", "/a\nb", "/`x`", "/é", "/a\\", '/"'])
def test_a_name_is_one_word_of_a_shell(path: str) -> None:
    """What is pasted does not do more than it says."""
    typed = errors.NotAcquired(path=path, waited_ms=0).hint.partition(": ")[2]
    assert shlex.split(typed) == ["gaios", "explain", "--lock", f"/ls/local{path}"]
