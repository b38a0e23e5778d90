"""What a replica remembers of sessions and grants, past ones too, so that it can say why they ended.  [SAFETY 21, 23, 28]

It is made of the keys that commands change, like the index, and of where in the log they stand. It is no part of the state: in no snapshot,
in no checksum; nothing that a command does depends on it. A replica that starts makes it anew while it applies its log again.

Rule 1. `note` is called with each change before it is committed: the index has it then, the database has what was there before.
Rule 2. Whatever is kept is bounded (`Kept`); what is beyond is forgotten oldest first, and an answer says so where it may matter.
Rule 3. Who holds a lock now is told even where nothing is remembered of it: after a start from a snapshot, or when it was forgotten.
Rule 4. What is told of a session's end is what ended it: its lease, the charge from which that counts, and all charges since.
"""

from collections import OrderedDict, deque
from collections.abc import Iterable
from itertools import chain, islice
from typing import Final, NamedTuple, TypeVar

from msgspec.structs import replace

from gaios import explanation as told
from gaios.explanation import Explain, Explanation, Grant, Moment, Reign, SessionFact
from gaios.lock_api import Charge as ChargeCommand
from gaios.lock_api import Close, CloseSession, DeleteNode, LockCommand, Release
from gaios.locks import keys, records
from gaios.locks.change import Change, Ended
from gaios.locks.index import Index, Session
from gaios.machine import Context

_CONTINUED: Final = bytes(range(0x80, 0x100))
"""Bytes of a charge's list that do not end a number."""
_SESSION, _HANDLE, _HOLDER, _NODE = b"soln"
K = TypeVar("K")
V = TypeVar("V")


class Kept(NamedTuple):
    """How much is remembered: some 10 MB when it is full; 50 where each session has charges of its own, and the longest names."""

    sessions: int = 4_096
    """That ended."""
    grants: int = 8_192
    nodes: int = 4_096
    """Ephemeral ones that went."""
    charges: int = 1_024
    """More than any lease takes, a quarter of the shortest lease apart; those that ended a session are kept with that."""
    reigns: int = 1_024


class Annals:
    """See the module."""

    def __init__(self, kept: Kept | None = None) -> None:
        self._kept = kept = kept or Kept()
        self._since = self._through = 0
        self._opened: dict[int, Moment] = {}
        """When each session that lives was opened."""
        self._ended: OrderedDict[int, SessionFact] = OrderedDict()
        self._grants: OrderedDict[tuple[str, int, int], Grant] = OrderedDict()
        """By path, handle, revision; in the order in which they were granted."""
        self._nodes: deque[tuple[str, tuple[int, ...]]] = deque(maxlen=kept.nodes)
        """Ephemeral nodes that went, and the sessions whose handles went with them."""
        self._charges: OrderedDict[int, told.Charge] = OrderedDict()
        self._reigns: deque[Reign] = deque(maxlen=kept.reigns)

    # ------------------------------------------------------------------------------------------------------------- noting

    def begin_epoch(self, context: Context) -> None:
        """A master's reign begins."""
        self._reigns.append(Reign(_moment(context)))

    def note(self, asked: LockCommand, change: Change, context: Context) -> None:
        """A command was carried out, and is about to be committed."""
        at = _moment(context)
        self._since, self._through = self._since or at.slot, at.slot
        if isinstance(asked, ChargeCommand):
            clock = change.index.clock
            listed = len(asked.heard.translate(None, _CONTINUED))
            _keep(self._charges, clock.charge, told.Charge(at, clock.charge, asked.elapsed_ms, clock.clock_ms, listed), self._kept.charges)
        for effect in change.effects:
            if type(effect) is Ended:
                self._end(effect, change, at)
        gone: list[str] = []
        for key, value in change.keys.items():
            letter = key[keys.KIND]
            if letter == _HOLDER:
                if value is not None:
                    self._grant(key, change, at)
                else:
                    self._lose(key, asked, change, at)
            elif letter == _SESSION:
                if value is not None and change.database.record(key) is None:
                    self._opened[keys.number_of(key)] = at
            elif letter == _NODE and value is None and _was_ephemeral(key, change):
                gone.append(keys.path_of(key))
        if gone:
            self._go(gone, change)

    def _end(self, effect: Ended, change: Change, at: Moment) -> None:
        record = _record_before(keys.session(effect.session), change)
        assert isinstance(record, records.Session)
        fact = SessionFact(
            effect.session, record.client, record.principal, record.lease_ms, self._opened.pop(effect.session, None),
            effect.charge, effect.heard_ms, self._charges_since(effect.charge), at, effect.how, effect.handles,
        )  # fmt: skip
        _keep(self._ended, effect.session, fact, self._kept.sessions)

    def _grant(self, key: bytes, change: Change, at: Moment) -> None:
        path, handle = keys.path_and_number_of(key)
        holder = change.index.nodes[path].holders[handle]
        grant = Grant(path, holder.revision, holder.shared, holder.session, handle, at)
        _keep(self._grants, (path, handle, holder.revision), grant, self._kept.grants)

    def _lose(self, key: bytes, asked: LockCommand, change: Change, at: Moment) -> None:
        path, handle = keys.path_and_number_of(key)
        stood = change.database.record(key)
        assert stood is not None
        revision = stood.create_revision
        known = self._grants.get((path, handle, revision))
        if known is not None:
            session, shared, granted = known.session, known.shared, known.granted
        else:
            record = _record_before(key, change)
            assert isinstance(record, records.Holder)
            session, shared, granted = record.session, record.shared, None
        why, by = self._why(asked, session, change)
        until_ms = change.index.delays.get(path, 0) if why == told.SESSION_EXPIRED else 0
        grant = Grant(path, revision, shared, session, handle, granted, at, why, by, change.clock_ms, until_ms)
        _keep(self._grants, (path, handle, revision), grant, self._kept.grants)

    def _why(self, asked: LockCommand, session: int, change: Change) -> tuple[int, int]:
        why = _REASONS.get(type(asked))
        if why is not None:
            return why, asked.session if isinstance(asked, DeleteNode) else 0
        # A charge ends sessions, and goes on with those that were ending, closed ones too.
        ended = self._ended.get(session)
        record = _record_before(keys.session(session), change)
        assert isinstance(record, records.Session)
        how = ended.how if ended is not None else record.ending
        return (told.SESSION_CLOSED if how == told.CLOSED else told.SESSION_EXPIRED), 0

    def _go(self, paths: list[str], change: Change) -> None:
        """Ephemeral nodes went with the last handle of them, or of what stood in them."""
        sessions: dict[str, set[int]] = {path: set() for path in paths}
        for key, value in change.keys.items():
            if key[keys.KIND] == _HANDLE and value is None:
                path, session, _ = keys.handle_of(key)
                # What went above it went with it: up to the first directory that stays.
                while path in sessions:
                    sessions[path].add(session)
                    path = keys.parent_of(path)
        self._nodes.extend((path, tuple(sorted(found))) for path, found in sessions.items())

    def _charges_since(self, number: int) -> tuple[told.Charge, ...]:
        """The charge from which a lease counts, then the newest through now."""
        if not number:
            return ()
        newest = next(reversed(self._charges), 0)
        wanted = [number, *range(max(number + 1, newest - told.CHARGES_TOLD + 2), newest + 1)]
        return tuple([self._charges[each] for each in wanted if each in self._charges])

    # ---------------------------------------------------------------------------------------------------------- answering

    def explain(self, asked: Explain, index: Index, revision: int) -> Explanation:
        """All that is kept of what is asked for; `revision`: the database's present one."""
        if asked.session:
            lives = index.sessions.get(asked.session)
            held = [grant for path in _paths_of(lives) for grant in self._before(path, index) if grant.session == asked.session]
            known = (grant for grant in reversed(self._grants.values()) if grant.session == asked.session)
            grants, more = _newest(chain(known, sorted(held, key=_revision, reverse=True)))
            wanted = [asked.session]
        else:
            grants, more = self._grants_of(asked, index)
            wanted = sorted({grant.session for grant in grants if grant.revision == asked.revision or not asked.revision})
        sessions = [fact for each in wanted if (fact := self._session(each, index)) is not None]
        if not (asked.session or asked.revision):
            # For a list of grants it is enough who they were.
            sessions = [replace(fact, charges=(), nodes=()) for fact in sessions]
        node = index.nodes.get(asked.path)
        clock_ms = index.clock.clock_ms
        until_ms = index.delays.get(asked.path, 0)
        return Explanation(
            self._since, self._through, index.generation, clock_ms, revision, tuple(sessions), grants, self._reigns_of(sessions), more,
            until_ms if until_ms > clock_ms else 0, len(node.queue) if node is not None else 0,
        )  # fmt: skip

    def _before(self, path: str, index: Index) -> list[Grant]:
        """The grants of a path that are in force, and of which nothing is remembered; the newest first."""
        node = index.nodes.get(path)
        holders = node.holders.values() if node is not None else ()
        unknown = [each for each in holders if (path, each.handle, each.revision) not in self._grants]
        return sorted(
            [Grant(path, each.revision, each.shared, each.session, each.handle, None) for each in unknown], key=_revision, reverse=True
        )

    def _grants_of(self, asked: Explain, index: Index) -> tuple[tuple[Grant, ...], bool]:
        """Of a path; of a revision, and the next one then."""
        found = [grant for grant in reversed(self._grants.values()) if grant.path == asked.path]
        found += self._before(asked.path, index)
        if asked.revision:
            after = min((grant.revision for grant in found if grant.revision > asked.revision), default=0)
            found = [grant for grant in found if grant.revision in {asked.revision, after}]
        return _newest(found)

    def _session(self, number: int, index: Index) -> SessionFact | None:
        ended = self._ended.get(number)
        if ended is not None:
            nodes = islice((path for path, sessions in reversed(self._nodes) if number in sessions), told.NODES_TOLD)
            return replace(ended, nodes=tuple(sorted(nodes)))
        lives = index.sessions.get(number)
        return self._living(lives) if lives is not None else None

    def _living(self, session: Session) -> SessionFact:
        record = session.record
        return SessionFact(
            session.number, record.client, record.principal, record.lease_ms, self._opened.get(session.number),
            session.charge, session.heard_ms, self._charges_since(session.charge), None, record.ending, len(session.handles),
        )  # fmt: skip

    def _reigns_of(self, sessions: list[SessionFact]) -> tuple[Reign, ...]:
        """That in which the sessions' last leases began, and those that began while they ran."""
        first = min((fact.charges[0].at.epoch for fact in sessions if fact.charges), default=0)
        last = max((fact.ended.slot for fact in sessions if fact.ended is not None), default=self._through)
        return tuple([reign for reign in self._reigns if first <= reign.at.epoch and reign.at.slot <= last]) if first else ()


_REASONS: Final[dict[type, int]] = {
    Release: told.RELEASED, Close: told.HANDLE_CLOSED, DeleteNode: told.NODE_DELETED, CloseSession: told.SESSION_CLOSED,
}  # fmt: skip


def _revision(grant: Grant) -> int:
    return grant.revision


def _paths_of(session: Session | None) -> list[str]:
    """Of the nodes that it has open, each once."""
    return list({handle.path: None for handle in session.handles.values()}) if session is not None else []


def _moment(context: Context) -> Moment:
    return Moment(context.slot, context.epoch, context.time_ms)


def _record_before(key: bytes, change: Change) -> records.Record:
    """What stands under a key until the change is committed."""
    stood = change.database.record(key)
    assert stood is not None
    assert stood.value is not None
    return records.decode(key, stood.value)


def _was_ephemeral(key: bytes, change: Change) -> bool:
    record = _record_before(key, change)
    return isinstance(record, records.Node) and record.ephemeral


def _keep(where: OrderedDict[K, V], key: K, value: V, most: int) -> None:
    where[key] = value
    if len(where) > most:
        where.popitem(last=False)


def _newest(found: Iterable[Grant]) -> tuple[tuple[Grant, ...], bool]:
    """The first of what comes newest first, in the order of the log, and whether there are more."""
    taken = list(islice(found, told.GRANTS_TOLD + 1))
    return tuple(reversed(taken[: told.GRANTS_TOLD])), len(taken) > told.GRANTS_TOLD
