"""A campaign runs each seed once, counts what it saw, and shrinks what failed."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from gaios.sim.attempt import ENDS, Outcome, Work
from gaios.sim.campaign import Campaign
from gaios.sim.ledger import Ledger
from gaios.sim.smaller import Smaller

FAILING = {2: "agreement: two values", 5: f"{ENDS}: not within 1 s", 7: "durability: lost"}


class Runner:
    """Seed after seed, in this process; some of them fail."""

    def __init__(self) -> None:
        self.asked: list[tuple[int, int]] = []

    def __call__(self, job: Callable[[int], Outcome], seeds: Iterable[int]) -> Iterator[Outcome]:
        assert isinstance(job, Work)
        for seed in seeds:
            self.asked.append((seed, job.tries))
            found = [FAILING[seed]] if seed in FAILING else []
            seen = {"a replica crashed": 3, "fault crash": 1} if seed % 2 else {}
            yield Outcome(seed=seed, violations=found, seen=seen, smaller=" --clients 1" if job.tries else job.smaller.flags())


def test_each_seed_is_run_once_and_counted() -> None:
    runner = Runner()
    campaign = Campaign(Work(), range(10), runner, None, shrink=0)
    assert [outcome.seed for outcome in campaign.run()] == list(range(10))
    assert runner.asked == [(seed, 0) for seed in range(10)]
    assert campaign.totals.done == 10
    assert campaign.totals.seeds_with["a replica crashed"] == 5
    assert "crash" not in campaign.totals.never()
    assert "loss" in campaign.totals.never()


def test_every_failure_comes_with_the_command_that_shows_it_again() -> None:
    campaign = Campaign(Work(smaller=Smaller(clients=3)), range(10), Runner(), None, shrink=0)
    list(campaign.run())
    assert [failure.replay for failure in campaign.failures()] == [f"gaios sim --seed {seed} --clients 3" for seed in FAILING]
    assert not any(failure.shrunk for failure in campaign.failures())


def test_the_first_failures_are_shrunk_but_for_runs_that_do_not_end() -> None:
    runner = Runner()
    campaign = Campaign(Work(), range(10), runner, None, shrink=2)
    list(campaign.run())
    assert [seed for seed, tries in runner.asked if tries] == [2, 7]
    assert [(failure.seed, failure.shrunk, failure.replay) for failure in campaign.failures()] == [
        (2, True, "gaios sim --seed 2 --clients 1"),
        (5, False, "gaios sim --seed 5"),
        (7, True, "gaios sim --seed 7 --clients 1"),
    ]


def test_what_the_ledger_holds_is_not_run_again(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger", "")
    interrupted = Campaign(Work(), range(10), Runner(), ledger)
    for outcome in interrupted.run():
        if outcome.seed == 4:
            break
    ledger.close()

    ledger, runner = Ledger(tmp_path / "ledger", ""), Runner()
    resumed = Campaign(Work(), range(10), runner, ledger)
    assert resumed.totals.done == resumed.totals.resumed == 5
    list(resumed.run())
    assert [seed for seed, tries in runner.asked if not tries] == [5, 6, 7, 8, 9]
    assert resumed.totals.done == 10
    assert set(resumed.totals.failures) == set(FAILING)
    ledger.close()

    ledger, runner = Ledger(tmp_path / "ledger", ""), Runner()
    done = Campaign(Work(), range(10), runner, ledger)
    list(done.run())
    assert runner.asked == [], "what was shrunk is in the ledger too"
    assert [failure.shrunk for failure in done.failures()] == [True, False, True]
    ledger.close()


def test_more_seeds_go_on_from_the_same_ledger(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger", "")
    list(Campaign(Work(), range(2), Runner(), ledger).run())
    runner = Runner()
    list(Campaign(Work(), range(4), runner, ledger, shrink=0).run())
    assert runner.asked == [(2, 0), (3, 0)]
    ledger.close()


def test_an_outcome_is_in_the_ledger_before_anybody_is_told(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger", "")
    for told, _ in enumerate(Campaign(Work(), range(3), Runner(), ledger, shrink=0).run(), 1):
        assert (tmp_path / "ledger").read_bytes().count(b"\n") == told + 1
    ledger.close()
