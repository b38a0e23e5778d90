"""A snapshot that is fetched from peers, or from the store of backups, chunk by chunk.  [PML §5.5; SAFETY 6, 26]

Rule 1. Nothing is taken that the handle does not prove: first the digests, then each chunk by its digest.
Rule 2. It may come from anybody: who has the same snapshot has the same bytes. Who says that it has it no more, or sends other bytes, is
not asked again, unless it offers the snapshot anew; who is late is asked again when the others were.
Rule 3. A few chunks are asked for at a time, and given out in their order.
Rule 4. The store is a source like a peer: asked behind all of them, or first where none has the snapshot. It is far away, and takes longer.
"""

from typing import Final

from gaios.errors import ProtocolError
from gaios.log.codec import ASK, Message
from gaios.log.options import FAR
from gaios.log.snapshots import Closing, Handle, read_closing

UNDER_WAY: Final = 4
"""Parts asked for at a time: a MiB."""
STORE: Final = -1
"""The store of backups, as a source: no member has this number."""
STORE_TAKES: Final = 20
"""It is late after so many times as long as a peer, 5 s by default: each part is a request to another place, which may be tried again."""


class Fetching:
    """One snapshot on its way here. Its parts are numbered: 0 is the closing, n is chunk n - 1."""

    def __init__(self, handle: Handle, sources: list[int], late_ns: int) -> None:
        """`sources` are asked in this order; an answer is late after `late_ns`, `STORE_TAKES` times as much where it is the store's."""
        self.handle = handle
        self.is_the_stores = sources[0] == STORE
        """Whether no peer has offered it."""
        self.from_peers = self.from_store = 0
        """Parts that came."""
        self.closing: Closing | None = None
        self._sources, self._late_ns = list(sources), late_ns
        self._came_ns = FAR
        """When a part came last, or the first was asked for."""
        self._next = 0
        """The part to be given out next."""
        self._held: dict[int, bytes] = {}
        self._asked: dict[int, int] = {}
        """What was asked for and did not come, and since when."""

    @property
    def is_whole(self) -> bool:
        """Whether every chunk was given out."""
        return self._next > self.handle.chunks

    @property
    def is_hopeless(self) -> bool:
        """Whether nobody is left who might have it."""
        return not self._sources

    def is_stalled(self, now: int) -> bool:
        """Whether everybody was asked, one after the other, and nothing came: a newer snapshot of somebody else's is better."""
        peers = [source for source in self._sources if source != STORE]
        sources = peers if peers and not self.is_the_stores else self._sources
        return now - self._came_ns >= sum(map(self._patience_ns, sources)) + self._late_ns

    def is_left_to_the_store(self, now: int) -> bool:
        """Whether no peer has it any more, and the store sends nothing."""
        return self._sources == [STORE] and self.is_stalled(now)

    def has(self, member: int) -> None:
        """Somebody offers this very snapshot; a peer is asked before the store."""
        if member != STORE:
            self.is_the_stores = False
        if member not in self._sources:
            self._sources.insert(0 if self._sources[0] == STORE else len(self._sources), member)

    def ask(self, now: int) -> list[tuple[int, Message]]:
        """What to say to whom now."""
        self._came_ns = min(self._came_ns, now)
        if now >= self.due_ns():
            self._sources.append(self._sources.pop(0))
            self._asked.clear()
        last = self.handle.chunks if self.closing is not None else 0
        wanted = [part for part in range(self._next, min(self._next + UNDER_WAY, last + 1)) if part not in self._held]
        asked = [part for part in wanted if part not in self._asked]
        self._asked |= dict.fromkeys(asked, now)
        return [(self._sources[0], (ASK, self.handle.slot, self.handle.digest, part)) for part in asked]

    def due_ns(self) -> int:
        """When an answer is late."""
        return min(self._asked.values()) + self._patience_ns(self._sources[0]) if self._asked and self._sources else FAR

    def _patience_ns(self, source: int) -> int:
        return self._late_ns * STORE_TAKES if source == STORE else self._late_ns

    def gone(self, member: int) -> None:
        """A peer does not have it."""
        if member in self._sources:
            self._sources.remove(member)
            self._asked.clear()

    def came(self, now: int, member: int, part: int, data: bytes) -> list[bytes]:
        """A part came: the chunks that can be given out now, in order. While parts come nobody is late."""
        if part not in self._asked:
            return []
        if not self._is_proved(part, data):
            self.gone(member)
            return []
        self._came_ns = now
        self.from_store += (is_from_store := member == STORE)
        self.from_peers += not is_from_store
        del self._asked[part]
        self._asked = dict.fromkeys(self._asked, now)
        self._held[part] = data
        chunks = []
        while self._next in self._held:
            chunk = self._held.pop(self._next)
            if self._next:
                chunks.append(chunk)
            self._next += 1
        return chunks

    def _is_proved(self, part: int, data: bytes) -> bool:
        try:
            if self.closing is None:
                closing = read_closing(data)
                self.closing = closing if closing.handle == self.handle else None
            elif part:
                self.closing.check(part - 1, data)
        except ProtocolError:
            return False
        return self.closing is not None


def coming(now: int, fetching: Fetching | None, fetched: Closing | None) -> int:
    """Behind which slot the snapshot is that is on its way, or is here and not recorded yet; 0: none is, or nobody sends it any more."""
    if fetching is not None:
        return 0 if fetching.is_stalled(now) else fetching.handle.slot
    return fetched.handle.slot if fetched is not None else 0
