"""Jepsen's lock workload: processes add to one file under one lock of a cell, while they and the cell are paused, cut off and killed.

    python -m tests.system.lock_workload [--runs 20] [--seconds 15] [--seed 1] [--unfenced]

An adder takes the lock, reads the file, thinks, and writes it back with a line more. A line whose write was acknowledged and that is not
in the file at the end was lost: two thought at once that they held the lock. A fenced file refuses a former holder's write, and loses
nothing [SAFETY 22, 23]; a plain one does. The seed decides who suffers what; when, real processes decide. A run fails when a fenced file
lost a line, has one twice, or has sequencers that fall, or when an adder does not go on once the trouble is over; with `--unfenced` the
campaign fails when nothing was lost in any run, for then it proves nothing.

    adder ──► wire ──► replica's client port       the manifest names the wires: whoever is named master is reached over one, too
    replica ──► wire ──► replica's peer port       a wire knows which process dialled, and holds bytes between two, one way or both
"""

import argparse
import asyncio
import contextlib
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple, Self

import msgspec

import gaios
import gaios.sync
from gaios.fencing.file import FencedFile
from gaios.server import config, local
from gaios.server.local import LocalCell
from tests.server.parts import places
from tests.servers import PATIENCE_S, serving

ROOT: Final = Path(__file__).resolve().parents[2]
REPLICAS: Final = 3
ADDERS: Final = 4
LEASE_S: Final = 1.0
FILE: Final = "shared"
STOP: Final = "stop"
THINK_S: Final = 0.3
"""What an adder takes at most between reading and writing: most of the time somebody holds the lock, and thinks."""
TROUBLE_S: Final = (0.2, 3.0)
"""How long each trouble lasts: some less than a lease, some more."""
CALM_S: Final = (0.2, 1.0)
"""And how long after one the next begins: where nobody holds the lock, nothing can be lost."""


# ------------------------------------------------------------------------------------------------------------- the adders


class PlainFile:
    """Written as a whole, like a `FencedFile`, and believes whoever writes."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def claim(self, token: object) -> None:
        """Whoever comes is right."""

    def read(self) -> bytes | None:
        """The contents; None where there is no file."""
        return self._path.read_bytes() if self._path.exists() else None

    def write(self, token: object, contents: bytes) -> None:
        """Replace them."""
        del token
        new = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        new.write_bytes(contents)
        new.replace(self._path)


def add_lines(name: str, endpoints: str, directory: Path, *, fenced: bool, think: Callable[[], object]) -> None:
    """An adder's life. `NAME.log` tells what it tried and what became of that.

    It ends with the first line that is acknowledged after somebody made the file `stop`: it goes on once the trouble is over.
    """
    file = FencedFile(directory / FILE) if fenced else PlainFile(directory / FILE)
    with (
        (directory / f"{name}.log").open("a", buffering=1, encoding="ascii") as log,
        gaios.sync.connect(endpoints, timeout=5) as cell,
        cell.session(lease=LEASE_S, grace=5) as session,
    ):
        number, is_done = 0, False
        while not is_done:
            number += 1
            line = f"{name}-{number}"
            try:
                with session.lock("shared-file") as held:
                    file.claim(held.sequencer)
                    before = file.read() or b""
                    if not fenced:
                        held.check()  # the best that can be done without fencing
                    log.write(f"tried {line}\n")
                    think()
                    file.write(held.sequencer, before + f"{line} {held.sequencer}\n".encode())
                    log.write(f"acknowledged {line}\n")
                    is_done = (directory / STOP).exists()
            except gaios.Error as error:
                log.write(f"{type(error).__name__} {line}\n")


def ask_what_next() -> None:
    """Think by hand: say that the file was read, and wait for a line."""
    print("read", flush=True)
    sys.stdin.readline()


class Found(NamedTuple):
    """What a run left."""

    acknowledged: list[str]
    lost: list[str]
    """Acknowledged, and not in the file."""
    wrong: list[str]
    """What a file that refuses former holders never shows."""
    errors: Counter[str]
    """What adders were told instead, by kind."""


def judge(directory: Path) -> Found:
    """Compare the file with the adders' logs."""
    said = [line.split() for log in sorted(directory.glob("*.log")) for line in log.read_text().splitlines()]
    by_kind = Counter(kind for kind, _ in said)
    acknowledged = [line for kind, line in said if kind == "acknowledged"]
    path = directory / FILE
    entries = [line.split() for line in path.read_text().splitlines()] if path.exists() else []
    lines = Counter(line for line, _ in entries)
    sequencers = [tuple(map(int, sequencer.split("."))) for _, sequencer in entries]
    wrong = [f"{line} is there {count} times" for line, count in lines.items() if count > 1]
    wrong += [f"{line} was written by nobody" for line in lines.keys() - {line for kind, line in said if kind == "tried"}]
    wrong += [] if sequencers == sorted(sequencers) else ["sequencers fall"]
    lost = [line for line in acknowledged if line not in lines]
    return Found(acknowledged, lost, wrong, Counter({kind: by_kind[kind] for kind in by_kind.keys() - {"tried", "acknowledged"}}))


# -------------------------------------------------------------------------------------------------------------- the wires


class Net:
    """Who reached whom, and which bytes are held."""

    def __init__(self) -> None:
        self.names: dict[int, str] = {}
        """Of processes, by pid."""
        self._held: set[tuple[str, str]] = set()
        """Bytes from the first to the second wait, as they do while a network loses what is sent again and again."""
        self._healed = asyncio.Event()

    def hold(self, here: str, there: str) -> None:
        """From now on nothing gets from here to there."""
        self._held.add((here, there))

    def heal(self, here: str, there: str) -> None:
        """It does again, and first what was held."""
        self._held.discard((here, there))
        self._healed.set()
        self._healed = asyncio.Event()

    def wire(self, name: str, address: str) -> "Callable[[asyncio.StreamReader, asyncio.StreamWriter], asyncio.Future[None]]":
        """Serves connections that go on to this address of the process of this name."""
        return lambda reader, writer: asyncio.ensure_future(self._carry(name, address, reader, writer))

    async def _carry(self, name: str, address: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        dialler = self._dialler(writer.get_extra_info("peername")[1])
        try:
            far_reader, far_writer = await asyncio.open_connection(*config.address(address))
        except OSError:
            writer.close()
            return
        try:
            await asyncio.gather(self._pump(reader, far_writer, dialler, name), self._pump(far_reader, writer, name, dialler))
        finally:
            far_writer.transport.abort()
            with contextlib.suppress(OSError):
                await far_writer.wait_closed()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, here: str, there: str) -> None:
        with contextlib.suppress(OSError):
            data = b" "
            while data:
                data = await reader.read(1 << 16)
                while (here, there) in self._held:
                    await self._healed.wait()
                writer.write(data)
        writer.close()

    def _dialler(self, port: int) -> str:
        """The name of the process whose connection has this local port; empty when it is none of ours any more."""
        wanted = f"0100007F:{port:04X}"
        found = [row.split() for row in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        inodes = {f"socket:[{row[9]}]" for row in found if row[1] == wanted}
        for pid, name in self.names.items():
            with contextlib.suppress(OSError):
                if any(_points_to(descriptor) in inodes for descriptor in Path(f"/proc/{pid}/fd").iterdir()):
                    return name
        return ""


def _points_to(descriptor: Path) -> str:
    try:
        return str(descriptor.readlink())
    except OSError:
        return ""


# ---------------------------------------------------------------------------------------------------------- the processes


class Member:
    """A process that is started again when it was killed."""

    def __init__(self, net: Net, name: str, words: Callable[[], list[str]], log: Path) -> None:
        self.name = name
        self._net, self._words, self._log = net, words, log
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Let it run."""
        with self._log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, *self._words(), stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log, cwd=ROOT
            )
        self._net.names[self._process.pid] = self.name

    async def kill(self) -> None:
        """SIGKILL, also of one that is paused."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
            del self._net.names[self._process.pid]
            self._process = None

    def send(self, number: signal.Signals) -> None:
        """A signal."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(number)

    async def end(self) -> int:
        """Wait until it ends by itself; how it did."""
        assert self._process is not None
        return await self._process.wait()


class Harbour:
    """A cell behind wires, adders before it, and what may happen to them."""

    def __init__(self, cell: LocalCell, directory: Path, net: Net, *, fenced: bool, seed: int) -> None:
        self.net, self.directory = net, directory
        self._cell = cell
        self._fenced = fenced
        self._dice = random.Random(seed)
        self._lives = 0
        self._names: dict[int, str] = {}
        """Of adders, in their present lives."""
        self._troubled: set[str] = set()
        self.replicas: list[Member] = []
        self.adders = [Member(net, f"adder-{i}", partial(self._adder_words, i), directory / f"adder-{i}.err") for i in range(ADDERS)]
        self.troubles = Counter[str]()
        """What happened, how often."""

    @classmethod
    @contextlib.asynccontextmanager
    async def open(cls, directory: Path, *, fenced: bool, seed: int) -> AsyncIterator[Self]:
        """Replicas run, adders do not; at the end nobody does."""
        net = Net()
        async with contextlib.AsyncExitStack() as stack:
            real = places(REPLICAS)
            wired = []
            for place in real:
                name = f"replica-{place.id}"
                client = await stack.enter_async_context(serving(net.wire(name, place.client)))
                peer = await stack.enter_async_context(serving(net.wire(name, place.peer)))
                wired.append(msgspec.structs.replace(place, client=client, peer=peer))
            harbour = cls(local.create(directory / "cell", tuple(wired)), directory, net, fenced=fenced, seed=seed)
            for place in real:
                words = partial(harbour._replica_words, place)
                harbour.replicas.append(Member(net, f"replica-{place.id}", words, directory / f"replica-{place.id}.err"))
            try:
                for member in harbour.replicas:
                    await member.start()
                yield harbour
            finally:
                for member in (*harbour.adders, *harbour.replicas):
                    await member.kill()

    @property
    def endpoints(self) -> str:
        """Where the cell is, over wires."""
        return ",".join(self._cell.endpoints)

    def _replica_words(self, place: config.Founder) -> list[str]:
        home = str(self._cell.replica_dir(place.id))
        flags = {"config": str(self._cell.manifest), "dir": home, "id": str(place.id)}
        flags |= {"listen-client": place.client, "listen-peer": place.peer}
        return ["-m", "gaios.server", *(word for name, value in flags.items() for word in (f"--{name}", value))]

    def _adder_words(self, number: int) -> list[str]:
        """Each life has a name of its own: its lines are not another's."""
        self._lives += 1
        self._names[number] = f"adder-{number}.{self._lives}"
        return self.adder(self._names[number], by_hand=False)

    def adder(self, name: str, *, by_hand: bool) -> list[str]:
        """The words that make Python an adder."""
        options = ["--fenced"] * self._fenced + ["--by-hand"] * by_hand
        return ["-m", "tests.system.lock_workload", "--adder", name, "--endpoints", self.endpoints, "--dir", str(self.directory), *options]

    async def suffer(self, seconds: float) -> None:
        """Adders run; up to two troubles at a time trouble them and the cell; then all is healed, and each adder ends in its own time."""
        for adder in self.adders:
            await adder.start()
        async with asyncio.timeout(PATIENCE_S):
            while sum("acknowledged" in log.read_text() for log in self.directory.glob("*.log")) < ADDERS:  # noqa: ASYNC110 (processes)
                await asyncio.sleep(0.05)
        end = time.monotonic() + seconds
        await asyncio.gather(*(self._trouble(end) for _ in range(2)))
        (self.directory / STOP).touch()
        async with asyncio.timeout(PATIENCE_S):
            codes = await asyncio.gather(*(adder.end() for adder in self.adders))
        assert not any(codes), f"adders ended with {codes}: see {self.directory}/adder-*.err"

    async def _trouble(self, end: float) -> None:
        while time.monotonic() < end:
            await asyncio.sleep(self._dice.uniform(*CALM_S))
            kind, on_cell = self._dice.choice(KINDS), self._dice.random() < 0.3
            member = (await self._replica()) if on_cell else await self._adder()
            if member.name in self._troubled:
                continue
            self._troubled.add(member.name)
            self.troubles[f"{kind} {'a replica' if on_cell else 'an adder'}"] += 1
            try:
                await getattr(self, f"_{kind}")(member, self._dice.uniform(*TROUBLE_S))
            finally:
                self._troubled.discard(member.name)

    async def _adder(self) -> Member:
        """An adder: mostly one that holds the lock and thinks."""
        if self._dice.random() < 0.7:
            for _ in range(100):
                for number, life in self._names.items():
                    log = self.directory / f"{life}.log"
                    if log.exists() and log.read_text().rpartition("\n")[0].rpartition("\n")[2].startswith("tried "):
                        return self.adders[number]
                await asyncio.sleep(THINK_S / 30)
        return self._dice.choice(self.adders)

    async def _replica(self) -> Member:
        """A replica: mostly the master."""
        if self._dice.random() < 0.7:
            async with gaios.connect(self.endpoints) as cell:
                with contextlib.suppress(gaios.Error):
                    master = (await cell.status()).master
                    if master:
                        return self.replicas[master - 1]
        return self._dice.choice(self.replicas)

    async def _pause(self, member: Member, seconds: float) -> None:
        member.send(signal.SIGSTOP)
        try:
            await asyncio.sleep(seconds)
        finally:
            member.send(signal.SIGCONT)

    async def _kill(self, member: Member, seconds: float) -> None:
        await member.kill()
        await asyncio.sleep(seconds / 4)
        await member.start()

    async def _cut(self, member: Member, seconds: float) -> None:
        """From the cell, or from everybody; both ways, or one."""
        others = [other.name for other in self.replicas if other is not member]
        others += [adder.name for adder in self.adders] * self._dice.randrange(2)
        ways = [(member.name, other) for other in others], [(other, member.name) for other in others]
        cut = self._dice.choice((ways[0], ways[1], ways[0] + ways[1]))
        for here, there in cut:
            self.net.hold(here, there)
        await asyncio.sleep(seconds)
        for here, there in cut:
            self.net.heal(here, there)


KINDS: Final = ("pause", "kill", "cut")


async def run(directory: Path, *, fenced: bool, seconds: float, seed: int) -> tuple[Found, Counter[str]]:
    """One run: what it left, and what happened in it."""
    async with Harbour.open(directory, fenced=fenced, seed=seed) as harbour:
        await harbour.suffer(seconds)
        return judge(directory), harbour.troubles


def campaign(arguments: argparse.Namespace) -> int:
    """Many runs; 1 when one of them shows what it should not, or all unfenced ones show nothing."""
    acknowledged = lost = bad = 0
    for seed in range(arguments.seed, arguments.seed + arguments.runs):
        with tempfile.TemporaryDirectory(prefix="lock-workload-") as directory:
            found, troubles = asyncio.run(run(Path(directory), fenced=not arguments.unfenced, seconds=arguments.seconds, seed=seed))
        acknowledged, lost = acknowledged + len(found.acknowledged), lost + len(found.lost)
        bad += not arguments.unfenced and bool(found.lost or found.wrong)
        happened = ", ".join(f"{what} {count}" for what, count in sorted(troubles.items()))
        told = ", ".join(f"{what} {count}" for what, count in sorted(found.errors.items())) or "none"
        print(
            f"seed {seed}: {len(found.acknowledged)} acknowledged, {len(found.lost)} lost; troubles: {happened}; errors: {told}", flush=True
        )
        for line in found.wrong if not arguments.unfenced else ():
            print(f"  {line}", flush=True)
    kind = "unfenced" if arguments.unfenced else "fenced"
    print(f"{arguments.runs} runs, {kind}: {acknowledged} lines acknowledged, {lost} lost")
    return int(bad > 0 or (arguments.unfenced and not lost))


def main() -> int:
    """A campaign; or, as its child, an adder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=15.0, help="of trouble in each run")
    parser.add_argument("--seed", type=int, default=1, help="of the first run; the next ones follow")
    parser.add_argument("--unfenced", action="store_true", help="write to a plain file, to show that lines are lost")
    for name in ("--adder", "--endpoints", "--dir"):
        parser.add_argument(name, help=argparse.SUPPRESS)
    for name in ("--fenced", "--by-hand"):
        parser.add_argument(name, action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if not arguments.adder:
        return campaign(arguments)
    think = ask_what_next if arguments.by_hand else lambda: time.sleep(random.random() * THINK_S)
    add_lines(arguments.adder, arguments.endpoints, Path(arguments.dir), fenced=arguments.fenced, think=think)
    return 0


if __name__ == "__main__":
    sys.exit(main())
