"""Every citation resolves: `[PML §5.2]`, `[SAFETY 7, 10–12]`, `[PMS §2.2; SAFETY 10]`."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tidy.tree import DOCS, name, read, texts

CITATION = re.compile(r"\[([A-Z]{3,} (?:§|\d|Fig|`)[^\[\]]*)\]")
SECTION = r"§\d+(?:\.\d+)*"
SECTIONS = re.compile(rf"{SECTION}(?:[-–]{SECTION})?|Fig\. \d+")
NUMBERS = re.compile(r"(\d+)(?:[-–](\d+))?")
COMMANDS = re.compile(r"`[a-z -]+`(?: and `[a-z -]+`)*")
SAFETY_RULES = 30
STYLE_HABITS = 12


def entries() -> dict[str, set[str]]:
    """The tags of docs/sources.md, each with the sections that it lists there."""
    found: dict[str, set[str]] = {}
    tag = ""
    for line in read(DOCS / "sources.md").splitlines():
        if heading := re.match(r"## ([A-Z]{3,})\b", line):
            tag = heading[1]
            found[tag] = set()
        elif tag and (section := re.match(rf"- ({SECTION}|Fig\. \d+) ", line)):
            found[tag].add(section[1])
    return found


SOURCES = entries()


def problems(citation: str) -> Iterator[str]:
    """What is wrong with the inside of one pair of brackets."""
    for part in citation.split("; "):
        tag, _, where = part.partition(" ")
        if tag not in SOURCES:
            yield f"{tag} has no entry in docs/sources.md"
            continue
        for place in where.split(", "):
            yield from _place(tag, place)


def _place(tag: str, place: str) -> Iterator[str]:
    if tag in ("SAFETY", "STYLE"):
        numbers = NUMBERS.fullmatch(place)
        last = SAFETY_RULES if tag == "SAFETY" else STYLE_HABITS
        if not numbers:
            yield f"{place!r} is not a number or a range of numbers"
        elif not 1 <= int(numbers[1]) <= int(numbers[2] or numbers[1]) <= last:
            yield f"{tag} {place} is not within 1 to {last}"
    elif tag == "INTERFACE":
        if not COMMANDS.fullmatch(place):
            yield f"{place!r} is not a command in backticks"
    elif not SECTIONS.fullmatch(place):
        yield f"{place!r} is not a section"
    elif SOURCES[tag]:
        for section in re.findall(rf"{SECTION}|Fig\. \d+", place):
            if section not in SOURCES[tag]:
                yield f"{tag} has no {section}"


@pytest.mark.parametrize("path", texts(), ids=name)
def test_every_citation_is_well_formed_and_resolves(path: Path) -> None:
    """A reader who follows one must arrive: a tag stands in docs/sources.md, a section in its paper, a rule in docs/safety.md."""
    found = [
        f"{name(path)}:{number}: [{match[1]}]: {problem}"
        for number, line in enumerate(read(path).splitlines(), 1)
        for match in CITATION.finditer(line)
        for problem in problems(match[1])
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "bad", ["PML §9.9", "PML 5.2", "SAFETY 0", "SAFETY 31", "SAFETY 7,8", "SAFETY 9-3", "XYZ §1", "PMS §2.2; SAFETY 99"]
)
def test_a_bad_citation_is_noticed(bad: str) -> None:
    """The check can fail."""
    assert list(problems(bad))


def test_every_rule_of_safety_stands_in_the_documents() -> None:
    """`[SAFETY n]` leads to a numbered rule of docs/safety.md, for each n."""
    rules = [int(number) for number in re.findall(r"^(\d+)\. \*\*", read(DOCS / "safety.md"), re.MULTILINE)]
    assert rules == list(range(1, SAFETY_RULES + 1))


def test_every_habit_of_style_stands_in_the_documents() -> None:
    """`[STYLE n]` leads to a numbered habit of docs/style.md, for each n."""
    habits = [int(number) for number in re.findall(r"^(\d+)\. \*\*", read(DOCS / "style.md"), re.MULTILINE)]
    assert habits == list(range(1, STYLE_HABITS + 1))
