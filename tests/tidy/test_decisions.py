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


def test_whoever_looks_for_an_idea_that_lost_finds_the_argument() -> None:
    """Every row of the page that docs/style.md promises has its reason, and a page that holds it."""
    assert "](obsolete/README.md)" in read(DOCS / "style.md")
    rows = [line.strip("| ").split(" | ") for line in read(DOCS / "obsolete" / "README.md").splitlines() if line.startswith("| ")][1:]
    assert rows
    for row in rows:
        assert len(row) == 3, row
        found = re.fullmatch(r"\[[a-z 0-9]+\]\(\.\./(.+)\)", row[2])
        assert found, row
        assert (DOCS / found[1]).is_file(), row
