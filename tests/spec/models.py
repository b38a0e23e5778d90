"""Models for tests: the core's, in configurations that have few states; and what to do where Spin is not installed."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from gaios.errors import ConfigurationError
from gaios.spec.check import the_model
from gaios.spec.configuration import Configuration
from gaios.spec.configurations import find
from gaios.spec.mutation import Edit
from gaios.spec.scope import Scope, build
from gaios.spec.spin import check_tools, missing_tools

TINY = replace(find("one-slot"), name="tiny", restarts=())
"""One slot, two ballots, nobody crashes: some thousand states."""
OWN_VALUE: Edit = ("best = {s: newer(best[s], a[s]) for s in keys(best, a)}", "best = {s: acc[s] for s in keys(best, a)}")
"""A bug that breaks agreement: recovery takes the candidate's own value."""


def scope(configuration: Configuration = TINY, *edits: Edit) -> Scope:
    """The core's model, with edits, in a configuration."""
    return build(the_model(edits), configuration)


def with_spin(run: Callable[[], Any]) -> Any:
    """What needs Spin: its result, or None where Spin is not installed; then the checker says what is missing and how to get it.

    The gate's own stage runs the checker, and counts as skipped without it: no test rests on Spin alone.
    """
    missing: Sequence[str] = missing_tools()
    if not missing:
        return run()
    with pytest.raises(ConfigurationError, match=missing[0]) as caught:
        check_tools()
    assert "apt-get install" in caught.value.hint
    return None
