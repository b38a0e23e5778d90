"""Sessions begin, end, and their clock goes on.  [CHUBBY §2.8; SAFETY 21]

Rule 1. One clock for all sessions: charges move it, nothing else does. Time without a master is never charged.
Rule 2. A lease counts from the newest charge that lists the session; opening counts as being heard by the charge that follows it. It is
over when more than its length was charged since.
Rule 3. Sessions end inside a charge, or by their own wish. One that has more to give up than fits a MultiOp is *ending*: nobody can use
it any more, and the charges that follow go on with it, in order.
Rule 4. A kept charge is one that somebody's lease rests on.
"""

from typing import Final

from msgspec.structs import replace

from gaios import errors
from gaios.explanation import CLOSED, LOST
from gaios.lock_api import SESSIONS_MAX, Changed, Charge, Charged, CloseSession, OpenSession, SessionOpened
from gaios.locks import access, keys, locking, tree
from gaios.locks.change import Change
from gaios.locks.index import Session
from gaios.locks.records import Charge as ChargeRecord
from gaios.locks.records import Clock, digest
from gaios.locks.records import Session as SessionRecord

ENDS_MAX: Final = 256
"""Sessions that are ending at a time, unless their clients closed them."""
CHANGES_MAX: Final = 1_000
"""Keys after which a charge, or a session's end, leaves the rest to the next charge: some 7 ms. The handle that exceeds it may pass a lock
on to `WAITERS_MAX` others at once, so that it is below 10,000 in all."""


def open_session(change: Change, asked: OpenSession) -> SessionOpened:
    """Its number is the revision."""
    if len(change.index.sessions) >= SESSIONS_MAX:
        raise errors.LimitReached(what="the cell", limit=SESSIONS_MAX, unit="sessions")
    change.check_room(1)
    record = SessionRecord(
        digest(asked.token), asked.lease_ms, asked.caching, asked.client, asked.principal, change.index.clock.charge
    )  # fmt: skip
    change.put(keys.session(change.revision), record)
    return SessionOpened(change.revision, asked.lease_ms)


def close_session(change: Change, asked: CloseSession) -> Changed:
    """Its locks are released without delay."""
    session = access.session_of(change.index, asked, change.revision - 1)
    _begin_end(change, session, CLOSED)
    _go_on(change, session)
    return Changed(change.revision, done=True)


def charge(change: Change, asked: Charge) -> Charged:
    """The clock goes on; who was heard begins a new lease; who was not for too long ends."""
    index = change.index
    number, clock_ms = index.clock.charge + 1, change.clock_ms + asked.elapsed_ms
    opened = tuple(index.opened)
    change.put(keys.CLOCK, Clock(clock_ms, number))
    if asked.heard or opened:
        change.put(keys.charge(number), ChargeRecord(clock_ms, asked.heard, opened))
    if asked.quiet:
        return Charged(clock_ms, 0, more=False)
    over = sorted(
        each.number for each in index.sessions.values() if clock_ms - each.heard_ms > each.record.lease_ms and not each.record.ending
    )
    ends = over[: max(0, ENDS_MAX - len(index.ending))]
    for each in ends:
        _begin_end(change, index.sessions[each], LOST)
    is_done = _go_on_with_all(change)
    resting = {each.charge for each in index.sessions.values()}
    for each in [each for each in index.charges if each not in resting]:
        change.delete(keys.charge(each))
    return Charged(clock_ms, len(ends), more=len(ends) < len(over) or not is_done)


def _go_on_with_all(change: Change) -> bool:
    """Sessions that are ending, then lock-delays that are over, as far as one charge may go; False: there is more."""
    index = change.index
    for number in sorted(index.ending):
        if not _go_on(change, index.sessions[number]):
            return False
    while index.delay_ends and index.delay_ends[0][0] <= change.clock_ms:
        if len(change.keys) > CHANGES_MAX:
            return False
        _, path = index.delay_ends[0]
        change.delete(keys.delay(path))
        node = index.nodes.get(path)
        if node is not None:
            locking.pass_on(change, node)
    return True


def _begin_end(change: Change, session: Session, how: int) -> None:
    change.end(session, how)
    change.put(keys.session(session.number), replace(session.record, ending=how))


def _go_on(change: Change, session: Session) -> bool:
    """Close its handles, in order; then it is gone. False: there are more than one charge may close."""
    lost = session.record.ending == LOST
    for handle in list(session.handles.values()):
        if len(change.keys) > CHANGES_MAX:
            return False
        tree.close_handle(change, handle, lost=lost)
    if len(change.keys) > CHANGES_MAX:
        return False
    change.delete(keys.session(session.number))
    return True
