"""Unknown outcomes made certain by the log: for histories on which the search alone gives up.  [reliability §1.3, §5.5]

After a run the log says which operations of unknown outcome took effect, and where. What it does not hold never happened; what it holds
happened before whatever stands behind it was answered. The search then trusts the log for these operations, and for nothing else.
"""

from collections.abc import Sequence

from gaios import api
from gaios.sim.checkers.witness import Chosen, Replay
from gaios.sim.history import DONE, UNKNOWN, Call

LATE = 1 << 60
"""An order behind every observation: it happened some time before the end."""


def tighten(calls: Sequence[Call], log: Sequence[Chosen], replayed: Replay) -> list[Call]:
    """The same calls without unknown outcomes."""
    positions = {chosen.whose: at for at, chosen in enumerate(log)}
    ends = [LATE] * (len(log) + 1)
    for call in calls:
        if call.outcome == DONE and call.ended is not None and call.whose in positions:
            ends[positions[call.whose]] = call.ended
    for at in range(len(log) - 1, -1, -1):
        ends[at] = min(ends[at], ends[at + 1])
    tightened: list[Call] = []
    for call in calls:
        if call.outcome != UNKNOWN or not isinstance(call.request, api.MultiOp):
            tightened.append(call)
        elif call.whose in positions:
            at = positions[call.whose]
            reply = replayed.replies[log[at].slot, log[at].nth]
            if reply is not None:
                tightened.append(call._replace(outcome=DONE, reply=reply, ended=ends[at + 1]))
    return tightened
