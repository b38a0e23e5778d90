"""A small specification that uses every construct, and ways to break it."""

from types import ModuleType
from typing import Any

import pytest

from gaios.spec import SpecError, Text, compile_participant, read_specification
from gaios.spec.statements import Specification

SMALL = '''\
"""A small text."""

LIMIT = Const(model=2, run=8)                       # things that fit

Member = Nat(model=2)
Slot   = Nat(model=2)
Ballot = Nat(model=2, wire=1)
Time   = Nat(model=2)
Value  = Opaque("A", noop="NOTHING")
Phase  = Enum("IDLE", "BUSY")

class Entry(Record): bal: Ballot; val: Value

class Add(Input): slot: Slot; val: Value
class Sum(Input): pass
class Tell(Msg): slot: Slot; acc: Map[Slot, Entry, LIMIT]; to = owner(slot); after = RECORDS
class Shout(Msg): slot: Slot; to = OTHERS
class Whisper(Msg): val: Value

def owner(s: Slot) -> Member: return s % 3
def many(s: Set[Member]) -> bool: return 2 * len(s & voters) > len(voters)
def busy() -> bool: return phase == BUSY

class Keeper(Role):
    voters: Given[Set[Member]]
    acc: Durable[Map[Slot, Entry]]
    high: Durable[Slot]
    phase: Phase
    seen: Set[Member]
    marks: Map[Member, Time]

    match event:
        case Add(s, v) if s <= LIMIT and me in voters:
            "A1: keep it"
            send(Tell(s, {t: acc[t] for t in range(1, s) if acc[t].bal > 0}))
            acc[s] = Entry(1 + 0 * 2, v); high = max(high, s)

        case Sum() if not busy():
            "S1: count what is kept without a gap"
            n = run(acc[t].bal > 0 for t in range(1, LIMIT))
            if n > 2:
                phase = BUSY
                send(Shout(high))
            else:
                seen = {}
                for s in range(1, n + 1):
                    send(Shout(s))

        case Sum():
            "S2: begin anew"
            phase = IDLE; acc -= range(1, high + 1); high = 0; marks = {}

        case Tell(s, a, src=q):
            "T1: take what is told"
            seen = seen | {q}
            acc |= {t: a[t] for t in keys(a) if t > high}
            marks[q] = now + len(a)

        case Shout(s, src=q) if many(seen | {q}) and marks[q] < now:
            "H1: answer"
            send(Whisper(acc[s].val), to=q)

        case Whisper(v) if v != NOTHING:
            "W1: a value"
            high = top(acc)
'''


CITED = ('"A1: keep it"', '"A1: keep it"\n            "[PMS §2.2; SAFETY 5]"')
"""An edit: a rule that says where it comes from."""


def small(*edits: tuple[str, str]) -> Text:
    """The small text, with each `old` replaced by `new`; each must occur."""
    content = SMALL
    for old, new in edits:
        assert old in content, old
        content = content.replace(old, new, 1)
    return Text("small.spec.py", content)


def read(*edits: tuple[str, str]) -> Specification:
    """It, checked."""
    return read_specification((small(*edits),))


def built(*edits: tuple[str, str], **options: Any) -> ModuleType:
    """It, compiled."""
    return compile_participant([small(*edits)], **options)


def refusal(*edits: tuple[str, str]) -> str:
    """The complaint about it: `line:column: problem`."""
    with pytest.raises(SpecError) as caught:
        read(*edits)
    place = caught.value.place
    assert str(caught.value).startswith(f"small.spec.py:{place.line}:{place.column}: ")
    return str(caught.value).removeprefix("small.spec.py:")


def line_of(fragment: str, content: str = SMALL) -> int:
    """The line on which a fragment first stands."""
    return content[: content.index(fragment)].count("\n") + 1
