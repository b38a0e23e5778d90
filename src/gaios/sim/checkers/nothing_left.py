"""Nothing left: whoever is gone leaves no session, handle, lock, place in a queue or ephemeral node behind.  [CHUBBY §2.4, §2.8]

1. At the end of a run all clients have closed their sessions, were killed, or let them be. A lease, a charge and a lock-delay later, all of
   these are over at every replica.
2. At any time, so at that one too, what is held, waited for or open is some living session's.
"""

from collections.abc import Mapping

from gaios.sim.history import Violation
from gaios.sim.locks.facts import Facts

NAME = "nothing left"


def nothing_left(states: Mapping[int, Facts], *, waited: bool) -> list[Violation]:
    """Look at each replica's state at the end.

    Args:
        states: by replica.
        waited: whether the run lasted until everything had to be over.
    """
    found: list[Violation] = []
    for replica, facts in states.items():
        who = f"replica {replica}"
        if waited:
            found += [Violation(NAME, f"{who} still has session {session}") for session in sorted(facts.sessions)]
            found += [Violation(NAME, f"{who} still has the lock-delay of {path}") for path in sorted(facts.delays)]
        found += [
            Violation(NAME, f"{who} has handle {handle} of {path}, of session {session}, which is over")
            for path, session, handle in sorted(facts.handles)
            if session not in facts.sessions
        ]
        open_now = {(path, handle) for path, _, handle in facts.handles}
        found += [
            Violation(NAME, f"{who} has {path} held by handle {handle}, which is closed")
            for path, handle in sorted(facts.holders)
            if (path, handle) not in open_now
        ]
        found += [
            Violation(NAME, f"{who} has handle {waiter[1]} in the queue of {path}, which is closed")
            for (path, _), waiter in sorted(facts.waiters.items())
            if (path, waiter[1]) not in open_now
        ]
        opened = {(path, handle[0]) for (path, _, _), handle in facts.handles.items()}
        found += [
            Violation(NAME, f"{who} has the ephemeral node {path}, which nobody has open")
            for path, node in sorted(facts.nodes.items())
            if node.ephemeral and (path, node.instance) not in opened and not node.children
        ]
    return found
