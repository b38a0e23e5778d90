"""A way to a violation, for people: a transcript in the words of the text, and a diagram of its messages.

Rule 1. Every step names its rule, the place of the rule, the member, the event, and what changed.
Rule 2. What is shown was taken by the running code, step by step.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from gaios.spec.explorer import Action, Explorer, Snapshot
from gaios.spec.instances import RESTART, SYNC, Key
from gaios.spec.sorts import Enum, MapOf, Opaque, Record, SetOf, Sort
from gaios.spec.statements import Event

LANE: int = 26
"""Columns between two members in a diagram."""
_BUILT_IN = {RESTART: "it crashes and starts again: what was not durable is lost", SYNC: "its disk catches up: what waited for it leaves"}


@dataclass(slots=True)
class Counterexample:
    """A violated invariant, and the steps that lead there."""

    explorer: Explorer
    configuration: str
    violated: str
    path: Sequence[Action]

    def transcript(self) -> str:
        """Step by step."""
        lines = [f"{self.violated} is violated in configuration {self.configuration}, after {len(self.path)} steps:", ""]
        states = list(self.explorer.along(self.path))
        for index, action in enumerate(self.path):
            lines.append(f"{index + 1:3}. {self._headline(action)}")
            if index + 1 < len(states):
                lines += [f"       {line}" for line in self._changes(states[index], states[index + 1], action.me)]
        lines += ["", f"Now {self._place()} does not hold."]
        return "\n".join(lines) + "\n"

    def diagram(self) -> str:
        """Its messages, as text: a lane for each member."""
        members = self.explorer.members
        lines = ["      " + "".join(f"member {me}".ljust(LANE) for me in members).rstrip()]
        senders = self._senders()
        for index, action in enumerate(self.path):
            event, key = self._event(action), self._key(action)
            here = members.index(action.me)
            source = members.index(senders[index]) if key is not None else here
            row = [" "] * (LANE * len(members))
            for lane in range(len(members)):
                row[lane * LANE] = "│"
            text = f"{action.label} {self._brief(event, action)}".rstrip()
            row[here * LANE] = "●"
            if source == here:
                row[here * LANE + 2 : here * LANE + 2 + len(text)] = text[: LANE - 3] if here < len(members) - 1 else text
            else:
                _draw(row, source * LANE, here * LANE, f" {text} ")
            lines.append(f"{index + 1:3}   {''.join(row).rstrip()}")
        return "\n".join(lines) + "\n"

    def _brief(self, event: Event | None, action: Action) -> str:
        """What happened, short enough for a diagram."""
        if event is None:
            return ""
        if self._key(action) is not None:
            return event.name
        return f"{event.name}({', '.join(self._shown(sort, v) for (_, sort), v in zip(event.fields, action.fields, strict=True))})"

    def mermaid(self) -> str:
        """The same for a browser."""
        lines = ["sequenceDiagram", *(f"    participant {me} as member {me}" for me in self.explorer.members)]
        senders = self._senders()
        for index, action in enumerate(self.path):
            event, key = self._event(action), self._key(action)
            if key is not None and event is not None:
                lines.append(f"    {senders[index]}->>{action.me}: {self._call(event, action).partition(' from ')[0]}")
                lines.append(f"    Note over {action.me}: {action.label}")
            else:
                lines.append(f"    Note over {action.me}: {action.label} {self._call(event, action) if event else ''}".rstrip())
        return (
            "\n".join([*lines, f"    Note over {self.explorer.members[0]},{self.explorer.members[-1]}: {self.violated} is violated"]) + "\n"
        )

    # -- words -----------------------------------------------------------------------------------------------------------

    def _event(self, action: Action) -> Event | None:
        return None if action.event in _BUILT_IN else self.explorer.model.event(action.event)

    @staticmethod
    def _key(action: Action) -> Key | None:
        return action.fields[0] if action.fields and isinstance(action.fields[0], Key) else None

    def _senders(self) -> list[int]:
        """Who sent the message of each step; the member itself where none was received."""
        first: dict[Key, int] = {}
        states = list(self.explorer.along(self.path))
        found = []
        for index, action in enumerate(self.path):
            key = self._key(action)
            found.append(first.get(key, action.me) if key is not None else action.me)
            if index + 1 < len(states):
                before, after = states[index], states[index + 1]
                new = (after[1] | _any(after[2])) & ~(before[1] | _any(before[2]))
                for sent, _ in self.explorer.packing.of(new):
                    first[sent] = action.me
        return found

    def _headline(self, action: Action) -> str:
        event = self._event(action)
        if event is None:
            return f"member {action.me}: {_BUILT_IN[action.event]}"
        rule = next(rule for rule in self.explorer.model.all_rules() if rule.label == action.label)
        place = f"{rule.at.file}:{rule.at.line}"
        return f"member {action.me}, {rule.label} ({place}) on {self._call(event, action)}: {rule.doc}"

    def _call(self, event: Event, action: Action) -> str:
        fields = self.explorer.packing.fields_of(*action.fields) if self._key(action) is not None else action.fields
        parts = ", ".join(f"{name}={self._shown(sort, value)}" for (name, sort), value in zip(event.fields, fields, strict=True))
        source = f" from {action.src}" if action.src and self._key(action) is not None else ""
        return f"{event.name}({parts}){source}"

    def _changes(self, before: Snapshot, after: Snapshot, me: int) -> Iterator[str]:
        position = self.explorer.members.index(me)
        old, new = (dict(self.explorer.packing.shown(state[0][position])) for state in (before, after))
        sorts = {item.name: item.sort for item in self.explorer.model.state()}
        changed = [
            f"{name} {self._shown(sorts[name], old[name])} → {self._shown(sorts[name], value)}"
            for name, value in new.items()
            if value != old[name]
        ]
        if changed:
            yield "; ".join(changed)
        for key, payload in self.explorer.packing.of(after[1] & ~before[1]):
            yield f"sends {self._message(key, payload)}"
        for key, payload in self.explorer.packing.of(after[2][position] & ~before[2][position]):
            yield f"will send, once its disk knows: {self._message(key, payload)}"

    def _message(self, key: Key, payload: tuple[Any, ...]) -> str:
        event = self.explorer.model.event(key.message)
        to = "the others" if event.others else ", ".join(f"member {each}" for each in self.explorer.scope.maker.receivers(key))
        values = self.explorer.packing.fields_of(key, payload)
        parts = ", ".join(f"{name}={self._shown(sort, value)}" for (name, sort), value in zip(event.fields, values, strict=True))
        return f"{event.name}({parts}) to {to}"

    def _shown(self, sort: Sort, value: Any) -> str:  # noqa: ANN401 (a value of any sort)
        match sort:
            case Enum(members=members):
                return str(members[value])
            case Opaque():
                return f"v{value[0]}" if value else "no-op"
            case SetOf():
                return "{" + ", ".join(str(each) for each in self.explorer.members if value >> each & 1) + "}"
            case MapOf(value=inner):
                return "{" + ", ".join(f"{key}: {self._shown(inner, each)}" for key, each in sorted(value.items())) + "}"
            case Record(parts=parts):
                return "(" + ", ".join(self._shown(part, each) for (_, part), each in zip(parts, value, strict=True)) + ")"
            case _:
                return str(value)

    def _place(self) -> str:
        for invariant in self.explorer.model.invariants:
            if invariant.name == self.violated:
                return f"{self.violated} ({invariant.at.file}:{invariant.at.line})"
        return f"{self.violated} (Once, in environment.spec.py)"


def _any(masks: Sequence[int]) -> int:
    total = 0
    for mask in masks:
        total |= mask
    return total


def _draw(row: list[str], source: int, target: int, text: str) -> None:
    """An arrow from one lane to another, with what it carries on it."""
    low, high = min(source, target), max(source, target)
    for column in range(low + 1, high):
        row[column] = "─"
    row[source] = "├" if source < target else "┤"
    row[target + (-1 if source < target else 1)] = "▶" if source < target else "◀"
    start = low + max(2, (high - low - len(text)) // 2)
    for offset, character in enumerate(text):
        if start + offset < high - 1:
            row[start + offset] = character
