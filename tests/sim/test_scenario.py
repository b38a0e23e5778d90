"""A scenario is a data file; a wrong one is refused with the key's name."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from gaios.errors import ConfigurationError
from gaios.log import Options
from gaios.server.effects import Limits
from gaios.sim import RunOptions, run
from gaios.sim.dice import Dice
from gaios.sim.faults import DiskFaults, Faults, NetworkFaults
from gaios.sim.operations import Mix
from gaios.sim.plan import Locks, draw
from gaios.sim.scenario import load, parse, shipped

DRAWN = draw(Dice(1))


def refused(text: str) -> str:
    with pytest.raises(ConfigurationError) as caught:
        parse(text, "x.toml")
    assert caught.value.hint
    return str(caught.value)


def test_what_is_not_named_stays_as_the_seed_draws_it() -> None:
    assert parse("", "x.toml").change(DRAWN) == DRAWN
    changed = parse("[plan]\nreplicas = 3\n[workload]\nkeys = 2\n", "x.toml").change(DRAWN)
    assert changed == replace(DRAWN, replicas=3, keys=2)


def test_a_table_of_the_replicas_own_settings_stands_for_all_of_them() -> None:
    changed = parse("[options]\nterm_ms = 300\n[limits]\n", "x.toml").change(DRAWN)
    assert changed.options == Options(term_ms=300)
    assert changed.limits == Limits()
    assert changed.bounds == DRAWN.bounds


def test_faults_that_are_not_named_are_off_but_clocks_are_their_own_table() -> None:
    text = '[faults.disk]\ntear = 0.5\n[faults.network]\nkinds = ["ring"]\npartition_every_s = 2\n'
    faults = parse(text, "x.toml").change(DRAWN).faults
    network = NetworkFaults(kinds=("ring",), partition_every_ns=2_000_000_000)
    assert faults == Faults(disk=DiskFaults(tear=0.5), network=network, drift_ppm=DRAWN.faults.drift_ppm)
    clocks = parse("[clocks]\ndrift_ppm = 10\ndrifts_ppm = [-5, 5]\n", "x.toml").change(DRAWN)
    assert clocks.faults == replace(DRAWN.faults, drift_ppm=10)
    assert clocks.drifts_ppm == (-5, 5)


def test_a_time_may_be_written_in_any_unit() -> None:
    for written in ("think_ns = 1_500_000", "think_us = 1_500", "think_ms = 1.5", "think_s = 0.0015"):
        assert parse(f"[workload]\n{written}\n", "x.toml").change(DRAWN).think_ns == 1_500_000
    assert parse("[options]\nlinger_us = 7\n", "x.toml").change(DRAWN).options.linger_us == 7


def test_a_mix_is_a_table_of_weights() -> None:
    changed = parse("[workload.mix]\nput = 1\nget = 0\n", "x.toml").change(DRAWN)
    assert changed.mix == Mix(put=1, get=0)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("plan = [", "not TOML"),
        ("speed = 3", "speed is not known; a scenario has description, plan"),
        ("plan = 3", "[plan] must be a table"),
        ("description = 3", "description must be text"),
        ("[plan]\nreplica = 3", "plan.replica is not known; [plan] has replicas"),
        ("[plan]\nreplicas = 0", "plan.replicas must be 1 to 7; it is 0"),
        ("[plan]\nreplicas = '3'", "plan.replicas: expected `int`, got `str`"),
        ("[plan]\nsegment_bytes = 10", "plan.segment_bytes must be 1024 or more"),
        ("[plan]\nturn_ms = true", "plan.turn_ms must be a number"),
        ("[plan]\nturn_ms = 1\nturn_us = 3", "plan.turn_us: the same is set twice"),
        ("[workload]\nthink_ms = -1", "workload.think_ms must be 0 or more"),
        ("[workload]\ncompacts = 1.5", "workload.compacts must be from 0 to 1; it is 1.5"),
        ("[workload]\nmix = 3", "[workload.mix] must be a table"),
        ("[workload.mix]\nput = -1", "workload.mix.put must be 0 or more"),
        ("[workload.mix]\nputs = 1", "workload.mix.puts is not known"),
        ("[options]\nterm_ms = 10", "[options]: term_ms (10) must be at least three times beat_ms"),
        ("[faults]\ndisk = 1", "[faults.disk] must be a table"),
        ("[faults.disks]\ntear = 1.0", "faults.disks is not known; [faults] has disk"),
        ("[faults.disk]\ntear = 2.0", "faults.disk.tear must be from 0 to 1"),
        ("[faults.network]\nkinds = ['star']", "faults.network.kinds: 'star' is no shape"),
        ("[plan]\nreplicas = 3\n[faults.process]\nhermit_starts = 9", "plan.replicas must be 1"),
        ("[clocks]\ndrift_ppm = 2_000", "clocks.drift_ppm must be 0 to 1000"),
        ("[clocks]\ndrifts_ppm = [900]", "clocks.drifts_ppm: 900 is not within 500"),
        ("[clocks]\ndrift = 1", "clocks.drift is not known"),
    ],
)
def test_a_wrong_file_is_refused_with_the_keys_name(text: str, says: str) -> None:
    assert says in refused(text)


def test_a_file_is_read_from_its_path_and_a_shipped_one_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("description = 'Mine.'\n[plan]\nreplicas = 1\n", "utf-8")
    mine = load(str(path))
    assert (mine.name, mine.description, mine.change(DRAWN).replicas) == ("mine", "Mine.", 1)
    assert load("quiet").change(DRAWN).faults == Faults()
    with pytest.raises(ConfigurationError, match="cannot be read") as caught:
        load(str(tmp_path / "none.toml"))
    assert "quiet" in caught.value.hint
    path.write_bytes(b"\xff")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load(str(path))


@pytest.mark.parametrize("name", shipped())
def test_every_shipped_scenario_says_what_it_is_and_changes_what_a_seed_draws(name: str) -> None:
    scenario = load(name)
    assert scenario.description.endswith(".")
    assert scenario.change(DRAWN) != DRAWN


@pytest.mark.parametrize("name", ["quiet", "overload"])
def test_a_scenario_runs_without_violations(name: str) -> None:
    report = run(1, RunOptions(plan=load(name).change))
    assert not report.violations
    assert report.statistics["done"] > 100
    if name == "overload":
        assert report.sometimes["a request found something full"]
        assert report.sometimes["a client that took nothing was paused"]


def test_clients_have_sessions_only_where_a_table_says_so() -> None:
    busy = replace(DRAWN, locks=Locks(clients=3))
    assert parse("[plan]\nreplicas = 3\n", "x.toml").change(busy).locks == Locks()
    changed = parse("[locks]\nclients = 2\nleases_ms = [1_000]\nhold_ms = 5\n", "x.toml").change(busy)
    assert changed.locks == Locks(clients=2, leases_ms=(1_000,), hold_ns=5_000_000)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("leases_ms = [999]", "[locks]: leases_ms are 1000 to 60000"),
        ("lock = 0\nfile = 0\nnode = 0\nmeddle = 0", "[locks]: weights are 0 or more"),
        ("shared = 2.0", "locks.shared must be from 0 to 1"),
        ("sessions = 2", "locks.sessions is not known"),
    ],
)
def test_a_table_of_locks_that_makes_no_sense_is_refused(table: str, said: str) -> None:
    assert said in refused(f"[locks]\n{table}\n")
