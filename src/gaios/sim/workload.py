"""What clients do: a closed loop each, over few keys, so that they meet; every outcome written down.  [reliability §5.4, §5.5]

Rule 1. An operation is recorded once, from its first attempt to its last answer, retries included.
Rule 2. What is asked is drawn by operations.py; here is when, by whom, and what came of it.
"""

from gaios import api, errors
from gaios.client.core import READ, WRITE
from gaios.sim.client import Outcome, SimulatedClient
from gaios.sim.history import DONE, REFUSED, UNKNOWN, Call, Violation, Watch
from gaios.sim.observations import Observations
from gaios.sim.operations import Operations
from gaios.sim.plan import Plan
from gaios.sim.world import World


class Workload:
    """All clients' loops. `remaining` operations are begun, then the loops rest."""

    def __init__(self, world: World, plan: Plan, clients: list[SimulatedClient], observations: Observations) -> None:
        self._world, self._plan, self._observations = world, plan, observations
        self._dice = world.dice.split("workload")
        self._clients = clients[: plan.clients]
        self._watchers = [_Watcher(world, client, observations) for client in clients[plan.clients : plan.clients + plan.watchers]]
        self._operations = Operations(
            self._dice.split("operations"), plan.mix, keys=plan.keys, value_bytes=plan.value_bytes, compacts=plan.compacts
        )
        self.keys = self._operations.registers + self._operations.counters
        self.remaining = plan.operations
        self.open = 0
        """Operations begun and not finished."""
        self._numbers = 0
        self._deadline_ns = plan.deadline_ns
        self._think_ns = plan.think_ns
        self._rest_ns = 0
        self._resting = True

    def begin(self) -> None:
        """Start every client's loop."""
        loops = [client for client in self._clients for _ in range(1 if self._dice.chance(0.6) else 3)]
        plan = self._plan
        # All loops together rest so long that the operations last for the whole of safety mode.
        self._rest_ns = plan.safety_ns * len(loops) * plan.burst // plan.operations
        for client in loops:
            self._later(client)
        for watcher in self._watchers:
            watcher.begin()

    def finish_watches(self) -> None:
        """Write down what watchers were told."""
        for watcher in self._watchers:
            watcher.record()

    def again(self, operations: int, deadline_ns: int, think_ns: int) -> None:
        """Begin so many more operations."""
        self._deadline_ns, self._think_ns, self._resting = deadline_ns, think_ns, False
        self.remaining = operations
        for client in self._clients:
            self._later(client)

    @property
    def is_done(self) -> bool:
        """Whether every operation was begun and has ended."""
        return self.remaining <= 0 and self.open == 0

    def _later(self, client: SimulatedClient) -> None:
        rests = self._resting and self._dice.chance(1 / self._plan.burst)
        self._world.after(self._dice.around(self._rest_ns if rests else self._think_ns), self._operate, client)

    def _operate(self, client: SimulatedClient) -> None:
        if self.remaining <= 0:
            return
        self.remaining -= 1
        self._numbers += 1
        number = self._numbers
        request = self._operations.draw(number)
        began, began_ns = self._world.next_order(), self._world.now_ns
        self._world.note(f"call {number} by {client.number}")

        def finish(outcome: Outcome, whose: tuple[int, int, int], place: tuple[int, int]) -> None:
            self.open -= 1
            call = _record(Call(number, client.number, request, began, began_ns, None, 0, UNKNOWN, None, whose), outcome, place)
            if call.outcome != UNKNOWN or isinstance(request, api.Range):
                call = call._replace(ended=self._world.next_order(), ended_ns=self._world.now_ns)
            self._world.note(f"outcome {number} {call.outcome} {call.error}")
            self._observations.calls.append(call)
            self._operations.learn(call.reply)
            self._later(client)

        self.open += 1
        kind = READ if isinstance(request, api.Range) else WRITE
        client.call(kind, api.encode(request), self._deadline_ns, finish)


def _record(call: Call, outcome: Outcome, place: tuple[int, int]) -> Call:
    """A call with its outcome."""
    if isinstance(outcome, errors.Error):
        known = REFUSED if outcome.definite else UNKNOWN
        return call._replace(outcome=known, error=f"{type(outcome).__name__}: {outcome}")
    if isinstance(call.request, api.Range):
        page = api.decode_answer(outcome)
        assert isinstance(page, api.Page)
        return call._replace(outcome=DONE, reply=page)
    reply = api.decode_reply(outcome)
    return call._replace(outcome=DONE, reply=reply, slot=place[0], nth=place[1])


class _Watcher:
    """One client that watches everything, and goes on watching whatever happens: past compacted history it begins anew."""

    def __init__(self, world: World, client: SimulatedClient, observations: Observations) -> None:
        self._world, self._client, self._observations = world, client, observations
        self._from = api.FIRST_REVISION
        self._events: list[api.Event] = []
        self._watch = 0

    def begin(self) -> None:
        """Begin to watch."""
        self._events = []
        self._watch = self._client.watch(b"", b"", self._from, self._told)

    def _told(self, news: tuple[api.Event, ...] | errors.Error) -> None:
        if not isinstance(news, errors.Error):
            self._events.extend(news)
            return
        self._world.note(f"watch ended {news}")
        if isinstance(news, errors.Compacted):
            self._world.count("a watch was overtaken by compaction")
            self._write_down(self._events[-1].mod_revision + 1 if self._events else self._from)
            self._from = news.compacted
            self.begin()
        else:
            self._observations.broken.append(Violation("watches go on", f"client {self._client.number}'s watch ended: {news}"))

    def record(self) -> None:
        """Write down what was told."""
        self._write_down(self._client.told_through(self._watch))

    def _write_down(self, through: int) -> None:
        """Everything below `through` was told."""
        self._observations.watches.append(Watch(self._client.number, b"", b"", self._from, tuple(self._events), through))
