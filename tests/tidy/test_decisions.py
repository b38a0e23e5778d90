"""Decisions are found by number: docs/decisions/NNNN-title.md, one page each."""

import re

from tests.tidy.tree import DOCS, name, read

PAGES = sorted((DOCS / "decisions").glob("*.md"))
PAGE_LINES_MAX = 80


def test_decisions_are_numbered_without_gaps() -> None:
    """Two branches that took the same number notice it here."""
    numbers = [int(page.name[:4]) for page in PAGES if re.fullmatch(r"\d{4}-[a-z0-9-]+\.md", page.name)]
    assert numbers == list(range(1, len(PAGES) + 1)), [page.name for page in PAGES]


def test_a_decision_says_its_number_and_fits_on_a_page() -> None:
    """The first line is `# N. Title`, so that a printed page can still be found."""
    for page in PAGES:
        lines = read(page).splitlines()
        assert lines[0].startswith(f"# {int(page.name[:4])}. "), f"{name(page)}:1 is {lines[0]!r}"
        assert len(lines) <= PAGE_LINES_MAX, f"{name(page)} has {len(lines)} lines; one page has {PAGE_LINES_MAX}"
