"""Counts that the documents state are those of the lists that they count."""

import json
import re

from gaios.sim.museum.exhibits import EXHIBITS
from gaios.spec.configurations import SCOPES
from gaios.spec.mutations import MUTATIONS
from tests.tidy.tree import DOCS, ROOT, SRC, read

CONFIGURATIONS = {configuration.name for configuration in SCOPES["ci"]}
BUGS = [mutation.configuration for mutation in MUTATIONS if not mutation.is_harmless]


def stated(document: str, pattern: str) -> list[int]:
    """The numbers in the one place of a document that the pattern describes, however its lines are broken."""
    found = re.search(pattern, " ".join(document.split()))
    assert found is not None, f"nothing says {pattern!r}"
    return [int(number) for number in found.groups()]


def test_the_readme_counts_what_the_gate_checks() -> None:
    """A reader may run the command beside these numbers: it has to come to the same."""
    pins = json.loads(read(SRC / "spec" / "pins.json"))["configurations"]
    millions = round(sum(pins[name]["states"] for name in CONFIGURATIONS) / 1e6)
    caught = sum(configuration in CONFIGURATIONS for configuration in BUGS)
    said = r"every state of (\d+) small configurations, (\d+) million in all, .{1,80}, and catches (\d+) planted bugs"
    assert stated(read(ROOT / "README.md"), said) == [len(CONFIGURATIONS), millions, caught]


def test_the_readme_does_not_exaggerate_the_museum() -> None:
    (said,) = stated(read(ROOT / "README.md"), r"plants over (\d+) bugs in sound code")
    assert said < len(EXHIBITS)


def test_the_page_on_model_checking_counts_the_planted_bugs() -> None:
    """All of them, and the harmless ones beside."""
    said = r"(\d+) edits of the text, each a mistake .* (\d+) changes are harmless"
    assert stated(read(DOCS / "model-checking.md"), said) == [len(BUGS), len(MUTATIONS) - len(BUGS)]
