"""What a run writes down for the checkers while it happens."""

from collections.abc import Sequence
from typing import Any

from gaios.api import Event
from gaios.db import Database
from gaios.log import codec
from gaios.machine import Context
from gaios.paxos import core
from gaios.sim.checkers.persist_then_say import Remembered, Said
from gaios.sim.clock import Clock
from gaios.sim.history import Applied, Call, Executed, Lease, Level, Violation, Watch


class Observations:
    """Records in the order of the world's events."""

    def __init__(self) -> None:
        self.applied: list[Applied] = []
        self.executed: list[Executed] = []
        self.leases: list[Lease] = []
        self.calls: list[Call] = []
        self.watches: list[Watch] = []
        self.starts: list[Remembered] = []
        self.broken: list[Violation] = []
        """Replicas that stopped by themselves, and what else is wrong as soon as it is seen."""
        self._levels: dict[tuple[int, str], Level] = {}

    def level(self, replica: int, name: str, value: int, limit: int) -> None:
        """How full something bounded is."""
        before = self._levels.get((replica, name))
        if before is None or value > before.highest:
            self._levels[replica, name] = Level(replica, name, value, limit)

    def levels(self) -> list[Level]:
        """The highest of each."""
        return list(self._levels.values())


class ObservedDatabase(Database):
    """The production database, whose executions are counted."""

    def __init__(self, observations: Observations, replica: int) -> None:
        super().__init__()
        self._observations, self._replica = observations, replica
        self.boot = 0

    def apply(self, command: bytes, context: Context) -> tuple[bytes, Sequence[Event]]:
        """As `Database.apply`."""
        self._observations.executed.append(Executed(self._replica, self.boot, context.slot, context.index))
        return super().apply(command, context)


class Speech:
    """The most that one replica said, read off the frames that leave it."""

    __slots__ = ("_accepted", "_ballot", "_last", "_term_ns")

    def __init__(self) -> None:
        self._ballot = self._term_ns = 0
        self._accepted: dict[int, int] = {}
        self._last = b""

    def hear(self, body: bytes) -> bool:
        """A frame leaves; whether it holds a promise, which is rare and worth a closer look."""
        if body is self._last:
            return False
        self._last = body
        promises = False
        for message in codec.decode(body)[3]:
            tag = message[0]
            if tag in core.AFTER:
                self._ballot = max(self._ballot, message[1])
            if tag == core.ACCEPTED:
                self._accept(message[3], message[1])
            elif tag == core.PROMISE:
                promises = True
                for slot, (ballot, _) in message[4].items():
                    self._accept(slot, ballot)
            elif tag == core.GRANT:
                self._term_ns = max(self._term_ns, message[4])
        return promises

    def _accept(self, slot: int, ballot: int) -> None:
        if ballot > self._accepted.get(slot, 0):
            self._accepted[slot] = ballot

    def said(self) -> Said:
        """All of it so far."""
        return Said(self._ballot, self._term_ns, dict(self._accepted))


class LeaseWatch:
    """Turns what a replica believes of its lease, turn by turn, into intervals of true time."""

    __slots__ = ("_clock", "_now", "_observations", "_replica")

    def __init__(self, observations: Observations, replica: int, clock: Clock) -> None:
        self._observations, self._replica, self._clock = observations, replica, clock
        self._now: Lease | None = None

    def see(self, true_ns: int, ballot: int, until_reading_ns: int) -> bool:
        """It holds a lease of this ballot until its clock shows that reading; ballot 0: none. Whether one lapsed meanwhile."""
        held = self._now
        lapsed = held is not None and true_ns > held.until_ns
        if held is not None and (held.ballot != ballot or lapsed):
            self.end(true_ns)
            held = None
        if not ballot:
            return lapsed
        until = self._clock.when(until_reading_ns)
        if held is None:
            self._now = Lease(self._replica, ballot, true_ns, until)
        elif until > held.until_ns:
            self._now = held._replace(until_ns=until)
        return lapsed

    def end(self, true_ns: int) -> bool:
        """The process is gone, or gave the lease up; whether it held one."""
        held, self._now = self._now, None
        if held is None:
            return False
        self._observations.leases.append(held._replace(until_ns=min(held.until_ns, true_ns)))
        return held.until_ns > true_ns


def watch_applier(observations: Observations, replica: int, boot: int, applier: Any, clock_ns: Any) -> None:  # noqa: ANN401
    """Write down every slot that this life applies."""
    original = applier.apply

    def apply(slot: int, value: bytes) -> Any:  # noqa: ANN401 (handed through)
        result = original(slot, value)
        machine = applier.machine
        observations.applied.append(
            Applied(clock_ns(), replica, boot, slot, value, applier.chain, machine.checksum(), applier.epoch, machine.revision)
        )
        return result

    applier.apply = apply
