"""A replica's place in a test's cell: the simulator's, with a machine of the test's choice, and a clock that can be made wrong."""

from collections.abc import Callable
from typing import Any

from gaios.machine import Machine
from gaios.sim.seat import Seat
from gaios.testing.examined import Examined


class Place(Seat):
    """See the module."""

    make: Callable[[], Machine] | None = None
    """Makes the machine; None: the lock service, on the database."""

    def make_machine(self) -> Any:  # noqa: ANN401 (as its base's)
        """A machine of the test's is looked at."""
        return super().make_machine() if self.make is None else Examined(self.make)

    def skew(self, drift_ppm: int) -> None:
        """Its machine's clock runs at another rate from now on."""
        self.world.note(f"skew {self.replica} {drift_ppm}")
        self.clock.skew(self.world.now_ns, drift_ppm)
        self._deadline_ns = -1  # to be translated anew
        self._put(("tick",))
