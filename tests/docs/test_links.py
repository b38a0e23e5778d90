"""Links between documents lead somewhere."""

import re
from pathlib import Path

import pytest

from tests.docs.blocks import documents
from tests.tidy.tree import ROOT, name, read

LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")


@pytest.mark.parametrize("path", documents(ROOT), ids=name)
def test_every_relative_link_resolves(path: Path) -> None:
    """A file that was renamed leaves no dead link behind. Addresses on the web are not asked: the gate needs no network."""
    dead = [target for target in LINK.findall(read(path)) if "://" not in target and not (path.parent / target).exists()]
    assert not dead, f"{name(path)} links to {dead}"


def test_every_document_named_in_the_source_exists() -> None:
    """Docstrings name documents as `docs/….md`."""
    named = {
        (name(path), document)
        for path in [*(ROOT / "src").rglob("*.py"), *(ROOT / "tests").rglob("*.py")]
        for document in re.findall(r"\bdocs/[\w/-]+\.md", read(path))
        if "NNNN" not in document
    }
    assert not {each for each in named if not (ROOT / each[1]).exists()}
