"""A cell in a simulated world, the programs that use it, and what can be done to both.

Rule 1. What happens is a function of the seed and of the program under test: `trace_hash` is the same in every run.
Rule 2. What is done takes effect at once; a method that has to wait for something is `async`.
Rule 3. Replicas that are killed stay down until they are started: nobody supervises them.
Rule 4. When the test is over the cell is judged: no replica stopped by itself, all agreed, no two masters held a lease.
"""

import asyncio
import warnings
from collections.abc import Callable, Coroutine, Iterable
from contextvars import Context, copy_context
from typing import Any, Final, Literal, TypeVar
from weakref import WeakKeyDictionary

from msgspec.structs import replace

from gaios import errors
from gaios.client import Cell, connect
from gaios.client.endpoints import split
from gaios.log import Bounds, Options
from gaios.machine import Machine
from gaios.server.effects import Limits
from gaios.sim.checkers.agreement import agreement
from gaios.sim.checkers.epoch_monotone import epoch_monotone
from gaios.sim.checkers.identical_state import identical_state
from gaios.sim.checkers.lease_exclusivity import lease_exclusivity
from gaios.sim.checkers.time_monotone import time_monotone
from gaios.sim.dice import Dice
from gaios.sim.faults import US, ClientFaults, Faults, S, swarm
from gaios.sim.nemesis import Nemesis
from gaios.sim.network import Network
from gaios.sim.observations import Observations
from gaios.sim.seat import address
from gaios.sim.world import World
from gaios.testing.loop import SimulatedLoop
from gaios.testing.places import Place
from gaios.testing.programs import DRIFT_BOUND_PPM, PROGRAM, Program

T = TypeVar("T")
REPLICAS_MAX: Final = 9
"""Each more costs time, and shows nothing that nine do not."""
LIMIT_S: Final = 600.0
"""A test that waits for longer than this, in simulated time, waits for nothing."""
_UP_NS: Final = 30 * S
"""Within which a cell elects its first master, and programs end when the test is over."""
_LOOK_S: Final = 0.01
"""Between two looks whether there is a master."""
End = int | Program[Any] | Cell
"""Who stands at an end of a link: a replica, a program, or the program of a client."""


class SimulatedCell:
    """See the module. Make one, and `run` a coroutine in it; the fixture `gaios_cell` does."""

    def __init__(
        self,
        *,
        seed: int = 0,
        replicas: int = 5,
        machine: Callable[[], Machine] | None = None,
        faults: Literal["none", "swarm"] | Faults = "none",
        limit_s: float = LIMIT_S,
    ) -> None:
        """A cell that is not started yet.

        Args:
            seed: determines everything.
            replicas: 1 to 9.
            machine: makes the machine that the cell replicates, and that is examined for what a machine may not do; None: the database and
                the lock service.
            faults: what goes wrong by itself, until `calm`: "none"; "swarm", a mix that the seed draws; or a `Faults` that says what.
            limit_s: simulated seconds after which the test fails.

        Raises:
            ConfigurationError: these make no sense.
        """
        if not 1 <= replicas <= REPLICAS_MAX:
            raise errors.ConfigurationError(reason=f"a simulated cell has 1 to {REPLICAS_MAX} replicas, not {replicas}")
        self.seed = seed
        self._world = World(seed)
        self.dice = self._world.dice.split("test")
        """Dice for the test's own choices, determined by the seed."""
        self._limit_ns = int(limit_s * 1e9)
        self._seen = Observations()
        faults = _faults_of(faults, self._world.dice.split("faults"))
        self._network = Network(self._world, self._world.dice.split("network"), faults.network)
        identity = self._world.dice.split("cell").bytes(16)
        self._places = {
            replica: Place(
                world=self._world,
                network=self._network,
                observations=self._seen,
                replica=replica,
                replicas=replicas,
                cell=identity,
                faults=faults,
                drift_ppm=None,
                options=Options(),
                bounds=Bounds(),
                limits=Limits(),
                segment_bytes=256 << 10,
                turn_ns=30 * US,
                makes_spares=True,
            )
            for replica in range(1, replicas + 1)
        }
        for place in self._places.values():
            place.make = machine
            place.meet(self._places.values())
            place.create()
        self._nemesis = Nemesis(self._world, self._network, list(self._places.values()), [], faults)
        self._made: SimulatedLoop | None = None
        self._programs: list[Program[Any]] = []
        self._whose: WeakKeyDictionary[Cell, Program[Any]] = WeakKeyDictionary()
        self._cut: list[list[tuple[int, int]]] = []
        self._is_skewed = False

    @property
    def replicas(self) -> list[int]:
        """Their ids."""
        return list(self._places)

    @property
    def endpoints(self) -> str:
        """What `gaios.connect` takes: for a program that connects by itself."""
        return ",".join(address(replica) for replica in self._places)

    @property
    def trace_hash(self) -> str:
        """Of all that happened so far: the same for the same seed and program."""
        return self._world.trace_hash()

    @property
    def now_s(self) -> float:
        """Seconds since the world began; `asyncio.get_running_loop().time()` is the same."""
        return self._world.now_ns / 1e9

    # -- programs --------------------------------------------------------------------------------------------------------

    def run(self, main: Coroutine[Any, Any, T]) -> T:
        """Start the cell, run a test's coroutine to its end, and judge the cell. Once.

        Raises:
            InvariantViolated: the cell did something wrong.
            TimeoutError: the simulated time is over.
            BaseException: what the coroutine raises, or else a program for which nobody waited.
        """
        if self._made is not None:
            main.close()
            raise errors.ConfigurationError(reason="a simulated cell has one run", hint="make another one")
        seats = {split(address(replica)): place for replica, place in self._places.items()}
        self._made = loop = SimulatedLoop(self._world, self._network, seats)
        loop.limit(self._limit_ns)
        program: Program[T] = self._program("test", copy_context())
        with warnings.catch_warnings(), asyncio.Runner(loop_factory=lambda: loop) as runner:
            # Whoever pauses a program knows that it stood still.
            warnings.filterwarnings("ignore", message="the event loop stood still", category=RuntimeWarning)
            for place in self._places.values():
                place.start()
            self._world.run(_UP_NS, stop=lambda: self._master() is not None)
            self._nemesis.begin()
            try:
                result = runner.run(main, context=program.context)
            except TimeoutError as error:
                if self._world.now_ns >= self._limit_ns:
                    raise TimeoutError(f"{error}; the test waits: {_waits(self._loop)}") from None
                raise
            finally:
                failed = self._end()
        if failed is not None:
            raise failed
        return result

    def program(self, coroutine: Coroutine[Any, Any, T], name: str = "") -> Program[T]:
        """Start a program: a process of its own, on a machine of its own, which can be paused and cut off. Await it for its result.

        The test itself is a program, too. The tasks that a program starts belong to it.
        """
        program: Program[T] = self._program(name or f"program {len(self._programs)}", Context())  # no process inherits another's locks
        program.task = self._loop.create_task(coroutine, name=program.name, context=program.context.copy())
        return program

    def connect(self, *, timeout: float = 10.0) -> Cell:
        """`gaios.connect` to this cell: the real client. It belongs to the program that calls this."""
        client = connect(self.endpoints, timeout=timeout)
        self._whose[client] = self._current()
        return client

    # -- replicas --------------------------------------------------------------------------------------------------------

    async def master(self) -> int:
        """The replica that serves as master; waits until there is one."""
        while (found := self._master()) is None:  # noqa: ASYNC110 (nothing tells when there is one)
            await asyncio.sleep(_LOOK_S)
        return found

    async def kill_master(self) -> int:
        """Wait until there is a master, and kill it, as by `kill -9`. Returns its replica id."""
        master = await self.master()
        self.kill(master)
        return master

    def kill(self, replica: int, *, power: bool = False) -> None:
        """Kill a replica's process; with `power`, cut its machine's power: what was not synced is lost, and its clock starts anew."""
        self._place(replica).stop(power=power)

    def start(self, replica: int) -> None:
        """Start a replica that is down, on what its disk holds.

        Raises:
            StateMissing: its disk was wiped. It stays down: started empty it could undo what it promised.  [SAFETY 2, 8]
            ConfigurationError: it is up.
        """
        place = self._place(replica)
        if place.node is not None:
            raise errors.ConfigurationError(reason=f"replica {replica} is up")
        place.start()
        if place.refusal is not None:
            raise place.refusal

    def wipe(self, replica: int) -> None:
        """Cut a replica's power and replace its disk by an empty one. It cannot be started any more; the others go on without it."""
        place = self._place(replica)
        place.stop(power=True)
        place.lose_disk()

    def calm(self) -> None:
        """End what goes wrong by itself: no more faults, pauses of replicas and hanging disks are over, and replicas that are down start.

        Those whose disk is gone stay down; partitions that the test made stay, until `heal`.
        """
        self._nemesis.stop()

    # -- replicas and programs -------------------------------------------------------------------------------------------

    def pause(self, who: End, seconds: float) -> None:
        """Stop a replica's process, or a program, for a while; clocks go on. Of a client, it is the program that connected it.

        A program that pauses itself stops at its next `await`.
        """
        if not seconds > 0:
            raise errors.ConfigurationError(reason=f"a pause has a number of seconds above 0, not {seconds!r}")
        if isinstance(who, int):
            self._place(who).pause(int(seconds * 1e9), self.dice.pick(("poll", "take", "carry out")))
        else:
            self._program_of(who).pause(int(seconds * 1e9))

    def resume(self, who: End) -> None:
        """End a pause early."""
        if isinstance(who, int):
            self._place(who).resume()
        else:
            self._program_of(who).resume()

    def partition(self, *sides: Iterable[End], one_way: bool = False) -> None:
        """Cut the links between sides. With one side: from all that is not named, replicas and programs.

        Whoever is named on no side keeps all its links. With `one_way` what the first side sends is lost, and what is sent to it arrives.
        """
        ends = [[self._end_of(who) for who in side] for side in sides]
        if len(ends) == 1:
            everybody = [*self._places, *(program.end for program in self._programs)]
            ends.append([end for end in everybody if end not in ends[0]])
        links: list[tuple[int, int]] = []
        for at, side in enumerate(ends):
            others = [end for other in ends[at + 1 :] for end in other]
            links += [(a, b) for a in side for b in others]
            if not one_way:
                links += [(b, a) for a in side for b in others]
        self._world.note(f"partition {links}")
        self._network.block(links)
        self._cut.append(links)

    def heal(self) -> None:
        """End all partitions."""
        self._world.note("heal")
        for links in self._cut:
            self._network.unblock(links)
        self._cut.clear()

    def skew(self, who: End, ppm: int) -> None:
        """Let a machine's clock run too fast (or, below 0, too slowly) by so many millionths from now on.

        Leases allow for 1,000 between two clocks [SAFETY 10]: within 500 either way nothing may go wrong. Beyond that locks and reads
        may, and only checked sequencers help; the cell is then not judged by its leases.
        """
        self._is_skewed = self._is_skewed or abs(ppm) > DRIFT_BOUND_PPM // 2
        if isinstance(who, int):
            self._place(who).skew(ppm)
        else:
            self._world.note(f"skew {self._program_of(who).name} {ppm}")
            self._program_of(who).clock.skew(self._world.now_ns, ppm)

    # -- inside ----------------------------------------------------------------------------------------------------------

    @property
    def _loop(self) -> SimulatedLoop:
        if self._made is None:
            raise errors.ConfigurationError(reason="this cell does not run", hint="cell.run(main())")
        return self._made

    def _program(self, name: str, context: Context) -> Program[Any]:
        program: Program[Any] = Program(self._world, len(self._programs), name, self._loop.again, context)
        self._programs.append(program)
        return program

    def _current(self) -> Program[Any]:
        program = PROGRAM.get()
        if program is None:
            raise errors.ConfigurationError(reason="this is called by programs of the simulated world", hint="cell.run(main())")
        return program

    def _program_of(self, who: "Program[Any] | Cell") -> Program[Any]:
        if isinstance(who, Program):
            return who
        if who not in self._whose:
            raise errors.ConfigurationError(reason="this client was not made by cell.connect()")
        return self._whose[who]

    def _place(self, replica: int) -> Place:
        if replica not in self._places:
            raise errors.ConfigurationError(reason=f"there is no replica {replica}; there are 1 to {len(self._places)}")
        return self._places[replica]

    def _end_of(self, who: End) -> int:
        return self._place(who).replica if isinstance(who, int) else self._program_of(who).end

    def _master(self) -> int | None:
        return next((replica for replica, place in self._places.items() if place.is_serving), None)

    def _end(self) -> BaseException | None:
        """The test is over: programs end, and the cell is judged; what a program failed with, if nobody waited for that."""
        self._loop.limit(self._world.now_ns + _UP_NS)
        failed: list[BaseException] = []
        for program in self._programs:
            error = program.error()
            if error is not None and not program.is_awaited:
                failed.append(error)
            program.resume()
        for place in self._places.values():
            place.onlooker.ended()
        seen = self._seen
        found = [*seen.broken, *agreement(seen.applied), *identical_state(seen.applied, {})]
        found += [*epoch_monotone(seen.applied), *time_monotone(seen.applied)]
        if not self._is_skewed:
            found += lease_exclusivity(seen.leases)
        if found:
            raise errors.InvariantViolated(invariant=found[0].property, detail=found[0].detail)
        return failed[0] if failed else None


def _faults_of(faults: str | Faults, dice: Dice) -> Faults:
    """What goes wrong by itself; nothing of it to clients, for programs are the test's."""
    if isinstance(faults, str):
        if faults not in {"none", "swarm"}:
            raise errors.ConfigurationError(reason=f"faults are 'none', 'swarm', or a gaios.sim.faults.Faults, not {faults!r}")
        faults = swarm(dice, DRIFT_BOUND_PPM) if faults == "swarm" else Faults()
    return replace(faults, client=ClientFaults(), network=replace(faults.network, break_every_ns=0), drift_ppm=DRIFT_BOUND_PPM)


def _waits(loop: asyncio.AbstractEventLoop) -> str:
    """What tasks wait for, for a reader."""
    found: list[str] = []
    for task in sorted(asyncio.all_tasks(loop), key=hash):
        stack = task.get_stack(limit=1)
        if stack:
            found.append(f"{task.get_name()} at {stack[-1].f_code.co_filename}:{stack[-1].f_lineno}")
    return ", ".join(found[:8])
