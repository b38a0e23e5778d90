"""Claims about the numbers that behaviour hangs on."""

import pytest

from gaios.errors import ConfigurationError
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
