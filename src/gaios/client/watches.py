"""Watches: every event once, in order, without gaps, across connections and masters.

Rule 1. A watch runs on the master's connection, and moves with it: it goes on at the first revision that was not told yet. What comes
twice is dropped; an event out of order breaks the connection, not the watch.
Rule 2. It ends with an error when its history was compacted away, when the cell refuses it, or when it could not begin before its deadline;
that the replica found us slow does not end it: it goes on where it stood.
Rule 3. Who reads slowly pauses it. Nothing is buffered here.
"""

from collections.abc import Callable

from gaios.api import Event
from gaios.client.dice import Dice
from gaios.client.state import Link
from gaios.client.tuning import BACK_OFF, MS, NEVER
from gaios.errors import Error, NotMaster, Overloaded, ProtocolError, Unavailable
from gaios.transport import Events, Kind, Watch, encode_request, encode_watch


class Watching:
    """One watch."""

    __slots__ = ("began", "deadline", "end", "key", "link", "next_revision", "paused", "request", "retry_at", "tries", "watch")

    def __init__(self, watch: int, key: bytes, end: bytes | None, from_revision: int, began: int, deadline: int) -> None:
        self.watch = watch
        self.key, self.end = key, end
        self.next_revision = from_revision
        """All below it was told; 0: it begins after the revision that the master finds."""
        self.began = began
        self.deadline = deadline
        """Not to begin later; NEVER once it has begun."""
        self.link: Link | None = None
        self.request = 0
        self.paused = False
        self.retry_at = 0
        self.tries = 0


class Watches:
    """All watches of a client. `told` collects what the shell hands on: (watch, events) or (watch, error that ended it)."""

    def __init__(self, number: Callable[[], int], dice: Dice) -> None:
        self._number = number
        self._dice = dice
        self._all: dict[int, Watching] = {}
        self._timed: dict[int, Watching] = {}
        """Those that have not begun yet, or are to begin again later."""
        self._idle = False
        """Some may be on no connection."""
        self.told: list[tuple[int, tuple[Event, ...] | Error]] = []

    def __len__(self) -> int:
        """How many there are."""
        return len(self._all)

    def waiting(self) -> bool:
        """Whether any needs a master."""
        return any(not watching.paused for watching in self._all.values())

    def add(self, now: int, key: bytes, end: bytes | None, from_revision: int, deadline: int) -> int:
        """Begin one; its number."""
        watch = self._number()
        self._all[watch] = self._timed[watch] = Watching(watch, key, end, from_revision, now, deadline)
        self._idle = True
        return watch

    def remove(self, watch: int) -> None:
        """Nobody listens any more."""
        watching = self._all.pop(watch, None)
        self._timed.pop(watch, None)
        if watching is not None:
            self._detach(watching)

    def pause(self, watch: int) -> None:
        """Tell nothing until `resume`."""
        watching = self._all.get(watch)
        if watching is not None and not watching.paused:
            watching.paused = True
            self._detach(watching)

    def resume(self, watch: int) -> None:
        """Go on after `pause`."""
        watching = self._all.get(watch)
        if watching is not None:
            watching.paused = False
            self._idle = True

    def start(self, now: int, master: Link, new: bool) -> None:
        """Put on this connection whatever is on none, and if it is a new master's whatever is on another."""
        if not (new or self._idle):
            return
        self._idle = False
        for watching in self._all.values():
            if watching.paused or watching.link is master or watching.retry_at:
                continue
            self._detach(watching)
            watching.link = master
            watching.request = self._number()
            master.watches[watching.request] = watching.watch
            master.out.append(encode_watch(watching.request, Watch(watching.key, watching.end, watching.next_revision)))
            master.owe(now)

    def lost(self, requests: dict[int, int]) -> None:
        """A connection ended, and with it these."""
        self._idle = True
        for watch in requests.values():
            watching = self._all.get(watch)
            if watching is not None:
                watching.link = None

    def happened(self, link: Link, news: Events) -> None:
        """Hand on what is new.

        Raises:
            ProtocolError: events that are out of order.
        """
        watching = self._all.get(link.watches.get(news.request, 0))
        if watching is None:
            return
        fresh: list[Event] = []
        last = 0
        for event in news.events:
            if not last <= event.mod_revision < news.next_revision:
                raise ProtocolError(reason=f"events of a watch: revision {event.mod_revision} after {last} and below {news.next_revision}")
            last = event.mod_revision
            if last >= watching.next_revision:
                fresh.append(event)
        watching.next_revision = max(watching.next_revision, news.next_revision)
        if watching.deadline != NEVER:
            watching.deadline = NEVER
            self._timed.pop(watching.watch, None)
        watching.tries = 0
        if fresh:
            self.told.append((watching.watch, tuple(fresh)))

    def ended(self, now: int, link: Link, request: int, error: Error) -> None:
        """The replica ended it."""
        watching = self._all.get(link.watches.pop(request, 0))
        if watching is None:
            return
        watching.link = None
        if isinstance(error, NotMaster | Overloaded | Unavailable):
            watching.tries += 1
            watching.retry_at = now + self._dice.back_off(watching.tries, BACK_OFF)
            self._timed[watching.watch] = watching
        else:
            self._end(watching, error)

    def shut(self) -> None:
        """All end."""
        for watching in list(self._all.values()):
            self._detach(watching)
            self._end(watching, Unavailable(waited_ms=0, reason="this client was closed"))

    def tick(self, now: int, why: str) -> None:
        """What time brings."""
        for watching in list(self._timed.values()):
            if watching.deadline <= now:
                self._detach(watching)
                self._end(watching, Unavailable(waited_ms=(now - watching.began) // MS, reason=why))
            elif watching.retry_at <= now:
                watching.retry_at = 0
                self._idle = True
                if watching.deadline == NEVER:
                    del self._timed[watching.watch]

    def deadline_ns(self) -> int:
        """When `tick` is needed next."""
        if not self._timed:
            return NEVER
        return min(min(watching.deadline, watching.retry_at or NEVER) for watching in self._timed.values())

    def _end(self, watching: Watching, error: Error) -> None:
        del self._all[watching.watch]
        self._timed.pop(watching.watch, None)
        self.told.append((watching.watch, error))

    @staticmethod
    def _detach(watching: Watching) -> None:
        link = watching.link
        watching.link = None
        if link is not None and link.watches.pop(watching.request, None) is not None:
            link.out.append(encode_request(Kind.CANCEL, watching.request))
