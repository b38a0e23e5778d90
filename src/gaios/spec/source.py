"""Where a specification comes from: its texts, in order, and places in them.

Rule 1. A text is read, edited and parsed here, and never executed.
Rule 2. Every complaint names a file, a line and a column, counted from 1.
"""

import ast
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from gaios.errors import ConfigurationError

LINES_MAX = 120
"""Lines of one text: a concern that needs more is two concerns."""
COLUMNS_MAX = 120
"""Characters of one line."""
TEXTS = ("ballots.spec.py", "members.spec.py", "values.spec.py", "leases.spec.py", "damage.spec.py")
"""The texts of the core, in the order in which they make one text."""
MODEL_TEXTS = ("environment.spec.py", "disks.spec.py", "invariants.spec.py")
"""What models add to them."""
FOLDER = Path(__file__).resolve().parent.parent / "paxos"


class Place(NamedTuple):
    """Where something stands in the texts."""

    file: str
    line: int
    column: int


class SpecError(ConfigurationError):
    """A text that breaks the language's grammar, its types or its law. The message begins with `file:line:column`."""

    def __init__(self, *, place: Place, problem: str) -> None:
        self.place, self.problem = place, problem
        super().__init__(
            reason=f"{place.file}:{place.line}:{place.column}: {problem}",
            hint="the language and its law are described in docs/specification.md",
        )


def complaint(place: Place, problem: str) -> SpecError:
    """The error that every check raises."""
    return SpecError(place=place, problem=problem)


@dataclass(frozen=True, slots=True)
class Text:
    """One text: a name for messages, and its characters."""

    name: str
    content: str

    def parse(self) -> ast.Module:
        """The text as Python syntax.

        Raises:
            SpecError: it is not Python, or larger than a text may be.
        """
        lines = self.content.splitlines()
        for number, line in enumerate(lines, start=1):
            if len(line) > COLUMNS_MAX:
                raise complaint(
                    Place(self.name, number, COLUMNS_MAX + 1), f"a line has {len(line)} columns; at most {COLUMNS_MAX} are allowed"
                )
        if len(lines) > LINES_MAX:
            raise complaint(
                Place(self.name, LINES_MAX + 1, 1), f"the text has {len(lines)} lines; at most {LINES_MAX} are allowed: split it"
            )
        try:
            return ast.parse(self.content, self.name)
        except SyntaxError as error:
            place = Place(self.name, error.lineno or 1, error.offset or 1)
            raise SpecError(place=place, problem=f"not Python syntax: {error.msg}") from None

    def place(self, node: ast.expr | ast.stmt | ast.arg | ast.pattern) -> Place:
        """Where a node of this text begins."""
        return Place(self.name, node.lineno, node.col_offset + 1)


def core_texts() -> tuple[Text, ...]:
    """The texts of the core that this checkout or installation holds."""
    return tuple(Text(name, (FOLDER / name).read_text(encoding="utf-8")) for name in TEXTS)


def model_texts() -> tuple[Text, ...]:
    """The texts that only models have."""
    return tuple(Text(name, (FOLDER / name).read_text(encoding="utf-8")) for name in MODEL_TEXTS)


def edited(texts: Sequence[Text], edits: Iterable[tuple[str, str]]) -> tuple[Text, ...]:
    """The texts with `old` replaced by `new`, one edit after the other: how a museum plants a bug of the core.

    Raises:
        SpecError: an edit's `old` does not occur exactly once in all texts together.
    """
    result = list(texts)
    for old, new in edits:
        found = [(index, text.content.count(old)) for index, text in enumerate(result) if old in text.content]
        total = sum(count for _, count in found)
        if total != 1:
            name = result[found[0][0]].name if found else result[0].name
            raise complaint(Place(name, 1, 1), f"an edit must match exactly once, this one matches {total} times: {old!r}")
        index = found[0][0]
        result[index] = Text(result[index].name, result[index].content.replace(old, new))
    return tuple(result)


def digest(texts: Sequence[Text]) -> str:
    """A fingerprint of the texts, for the heads of generated files."""
    state = hashlib.sha256()
    for text in texts:
        state.update(f"{text.name}\0{len(text.content)}\0{text.content}".encode())
    return state.hexdigest()
