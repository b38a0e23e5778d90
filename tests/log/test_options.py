"""Claims about the numbers that behaviour hangs on."""

import re
from pathlib import Path

import pytest

import gaios
from gaios.errors import ConfigurationError
from gaios.locks import cachers
from gaios.log import options
from gaios.log.options import Options
from gaios.paxos.core import WINDOW


def test_the_defaults_keep_what_the_interface_says() -> None:
    """The lease term is 700 ms or less."""
    assert Options().term_ms <= 700


def test_numbers_that_cannot_work_are_refused() -> None:
    """With a message that names them."""
    with pytest.raises(ConfigurationError, match="pipeline"):
        Options(pipeline=0)
    with pytest.raises(ConfigurationError, match="pipeline"):
        Options(pipeline=WINDOW + 1)  # we had it: the first full pipeline stopped the master
    with pytest.raises(ConfigurationError, match="at most"):
        Options(term_ms=3_600_000)
    with pytest.raises(ConfigurationError, match="three times"):
        Options(term_ms=200, beat_ms=100)


def test_a_time_that_never_comes_is_defined_once_on_each_side_of_the_wall() -> None:
    """There were a dozen, each with a chance of its own to be another number."""
    source = Path(gaios.__file__).parent
    texts = {str(path.relative_to(source)): path.read_text("utf-8") for path in source.rglob("*.py")}
    defining = {name for name, text in texts.items() if re.search(r"^FAR\b.* = ", text, re.MULTILINE)}
    assert defining == {"log/options.py", "locks/cachers.py"}
    assert options.FAR == cachers.FAR
