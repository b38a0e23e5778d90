"""What a check says: an illegal step, and messages as people read them."""

from typing import Any, NamedTuple

from gaios.paxos import core


class Illegal(Exception):
    """A step that may not be; `rule` is V1 to V4 and a name."""

    def __init__(self, rule: str, expected: str, found: str) -> None:
        super().__init__(f"{rule}: expected {expected}; found {found}")
        self.rule, self.expected, self.found = rule, expected, found


class Finding(NamedTuple):
    """The first illegal step."""

    file: str
    step: int
    """Number of the entry in the recording."""
    rule: str
    expected: str
    found: str

    def __str__(self) -> str:
        """As one line."""
        return f"{self.file}, step {self.step}: {self.rule}: expected {self.expected}; found {self.found}"


def shown(message: Any) -> str:  # noqa: ANN401 (a message or an input, from whoever recorded it)
    """`Accept(65537, 0, 7, 9f86d081…)`: a message, its values by the beginning of their digests."""
    if not isinstance(message, list | tuple) or not message:
        return repr(message)
    tag = message[0]
    known = type(tag) is int and 0 < tag < len(core.EVENT_NAMES)
    return f"{core.EVENT_NAMES[tag] if known else tag}({', '.join(_shown(field) for field in message[1:])})"


def shown_sends(sends: Any) -> str:  # noqa: ANN401 (as above)
    """What a step sends."""
    return ", ".join(f"{shown(message)} to {to or 'all others'}" for to, message in sends) or "nothing"


def shown_writes(writes: Any) -> str:  # noqa: ANN401 (as above)
    """What a step writes."""
    return ", ".join(f"{core.FIELD_NAMES[field]} {' '.join(_shown(part) for part in rest)}" for field, *rest in writes) or "nothing"


def _shown(field: object) -> str:
    if isinstance(field, bytes):
        return f"{field.hex()[:8]}…" if field else "NOOP"
    if isinstance(field, dict):
        return "{" + ", ".join(f"{key}: {_shown(item)}" for key, item in field.items()) + "}"
    if isinstance(field, list | tuple):
        return "(" + ", ".join(map(_shown, field)) + ")"
    return str(field)
