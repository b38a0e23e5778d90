"""The fenced blocks of a Markdown document, and what has to be true of each.

    python    a whole program: it runs, and exits with 0; a `text` block whose lead-in ends in "prints:" holds its output
    console   `$ ` commands, run one after the other in one directory; lines below a command are its output, `...` stands for anything
    sh        a script: it runs, and exits with 0
    json      is JSON; toml is a replica's configuration, which `serve` would take
    text      and mermaid are looked at, not run

Rule 1. Documents are run as they stand, in order, in a directory that looks like the checkout (the same Makefile, tools and .venv), so that
nothing is written into the real one. Rule 2. One substitution is made: ports 7420 to 7424 become those of the tests' own cell, since
another cell may be running on this machine.
"""

import re
from pathlib import Path
from typing import NamedTuple

LANGUAGES = frozenset({"console", "json", "mermaid", "python", "sh", "text", "toml"})
DEFAULT_PORT = 7420
REPLICAS = 5


class Block(NamedTuple):
    """One fenced block; `line` is that of its first line of text, from 1."""

    language: str
    line: int
    text: str
    lead: str
    """The last line of prose before it."""


class Command(NamedTuple):
    """One command of a console block, and the output that the document shows."""

    line: int
    text: str
    output: str


def blocks(document: str) -> list[Block]:
    """A document's blocks, in order."""
    found: list[Block] = []
    language, start, lead = "", 0, ""
    lines = document.splitlines()
    for number, line in enumerate(lines, 1):
        stripped = line.strip()
        if not start and stripped.startswith("```"):
            language, start = stripped[3:], number + 1
        elif start and stripped == "```":
            found.append(Block(language, start, "\n".join(lines[start - 1 : number - 1]) + "\n", lead))
            start, lead = 0, ""
        elif not start and stripped:
            lead = stripped
    if start:
        found.append(Block(f"unclosed {language}", start, "", lead))
    return found


def commands(block: Block) -> list[Command]:
    """The commands of a console block. A line that ends in a backslash goes on."""
    found: list[Command] = []
    for number, line in enumerate(block.text.splitlines(), block.line):
        if line.startswith("$ "):
            found.append(Command(number, line[2:], ""))
        elif found and found[-1].text.endswith("\\") and not found[-1].output:
            found[-1] = found[-1]._replace(text=found[-1].text + "\n" + line)
        elif found:
            found[-1] = found[-1]._replace(output=found[-1].output + line + "\n")
    return found


def agrees(shown: str, real: str) -> bool:
    """Is `real` what the document shows? `...` stands for anything, also for nothing."""
    pattern = ".*".join(re.escape(part) for part in shown.strip().split("..."))
    return re.fullmatch(pattern, real.strip(), re.DOTALL) is not None


def with_port(text: str, port: int) -> str:
    """Rule 2."""
    for offset in range(REPLICAS):
        text = re.sub(rf"(?<=:){DEFAULT_PORT + offset}\b", str(port + offset), text)
    return text


def documents(root: Path) -> list[Path]:
    """Every document that people read."""
    return sorted([*root.glob("*.md"), *(root / "docs").rglob("*.md")])
