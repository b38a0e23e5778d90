"""The simulated store of backups: masters put snapshots by, replicas ask for them, and it is as bad as the world.  [PML §5.5; SAFETY 2, 26]

What a replica says to it, and makes of its answers, is production code (server/seeking.py, server/fetching.py). This stands for all behind:
server/remote.py, backup/save.py, backup/supply.py, and a network.

Rule 1. What is put by is what backups begin with: the newest snapshot that the master knows to be proved, as it stands on its disk, if that
is whole.  [SAFETY 25]
Rule 2. What it sends may be damaged, it may be another cell's, which shares the store by mistake, and it may not come at all: a replica has
to live with each. When faults stop, it is a good store.
"""

from collections.abc import Sequence
from typing import Final, Protocol

from msgspec.structs import replace

from gaios.errors import ProtocolError, StateDamaged
from gaios.log.codec import GONE, OFFER, PART, WANT, Message
from gaios.log.records import CHAIN_BYTES
from gaios.log.snapshots import Capture, Closing, Handle, encode_handle, read_closing, unpack
from gaios.server.node import Node
from gaios.sim.disk import Disk
from gaios.sim.faults import StoreFaults
from gaios.sim.world import World
from gaios.storage.snapshot import File

KEPT_MAX: Final = 4
NEW_FOREIGN: Final = 0.2
"""How often the other cell puts a newer one by when this one does."""


class Asking(Protocol):
    """A seat, as far as this file needs it."""

    life: int
    replica: int
    disk: Disk
    node: Node | None

    @property
    def is_serving(self) -> bool:
        """Whether its process thinks itself master."""

    def poke(self, event: tuple[object, ...]) -> None:
        """Something for its process."""


class Store:
    """See the module."""

    def __init__(self, world: World, faults: StoreFaults, seats: Sequence[Asking]) -> None:
        """`seats` may grow."""
        self._world, self._faults, self._seats = world, faults, seats
        self._dice = world.dice.split("store")
        self._kept: list[tuple[Handle, list[bytes]]] = []
        """With their parts, in the order in which they were put by."""
        self._foreign: tuple[Handle, list[bytes]] | None = None
        """Another cell's."""
        self._is_away = False
        self._running = True

    def begin(self) -> None:
        """Backups are made from now on, and faults happen."""
        self._world.after(self._dice.around(self._faults.put_every_ns), self._put)
        if self._faults.away_every_ns:
            self._world.after(self._dice.around(self._faults.away_every_ns), self._go_away)

    def calm(self) -> None:
        """No more faults."""
        self._running = self._is_away = False
        self._faults = StoreFaults(put_every_ns=self._faults.put_every_ns)

    def reaches(self, slot: int) -> bool:
        """Whether it has a snapshot behind that slot or a later one."""
        return any(handle.slot >= slot for handle, _ in self._kept)

    def ask(self, seat: Asking, asked: Sequence[Message]) -> None:
        """A replica asks for these; it hears the answers by and by, if at all."""
        for message in asked:
            if self._is_away or self._dice.chance(self._faults.failing):
                self._world.count("the store did not answer")
            else:
                self._world.after(self._dice.around(self._faults.delay_ns), self._answer, seat, seat.life, message)

    # -- inside ----------------------------------------------------------------------------------------------------------

    def _put(self) -> None:
        self._world.after(self._dice.around(self._faults.put_every_ns), self._put)
        masters = [seat for seat in self._seats if seat.is_serving]
        if self._is_away or not masters:
            return
        seat = self._dice.pick(masters)
        assert seat.node is not None
        newest = next(reversed(seat.node.snapshots.proved), None)
        if newest is None or any(handle.slot >= newest.handle.slot for handle, _ in self._kept):
            return
        try:
            file = File(seat.disk.durable(), newest.handle.slot)
            closing = read_closing(file.closing())
            chunks = list(file.chunks())
            for number, chunk in enumerate(chunks):
                closing.check(number, chunk)
        except (ProtocolError, StateDamaged):
            return
        if closing.handle == newest.handle:
            self._world.note(f"put by {newest.handle.slot}")
            self._kept = [*self._kept, (closing.handle, [closing.encode(), *chunks])][-KEPT_MAX:]
            if self._faults.foreign and (self._foreign is None or self._dice.chance(NEW_FOREIGN)):
                self._foreign = self._of_another_cell(closing, chunks)

    def _of_another_cell(self, closing: Closing, chunks: list[bytes]) -> tuple[Handle, list[bytes]]:
        """A snapshot of a cell that was here before this one: the same data, behind a later slot of another log."""
        found = unpack(closing, chunks)
        part = replace(found.part, slot=found.part.slot + self._dice.between(1, 40), chain=self._dice.bytes(CHAIN_BYTES))
        capture, made = Capture(part, iter(found.sessions), found.machine), list[bytes]()
        while not capture.is_done:
            made += capture.take()
        other = capture.closing(self._dice.bytes(16))
        return other.handle, [other.encode(), *made]

    def _answer(self, seat: Asking, life: int, message: Message) -> None:
        if seat.life != life or self._is_away:
            return
        answer = self._offer(message[1]) if message[0] == WANT else self._part(*message[1:])
        if answer is not None:
            self._world.note(f"store {seat.replica} {answer[0]}", answer[-1])
            seat.poke(("store_said", answer))

    def _offer(self, least: int) -> Message | None:
        if self._foreign is not None and self._dice.chance(self._faults.foreign):
            self._world.count("the store offered another cell's snapshot")
            return OFFER, encode_handle(self._foreign[0])
        fit = [handle for handle, _ in self._kept if handle.slot >= least]
        return (OFFER, encode_handle(fit[-1])) if fit else None

    def _part(self, slot: int, digest: bytes, number: int) -> Message:
        all_ = [*self._kept, *([self._foreign] if self._foreign is not None else [])]
        parts = next((parts for handle, parts in all_ if (handle.slot, handle.digest) == (slot, digest)), [])
        if number >= len(parts):
            return GONE, slot, digest
        data = parts[number]
        if self._dice.chance(self._faults.damage):
            self._world.count("the store sent what was not put there")
            at = self._dice.below(len(data))
            data = data[:at] + bytes([data[at] ^ 1 << self._dice.below(8)]) + data[at + 1 :]
        elif number == len(parts) - 1:
            self._world.count("the store sent the last part of a snapshot")
        return PART, slot, digest, number, data

    def _go_away(self) -> None:
        if self._running:
            self._world.count("the store was away for a while")
            self._is_away = True
            self._world.after(self._dice.around(self._faults.away_ns), self._come_back)

    def _come_back(self) -> None:
        if self._running:
            self._is_away = False
            self._world.after(self._dice.around(self._faults.away_every_ns), self._go_away)
