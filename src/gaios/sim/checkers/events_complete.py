"""Events complete: a session that is not told to ask again was told everything, once, in order, after it happened.  [CHUBBY §2.5, §2.9]

1. Nothing is invented: what a session is told is what the log tells it; nothing is told before a replica has carried it out.
2. In order, and once, within a reign: between two times of being told to ask again.
3. Complete: from the first thing that happened after it was told to ask again, without a gap, through what was told last; where nothing
   is in the way, also through all that happened `TELL_NS` before its last KeepAlive was answered.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

from gaios.lock_api import Notice
from gaios.sim.history import Violation
from gaios.sim.locks.history import Hint, Life

NAME = "events complete"
TELL_NS = 1_000_000_000
"""In a quiet world it takes less to tell: the way there, and a charge."""
_Key = tuple[int, int, int, str]


def events_complete(
    lives: Iterable[Life], due: Mapping[int, Sequence[Notice]], first_ns: Mapping[int, int], settled_ns: int
) -> list[Violation]:
    """Compare what each session was told with what the log makes.

    Args:
        lives: sessions, as their clients know them.
        due: by session, what it is to be told, in the log's order.
        first_ns: revision → when a replica first applied it.
        settled_ns: sessions that were opened later lived in a quiet world.
    """
    found: list[Violation] = []
    for life in lives:
        own = sorted(map(_key, due.get(life.session, ())))
        begins_ns = 0
        told: list[Hint] = []
        for hint in life.hints:
            if hint.notice is None:
                found += _segment(life, own, told, begins_ns, first_ns)
                begins_ns, told = hint.at_ns, []
            else:
                told.append(hint)
        found += _segment(life, own, told, begins_ns, first_ns, until_ns=life.heard_ns - TELL_NS if life.opened_ns >= settled_ns else 0)
    return found


def _segment(
    life: Life, own: Sequence[_Key], told: Sequence[Hint], begins_ns: int, first_ns: Mapping[int, int], until_ns: int = 0
) -> list[Violation]:
    who = f"session {life.session} of client {life.client}"
    revisions = [hint.notice.revision for hint in told if hint.notice is not None]
    if revisions != sorted(revisions):
        return [Violation(NAME, f"{who} was told of revisions {revisions}, out of order")]
    got = sorted(_key(hint.notice) for hint in told if hint.notice is not None)
    for hint in told:
        assert hint.notice is not None
        if first_ns.get(hint.notice.revision, 1 << 62) > hint.at_ns:
            return [
                Violation(NAME, f"{who} was told at {hint.at_ns} ns of {_say(_key(hint.notice))}, before any replica had carried it out")
            ]
    for one, other in pairwise(got):
        if one == other:
            return [Violation(NAME, f"{who} was told twice of {_say(one)}")]
    known = set(own)
    for key in got:
        if key not in known:
            return [Violation(NAME, f"{who} was told of {_say(key)}, which the log does not tell it")]
    # What happened after it knew that it had to ask again, and before the last that it was told, or was so long ago that it had to be.
    last = got[-1][0] if got else 0
    have = set(got)
    for key in own:
        at_ns = first_ns[key[0]]
        if begins_ns and at_ns > begins_ns and (key[0] < last or at_ns < until_ns) and key not in have:
            return [Violation(NAME, f"{who} was not told of {_say(key)}, which happened at {at_ns} ns")]
    return []


def _key(notice: Notice) -> _Key:
    return notice.revision, notice.handle, notice.what, notice.name


def _say(key: _Key) -> str:
    revision, handle, what, name = key
    return f"event {what} of handle {handle}{f' ({name})' if name else ''} at revision {revision}"
