"""Reads of caching sessions: out of the production cache where it has them, else asked and kept; rounds of such reads.  [SAFETY 24]

It is to `client/cache.py` what `client/nodes.py` and `client/lock_session.py` are.

Rule 1. Between an answer and its keeping a while may pass, as in a loop that is busy: a notice may come in between.
Rule 2. A session that does not cache asks the same, each time.
"""

from collections.abc import Callable
from typing import Final, Protocol

from gaios import errors, lock_api
from gaios.caching import FindNode
from gaios.lock_api import LockQuestion
from gaios.sim.dice import Dice
from gaios.sim.faults import MS
from gaios.sim.locks.history import Recalled
from gaios.sim.locks.process import Handle, Session
from gaios.sim.locks.tasks import Program
from gaios.sim.plan import Locks

DIRECTORY: Final = "/c"
NAMES: Final = 3
"""Below it."""
THERE: Final = "there"
"""The key of whether there is a node."""
BUSY: Final = 0.2
"""How often an answer is not kept at once."""
BUSY_NS: Final = 20 * MS
CHANGES: Final = 0.2
"""How often one of a round's steps is a change."""


class Worker(Protocol):
    """Whose round it is."""

    dice: Dice
    locks: Locks
    contents: Callable[[], bytes]
    """What no file had before."""

    @property
    def hold_ns(self) -> int:
        """How long something is held, about."""

    def open(self, session: Session, path: str, create: int, **named: object) -> Program:
        """A handle, or None."""

    def close(self, session: Session, handle: Handle) -> Program:
        """Close it."""


def read(session: Session, handle: Handle, kind: type[lock_api.GetContentsAndStat | lock_api.ReadDir]) -> Program:
    """A node's contents and numbers, or its children."""
    question = kind(session.number, session.token, handle.number)
    return (yield from _recall(session, handle.path, (handle.instance, kind.__name__), question))


def find(session: Session, path: str) -> Program:
    """Whether there is a node."""
    return (yield from _recall(session, path, THERE, FindNode(session.number, session.token, path)))


def go_over(worker: Worker, session: Session) -> Program:
    """A round: the same few nodes, read again and again, and now and then changed."""
    dice = worker.dice
    above = yield from worker.open(session, DIRECTORY, lock_api.MAY_CREATE, directory=True)
    if above is None:
        return
    path = _path(dice)
    handle = None
    if dice.chance(0.7):
        handle = yield from worker.open(
            session,
            path,
            lock_api.MAY_CREATE,
            ephemeral=dice.chance(0.5),
            contents=worker.contents(),
            events=dice.pick((0, lock_api.EVENTS)),
        )
    # Who reads one thing again and again does so when it is cut off, too; others soon wait for an answer.
    only = (dice.pick(("read", "list", "find")), _path(dice)) if dice.chance(0.5) else None
    for _ in range(2 + dice.below(12 if only is None else 40)):
        if session.is_over:
            return
        if only is None and dice.chance(CHANGES):
            yield from _change(worker, session, above, handle)
        else:
            what, found = only or (dice.pick(("read", "read", "list", "find")), _path(dice))
            if what == "list":
                yield from read(session, above, lock_api.ReadDir)
            elif what == "read" and handle is not None:
                yield from read(session, handle, lock_api.GetContentsAndStat)
            else:
                yield from find(session, found)
        yield session.process.tasks.sleep(dice.around(worker.hold_ns // 8))
    if dice.chance(worker.locks.keeps):
        return  # open until the session ends, which a charge has to wait for when others keep what goes with it
    if handle is not None and not session.is_over:
        yield from worker.close(session, handle)
    if not session.is_over:
        yield from worker.close(session, above)


def _change(worker: Worker, session: Session, above: Handle, handle: Handle | None) -> Program:
    dice = worker.dice
    what = dice.pick(("write", "write", "acl", "delete", "come and go", "list"))
    if what == "come and go" or handle is None:
        other = yield from worker.open(session, _path(dice), lock_api.MAY_CREATE, ephemeral=dice.chance(0.7), contents=worker.contents())
        if other is not None:
            yield from worker.close(session, other)
    elif what == "write":
        yield from session.do(lock_api.SetContents, handle, worker.contents())
    elif what == "delete":
        yield from session.do(lock_api.DeleteNode, handle)
    else:
        # A file that there is not lets everybody pass.
        yield from session.do(lock_api.SetAcl, above if what == "list" else handle, ("", "", worker.contents().decode()))


def _path(dice: Dice) -> str:
    return f"{DIRECTORY}/{dice.below(NAMES)}"


def _recall(session: Session, path: str, key: object, question: LockQuestion) -> Program:
    process, cache = session.process, session.cache
    if cache is None:
        return session.heard((yield process.ask(question)))
    world, records = process.world, process.records
    began, began_ns = world.next_order(), world.now_ns
    kept = cache.get(process.client.now(), path, key)
    if kept is not None:
        records.numbers += 1
        world.note(f"recalled {records.numbers} by {process.client.number}")
        world.count("a read was answered from a cache")
        records.recalled.append(
            Recalled(records.numbers, process.client.number, path, question, kept, began, world.next_order(), began_ns, world.now_ns)
        )
        return kept
    fill, leave = cache.begin(path), list[int]()
    reply = session.heard((yield process.ask(question, leave)))
    if leave and process.dice.chance(BUSY):
        yield process.tasks.sleep(process.dice.around(BUSY_NS))
    if leave and not isinstance(reply, errors.Error):
        if not fill.is_good:
            world.count("an answer came after the notice to forget it")
        cache.keep(process.client.now(), fill, key, reply, leave[0])
    else:
        world.count("an answer might not be kept")
        cache.leave(fill)
    return reply
