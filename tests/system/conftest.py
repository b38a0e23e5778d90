"""Replicas of one cell must come to the same although Python orders sets of text differently in each process.  [SAFETY 27]"""

import pytest


@pytest.fixture(autouse=True)
def _a_hash_seed_for_each_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever runs the tests may have fixed one for all; then each process draws its own again."""
    monkeypatch.delenv("PYTHONHASHSEED", raising=False)
