"""Watch completeness: a watcher is told every change of its keys, once, in order, without a gap.  [PML §5.6; CHUBBY §2.5]

1. Ordered and unique: revisions never go back, and no event comes twice.
2. Complete: everything between the revision it began at and the one it was told to go on from.
3. Nothing is invented: each event is one that the log makes.
"""

from collections.abc import Iterable, Sequence

from gaios import api
from gaios.sim.history import Violation, Watch

NAME = "watch completeness"


def watch_completeness(watches: Iterable[Watch], made: Sequence[api.Event]) -> list[Violation]:
    """Compare what each watcher was told with what the log makes.

    Args:
        watches: What was told.
        made: Every event of the log, in order.
    """
    found: list[Violation] = []
    for watch in watches:
        due = [event for event in made if watch.from_revision <= event.mod_revision < watch.next_revision and _covers(watch, event.key)]
        who = f"client {watch.client}'s watch of {watch.key!r} from revision {watch.from_revision}"
        for at, (told, expected) in enumerate(zip(watch.events, due, strict=False)):
            if told != expected:
                found.append(Violation(NAME, f"{who}: event {at} is {_say(told)}, and should be {_say(expected)}"))
                break
        else:
            if len(watch.events) < len(due):
                missed = _say(due[len(watch.events)])
                found.append(Violation(NAME, f"{who} was told all below revision {watch.next_revision}, but not of {missed}"))
            elif len(watch.events) > len(due):
                found.append(Violation(NAME, f"{who} was told of {_say(watch.events[len(due)])}, which is not due"))
    return found


def _covers(watch: Watch, key: bytes) -> bool:
    if watch.end is None:
        return key == watch.key
    return key >= watch.key and (not watch.end or key < watch.end)


def _say(event: api.Event) -> str:
    return f"{event.type} of {event.key!r} at revision {event.mod_revision}"
