"""What locks are for: something outside the cell that one holder at a time may change. One kind checks sequencers, the other trusts.

What a holder sends takes its time, sometimes longer than its lease: then it comes after somebody else's.  [CHUBBY §2.4]
"""

from gaios.fencing import Token
from gaios.lock_api import Sequencer
from gaios.sim.dice import Dice
from gaios.sim.locks.history import Grant, Records, Written
from gaios.sim.network import Network
from gaios.sim.world import World

LATE = 0.05
"""How often a message is under way for very long."""
LATE_NS = 2_000_000_000


class Resource:
    """All resources, one of each kind for a lock."""

    def __init__(self, world: World, network: Network, dice: Dice, records: Records) -> None:
        self._world, self._network, self._dice, self._records = world, network, dice, records
        self._newest: dict[str, Token] = {}
        """What each fenced resource has seen."""
        self._last: dict[str, Grant] = {}
        """The newest grant of which something came to each unfenced resource."""

    def write(self, client: int, handle: int, sequencer: Sequencer) -> None:
        """A holder sends a change to both."""
        late = self._dice.around(LATE_NS) if self._dice.chance(LATE) else 0
        self._world.after(self._network.delay_ns() + late, self._came, client, handle, sequencer)

    def _came(self, client: int, handle: int, sequencer: Sequencer) -> None:
        path, token = sequencer.path, Token.of(sequencer)
        grant = (sequencer.generation, sequencer.revision)
        if grant < self._last.get(path, grant):
            self._world.count("a former holder's change came to a resource that checks nothing")
        self._last[path] = max(grant, self._last.get(path, grant))
        if path in self._newest and token < self._newest[path]:
            self._world.count("a fenced resource refused a former holder's change")
            return
        self._newest[path] = token
        self._records.written.append(Written(path, grant, client, handle, self._world.now_ns))
