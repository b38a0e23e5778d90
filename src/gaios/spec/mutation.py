"""A mutation: a bug planted in the text, and the configuration that must catch it.

Rule 1. A mutation is an edit of the text, as a person would make it by mistake. An edit that no longer matches is an error.  [STYLE 3]
Rule 2. A mutation that is caught by one configuration `alone` shows why that configuration is there: no other of the gate's catches it.
"""

from dataclasses import dataclass

Edit = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Mutation:
    """One planted bug."""

    name: str
    rule: str
    """What it breaks, as a citation."""
    edits: tuple[Edit, ...]
    configuration: str
    """The configuration that catches it; that must not catch it, when it is harmless."""
    is_harmless: bool = False
    alone: bool = False
