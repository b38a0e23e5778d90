"""Which snapshot a replica fetches, and from whom: from its peers, and from the store of backups where they have none.

[PML §5.5; SAFETY 2, 6, 15, 16, 25, 26]

    peers offer, or were asked in vain ──► one is chosen ──► fetched, part by part, from whoever has it (fetching.py) ──► `_end`
    the store offers, asked last       ──┘

Rule 1. Who lacks what its peers have truncated, or has nothing yet, fetches a snapshot, and takes none. Only what is proved is offered.
Rule 2. A snapshot that rots is fetched again from peers that have the same, or else from a backup that begins with it.  [SAFETY 15]
Rule 3. Who has none to start from, or to be rebuilt from, and a log that begins later, asks all others for theirs until it has one, those
too that left and are still there. It votes meanwhile, and leads nobody.  [SAFETY 6]
Rule 4. Peers come first. The store is asked for a part when each peer was late or said that it has it no more; and for whatever it has when
the peers were asked again and again in vain; then ever more seldom. A newer one that a peer offers takes the place of what only the store
sends.

Why what the store sends may be taken. A backup begins with no snapshot but one that a majority had (backup/source.py), and as with a peer's
everything is proved by its handle. So what is left to ask is whether the handle is one of this log:
  a cell that shares the store by mistake, or that was restored from it, has another id, which the handle names;
  a store that was put back to an older state has older snapshots: one behind which this replica's log does not begin yet is no use,
  and is not taken; any other is merely older;
  none is taken behind a slot that nobody of the cell said to be chosen: the store cannot tell a replica more than the cell knows;
  with the log that is left here it has to come to a hash that this replica wrote down.  [SAFETY 16]
What remains is another log of a cell of the same id, above all that this replica knows (docs/operations/backup.md, lineage): the database
is compared with the others' at the next check, as one that came from a peer is, and by its chain the replica stops.  [SAFETY 25]
"""

from abc import abstractmethod
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from gaios.errors import ProtocolError
from gaios.log import Replica
from gaios.log.codec import ASK, GONE, OFFER, TAKEN, WANT, Message
from gaios.log.options import FAR, MS
from gaios.log.output import OTHERS
from gaios.log.snapshots import Closing, Handle, encode_handle, read_handle
from gaios.server.fetching import STORE, Fetching
from gaios.server.giving import Giving
from gaios.server.keeping import Keeping
from gaios.server.loading import Found, Kept
from gaios.storage import Operation, Reader
from gaios.storage.snapshot import Writer

VAIN_LEAST: Final = 8
"""Times that peers were asked for any snapshot, in vain, before the store is: 2 s by default. Then at twice as many, and so on."""
VAIN_MOST: Final = 256
"""And never after more than so many: a minute."""


class Seeking(Keeping):
    """The part of `Snapshots` that speaks with peers, and with the store."""

    _is_busy: bool

    def __init__(self, found: Found, replica: Replica, reader: Reader) -> None:
        super().__init__(found, replica)
        self.has_store = False
        """Whether what is asked of the store is heard. Told by the shell before the first turn."""
        self.store_problem = ""
        """Why the store is of no help, as the shell found."""
        self.fetched: tuple[int, int, int] | None = None
        """The newest that was fetched whole: its slot, how many parts came from peers, how many from the store."""
        self.fetches = self.store_fetches = 0
        """Fetched whole since the start; and those of which the store sent a part."""
        self.said: list[tuple[int, Message]] = []
        """What is to be said to peers, and to the store."""
        self._cell = found.cell
        self._fetching: Fetching | None = None
        self._giving = Giving(reader, found.cell, self.spoil)
        self._mends = 0
        """The slot of the snapshot that was fetched again last, because it rotted."""
        self._writer: Writer | None = None
        """Writes the one that is taken or fetched now."""
        self._closing: Closing | None = None
        """That one's closing, from when it was handed to the disk whole until its record is durable."""
        self._operations: deque[Operation] = deque()
        """What is to be done to the disk, and was not given out yet."""
        self._through = replica.core.truncated
        """Through which slot values are to be dropped, and segments given up."""
        self._tried: set[bytes] = set()
        """Digests of the snapshots from which the database was rebuilt since it is in doubt: they are not tried again."""
        self._seek_due = self._vain = 0
        """When to ask for any, and how often that was done since something came of it."""
        self._came = True
        """Whether something happened that `work` has yet to look at."""

    def speak(self, to_peers: Callable[[list[tuple[int, Message]]], object]) -> list[Message]:
        """Hand on what is to be said to peers; what the store is to be asked."""
        asked = [message for member, message in self.said if member == STORE] if self.has_store else []
        to_peers([each for each in self.said if each[0] != STORE] if asked else self.said)
        self.said = []
        return asked

    def heard(self, now: int, member: int, message: Message) -> None:
        """Somebody offers a snapshot, wants one or a part of one, sends a part, does not have what we asked for, or says what it took."""
        self._came = True
        tag, fetching = message[0], self._fetching
        if tag == OFFER:
            with suppress(ProtocolError):
                self._offered(now, member, read_handle(message[1]))
        elif tag == TAKEN:
            self.said += self.proofs.hear(member, *message[1:])
            self._weigh(now, message[1])
        elif tag == WANT:
            newest = next(reversed(self.proved), None)
            if newest is not None and newest.handle.slot >= message[1]:
                self.said.append((member, (OFFER, encode_handle(newest.handle))))
        elif tag == ASK:
            self.said.append((member, self._giving.answer(self.proved, *message[1:])))
        elif fetching is not None and (fetching.handle.slot, fetching.handle.digest) == message[1:3]:
            if tag == GONE:
                fetching.gone(member)
            elif self._writer is not None:
                for chunk in fetching.came(now, member, *message[3:]):
                    self._operations += self._writer.chunk(chunk)
                if fetching.is_whole and fetching.closing is not None:
                    self._is_here(fetching)
                    self._end(self._writer, fetching.closing, is_fetched=True)
            if fetching.is_hopeless:
                self._abandon()

    def _give_up(self, now: int) -> None:
        """A snapshot that is only to be mended does not keep others from being taken while the store, which alone is left, is silent."""
        if self._fetching is not None and not self._seeks and self._fetching.is_left_to_the_store(now):
            self._abandon()

    def _is_here(self, fetching: Fetching) -> None:
        self._fetching, self._vain = None, 0
        self.fetched = (fetching.handle.slot, fetching.from_peers, fetching.from_store)
        self.fetches += 1
        self.store_fetches += fetching.from_store > 0

    def _offered(self, now: int, member: int, handle: Handle) -> None:
        """Fetch it, if it would help and nothing is on its way; what this replica itself was about to take is of no use to anybody then."""
        replica, fetching = self._replica, self._fetching
        rebuilds = replica.doubt.wants_base and handle.slot >= self._through and handle.digest not in self._tried
        if handle.cell != self._cell or not (replica.lacks(handle.slot) or rebuilds) or self._closing is not None:
            if member != STORE:
                self._cover(now, handle.slot)
            return
        if member == STORE and not self._is_ours(handle):
            return
        if fetching is not None:
            if fetching.handle.digest == handle.digest:
                fetching.has(member)
                return
            is_better = member != STORE and fetching.is_the_stores and handle.slot > fetching.handle.slot
            if not (is_better or fetching.is_stalled(now)):
                return
        self._abandon()
        self._fetch(handle, [member, *(source for source in self._sources if source != member)])

    def _is_ours(self, handle: Handle) -> bool:
        """Whether what the store offers is of this replica's own log, as far as it can tell. See the module."""
        return handle.slot <= self._replica.claimed and self._replica.leads_on(handle.slot, handle.chain)

    @property
    def _sources(self) -> list[int]:
        return [*self._replica.suppliers, *((STORE,) if self.has_store else ())]

    def _fetch(self, handle: Handle, sources: list[int]) -> None:
        self._fetching = Fetching(handle, sources, self._replica.options.retransmit_ms * MS * 2)
        self._writer = Writer(self._cell, handle.slot)
        self._operations += self._writer.begin()

    def spoil(self, slot: int, why: str) -> None:
        """A snapshot was found damaged: nobody is given it any more, and whoever has the same is asked for it.  [SAFETY 15]"""
        self._came = True
        if (kept := self._at(slot)) is None:
            return
        self._lose(kept, why)
        self._giving.forget([slot])
        self._proving.pop(slot, None)
        if not self._is_busy and self._sources:
            self._mends = slot
            self._fetch(kept.handle, self._sources)

    @property
    def _seeks(self) -> bool:
        """Whether any snapshot that is proved would help, and who has one is to be asked."""
        return self._replica.wants_base or (self.has_store and self._replica.is_forsaken)

    def _seek(self, now: int) -> None:
        """Where the database is lost or wrong and the log begins later, rebuild it from a proved snapshot, or ask the others for theirs.

        Where peers do not supply the next value of the log, the store alone is asked.
        """
        replica, fetching = self._replica, self._fetching
        kept = next((each for each in reversed(self.proved) if each.handle.digest not in self._tried), None)
        if kept is not None and replica.doubt.wants_base:
            self._rebuild_from(kept)
        elif now >= self._seek_due:
            self._seek_due = now + replica.options.retransmit_ms * MS * 2
            if self._closing is not None or not (fetching is None or fetching.is_stalled(now)):
                self._vain = 0
                return
            self._vain += 1
            if replica.wants_base and fetching is None:
                self.said += [(member, (WANT, self._through)) for member in (OTHERS, *replica.lingering)]
            is_time = self._vain >= VAIN_LEAST and (self._vain & (self._vain - 1) == 0 or self._vain % VAIN_MOST == 0)
            if self.has_store and is_time:
                self.said.append((STORE, (WANT, self._through if replica.wants_base else replica.applied + 1)))

    @property
    def _seeks_due_ns(self) -> int:
        return self._seek_due if self._sources and self._seeks else FAR

    @property
    def under_way(self) -> list[str]:
        """What it does about the store, in sentences."""
        fetching, but = self._fetching, f"; but {self.store_problem}" if self.store_problem else ""
        if fetching is not None and fetching.is_the_stores:
            parts = f"{fetching.from_store + fetching.from_peers} of {fetching.handle.chunks + 1} parts"
            return [f"it fetches the snapshot behind slot {fetching.handle.slot} from the store of backups: {parts} are here{but}"]
        if self.has_store and self._seeks and self._vain >= VAIN_LEAST:
            return [f"no peer has offered a snapshot that it could go on from: it asks the store of backups, too{but}"]
        return []

    @abstractmethod
    def _abandon(self) -> None:
        """Whatever is on its way is nothing."""

    @abstractmethod
    def _end(self, writer: Writer, closing: Closing, *, is_fetched: bool) -> None:
        """Every chunk was handed to the writer."""

    @abstractmethod
    def _rebuild_from(self, kept: Kept) -> None:
        """The database becomes that of one of ours."""

    @abstractmethod
    def _cover(self, now: int, slot: int) -> None:
        """A peer truncated what was lost here, up to that slot."""
