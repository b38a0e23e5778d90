"""What sessions did, as bars of a run's diagram: calls, leases, and what their clients believed that they held."""

from collections.abc import Iterator
from typing import NamedTuple

from gaios.sim import words
from gaios.sim.locks.history import Asked, Records


class Bar(NamedTuple):
    """One, of a client."""

    from_ns: int
    until_ns: int
    client: int
    group: str
    text: str


def bars(records: Records, end_ns: int) -> Iterator[Bar]:
    """All of a run that ended then."""
    for asked in records.asked:
        yield Bar(asked.began_ns, asked.ended_ns or end_ns, asked.client, f"call {asked.outcome}", _say(asked))
    for kept in records.recalled:
        said = f"lock call {kept.number}: {words.lock_request(kept.question)} → from its cache, {type(kept.answer).__name__}"
        yield Bar(kept.began_ns, kept.ended_ns, kept.client, "call done", said)
    for life in records.lives:
        until_ns = life.ended_ns or end_ns
        yield Bar(life.opened_ns, until_ns, life.client, "session", f"session {life.session}, {life.lease_ms} ms, {life.how or 'lives'}")
    for belief in records.beliefs:
        mode = "shared" if belief.shared else "alone"
        text = f"holds {belief.path} {mode}, grant {belief.grant[0]}.{belief.grant[1]}, handle {belief.handle} of session {belief.session}"
        yield Bar(belief.from_ns, belief.until_ns, belief.client, "held", text)


def _say(asked: Asked) -> str:
    place = f", slot {asked.slot}.{asked.nth}" if asked.slot else ""
    answer = asked.error or type(asked.reply).__name__
    return f"lock call {asked.number}: {words.lock_request(asked.request)} → {asked.outcome}{place}, {answer}"
