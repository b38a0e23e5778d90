"""Two versions in one cell: upgrades, roll-backs, and what the version before does with what it does not know."""

from typing import NoReturn

import pytest

from gaios import entry
from gaios.errors import InvariantViolated, TooOld, UnknownKind
from gaios.log import Bounds
from gaios.log.applier import Applier
from gaios.log.feature import LEVEL
from gaios.log.sessions import Sessions
from gaios.sim.museum.exhibit import scenario
from gaios.sim.next_version import NEXT, NextApplier, ghost
from gaios.sim.run import RunOptions, run
from tests.log.cell import Register

BALLOT = 65_537


def raised(kind: type[Applier]) -> Applier:
    """An applier behind the entry that raised the level."""
    applier = kind(Register(), Sessions(Bounds()))
    applier.apply(1, entry.batch([entry.epoch(BALLOT)], 5))
    return applier


def test_its_entry_changes_the_state_at_its_level_only() -> None:
    """[SAFETY 17] A version that proposed it earlier would be found out at once."""
    applier = raised(NextApplier)
    applier.apply(2, entry.batch([entry.feature(BALLOT, NEXT)], 5))
    applier.apply(3, entry.batch([ghost(BALLOT), ghost(131_074)], 5))
    assert (applier.feature, len(applier.sessions)) == (NEXT, 1)
    early = raised(NextApplier)
    with pytest.raises(InvariantViolated, match="before its level"):
        early.apply(2, entry.batch([ghost(BALLOT)], 5))


def test_the_version_before_stops_at_it() -> None:
    assert LEVEL == Applier.highest < NEXT
    with pytest.raises(UnknownKind, match=r"kind 200.*install the newer one"):
        raised(Applier).apply(2, entry.batch([ghost(BALLOT)], 5))


def test_where_nothing_is_upgraded_nobody_is_too_old(monkeypatch: pytest.MonkeyPatch) -> None:
    """There a replica that says so is a finding."""

    def raises(*_: object) -> NoReturn:
        raise TooOld(what="slot 1", reason="planted")

    monkeypatch.setattr(Applier, "_own", raises)
    report = run(1, RunOptions(plan=scenario("quiet")))
    assert any(violation.startswith("no replica stops by itself") and "TooOld" in violation for violation in report.violations)


@pytest.mark.seeds(3)
def test_upgrades_and_roll_backs_under_load_and_kills_lose_nothing(seed: int) -> None:
    """Whoever is taken back in vain says so and stops; in the end all run the next version, at its level."""
    report = run(seed, RunOptions(plan=scenario("rolling-upgrade")))
    assert not report.violations, "\n".join(report.violations)
    for what in ("a master raised the feature level", "the version before was installed again", "a replica started from a snapshot"):
        assert report.sometimes[what]


def test_a_version_that_is_too_old_stops_in_some_run() -> None:
    """Otherwise the tests above would show nothing of it."""
    report = run(1, RunOptions(plan=scenario("rolling-upgrade")))
    assert any(what.startswith("a version that is too old stopped") for what in report.sometimes), sorted(report.sometimes)
