"""Who looks at one seat from outside: what its process says, believes and remembers becomes records for the checkers.

Rule 1. An onlooker changes nothing: it reads the node, the frames that leave, and what is durable.
Rule 2. Whatever was said is compared with what a start would find: at every start, at every promise, and now and then between.
"""

import traceback
from functools import partial
from typing import Any

from gaios import errors
from gaios.locks import LockService
from gaios.log import Copies, Evidence, Recovered, Replica, feature
from gaios.log.doubt import Phase
from gaios.paxos import core
from gaios.server import damage
from gaios.server.effects import Effects
from gaios.server.loading import load
from gaios.server.node import Node
from gaios.sim.checkers.persist_then_say import NAME as PERSIST
from gaios.sim.checkers.persist_then_say import Remembered
from gaios.sim.checkers.quarantined import NAME as QUARANTINED
from gaios.sim.clock import Clock
from gaios.sim.dice import Dice
from gaios.sim.disk import Disk
from gaios.sim.harm import Harm
from gaios.sim.history import REBUILT, Compared, Doubted, Lease, Life, Raised, Ran, Violation
from gaios.sim.levels import levels
from gaios.sim.observations import Observations, watch_applier
from gaios.sim.outcasts import STAYS_OUT, is_expected
from gaios.sim.speech import Speech
from gaios.sim.world import World
from gaios.storage import Identity, Journal, snapshot

LOOK = 0.001
"""How often a frame that leaves is compared with what is durable at that moment; promises are each time."""
LOOK_SLOTS = 100
"""Beyond so many slots looks become rarer: one reads the whole log, and all together shall not cost more in a long run."""
MEMBERS = "members"
"""Whoever is no member, as far as it knows itself, disturbs nobody."""
RESTLESS_TURNS = 20
"""Turns in a row that may leave undone what was due before them: more, and the loop spins."""
LEVELS_TURNS = 64
"""Turns after which it is looked how full bounded things are; what waits for a slot is looked at each time."""


class LeaseWatch:
    """Turns what a replica believes of its lease, turn by turn, into intervals of true time."""

    __slots__ = ("_clock", "_now", "_observations", "_replica")

    def __init__(self, observations: Observations, replica: int, clock: Clock) -> None:
        self._observations, self._replica, self._clock = observations, replica, clock
        self._now: Lease | None = None

    @property
    def is_held(self) -> bool:
        """Whether it was seen to hold one, and not yet seen without."""
        return self._now is not None

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

    def renewed(self, ballot: int, until_reading_ns: int) -> None:
        """The lease that was seen last now ends later."""
        held = self._now
        if held is not None and held.ballot == ballot:
            self._now = held._replace(until_ns=max(held.until_ns, self._clock.when(until_reading_ns)))

    def end(self, true_ns: int) -> bool:
        """The process is gone, or gave the lease up; whether it held one."""
        held, self._now = self._now, None
        if held is None:
            return False
        self._observations.leases.append(held._replace(until_ns=min(held.until_ns, true_ns)))
        return held.until_ns > true_ns


def lease_end(participant: Any) -> int:  # noqa: ANN401 (a participant, planted ones included)
    """The reading at which a lease that is held now ends, found by asking the core itself."""
    for end in sorted(participant.grants.values(), reverse=True):
        if participant.holds_lease(end - 1):
            return int(end)
    return 1 << 62


_Standing = tuple[tuple[int, int, int, int, int], dict[int, int]]
"""A participant's phase, ballot, promise, configuration and voters, and its grants: all that its lease hangs on."""


def _standing(participant: Any) -> _Standing:  # noqa: ANN401 (as above)
    return _office(participant), participant.grants.copy()


def _office(participant: Any) -> tuple[int, int, int, int, int]:  # noqa: ANN401 (as above)
    return participant.phase, participant.bal, participant.promised, participant.config, participant.voters


def _stand(participant: Any, standing: _Standing) -> None:  # noqa: ANN401 (as above)
    office, participant.grants = standing
    participant.phase, participant.bal, participant.promised, participant.config, participant.voters = office


class Onlooker:
    """Of one seat, over all its lives."""

    def __init__(
        self, world: World, observations: Observations, dice: Dice, replica: int, identity: Identity, clock: Clock, disk: Disk, queue: int
    ) -> None:
        """`queue` is the bound of entries that may wait."""
        self._world, self._observations, self._dice = world, observations, dice
        self._replica, self._identity, self._disk, self._queue = replica, identity, disk, queue
        disk.on_refusal = partial(self.found, "disk")
        self.harm = Harm(world, observations, replica, disk)
        self._lease = LeaseWatch(observations, replica, clock)
        self._speech = Speech()
        self.is_out = False
        """Whether its disk is empty, or an older one."""
        self.may_be_too_old = False
        """Whether there is a newer version than its own in this world."""
        self.has_twin = False
        """Whether another process runs on a copy of its disk, or will: it stops when it hears of that, and may go on when it does not."""
        self._life = self._slots = self._boot = self._lived = self._chosen = 0
        self._serving = self._behind = False
        self._quarantines = self._checked = 0
        self._was_told = False
        """Its doubt was durable at its last turn."""
        self._recovering = self._waited = self._overloaded = self._turns = 0
        self._due_ns = self._restless = 0
        self._taken = self._skipped = self._installed = self._rebuilt = self._repaired = self._wanted = self._rotten = 0
        self._campaigned = 0
        """The newest ballot of its own."""
        self._core: Any = None
        self._held: _Standing | None = None
        """How it stood at its last turn, if it held a lease then."""
        self._sure_ns = 0
        """Until its clock shows that, the lease cannot have lapsed."""

    def started(self, life: int, node: Node) -> None:
        """A process was started, and has read its disk."""
        self._life, self._overloaded, self._boot = life, 0, node.replica.boot
        self.harm.started(node.commit.journal.found)
        self._quarantines = self._checked = 0
        if self._was_told and node.replica.doubt.phase is Phase.SOUND:
            self._observations.broken.append(Violation(QUARANTINED, f"replica {self._replica} was in quarantine, and forgot it"))
        self._was_told = False
        self._speech.binds = False
        self._observations.ran.append(Ran(self._replica, node.replica.applier.highest, self._world.now_ns))
        self._wanted = 0
        participant = self._core = node.replica.core
        self._chosen = participant.chosen
        self._taken = self._skipped = self._installed = self._rebuilt = self._repaired = 0
        if node.replica.applier.base:
            self._world.count("a replica started from a snapshot")
            boot: int = node.replica.applier.machine.boot  # type: ignore[attr-defined]  # it is an observed one
            if self._observations.inherit(self._world.now_ns, self._replica, boot, node.replica.applier.base):
                self._world.count("a replica started from a snapshot of a wrong database")
        if node.snapshots.why:
            self._world.count("a replica started from an older snapshot")
        if participant.faulty:
            self._world.count("a replica started without some of what it accepted")
        if node.replica.lacks_base:
            self._world.count("a replica started without a snapshot that its log needs")
            self._bereft("start", participant.truncated)
        if node.replica.silent_through > participant.chosen:
            self._world.count("a replica could not tell what it accepted")
        self._rotten = node.damages.found
        faulty, silent_through = dict(participant.faulty), node.replica.silent_through
        self._remember(
            Recovered(
                Copies(),
                participant.promised,
                participant.longest,
                participant.chosen,
                participant.truncated,
                dict(participant.acc),
                faulty=faulty,
                silent_through=silent_through,
            )
        )
        watch_applier(self._observations, self._replica, node.replica.applier, lambda: self._world.now_ns)

    def stopped(self) -> None:
        """It died."""
        ran = self._observations.ran
        at = max(at for at, each in enumerate(ran) if each.replica == self._replica)
        ran[at] = ran[at]._replace(until_ns=self._world.now_ns)
        self._serving = self._behind = False
        self._renew()
        if self._lease.end(self._world.now_ns):
            self._world.count("a master died holding its lease")

    def ended(self) -> None:
        """The run is over."""
        self._renew()
        self._lease.end(self._world.now_ns)

    def _renew(self) -> None:
        """When the lease ends as the last turn left it: asked only when it matters, which is much rarer than turns are."""
        if self._held is not None:
            now, participant, held = _standing(self._core), self._core, self._held
            _stand(participant, held)
            until = lease_end(participant)
            _stand(participant, now)
            self._held = None
            self._lease.renewed(held[0][1], until)

    def _watch_lease(self, participant: Any, now: int) -> None:  # noqa: ANN401 (as above)
        held, true_ns = self._held, self._world.now_ns
        if held is not None and now < self._sure_ns and _office(participant) == held[0]:
            self._held = _standing(participant)
            return
        holds = participant.holds_lease(now)
        if held is None and not holds and not self._lease.is_held:
            return
        self._renew()
        ballot = until = 0
        if holds:
            ballot, until = participant.bal, lease_end(participant)
            self._held, self._sure_ns = _standing(participant), until
        if self._lease.see(true_ns, ballot, until):
            self._world.count("a lease lapsed while its master lived")

    def turned(self, node: Node, now: int, effects: Effects, asked: bool) -> None:
        """It did a turn; `now` is its own. What it wants the next one for may be due at once (0), as there is more to apply.

        `asked`: a real process would have taken a turn for what came; otherwise this one must have brought nothing.
        """
        due_ns = effects.deadline_ns
        if not asked and now < self._due_ns:
            self._world.count("what came needed no turn")
            if any((effects.disk, effects.to_peers, effects.to_clients, effects.local, due_ns < self._due_ns)):
                self.found("run", errors.InvariantViolated(invariant="what needs no turn has no effects", detail=f"{effects!r:.200}"))
        if not 0 < due_ns <= now or due_ns != self._due_ns:
            self._due_ns, self._restless = due_ns, 0
        else:
            self._restless += 1
            self._observations.level(self._replica, "turns in a row that leave undone what is due", self._restless, RESTLESS_TURNS)
        world, replica, participant = self._world, node.replica, node.replica.core
        self._turns += 1
        if not self._turns % LEVELS_TURNS:
            for fill in levels(node):
                self._observations.level(self._replica, *fill)
        if node.overloaded != self._overloaded:
            world.count("a request found something full")
            self._overloaded = node.overloaded
        self._slots = replica.applier.applied
        if participant.chosen > self._chosen:
            self._chosen = self._observations.known(participant, self._chosen)
        self._watch_lease(participant, now)
        if participant.best and participant.bal != self._recovering:
            self._recovering = participant.bal
            world.count("a promise carried values")
        if (node.snapshots.taken, node.snapshots.skipped) != (self._taken, self._skipped):
            world.count("a snapshot was taken" if node.snapshots.taken > self._taken else "a snapshot was asked for while one was taken")
            self._taken, self._skipped = node.snapshots.taken, node.snapshots.skipped
        if node.snapshots.repaired != self._repaired:
            self._repaired = node.snapshots.repaired
            world.count("a damaged snapshot was fetched again")
        if node.damages.found != self._rotten:
            self._rotten = node.damages.found
            world.count("rot was found while a replica ran")
            self.harm.in_log("run", node.damages.places, may_be_gone=True)
        if node.snapshots.installed != self._installed:
            self._installed = node.snapshots.installed
            world.count("a replica caught up by a snapshot")
        if node.snapshots.rebuilt != self._rebuilt:
            self._rebuilt = node.snapshots.rebuilt
            world.count("a wrong database was rebuilt from a snapshot")
        if participant.phase == core.PREPARING and participant.bal != self._campaigned:
            self._campaigned = participant.bal
            if not participant.electors() >> replica.me & 1:
                detail = (
                    f"member {replica.me} campaigns at {self._world.now_ns} ns, and configuration {participant.config} does not list it"
                )
                self._observations.broken.append(Violation(MEMBERS, detail))
        behind = replica.is_behind
        if behind != self._behind:
            self._behind = behind
            if not behind:
                world.count("a replica caught up by chosen values")
        serving = replica.is_serving
        self._watch_doubt(replica, serving=serving)
        if serving != self._serving:
            self._serving = serving
            world.count("a master was elected" if self._serving else "a master stepped down")
        if replica.raising.wanted != self._wanted:
            self._wanted = replica.raising.wanted
            if self._wanted:
                world.count("a master raised the feature level")
                self._observations.raised.append(Raised(world.now_ns, self._replica, self._wanted, tuple(replica.configuration.places)))
        waiting = replica.waiting
        if waiting > self._waited:
            self._waited = waiting
            self._observations.level(self._replica, "waiting entries", self._waited, self._queue)

    def _watch_doubt(self, replica: Replica, *, serving: bool) -> None:
        doubt, applier, seen = replica.doubt, replica.applier, self._observations
        boot: int = applier.machine.boot  # type: ignore[attr-defined]  # it is an observed one
        if doubt.quarantines != self._quarantines:
            self._quarantines = doubt.quarantines
            self._world.count("a replica found its database wrong")
            # Its newest rebuild may have begun since.
            seen.doubted.append(Doubted(self._world.now_ns, self._replica, boot % REBUILT))
        if applier.checked != self._checked and applier.applied == replica.chosen:
            self._checked = applier.checked
            seen.compared.append(Compared(self._world.now_ns, self._replica, boot, applier.checked))
        self._was_told = doubt.is_repairing
        if serving and doubt.phase is not Phase.SOUND:
            detail = f"replica {self._replica} serves at {self._world.now_ns} ns, and doubts its database"
            seen.broken.append(Violation(QUARANTINED, detail))

    def kept(self, evidence: Evidence | None) -> None:
        """It wants evidence kept, as a shell would; raises what it stops with then."""
        if evidence is None:
            return
        self._world.count("evidence of a wrong state was kept")
        self._world.note(f"evidence {self._replica} {evidence.name} {sum(map(len, evidence.chunks))}")
        if evidence.fatal is not None:
            raise evidence.fatal

    def spoke(self, body: bytes) -> None:
        """A frame leaves."""
        look = 1.0 if self._speech.hear(body) else LOOK
        if self._speech.binds and self._lived != self._life:
            self._lived = self._life
            self._observations.lives.append(Life(self._replica, self._life, self._boot))
            if self.is_out:
                self._accuse()
        if self._speech.taken and (lost := self._speech.taken.difference(snapshot.slots(self._disk.durable().names()))):
            detail = f"replica {self._replica} calls snapshots behind {lost} durable at {self._world.now_ns} ns, and their names are not"
            self._observations.broken.append(Violation(PERSIST, detail))
        slots = self._slots if self._slots > LOOK_SLOTS else LOOK_SLOTS
        if self._dice.throw() * slots < look * LOOK_SLOTS:
            self._imagine_power_cut()

    def _accuse(self) -> None:
        """It says what binds it, and must not: a function of its own, for museums that want to see what becomes of that."""
        detail = f"replica {self._replica} takes part at {self._world.now_ns} ns, in boot {self._boot}, without its state"
        self._observations.broken.append(Violation(STAYS_OUT, detail))

    def _imagine_power_cut(self) -> None:
        """Would a start remember what was just said, if the power went now and every un-synced byte with it?"""
        try:
            durable = self._disk.durable()
            journal, found = Journal.open(self._identity, durable)
            self.harm.in_log("imagined power cut", damage.places(journal))
            recovered = damage.recovered(found, "imagined")
            if recovered.truncated and load(durable, self._identity.cell, recovered, LockService(), feature.LEVEL_END).base is None:
                self._bereft("imagined power cut", recovered.truncated)
        except errors.Error as error:
            self.found("imagined power cut", error)
            return
        self._remember(recovered)

    def _bereft(self, where: str, truncated: int) -> None:
        """A start finds no snapshot that its log needs. It goes on without; but only rot may have taken it."""
        if not self._disk.has_rotted:
            detail = f"the log begins behind slot {truncated}, and none is whole"
            self.found(where, errors.StateDamaged(file="snap", offset=0, kind="snapshot", detail=detail))

    def _remember(self, found: Recovered) -> None:
        """A start knows so much; where it cannot read what it accepted, it knows that it did."""
        if self.is_out:
            return
        said = self._speech.said()
        silent = range(found.chosen + 1, found.silent_through + 1)
        lost = dict.fromkeys(silent, found.promised) | found.faulty
        accepted = {**found.accepted, **{slot: (ballot, None) for slot, ballot in lost.items()}}
        self._observations.starts.append(
            Remembered(self._replica, self._life, said, found.promised, found.longest_ns, accepted, found.truncated)
        )

    def found(self, where: str, error: Exception) -> None:
        """The process stopped by itself."""
        if (self.is_out or self.has_twin) and is_expected(error):
            self._world.count(f"a replica without its state stopped: {type(error).__name__}")
            return
        if self.may_be_too_old and isinstance(error, errors.TooOld):
            self._world.count(f"a version that is too old stopped ({where})")
            self._world.note(f"too old {self._replica} {error}")
            return
        frames = traceback.extract_tb(error.__traceback__)
        last = f"{frames[-1].filename.rpartition('gaios/')[2]}:{frames[-1].lineno}" if frames else ""
        self._world.note(f"stopped {self._replica} {type(error).__name__}")
        detail = f"replica {self._replica} ({where}) at {self._world.now_ns} ns: {type(error).__name__}: {error} [{last}]"
        self._observations.broken.append(Violation("no replica stops by itself", detail))
