"""Facts as sentences: a verdict, and the chain that leads to it, in the order of the log.

Rule 1. Each sentence says what the log says at that slot; numbers that decide are shown with what they are compared with.
Rule 2. What is not kept is named, never guessed.
"""

from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from gaios import errors
from gaios import explanation as told
from gaios.configuration import MEMBER_END, ballot_text
from gaios.explain.operation import Attempt, Failed, Story
from gaios.explanation import Charge, Explanation, Grant, Moment, SessionFact
from gaios.log import Answer, Status

ROOT: Final = "/ls/local"
VALUE_SHOWN: Final = 60
_WHY: Final = {
    told.RELEASED: "is released",
    told.HANDLE_CLOSED: "is given back: its handle is closed",
    told.SESSION_CLOSED: "is given back: session {session} is closed by its client",
    told.SESSION_EXPIRED: "is lost: session {session} has expired",
    told.NODE_DELETED: "is lost: session {by} deletes the node",
}
_ENDED: Final = {
    told.RELEASED: "its holder released it",
    told.HANDLE_CLOSED: "its holder closed the handle",
    told.SESSION_CLOSED: "its holder's client closed session {session}",
    told.SESSION_EXPIRED: "session {session} expired",
    told.NODE_DELETED: "session {by} deleted the node",
}


class Line(NamedTuple):
    """What happened at a place in the log; `at` is None where nobody knows which."""

    at: Moment | None
    text: str


class Read(NamedTuple):
    """The facts are those of a log on a disk."""

    since: int
    """It is read from behind this slot on; 0: from its first."""


class Told(NamedTuple):
    """An explanation in words; `known`: there was something to explain."""

    known: bool
    verdict: str
    chain: list[Line]


# ---------------------------------------------------------------------------------------------------------------- sessions


def of_session(number: int, facts: Explanation, read: Read | None = None) -> Told:
    """Why a session ended, or that it lives. `read`: None where a running replica answered."""
    fact = next((each for each in facts.sessions if each.session == number), None)
    if fact is None:
        return Told(False, _unknown(f"session {number}", number, facts, read), [])
    lines = [*_reigns(facts), *_life(fact), *_grants(facts)]
    lines += (Line(fact.ended, f"ephemeral node {ROOT}{path} goes with it") for path in fact.nodes)
    return Told(True, _verdict_of_session(fact, facts), _in_order(lines))


def _verdict_of_session(fact: SessionFact, facts: Explanation) -> str:
    if fact.ended is None:
        charged = facts.clock_ms - fact.heard_ms
        left = max(0, fact.lease_ms - charged)
        if not fact.charge:
            return f"session {fact.session} lives: no charge was logged since it was opened"
        return f"session {fact.session} lives: {charged} ms of its lease of {fact.lease_ms} ms are charged, {left} ms are left"
    if fact.how == told.CLOSED:
        return f"session {fact.session} was closed by its client, in slot {fact.ended.slot}"
    expired = f"session {fact.session} expired in slot {fact.ended.slot}: more than its lease of {fact.lease_ms} ms"
    exactly = f", {fact.charges[-1].clock_ms - fact.heard_ms} ms," if fact.charges else ""
    return f"{expired}{exactly} was charged since it was heard from"


def _life(fact: SessionFact) -> Iterator[Line]:
    yield Line(fact.opened, f"{_named(fact)} is opened with a lease of {fact.lease_ms} ms")
    yield from _lease(fact)
    if fact.ended is not None:
        how = "is closed by its client" if fact.how == told.CLOSED else "is over"
        yield Line(fact.ended, f"session {fact.session} {how}; it had {_count(fact.handles, 'handle')}")


def _lease(fact: SessionFact) -> Iterator[Line]:
    """The arithmetic of its last lease."""
    if not fact.charge or fact.how == told.CLOSED:
        return
    if not fact.charges or fact.charges[0].number != fact.charge:
        kept = f"is not kept; the sessions' clock showed {fact.heard_ms} ms"
        yield Line(None, f"charge {fact.charge}, which listed session {fact.session} last, {kept}")
    before = fact.charge
    epoch = 0
    for charge in fact.charges:
        if charge.number == fact.charge:
            until = fact.heard_ms + fact.lease_ms
            yield Line(
                charge.at,
                f"charge {charge.number} lists session {fact.session}: its lease counts from {charge.clock_ms} ms of the sessions' clock, "
                f"through {until} ms",
            )
        else:
            follows = charge.number == before + 1
            if not follows:
                yield Line(charge.at, f"{charge.number - before - 1} charges before the next one are left out")
            yield Line(charge.at, _charged(charge, fact, first=follows and epoch not in {0, charge.at.epoch}))
        before, epoch = charge.number, charge.at.epoch


def _charged(charge: Charge, fact: SessionFact, *, first: bool) -> str:
    since = charge.clock_ms - fact.heard_ms
    if first:
        return f"charge {charge.number}, the first of its reign, charges {charge.elapsed_ms} ms: the clock stood while there was no master"
    of = f"{since} ms of {fact.lease_ms} ms" if since <= fact.lease_ms else f"{since} ms, more than {fact.lease_ms} ms"
    others = f"lists {_count(charge.heard, 'other session')} and not {fact.session}"
    return f"charge {charge.number} {others}, and adds {charge.elapsed_ms} ms: {of}"


# ------------------------------------------------------------------------------------------------------------------- locks


def of_lock(path: str, facts: Explanation, read: Read | None = None) -> Told:
    """Who had a lock, and why each had it no more."""
    holders = [grant for grant in facts.grants if grant.ended is None]
    chain = [*_grants(facts)]
    name = f"the lock {ROOT}{path}"
    waits = f"; {facts.waiters} wait for it" if facts.waiters else ""
    if holders:
        sequencer = f"{facts.generation}.{holders[0].revision}"
        who = ", ".join(str(grant.session) for grant in holders)
        how = "shared by sessions" if holders[0].shared else "held by session"
        since = f" since slot {holders[0].granted.slot}" if holders[0].granted is not None else ""
        return Told(True, f"{name} is {how} {who}{since}, sequencer {sequencer}{waits}", _in_order(chain))
    if facts.until_ms:
        left = facts.until_ms - facts.clock_ms
        return Told(True, f"{name} is free, and nobody gets it for {left} ms more: a lock-delay{waits}", _in_order(chain))
    if not facts.grants:
        return Told(False, f"{name} is free, and was never held as far as is kept{waits}: {_kept(facts, read)}", [])
    return Told(True, f"{name} is free{waits}", _in_order(chain))


def of_sequencer(path: str, generation: int, revision: int, facts: Explanation, read: Read | None = None) -> Told:
    """Why a grant is in force no more, or that it is."""
    name = f"the grant {generation}.{revision} of the lock {ROOT}{path}"
    if generation != facts.generation:
        return Told(False, f"{name} is another generation's: this cell was restored {facts.generation} times", [])
    mine = [grant for grant in facts.grants if grant.revision == revision]
    if not mine:
        return Told(False, _unknown(name, revision, facts, read), [])
    lost = {grant.session for grant in mine if grant.why == told.SESSION_EXPIRED}
    lines = [line for fact in facts.sessions if fact.session in lost for line in (*_reigns(facts), *_life(fact))]
    lines += _grants(facts)
    last = mine[-1]
    if any(grant.ended is None for grant in mine):
        verdict = f"{name} is in force: session {next(grant.session for grant in mine if grant.ended is None)} holds it"
    else:
        assert last.ended is not None
        why = _ENDED[last.why].format(session=last.session, by=last.by)
        verdict = f"{name} ended in slot {last.ended.slot}: {why}"
    return Told(True, verdict, _in_order(lines))


def _grants(facts: Explanation) -> Iterator[Line]:
    if facts.more:
        yield Line(None, f"older grants than these {len(facts.grants)} are left out")
    names = {fact.session: _named(fact) for fact in facts.sessions}
    for grant in facts.grants:
        yield from _grant(grant, names.get(grant.session, f"session {grant.session}"))


def _grant(grant: Grant, who: str) -> Iterator[Line]:
    """It began, and ended."""
    lock = f"the lock {ROOT}{grant.path}"
    shared = ", shared" if grant.shared else ""
    yield Line(grant.granted, f"{who} gets {lock}{shared}, with sequencer revision {grant.revision}")
    if grant.ended is None:
        return
    why = _WHY[grant.why].format(session=grant.session, by=grant.by)
    delay = f"; for {grant.until_ms - grant.clock_ms} ms more nobody gets it: a lock-delay" if grant.until_ms else ""
    yield Line(grant.ended, f"{lock}, sequencer revision {grant.revision}, {why}{delay}")


# -------------------------------------------------------------------------------------------------------------- operations


def of_operation(story: Story) -> Told:
    """Whether an operation was carried out, and what it met."""
    operation = story.operation
    client = f"client {operation.identity.slot}.{operation.identity.index}"
    lines = [Line(story.registered, f"{client} is registered")] if story.registered is not None else []
    if story.evicted is not None:
        lines.append(Line(story.evicted, f"{client} is forgotten by the exactly-once table: others were used since, and it is full"))
    lines += [Line(each.at, _attempt(each, story.since)) for each in story.attempts]
    known = bool(story.attempts) or story.before is not None
    return Told(known, _verdict_of_operation(story, client), _in_order(lines))


def _verdict_of_operation(story: Story, client: str) -> str:
    name = f"operation {story.operation}"
    if story.before is not None:
        return f"{name} {_before(story.before, story.since)}"
    first = next((each for each in story.attempts if each.first), None)
    if first is not None:
        if first.error is not None:
            return f"{name} was refused in slot {first.at.slot}, and changed nothing: {first.error}"
        if not first.succeeded:
            return f"{name} was carried out in slot {first.at.slot}, and the answer was no"
        return f"{name} was carried out in slot {first.at.slot}"
    if story.attempts:
        return f"{name} changed nothing: {story.attempts[0].error or Status(story.attempts[0].status).name}"
    if story.registered is None and not story.is_client_known:
        if story.operation.identity.slot <= story.since:
            return f"nothing is known of {client}: this log is read from slot {story.since + 1} on; it was forgotten before, or never there"
        return f"there is no {client} in this log through slot {story.through}"
    return f"{name} is not in this log through slot {story.through}: it was not carried out by then, and may be later if it is on its way"


def _before(answer: Answer, since: int) -> str:
    """What the exactly-once table says of an operation whose first place in the log is not there any more."""
    if answer.status == Status.DONE:
        return f"was carried out in slot {answer.slot}: its answer is kept, and this log is read from slot {since + 1} on"
    if answer.status == Status.STALE:
        return f"was answered by slot {since}: what it was answered is not kept, and this log is read from slot {since + 1} on"
    why = f": {errors.unpack(answer.body)}" if answer.body else ""
    return f"was refused in slot {answer.slot}, and changed nothing{why}"


def _attempt(each: Attempt, since: int) -> str:
    session = f" of session {each.session}" if each.session else ""
    what = f"{each.command}{session}, entry {each.index} of the slot,"
    if each.error is not None:
        return f"{what} is refused: {each.error}"
    if each.status == Status.NOT_MASTER:
        return f"{what} is bound to an earlier reign, whose master proposed it: in this one it does nothing"
    if not each.first:
        return f"{what} stands here once more: it gets the first one's answer, and changes nothing"
    if each.failed is not None:
        return f"{what} fails its guard: {_failed(each.failed, since)}"
    revision = f" at revision {each.revision}" if each.revision else ""
    return f"{what} is carried out{revision}" + ("" if each.succeeded else ": there was nothing to do, or its generation is another")


def _failed(failed: Failed, since: int) -> str:
    test = failed.test
    key = _shown(test.key)
    if test.end is not None:
        return f"a test of {test.field} over the keys from {key} to {_shown(test.end)} does not hold"
    wanted = test.field if test.field in {"present", "absent"} else f"{test.field} {test.op} {_shown(test.to)}"
    if failed.value is None:
        return f"it wants {wanted} of {key}, which is not there"
    if test.field == "absent":
        state = f"which is there since revision {failed.create_revision}"
    else:
        state = f"which is {_shown(failed.value) if test.field == 'value' else getattr(failed, test.field)}"
    changed = f"slot {failed.changed_in}" + (" or one before" if failed.changed_in <= since else "")
    return f"it wants {wanted} of {key}, {state}; {changed} changed it last, at revision {failed.mod_revision}"


# ------------------------------------------------------------------------------------------------------------------ shared


def _reigns(facts: Explanation) -> Iterator[Line]:
    for reign in facts.reigns:
        yield Line(reign.at, f"member {reign.at.epoch % MEMBER_END} is master from here on: epoch {ballot_text(reign.at.epoch)}")


def _unknown(what: str, number: int, facts: Explanation, read: Read | None) -> str:
    if number > facts.revision:
        return f"{what} does not exist yet: the newest revision is {facts.revision}"
    return f"nothing is kept of {what}: {_kept(facts, read)}"


def _kept(facts: Explanation, read: Read | None) -> str:
    """From where on anything is, and where more may be."""
    if read is not None and read.since:
        return f"this log is read from slot {read.since + 1} on, and what came before is not there any more"
    if read is not None and not facts.since:
        return "nothing of the lock service is in this log"
    begins = f"what is kept begins with slot {facts.since}, and the oldest is forgotten first"
    if read is not None:
        return begins
    if not facts.since:
        begins = "the replica that answers has applied nothing of the lock service since it started, and keeps no more of the time before"
    return f"{begins}; a replica's log may tell more: gaios explain --dir DIR"


def _named(fact: SessionFact) -> str:
    return f"session {fact.session}" + (f" ({fact.client})" if fact.client else "")


def _count(number: int, what: str) -> str:
    return f"{number or 'no'} {what}{'' if number == 1 else 's'}"


def _in_order(lines: Iterable[Line]) -> list[Line]:
    """By slot; what has none comes first. Of one slot, as they were told; twice told is told once."""
    return sorted(dict.fromkeys(lines), key=lambda line: line.at.slot if line.at is not None else 0)


def _shown(value: bytes | int) -> str:
    if isinstance(value, int):
        return str(value)
    return repr(value[:VALUE_SHOWN])[1:] + ("…" if len(value) > VALUE_SHOWN else "")
