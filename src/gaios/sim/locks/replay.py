"""The log's lock commands and charges, carried out by the model, and what became of each session, node and handle meanwhile."""

from bisect import bisect_right
from dataclasses import dataclass, field
from typing import NamedTuple

from gaios.lock_api import Charge, LockCommand, Notice, Sequencer, Stat
from gaios.locks import heard
from gaios.sim.locks.model import Model, Reply
from gaios.sim.locks.state import Granted

Place = tuple[int, int]
"""A slot, and an index in its batch."""


class Version(NamedTuple):
    """A node as it was from a revision on; `stat` None: there was none."""

    revision: int
    stat: Stat | None
    contents: bytes
    children: tuple[tuple[str, Stat], ...]


class Standing(NamedTuple):
    """A handle as it was from a revision on; `refusal`: what a question of it is answered."""

    revision: int
    refusal: str
    path: str
    sequencer: Sequencer | None = None
    waits: bool = False


class Charged(NamedTuple):
    """A charge that took effect."""

    slot: int
    nth: int
    ballot: int
    """Of the master whose it is."""
    epoch: int
    """In which it stands."""
    is_first: bool
    """No other stands before it in its epoch."""
    elapsed_ms: int
    due_ms: int
    """The most that may have been due: a quarter of the longest that the shortest lease was since the one before."""


class Ended(NamedTuple):
    """A session ended."""

    revision: int
    slot: int
    was_lost: bool


@dataclass(slots=True)
class LockLog:
    """See the module. `carry_out` and `charge` are called in the order of the log."""

    model: Model = field(default_factory=Model)
    replies: dict[Place, Reply] = field(default_factory=dict)
    revisions: dict[Place, int] = field(default_factory=dict)
    """The revision after each."""
    whose: dict[tuple[int, int, int], Place] = field(default_factory=dict)
    """Identity and sequence → where it took effect."""
    slots: dict[int, int] = field(default_factory=dict)
    """Revision → the slot that made it."""
    told: dict[int, list[Notice]] = field(default_factory=dict)
    """By session."""
    grants: list[Granted] = field(default_factory=list)
    ended: dict[int, Ended] = field(default_factory=dict)
    nodes: dict[str, list[Version]] = field(default_factory=dict)
    handles: dict[int, list[Standing]] = field(default_factory=dict)
    charges: list[Charged] = field(default_factory=list)
    leases: dict[int, int] = field(default_factory=dict)
    """Every session's, ms."""
    _shortest_ms: int = 0
    """The longest that the shortest lease was since the newest charge; 0: there was no session."""
    _charged_epoch: int = 0

    def carry_out(self, place: Place, whose: tuple[int, int, int], command: LockCommand, revision: int) -> int:
        """A client's command; the revision after it."""
        reply, changed = self.model.apply(command, revision + 1)
        self.whose[whose] = place
        return self._done(place, reply, revision + changed, changed=changed)

    def charge(self, place: Place, ballot: int, epoch: int, command: Charge, revision: int) -> int:
        """A master's charge; the revision after it."""
        due_ms = (self._shortest_ms or DEFAULT_LEASE_MS) // 4
        is_first, self._charged_epoch = epoch != self._charged_epoch, epoch
        self.charges.append(Charged(*place, ballot, epoch, is_first, command.elapsed_ms, due_ms))
        self._shortest_ms = self._shortest()
        reply = self.model.charge(command.elapsed_ms, heard.decode(command.heard), revision + 1, quiet=command.quiet)
        return self._done(place, reply, revision + 1, changed=True)

    def at(self, path: str, revision: int) -> Version:
        """A node at a revision."""
        history = self.nodes.get(path, [])
        found = bisect_right(history, revision, key=lambda version: version.revision)
        return history[found - 1] if found else Version(0, None, b"", ())

    def standing(self, handle: int, revision: int) -> Standing | None:
        """A handle at a revision; None: there was none yet."""
        history = self.handles.get(handle, [])
        found = bisect_right(history, revision, key=lambda standing: standing.revision)
        return history[found - 1] if found else None

    # -- inside ------------------------------------------------------------------------------------------------------------

    def _done(self, place: Place, reply: Reply, revision: int, *, changed: bool) -> int:
        self.replies[place], self.revisions[place] = reply, revision
        if not changed:
            return revision
        model = self.model
        self.slots[revision] = place[0]
        for session, notice in model.told:
            self.told.setdefault(session, []).append(notice)
        self.grants.extend(granted for granted in model.done if not granted.ended)
        for session, was_lost in model.ended:
            self.ended[session] = Ended(revision, place[0], was_lost)
        above = {path.rpartition("/")[0] or "/": None for path in model.touched}
        for path in {**model.touched, **above}:
            self._write_node(path, revision)
        for number in model.stirred:
            self._write_handle(number, revision)
        for number, opened in model.sessions.items():
            self.leases.setdefault(number, opened.lease_ms)
        self._shortest_ms = max(self._shortest_ms, self._shortest())
        return revision

    def _shortest(self) -> int:
        """The shortest lease now; while there is none, that of nobody, which is long."""
        return min((session.lease_ms for session in self.model.sessions.values()), default=DEFAULT_LEASE_MS)

    def _write_node(self, path: str, revision: int) -> None:
        node = self.model.nodes.get(path)
        if node is None:
            version = Version(revision, None, b"", ())
        else:
            version = Version(revision, self.model.stat(node), node.contents, self.model.children(node) if node.directory else ())
        self.nodes.setdefault(path, []).append(version)

    def _write_handle(self, number: int, revision: int) -> None:
        model, history = self.model, self.handles.setdefault(number, [])
        handle = model.handles.get(number)
        if handle is not None and model.nodes.get(handle.node.path) is handle.node:
            standing = model.standing(number)
            history.append(Standing(revision, "", handle.node.path, standing.sequencer, standing.waits))
        elif handle is not None:
            history.append(Standing(revision, "HandleInvalid", handle.node.path))
        else:
            is_over = bool(model.ended)
            history.append(Standing(revision, "SessionExpired" if is_over else "UnknownHandle", history[-1].path if history else ""))


DEFAULT_LEASE_MS = 12_000
"""What a charge is a quarter of while nobody has a lease, and only a lock-delay is to end."""
