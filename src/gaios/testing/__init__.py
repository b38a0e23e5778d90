"""A whole cell inside a test: the production replicas and the production client, in a world that a seed determines.  [STYLE 2]

    async def test_two_workers(gaios_cell):             # pytest finds the fixture by itself
        async with gaios_cell.connect() as client: ...
        await gaios_cell.kill_master()

Disk, network and clocks are the simulator's (`gaios.sim`); the program under test runs on an event loop whose time is the world's, so
that `asyncio.sleep(30)` takes none.

    loop       that event loop
    programs   processes: what a pause stops
    transport  connections of the client, over the simulated network
    places     replicas
    examined   a machine of one's own, examined for what a machine may not do
    cell       all of it together, and what can be done to it
    plugin     the fixture; nothing else here imports pytest

Names are loaded when they are first used: pytest loads the plugin wherever gaios is installed, and must not load the simulator for that.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gaios.testing.cell import SimulatedCell
    from gaios.testing.programs import Program

__all__ = ["Program", "SimulatedCell"]


def __getattr__(name: str) -> Any:  # noqa: ANN401 (whatever stands at that name)
    """Load a public name at its first use."""
    if name not in __all__:
        message = f"module 'gaios.testing' has no attribute {name!r}"
        raise AttributeError(message)
    from gaios.testing import cell  # noqa: PLC0415 (that is the point)

    return getattr(cell, name)
