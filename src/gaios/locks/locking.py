"""Locks of nodes: held, waited for, passed on.  [CHUBBY §2.4]

Rule 1. One holder exclusively, or up to `WAITERS_MAX` together. Locks are advisory; either mode needs a handle that may write.
Rule 2. Whoever comes first is served first: a lock is granted at once only when nobody waits. The head of the queue gets it as soon as it
can be granted, and with a head that shares, all those right behind it who share too: so no writer starves behind readers. Those who are
granted together have one revision, hence one sequencer: it is good while one of them holds, and nobody held the lock exclusively since.
Rule 3. A lock that was lost uncleanly is granted to nobody before its lock-delay is over, by the sessions' clock.
Rule 4. Whoever leaves, leaves nothing behind, and what can be granted then is granted in the same MultiOp.
"""

from msgspec.structs import replace

from gaios import errors
from gaios.lock_api import CONFLICTING_REQUEST, LOCK_ACQUIRED, WAITERS_MAX, Acquire, Acquired, Changed, Release, Sequencer, SetSequencer
from gaios.locks import access, keys
from gaios.locks.change import Change
from gaios.locks.index import Handle, Holder, Index, Node
from gaios.locks.records import Delay, Waiter
from gaios.locks.records import Holder as HolderRecord

# ---------------------------------------------------------------------------------------------------------------- commands


def acquire(change: Change, asked: Acquire) -> Acquired:
    """Take it, or wait, or neither. A handle that holds it, or waits, in that mode already is told so."""
    _, handle, node = access.writer_of(change, asked)
    index = change.index
    held = node.holders.get(handle.number)
    waits = node.queue.get(handle.ticket)
    if (held or waits or asked).shared != asked.shared:
        raise errors.LockConflict(handle=handle.number, path=node.path)
    if held or waits:
        return state(index, handle, node)
    if not node.queue and not delay_ms(index, node) and _is_free(node, shared=asked.shared):
        change.check_room(2)
        _grant(change, node, handle, shared=asked.shared)
    elif asked.wait:
        if len(node.queue) >= WAITERS_MAX:
            raise errors.LimitReached(what=f"the queue of the lock {node.path}", limit=WAITERS_MAX, unit="waiters")
        change.check_room(1)
        change.put(keys.waiter(node.path, change.revision), Waiter(handle.session, handle.number, asked.shared))
        for holder in node.holders.values():
            holding = node.opens[holder.handle]
            if holding.record.events & CONFLICTING_REQUEST:
                change.tell_one(holding, CONFLICTING_REQUEST)
    return state(index, handle, node)


def release(change: Change, asked: Release) -> Changed:
    """Give it back, or stop waiting."""
    _, handle, node = access.handle_of(change.index, asked, change.revision - 1)
    done = leave(change, handle, node)
    pass_on(change, node)
    return Changed(change.revision - (not done), done)


def set_sequencer(change: Change, asked: SetSequencer) -> Changed:
    """From now on each change through this handle is refused unless that grant is held."""
    _, handle, node = access.handle_of(change.index, asked, change.revision - 1)
    if asked.sequencer == handle.record.sequencer:
        return Changed(change.revision - 1, done=False)
    change.check_room(1)
    change.put(keys.handle(node.path, handle.session, handle.number), replace(handle.record, sequencer=asked.sequencer))
    return Changed(change.revision, done=True)


# ----------------------------------------------------------------------------------------------------------------- passing


def leave(change: Change, handle: Handle, node: Node, *, lost: bool = False) -> bool:
    """Neither hold nor wait any more; `lost`: not by its own will. False: it did neither."""
    if handle.number in node.holders:
        change.delete(keys.holder(node.path, handle.number))
        until_ms = change.clock_ms + handle.record.lock_delay_ms
        if lost and until_ms > max(change.clock_ms, change.index.delays.get(node.path, 0)):
            change.put(keys.delay(node.path), Delay(until_ms))
        return True
    if handle.ticket:
        change.delete(keys.waiter(node.path, handle.ticket))
        return True
    return False


def pass_on(change: Change, node: Node) -> None:
    """Grant the lock to those at the head of the queue who can have it now."""
    index = change.index
    if delay_ms(index, node):
        return
    while node.queue:
        ticket, waiter = next(iter(node.queue.items()))
        session = index.sessions[waiter.session]
        if session.record.ending:
            change.delete(keys.waiter(node.path, ticket))
        elif _is_free(node, shared=waiter.shared):
            handle = session.handles[waiter.handle]
            change.delete(keys.waiter(node.path, ticket))
            _grant(change, node, handle, shared=waiter.shared)
            change.tell_one(handle, LOCK_ACQUIRED)
        else:
            return


def _is_free(node: Node, *, shared: bool) -> bool:
    """For one more holder, but for who waits and lock-delays."""
    if not node.holders:
        return True
    return shared and len(node.holders) < WAITERS_MAX and next(iter(node.holders.values())).shared


def _grant(change: Change, node: Node, handle: Handle, *, shared: bool) -> None:
    if not node.holders:
        change.put(keys.node(node.path), replace(node.record, lock_generation=node.record.lock_generation + 1))
    change.put(keys.holder(node.path, handle.number), HolderRecord(handle.session, shared))


# ---------------------------------------------------------------------------------------------------------------- answers


def delay_ms(index: Index, node: Node) -> int:
    """What is left of a lock-delay."""
    return max(0, index.delays.get(node.path, 0) - index.clock.clock_ms)


def state(index: Index, handle: Handle, node: Node) -> Acquired:
    """What a handle holds, or how it waits."""
    holder = node.holders.get(handle.number)
    if holder is not None:
        return Acquired(sequencer(index, node, holder))
    return Acquired(None, bool(handle.ticket), delay_ms(index, node))


def sequencer(index: Index, node: Node, holder: Holder) -> Sequencer:
    """The proof of a grant.  [SAFETY 23]"""
    return Sequencer(node.path, holder.shared, index.generation, holder.revision)
