"""The generated check of messages: every kind of field."""

import sys
from types import ModuleType
from typing import Any

import pytest

from gaios.errors import ProtocolError
from gaios.spec.python_codec import emit_codec
from gaios.spec.python_module import emit_core
from tests.spec.small import read

FIELDS = """class Shout(Msg):
    slot: Slot; flag: bool; type: Phase; who: Set[Member]; one: Entry; names: Map[Member, Value, LIMIT]; to = OTHERS"""
EDITS = (
    ("class Shout(Msg): slot: Slot; to = OTHERS", FIELDS),
    ("send(Shout(high))", "send(Shout(high, True, phase, seen, Entry(1, NOTHING), {}))"),
    ("send(Shout(s))", "send(Shout(s, True, IDLE, {}, Entry(1, NOTHING), {}))"),
    ("case Shout(s, src=q)", "case Shout(s, f, k, w, o, n, src=q)"),
    ("                phase = BUSY\n                send", "                send"),
)
SHOUT = 4
GOOD: list[Any] = [SHOUT, 1, True, 1, 0b110, [2, b"x"], {1: b"a"}]


@pytest.fixture
def check(monkeypatch: pytest.MonkeyPatch) -> Any:
    """`check_message` for a text whose message has a field of every kind."""
    specification = read(*EDITS)
    core, codec = ModuleType("gaios.paxos.core"), ModuleType("codec")
    exec(emit_core(specification), core.__dict__)
    monkeypatch.setitem(sys.modules, "gaios.paxos.core", core)
    exec(emit_codec(specification), codec.__dict__)
    return codec.check_message


def test_a_good_message_of_every_kind_of_field_passes(check: Any) -> None:
    """Lists become tuples, maps are fresh."""
    assert check(GOOD) == (SHOUT, 1, True, 1, 0b110, (2, b"x"), {1: b"a"})


@pytest.mark.parametrize(
    ("index", "wrong", "said"),
    [
        (1, -1, r"Shout\.slot must be a number from 0 to 2\*\*63 - 1; a value of type int came"),
        (2, 1, r"Shout\.flag must be true or false"),
        (3, 2, r"Shout\.type must be a number from 0 to 1"),
        (4, -1, r"Shout\.who must be a bit mask"),
        (4, 1 << (1 << 16), r"Shout\.who must be a bit mask"),
        (5, [2], r"Shout\.one must be a list of 2"),
        (5, [0, b""], r"Shout\.one\.bal must be a number from 1"),
        (5, [1, None], r"Shout\.one\.val must be bytes; a value of type NoneType came"),
        (6, dict.fromkeys(range(9), b""), r"Shout\.names must be a map of at most LIMIT entries"),
        (6, {b"1": b""}, r"Shout\.names key must be a number from 0"),
        (6, {1: "x"}, r"Shout\.names value must be bytes"),
    ],
    ids=range(11),
)  # fmt: skip
def test_a_bad_field_is_named_with_what_it_must_be(check: Any, index: int, wrong: object, said: str) -> None:
    """An operator of two versions sees which field they disagree about."""
    message = [*GOOD]
    message[index] = wrong
    with pytest.raises(ProtocolError, match=said):
        check(message)


def test_the_committed_codec_imports_what_it_uses() -> None:
    """The emitter sorts imports as the linter does."""
    text = emit_codec(read())
    assert "from gaios.paxos.core import LIMIT, SHOUT, TELL, WHISPER, Shout, Tell, Whisper\n" in text
