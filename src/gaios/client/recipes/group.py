"""Who is there: the members of a group, each with something to say of itself.

Rule 1. A member holds the lock of the ephemeral file `~members/ID`, in its session. What it says of itself is a key that names that grant,
written under its guard. It is a member while both are there: so it ends with its session, whatever it had time to do.
Rule 2. A view is what the group was at one moment: keys that have not changed from before to after it was asked which grants are held.
Rule 3. Keys of members that died are deleted by whoever joins next.
"""

import contextlib
from collections.abc import AsyncIterator
from typing import Final, NamedTuple

from gaios.api import Delete, Entry, Put, Test, prefix_end
from gaios.client.arguments import Value, as_bytes
from gaios.client.grant import Grant, check_wait
from gaios.client.handle import Handle
from gaios.client.held import Held, OnJeopardy, while_held
from gaios.client.keys import Keys
from gaios.client.lock_calls import LockCalls
from gaios.client.locking import Locking
from gaios.client.naming import LOCAL, PREFIX
from gaios.client.outside import OUTSIDE
from gaios.client.recipes.fenced import fenced
from gaios.client.recipes.place import Place
from gaios.client.recipes.said import Said, said_in
from gaios.client.recipes.waiting import change, directory, either, news, patiently, take
from gaios.errors import Error, InvalidCommand, LimitReached, NoSuchNode, SessionExpired
from gaios.lock_api import Sequencer

MEMBERS_MAX: Final = 500
"""Of one group: what the cell lists at one moment."""
ID_BYTES_MAX: Final = 100


class Member(NamedTuple):
    """One member, as others see it."""

    id: str
    value: bytes
    """What it says of itself."""
    sequencer: Sequencer
    """Of its membership: greater when it has left and joined again."""
    handle: int
    """Of its file, in its session."""

    def guard(self) -> Test:
        """A test for a MultiOp's guard that holds while it is a member."""
        return while_held(self.sequencer, self.handle)


class View(NamedTuple):
    """The members at one moment, in the order of their ids; nothing they say of themselves has changed through `revision`."""

    revision: int
    members: tuple[Member, ...]


class Membership(Held):
    """One's own membership, held."""

    id: str = ""
    """One's own."""
    _keys: Keys
    _key: bytes

    async def say(self, value: Value) -> None:
        """Say something else of oneself.

        Raises:
            StaleSequencer: it is no member any more; nothing was changed.
        """
        await fenced(self._keys, self, [Put(self._key, Said(self._handle, self.sequencer, as_bytes(value)).encode())])


class Joining(Grant[Membership]):
    """A membership to be held by `async with`; made by `Group.join`."""

    def __init__(self, group: "Group", locking: Locking, value: bytes, name: str, *, wait: float | None, on_jeopardy: OnJeopardy) -> None:
        super().__init__(locking, on_jeopardy=on_jeopardy)
        check_wait(wait)
        self._group, self._value, self._name, self._wait = group, value, name, wait

    async def _take(self) -> tuple[Membership, Handle]:
        group = self._group
        if len(await group.living()) >= MEMBERS_MAX:
            raise LimitReached(what=group.place.title, limit=MEMBERS_MAX, unit="members")
        path = f"{group.place.below('members')}/{self._name}"
        handle, sequencer = await take(self._session, path, self._wait)
        held = Membership(path, sequencer, handle, on_jeopardy=self._on_jeopardy)
        held.id, held._keys, held._key = self._name, group.keys, group.prefix + self._name.encode()  # noqa: SLF001 (two halves of one thing)
        return held, handle

    async def _begin(self, held: Membership) -> None:
        await self._group.sweep()
        await held.say(self._value)

    async def _end(self, held: Membership, *, done: bool) -> None:  # noqa: ARG002 (it leaves in any case)
        if not held.why:
            with contextlib.suppress(Error):  # it does not count without its grant
                await fenced(self._group.keys, held, [Delete(held._key)])  # noqa: SLF001 (as above)


class Group:
    """Made by `Cell.group`."""

    def __init__(self, keys: Keys, locks: LockCalls, locking: Locking, place: Place) -> None:
        self.keys, self.place = keys, place
        self._locks = locks
        self.prefix = place.keys("member")
        self._locking = locking

    def join(self, value: Value = b"", *, member: str = "", wait: float | None = None, on_jeopardy: OnJeopardy = "cancel") -> Joining:
        """Be a member until the end of `async with group.join("10.0.0.7:80") as held`.

        Args:
            value: what to say of oneself; `held.say(…)` says something else.
            member: one's id, no more than 100 bytes without `/`; empty: this process's name, and a random number.
            wait: seconds to wait for another member of that id to leave; 0: now or not; None: as long as it takes.
            on_jeopardy: as `Cell.lock` has it.

        Raises:
            NotAcquired: (when it is entered) there is a member of that id.
            LimitReached: (when it is entered) there are 500 members.
            LockLost: (when it is left, or by `held.check()`) others may not see it as a member any more.
        """
        name = member or own_id()
        _check_id(name)
        return Joining(self, self._locking, as_bytes(value), name, wait=wait, on_jeopardy=on_jeopardy)

    async def members(self) -> View:
        """Who is there now."""
        _, before = await self._records()
        while True:
            living = await self.living()
            revision, after = await self._records()
            if before == after:
                all_said = [(_id(self.prefix, entry), said_in(entry, "member")) for entry in after]
                there = [(name, said) for name, said in all_said if living.get(name) == said.sequencer.revision]
                return View(revision, tuple(Member(name, said.value, said.sequencer, said.handle) for name, said in there))
            before = after

    async def watch(self) -> AsyncIterator[View]:
        """Who is there now, and whenever that, or what one says of itself, changes."""
        told: tuple[Member, ...] | None = None
        await self.members()  # an error at the beginning is told
        while True:
            opening = directory(self._locking, self.place.below("members"))
            try:
                async with await patiently(self.keys, opening.open) as node:
                    while True:
                        view = await patiently(self.keys, self.members)
                        if view.members != told:
                            told = view.members
                            yield view
                        await either(news(node), change(self.keys, self.prefix, prefix_end(self.prefix), view.revision))
            except SessionExpired:
                continue  # that of this client; the next has a handle of its own

    async def living(self) -> dict[str, int]:
        """The revision of the grant by which each member's file is held."""
        try:
            nodes = await self._locks.nodes(PREFIX + LOCAL + self.place.below("members"))
        except NoSuchNode:
            return {}
        return {node.path.rpartition("/")[2]: node.holders[0][1] for node in nodes if node.holders}

    async def sweep(self) -> None:
        """Delete what members that died said of themselves."""
        living = await self.living()
        _, entries = await self._records()
        for entry in entries:
            said = said_in(entry, "member")
            if living.get(_id(self.prefix, entry)) != said.sequencer.revision:
                gone = Test(said.holder_key, "create_revision", "!=", said.sequencer.revision)
                same = Test(entry.key, "mod_revision", "==", entry.mod_revision)
                await self.keys.multiop([gone, same], [Delete(entry.key)])

    async def _records(self) -> tuple[int, tuple[Entry, ...]]:
        found = await self.keys.range(prefix=self.prefix)
        return found.revision, found.entries


def own_id() -> str:
    """An id that nobody else has."""
    outside = OUTSIDE.get()
    return f"{outside.name().replace('/', '-')[: ID_BYTES_MAX // 2].encode('ascii', 'replace').decode()}:{outside.random_bytes(4).hex()}"


def _id(prefix: bytes, entry: Entry) -> str:
    return entry.key.removeprefix(prefix).decode(errors="replace")


def _check_id(name: str) -> None:
    if name in {".", ".."} or "/" in name or "\0" in name:
        raise InvalidCommand(reason=f"a member's id is text without / and NUL, and neither . nor .., not {name!r:.100}")
    if len(name.encode(errors="surrogatepass")) > ID_BYTES_MAX:
        raise InvalidCommand(reason=f"a member's id has at most {ID_BYTES_MAX} bytes; {name[:20]!r}… has more")
