"""One leader at a time, and everybody can see who.  [CHUBBY §2.4]

Rule 1. Who holds the recipe's lock leads. What the leader says of itself is a key that names its grant, written under the guard of that
grant: a former leader cannot overwrite it.
Rule 2. It counts while that grant is held. Observers watch both, the key and the grant: so the end of a leader that died is seen too.
Rule 3. Observers may miss leaders that were over before they looked, and never the last one.
"""

import contextlib
import functools
from collections.abc import AsyncIterator
from typing import NamedTuple

from gaios.api import Delete, Entry, Put
from gaios.client.arguments import Value, as_bytes
from gaios.client.grant import Grant, check_wait
from gaios.client.handle import Handle
from gaios.client.held import Held, OnJeopardy
from gaios.client.keys import Keys
from gaios.client.locking import Locking
from gaios.client.recipes.fenced import fenced
from gaios.client.recipes.place import Place
from gaios.client.recipes.said import Said, said_in
from gaios.client.recipes.waiting import change, either, patiently
from gaios.errors import Error, LockLost
from gaios.lock_api import Sequencer


class Leader(NamedTuple):
    """Who leads."""

    value: bytes
    """What it says of itself."""
    sequencer: Sequencer
    """Of its term: that of a later leader is greater."""


class Term(Held):
    """The leadership, held."""

    _keys: Keys
    _key: bytes

    async def publish(self, value: Value) -> None:
        """Say something else of oneself.

        Raises:
            StaleSequencer: this leader is over; nothing was changed.
        """
        said = Said(self._handle, self.sequencer, as_bytes(value))
        await fenced(self._keys, self, [Put(self._key, said.encode())])


class Leading(Grant[Term]):
    """The leadership, to be held by `async with`; made by `Election.lead`."""

    def __init__(self, election: "Election", locking: Locking, value: bytes, *, wait: float | None, on_jeopardy: OnJeopardy) -> None:
        super().__init__(locking, on_jeopardy=on_jeopardy)
        check_wait(wait)
        self._election, self._value, self._wait = election, value, wait

    async def _take(self) -> tuple[Term, Handle]:
        place = self._election.place
        path = place.below("lock")
        handle, sequencer = await self._locking.acquire(path, shared=False, wait_s=self._wait, lock_delay_ms=0)
        term = Term(path, sequencer, handle, on_jeopardy=self._on_jeopardy)
        term._keys, term._key = self._election.keys, place.key  # noqa: SLF001 (two halves of one thing)
        return term, handle

    async def _give_back(self, handle: Handle) -> None:
        await self._locking.give_back(handle, 0)

    async def _begin(self, held: Term) -> None:
        await held.publish(self._value)
        self._election.term = held

    async def _end(self, held: Term, *, done: bool) -> None:  # noqa: ARG002 (it resigns in any case)
        if self._election.term is held:
            self._election.term = None
        if not held.why:
            with contextlib.suppress(Error):  # it does not count without its grant
                await fenced(self._election.keys, held, [Delete(self._election.place.key)])


class Election:
    """Made by `Cell.election`."""

    def __init__(self, keys: Keys, locking: Locking, place: Place) -> None:
        self.keys, self.place = keys, place
        self._locking = locking
        self.term: Term | None = None

    def lead(self, value: Value = b"", *, wait: float | None = None, on_jeopardy: OnJeopardy = "cancel") -> Leading:
        """Campaign, and lead until the end of `async with election.lead("10.0.0.7:80") as held`; leaving it resigns.

        Args:
            value: what to say of oneself to who observes; `held.publish(…)` says something else.
            wait: seconds to campaign; 0: now or not; None: as long as it takes.
            on_jeopardy: as `Cell.lock` has it.

        Raises:
            NotAcquired: (when it is entered) somebody else led all the time.
            LockLost: (when it is left, or by `held.check()`) somebody else may lead.
        """
        return Leading(self, self._locking, as_bytes(value), wait=wait, on_jeopardy=on_jeopardy)

    def is_leader(self) -> bool:
        """Whether this object's `lead` certainly leads at this moment; asks nobody, as `held.check()`."""
        term = self.term
        if term is None:
            return False
        try:
            term.check()
        except LockLost:
            return False
        return True

    async def leader(self) -> Leader | None:
        """Who leads now; None: nobody, or it has not said so yet."""
        while True:
            entry, _ = await self._read()
            if entry is None:
                return None
            said = await self._living(said_in(entry, "leader"))
            if said is not None:
                return Leader(said.value, said.sequencer)
            again, _ = await self._read()
            if again == entry:
                return None

    async def observe(self) -> AsyncIterator[Leader | None]:
        """Who leads now, and whenever that changes: another leader, another value, or nobody (None)."""
        told: Leader | object | None = self  # nothing yet
        entry, revision = await self._read()
        while True:
            said = None
            if entry is not None:
                said = await patiently(self.keys, functools.partial(self._living, said_in(entry, "leader")))
            leader = Leader(said.value, said.sequencer) if said is not None else None
            if leader != told:
                told = leader
                yield leader
            waits = [change(self.keys, self.place.key, None, revision)]
            if said is not None:
                waits.append(change(self.keys, said.holder_key, None, revision))
            await either(*waits)
            entry, revision = await patiently(self.keys, self._read)

    async def _read(self) -> tuple[Entry | None, int]:
        """What the last leader said, and the present revision."""
        found = await self.keys.range(self.place.key, self.place.key + b"\0")
        return found[0] if found else None, found.revision

    async def _living(self, said: Said) -> Said | None:
        """The same, if its grant is held."""
        grant = await self.keys.get(said.holder_key)
        return said if grant is not None and grant.create_revision == said.sequencer.revision else None
