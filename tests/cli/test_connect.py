"""Every command reaches its cell the same way."""

from gaios.cli.connect import cell as connect
from gaios.cli.parameters import Client
from tests.cli.conftest import FakeCell


async def test_endpoints_and_time_out_are_those_of_the_command_line(cell: FakeCell) -> None:
    async with connect(Client(endpoints="h:1", timeout=3)) as connected:
        assert connected is cell
    assert (cell.endpoints, cell._timeout) == ("h:1", 3)
