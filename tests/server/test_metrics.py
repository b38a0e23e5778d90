"""Metrics: counted cheaply, rendered when asked."""

from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from gaios import api
from gaios.server.metrics import Histogram
from tests.server.shells import make, master_of, running


def test_a_histogram_is_cumulative() -> None:
    histogram = Histogram((1.0, 2.0))
    for value in (0.5, 1.0, 1.5, 9.0):
        histogram.add(value)
    assert histogram.buckets() == [("1.0", 2.0), ("2.0", 3.0), ("+Inf", 4.0)]
    assert histogram.sum == 12.0


async def test_every_series_is_there_and_tells_what_happened(tmp_path: Path) -> None:
    async with running(*make(tmp_path, 3)) as replicas:
        master = await master_of(replicas)
        for number in range(5):
            await master.submit(api.encode(api.MultiOp(then=(api.Put(b"k", b"%d" % number),))))
        families = {family.name: family for family in text_string_to_metric_families(master.render_metrics().decode())}
        values = {name: family.samples[0].value for name, family in families.items() if family.samples}
        assert all(name.startswith("gaios_") for name in families)
        assert values["gaios_is_master"] == 1
        assert values["gaios_requests"] >= 6
        assert values["gaios_elections_won"] == 1
        assert values["gaios_chosen_slot"] >= 6
        assert 0 < values["gaios_lease_remaining_seconds"] <= 2
        assert values["gaios_process_cpu_seconds"] > 0
        assert {sample.labels["peer"] for sample in families["gaios_peer_link_up"].samples} == {
            str(replica.settings.id) for replica in replicas if replica is not master
        }
        count = next(sample.value for sample in families["gaios_sync_seconds"].samples if sample.name.endswith("_count"))
        assert count >= 6
