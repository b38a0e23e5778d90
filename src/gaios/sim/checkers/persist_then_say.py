"""Persist, then say: whatever a replica said in one life, it remembers in the next.  [SAFETY 5, 11, 15]

Said are: a ballot claimed, promised, accepted in or granted a lease; a value accepted; a lease's term. A start that finds less on its disk
than its last lives said proves that something left too early, or was lost.

1. The promise found is at least every ballot said.
2. Every slot said to be accepted in a ballot is found accepted in it or in a higher one, or is found lost, and of it or a higher one at
   the most. From the first ballot on in which anybody knew a slot to be chosen, any will do: whoever knows that votes again without
   writing again, and nobody can propose another value in a newer one. So this value is found, or that whatever was there is lost.
   A slot that was truncated is in a snapshot: that a start finds that is for the start to say.
3. The longest term found is at least every term granted.
4. A snapshot that it calls durable has its name on the disk at that moment (onlooker.py looks when it does).
"""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from gaios.sim.history import Violation

NAME = "persist, then say"
_NOTHING: Final = (0, None)
_NEVER: Final = (1 << 62, b"")


class Said(NamedTuple):
    """The most that one replica said by some time."""

    ballot: int = 0
    term_ns: int = 0
    accepted: Mapping[int, int] = {}
    """Slot → the highest ballot that it said to have accepted a value in."""


class Remembered(NamedTuple):
    """What a start found, and what had been said before it."""

    replica: int
    boot: int
    said: Said
    promised: int
    longest_ns: int
    accepted: Mapping[int, tuple[int, bytes | None]]
    """Slot → ballot, value. None: what was accepted there is lost, and was of no newer ballot."""
    truncated: int = 0
    """A durable snapshot covers every slot through this one."""


def persist_then_say(starts: Iterable[Remembered], chosen: Mapping[int, tuple[int, bytes]]) -> list[Violation]:
    """Compare each start with what was said before it.

    `chosen`: slot → the lowest ballot in which any replica knew it to be chosen, and its value.
    """
    found: list[Violation] = []
    for start in starts:
        who = f"replica {start.replica} (start {start.boot})"
        if start.promised < start.said.ballot:
            found.append(Violation(NAME, f"{who} remembers promise {start.promised}, and had said {start.said.ballot}"))
        if start.longest_ns < start.said.term_ns:
            found.append(Violation(NAME, f"{who} remembers a longest term of {start.longest_ns} ns, and had granted {start.said.term_ns}"))
        for slot, ballot in start.said.accepted.items():
            there, value = start.accepted.get(slot, _NOTHING)
            first, known = chosen.get(slot, _NEVER)
            if there < ballot and slot > start.truncated and not (there >= first and value in (known, None)):
                found.append(Violation(NAME, f"{who} remembers slot {slot} accepted in ballot {there}, and had said {ballot}"))
                break
    return found
