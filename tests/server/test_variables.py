"""Variables that look like ours and are none."""

import re
from pathlib import Path

import pytest

from gaios.server.variables import KNOWN, unknown

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("GAIOS_LOG_LEVLE", "GAIOS_LOG_LEVEL"),
        ("GAIOS_REPLACE_LOST", "GAIOS_REPLACE_LOST_S"),
        ("GAIOS_ENDPOINT", "GAIOS_ENDPOINTS"),
        ("GAIOS_QUITE_SOMETHING_ELSE", ""),
    ],
)
def test_a_misspelt_variable_is_told_with_the_nearest(name: str, near: str) -> None:
    assert unknown({name: "x", "GAIOS_LOG_LEVEL": "debug", "HOME": "/root", "AGAIOS_": ""}) == {name: near}


def test_every_variable_that_is_written_down_is_known() -> None:
    """Whatever the code, the Makefile or the documentation names is no misspelling."""
    texts = [ROOT / "Makefile", ROOT / "README.md", *ROOT.glob("src/**/*.py"), *ROOT.glob("docs/**/*.md")]
    named = {name for path in texts for name in re.findall(r"\bGAIOS_[A-Z][A-Z_]*[A-Z]\b", path.read_text("utf-8"))}
    assert "GAIOS_ENDPOINTS" in named
    assert named - {*KNOWN} == {"GAIOS_SERVICE_HOST"}
