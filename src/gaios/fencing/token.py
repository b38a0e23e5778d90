"""A fencing token: of two grants of one lock, the later one's is greater.  [SAFETY 23]

Rule 1. A `Token` that exists is valid: hostile text and numbers out of range are refused where it is made.
Rule 2. There is one text for each token: no signs, spaces, leading zeros or digits of other scripts.
"""

import re
from typing import Final, Self, TypeAlias

import msgspec

from gaios.errors import InvalidToken
from gaios.lock_api import Sequencer

NUMBER_MAX: Final = (1 << 63) - 1
"""Of a generation or a revision: what a signed integer of 64 bits holds."""
_TEXT: Final = re.compile(r"(0|[1-9][0-9]{0,18})\.(0|[1-9][0-9]{0,18})")
_SORTABLE: Final = re.compile(r"([0-9]{19})\.([0-9]{19})")


class Token(msgspec.Struct, frozen=True, order=True, gc=False):
    """A token, ordered by generation, then by revision.

    Raises:
        InvalidToken: a number is none, or not in 0 … `NUMBER_MAX`.
    """

    generation: int
    """How often the cell was restored from a backup."""
    revision: int
    """The revision that granted the lock."""

    def __post_init__(self) -> None:
        """Rule 1."""
        for number in (self.generation, self.revision):
            if type(number) is not int or not 0 <= number <= NUMBER_MAX:
                raise InvalidToken(given=f"{self.generation!r:.40}.{self.revision!r:.40}")

    def __str__(self) -> str:
        return f"{self.generation}.{self.revision}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """The token that `GENERATION.REVISION` names, as `GAIOS_SEQUENCER` holds it.

        Raises:
            InvalidToken: it is something else.
        """
        return cls._match(_TEXT, text)

    @classmethod
    def of(cls, given: "Given") -> "Token":
        """The token of whatever may stand for one.

        Raises:
            InvalidToken: it is something else.
        """
        if isinstance(given, Token):
            return given
        if isinstance(given, Sequencer):
            return cls(given.generation, given.revision)
        return cls.parse(given)

    @property
    def sortable(self) -> str:
        """39 characters, 19 digits each: texts of this form are ordered like their tokens, whatever the collation."""
        return f"{self.generation:019d}.{self.revision:019d}"

    @classmethod
    def from_sortable(cls, text: str) -> Self:
        """The token that `sortable` made this text of.

        Raises:
            InvalidToken: it did not.
        """
        return cls._match(_SORTABLE, text)

    @classmethod
    def _match(cls, form: re.Pattern[str], text: object) -> Self:
        found = form.fullmatch(text) if isinstance(text, str) else None
        if found is None:
            raise InvalidToken(given=text if isinstance(text, str) else repr(text))
        return cls(int(found[1]), int(found[2]))


Given: TypeAlias = Token | Sequencer | str
"""What the adapters take for a token: one, the sequencer that has it, or its text."""
