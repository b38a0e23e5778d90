"""A ledger survives whatever ends its campaign, and refuses what it cannot be compared with."""

from pathlib import Path

import pytest

from gaios.errors import ConfigurationError
from gaios.sim import ledger as module
from gaios.sim.attempt import Outcome
from gaios.sim.ledger import Ledger, code_hash

OUTCOMES = [
    Outcome(seed=3, trace_hash="abc", seen={"a replica crashed": 2}),
    Outcome(seed=4, violations=["agreement: slot 1 chose a and b"], smaller=" --clients 1"),
]


def written(path: Path, configuration: str = "") -> bytes:
    ledger = Ledger(path, configuration)
    for outcome in OUTCOMES:
        ledger.append(outcome)
    ledger.close()
    return path.read_bytes()


def finished(path: Path, configuration: str = "") -> dict[int, Outcome]:
    ledger = Ledger(path, configuration)
    ledger.close()
    return ledger.finished


def test_what_was_written_is_read(tmp_path: Path) -> None:
    written(tmp_path / "ledger", " --clients 2")
    assert finished(tmp_path / "ledger", " --clients 2") == {3: OUTCOMES[0], 4: OUTCOMES[1]}


def test_of_one_seed_the_last_outcome_counts(tmp_path: Path) -> None:
    """A failure that was shrunk is written once more."""
    written(tmp_path / "ledger")
    ledger = Ledger(tmp_path / "ledger", "")
    ledger.append(Outcome(seed=4, smaller=" --clients 2"))
    ledger.close()
    assert finished(tmp_path / "ledger")[4].smaller == " --clients 2"


def test_a_line_is_on_the_file_before_the_next_seed(tmp_path: Path) -> None:
    """A `kill -9` gives no time to flush."""
    ledger = Ledger(tmp_path / "ledger", "")
    ledger.append(OUTCOMES[0])
    assert (tmp_path / "ledger").read_bytes().count(b"\n") == 2
    ledger.close()


def test_wherever_the_last_line_is_torn_it_is_dropped_and_written_anew(tmp_path: Path) -> None:
    whole = written(tmp_path / "whole")
    start = whole.rindex(b"\n", 0, -1) + 1
    for length in (start, start + 1, len(whole) - 1):
        path = tmp_path / f"torn at {length}"
        path.write_bytes(whole[:length])
        ledger = Ledger(path, "")
        assert set(ledger.finished) == {3}
        ledger.append(OUTCOMES[1])
        ledger.close()
        assert path.read_bytes() == whole


def test_a_heading_that_is_torn_is_written_anew(tmp_path: Path) -> None:
    whole = written(tmp_path / "whole")
    (tmp_path / "torn").write_bytes(whole[:20])
    assert written(tmp_path / "torn") == whole


def test_another_configuration_is_refused_and_both_are_told(tmp_path: Path) -> None:
    before = written(tmp_path / "ledger", " --clients 2")
    with pytest.raises(ConfigurationError, match="its configuration is '--clients 2', and this campaign's 'without flags'"):
        Ledger(tmp_path / "ledger", "")
    assert (tmp_path / "ledger").read_bytes() == before


def test_another_code_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = written(tmp_path / "ledger")
    monkeypatch.setattr(module, "code_hash", lambda: "another")
    with pytest.raises(ConfigurationError, match=f"another code .*{code_hash()}; this is .*another"):
        Ledger(tmp_path / "ledger", "")
    assert (tmp_path / "ledger").read_bytes() == before


@pytest.mark.parametrize("content", [b"hello", b"hello\n", b'{"seed":1}\n', b"\0\0\0\0"])
def test_a_file_that_is_no_ledger_is_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "ledger").write_bytes(content)
    with pytest.raises(ConfigurationError, match="line 1: it is no ledger"):
        Ledger(tmp_path / "ledger", "")
    assert (tmp_path / "ledger").read_bytes() == content


def test_damage_in_the_middle_is_refused_with_its_line(tmp_path: Path) -> None:
    lines = written(tmp_path / "ledger").splitlines(keepends=True)
    (tmp_path / "ledger").write_bytes(lines[0] + b"{]\n" + lines[2])
    with pytest.raises(ConfigurationError, match="line 2: not an outcome"):
        Ledger(tmp_path / "ledger", "")


def test_a_second_campaign_on_it_is_refused(tmp_path: Path) -> None:
    first = Ledger(tmp_path / "ledger", "")
    with pytest.raises(ConfigurationError, match="another campaign writes to this ledger"):
        Ledger(tmp_path / "ledger", "")
    first.close()
    assert finished(tmp_path / "ledger") == {}


def test_a_directory_that_is_not_there_is_told_by_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Ledger(tmp_path / "nowhere" / "ledger", "")
