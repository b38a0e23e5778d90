"""Where is the master?  [PML §5.2]

Rule 1. While the master answers, there is one connection, to it. A search opens others; they are closed when it is over.
Rule 2. A replica's word is a hint: WELCOME, PONG and NotMaster name the master or say "it is me"; whoever says so is taken for it until it
says otherwise, is silent for `SILENT_AFTER` although it owes a word, or its connection ends.
Rule 3. A search asks one replica (the one that was named, else the next in turn), and from its second round on two a round, in turn;
it dials all. Rounds are at most 50 ms apart, then ever further, up to half a second. Without anybody waiting there is no search.
Rule 4. Where the replicas are is told by those that know better than who began this client. Who left is asked in every fourth round only.
Rule 5. All replicas belong to the cell that answered first.  [SAFETY 4]
"""

from collections.abc import Sequence

from gaios.client.dice import Dice
from gaios.client.state import CLOSED, OPENING, READY, Link
from gaios.client.tuning import (
    ASK_AGAIN,
    DEAD_AFTER,
    ENDPOINTS_MAX,
    KEEP_ALIVE,
    LINGER,
    MS,
    NEVER,
    OPEN_WITHIN,
    OWN_PAUSE,
    PING_AFTER,
    REDIAL,
    SAY_SOMETHING,
    SEEK_EVERY,
    SEEK_FIRST,
    SEEK_PATIENT,
    SEEK_SLOWER,
    SEEK_WIDTH,
    SILENT_AFTER,
)
from gaios.errors import Overloaded
from gaios.transport import Kind, Pong, Welcome, encode_request


class Search:
    """All links, and which of them is the master's.

    `dial` and `drop` collect what the shell has to do; `settled` is set when a master was found, and cleared by whoever acts on it.
    """

    def __init__(self, endpoints: Sequence[str], dice: Dice) -> None:
        self._dice = dice
        self.links: dict[str, Link] = {endpoint: Link(endpoint) for endpoint in endpoints}
        self.master: Link | None = None
        self.settled = False
        self.dial: list[str] = []
        self.cell = b""
        self.why = ""
        """The last reason why there is no master, for people."""
        self._config = 0
        self._listed = frozenset[str]()
        """Where the replicas are, by that configuration; empty: nobody told."""
        self._hint = ""
        self._turn = dice.below(len(self.links))
        self._seek_at = NEVER
        """The next round of the search; NEVER: none is on."""
        self._seek_since = 0
        self._round = 0
        self._linger_until = NEVER

    # ------------------------------------------------------------------------------------------------------------ searching

    def begin(self, now: int) -> None:
        """Somebody waits and there is no master: search, beginning with the one that was named last."""
        self._linger_until = NEVER
        self._seek_since = now
        self._seek_at = now + SEEK_FIRST
        self._round = 0
        if self._follow(now, self._hint):
            self._round = 1
        else:
            self._ask_round(now)

    def forget(self, hint: str = "") -> None:
        """Nobody is taken for the master any more."""
        self.master = None
        self._hint = hint

    def is_on(self) -> bool:
        """Whether a search is on."""
        return self._seek_at != NEVER

    def refused(self, now: int, link: Link, hint: str = "") -> None:
        """It declined what only a master does: it is not asked again at once, but the one that it named is."""
        link.not_before = now + self._dice.between(SEEK_EVERY)
        if self.master is link:
            self.forget(hint)
        elif self.is_on():
            self._follow(now, hint)

    def _follow(self, now: int, hint: str) -> bool:
        if not hint:
            return False
        if hint not in self.links and len(self.links) >= ENDPOINTS_MAX:
            return False
        return self._ask(now, self.link(hint))

    def _ask(self, now: int, link: Link) -> bool:
        """Ask it whether it is the master, or dial it; False when neither is due."""
        if link.state == READY:
            if link.pinging or now < link.not_before:
                return False
            link.not_before = now + ASK_AGAIN
            self.ping(now, link)
            return True
        if link.state == CLOSED:
            if now < link.retry_at:
                return False
            self.open(now, link)
        return True

    def _ask_round(self, now: int) -> None:
        links = [link for link in self.links.values() if not self._listed or link.endpoint in self._listed]
        if self._round % 4 == 3 or not links:
            links = list(self.links.values())
        wanted = SEEK_WIDTH if self._round else 1
        start = self._turn
        for step in range(len(links)):
            at = (start + step) % len(links)
            link = links[at]
            if link.state == READY and wanted:
                if self._ask(now, link):
                    wanted -= 1
                    self._turn = (at + 1) % len(links)
            elif link.state == CLOSED and now >= link.retry_at and (self._round or wanted):
                self.open(now, link)
                if not self._round:
                    wanted -= 1
                    self._turn = (at + 1) % len(links)
            elif link.state == OPENING and not self._round:
                wanted = 0
        self._round += 1

    def _settle(self, now: int, link: Link) -> None:
        if self.master is not link:
            self.master = link
            self.settled = True
        self._seek_at = NEVER
        self._linger_until = now + LINGER

    # ------------------------------------------------------------------------------------------------------------ connections

    def link(self, endpoint: str) -> Link:
        """The link of an address, known or new.

        Raises:
            Overloaded: too many are known.
        """
        link = self.links.get(endpoint)
        if link is None:
            if len(self.links) >= ENDPOINTS_MAX:
                raise Overloaded(what="this client", limit=ENDPOINTS_MAX, unit="endpoints")
            link = self.links[endpoint] = Link(endpoint)
        return link

    def told(self, config: int, endpoints: Sequence[str]) -> None:
        """The members changed: these are the addresses now."""
        if config <= self._config or not endpoints:
            return
        self._config, self._listed = config, frozenset(endpoints)
        for endpoint in endpoints:
            if endpoint not in self.links:
                if len(self.links) >= ENDPOINTS_MAX:
                    self._make_room()
                self.link(endpoint)

    def _make_room(self) -> None:
        gone = next((e for e, link in self.links.items() if e not in self._listed and link.state == CLOSED), None)
        if gone is not None:
            del self.links[gone]

    def open(self, now: int, link: Link) -> None:
        """Dial it."""
        link.reset(OPENING, now)
        self.dial.append(link.endpoint)

    def opened(self, now: int, link: Link, welcome: Welcome) -> None:
        """It greeted us."""
        link.reset(READY, now)
        link.failures = 0
        self.cell = self.cell or welcome.cell
        if not self.is_on() and self._linger_until == NEVER:
            self._linger_until = now + LINGER
        self._said(now, link, welcome.serving, welcome.master)

    def lost(self, now: int, link: Link, why: str) -> None:
        """Its connection ended, or could not be made."""
        if link.state == OPENING and link.endpoint in self.dial:
            # Given up before anybody was told to dial: who slept meanwhile must not do so now, for it would open what is closed here.
            self.dial.remove(link.endpoint)
        link.reset(CLOSED, now)
        link.failures += 1
        link.retry_at = now + self._dice.back_off(link.failures, REDIAL)
        if why:
            self.why = f"{link.endpoint}: {why}"
        if self.master is link:
            self.forget()

    def ping(self, now: int, link: Link) -> None:
        """Ask for a sign of life."""
        link.out.append(encode_request(Kind.PING, 1))
        link.pinging = True
        link.pinged_at = now
        link.owe(now)

    def ponged(self, now: int, link: Link, pong: Pong) -> None:
        """A sign of life, and what it thinks of the master."""
        if pong.request:
            link.pinging = False
        link.heard(now)
        self._said(now, link, pong.serving, pong.master)

    def _said(self, now: int, link: Link, serving: bool, master: str) -> None:
        if serving:
            self._settle(now, link)
            return
        self.why = f"{link.endpoint} is not the master, and " + (f"named {master}" if master else "knows of none")
        if self.master is link:
            self.refused(now, link, master)
        elif self.is_on():
            self._follow(now, master)

    # ------------------------------------------------------------------------------------------------------------ time

    def tick(self, now: int, waiting: bool) -> list[tuple[Link, str]]:
        """What time brings; returns the links to give up, each with why.

        Args:
            now: ns.
            waiting: whether anybody waits for the master.
        """
        given_up: list[tuple[Link, str]] = []
        for link in self.links.values():
            if link.state == OPENING:
                late = now - link.since - OPEN_WITHIN
                if late >= OWN_PAUSE:
                    # A greeting may be on its way since; who gave up here each time it is slow would never be connected again.
                    link.since = now
                elif late >= 0:
                    given_up.append((link, f"no greeting within {OPEN_WITHIN // MS} ms, as of one that is busy, or of no client port"))
            elif link.state == READY:
                self._tick_ready(now, link, given_up)
        if self._seek_at <= now:
            if not waiting:
                self._seek_at = NEVER
                self._linger_until = now + LINGER
            else:
                self._ask_round(now)
                self._seek_at = now + self._pause(now - self._seek_since)
        if self._linger_until <= now:
            self._linger_until = NEVER
        return given_up

    def _pause(self, searched: int) -> int:
        """How long until the next round."""
        most = searched // SEEK_SLOWER
        return self._dice.between(SEEK_EVERY if most < SEEK_EVERY[1] else (min(most, SEEK_PATIENT) // 2, min(most, SEEK_PATIENT)))

    def _tick_ready(self, now: int, link: Link, given_up: list[tuple[Link, str]]) -> None:
        silent = now - link.pinged_at if link.pinging else 0
        if silent >= DEAD_AFTER:
            given_up.append((link, f"silent for {silent // MS} ms"))
            return
        if silent >= SILENT_AFTER and self.master is link:
            self.why = f"{link.endpoint} has been silent for {silent // MS} ms"
            self.forget()
        if not link.pinging and now >= self._ping_at(link):
            self.ping(now, link)
        if self._linger_until <= now and link is not self.master and not link.attempts and not link.watches and not link.leases:
            given_up.append((link, ""))

    @staticmethod
    def _ping_at(link: Link) -> int:
        at = link.owes_since + PING_AFTER
        if link.leases:
            at = min(at, link.heard_at + link.quiet_ns)
        if link.watches:
            at = min(at, link.heard_at + KEEP_ALIVE, link.pinged_at + SAY_SOMETHING)
        return at

    def deadline_ns(self) -> int:
        """When `tick` is needed next."""
        soonest = self._seek_at if self._seek_at < self._linger_until else self._linger_until
        for link in self.links.values():
            state = link.state
            if state == READY:
                if link.pinging:
                    at = link.pinged_at + (SILENT_AFTER if self.master is link else DEAD_AFTER)
                elif link.watches or link.leases:
                    at = self._ping_at(link)
                else:
                    at = link.owes_since + PING_AFTER
            elif state == OPENING:
                at = link.since + OPEN_WITHIN
            else:
                continue
            if at < soonest:
                soonest = at
        return soonest
