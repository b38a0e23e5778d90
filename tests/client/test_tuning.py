"""The client's numbers fit to each other and to the cell's."""

from gaios import api
from gaios.client import tuning
from gaios.client.tuning import MS
from gaios.log.sessions import Bounds
from gaios.transport import CLIENT_BYTES_MAX


def test_the_window_fits_the_cells_table() -> None:
    """Every answer above the mark is kept there until it is acknowledged.  [SAFETY 19, 28]"""
    assert Bounds().answers >= tuning.WINDOW


def test_a_new_master_is_noticed_within_50_ms() -> None:
    assert tuning.SEEK_FIRST + tuning.SEEK_EVERY[1] <= 60 * MS
    assert tuning.SEEK_EVERY[1] < 50 * MS


def test_a_silent_replica_is_left_within_half_a_second() -> None:
    assert tuning.PING_AFTER + tuning.SILENT_AFTER <= 500 * MS


def test_whatever_a_client_may_say_fits_a_frame() -> None:
    assert api.COMMAND_BYTES_MAX < tuning.PAYLOAD_BYTES_MAX < CLIENT_BYTES_MAX
