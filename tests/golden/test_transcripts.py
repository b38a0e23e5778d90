"""The protocol as stories: each file's name is a claim, and what happened is written below it. `--rewrite` writes them anew."""

from pathlib import Path

import pytest

from tests.golden.driver import play

FILES = sorted(Path(__file__).parent.glob("*.txt"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_it_happens_as_it_is_written(path: Path, request: pytest.FixtureRequest) -> None:
    """A change of the protocol shows as a difference that a person reads; all invariants of the harness hold on the way."""
    text = path.read_text(encoding="utf-8")
    played = play(text)
    if request.config.getoption("--rewrite"):
        path.write_text(played, encoding="utf-8")
    else:
        assert played == text


def test_a_transcript_that_lies_is_noticed() -> None:
    """The comparison can fail."""
    text = FILES[0].read_text(encoding="utf-8")
    assert "promised" in text
    lie = text.replace("promised", "refused")
    assert play(lie) != lie
