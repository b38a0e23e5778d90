"""How fast is the generated core, beside the same logic written by hand?

    python -m bench.core_speed [ROUNDS]

A leader and four followers, a full window of proposals at a time, messages handed over as they are: nothing but the core is timed.
The two take turns, so that a noisy machine is noisy for both; the ratio is that of the medians. One commit is 14 steps: a proposal,
4 accepts, 5 votes, 4 learns.
"""

import statistics
import sys
import time
from collections import deque
from typing import Any

from bench import hand_written_core
from gaios.paxos import core

MEMBERS = (1, 2, 3, 4, 5)
VOTERS = sum(1 << member for member in MEMBERS)
COMMITS = 20_000
GOAL = 0.9


def pump(members: dict[int, Any], source: int, out: core.Out, now: int) -> None:
    """Deliver until nothing is under way."""
    queue: deque[tuple[int, int, tuple[Any, ...]]] = deque()
    while True:
        for to, message in out.sends:
            if to == core.OTHERS:
                queue.extend((source, member, message) for member in members if member != source)
            else:
                queue.append((source, to, message))
        out.sends.clear()
        out.writes.clear()
        if not queue:
            return
        src, source, message = queue.popleft()
        members[source].step(message, src, now, out)


def seconds(participant: Any, commits: int) -> float:  # noqa: ANN401 - either of the two classes
    """CPU seconds for so many commits; they are checked."""
    members = {member: participant(member, 1, VOTERS) for member in MEMBERS}
    out = core.Out()
    members[1].step((core.CAMPAIGN, core.ROUND + 1), 1, 0, out)
    pump(members, 1, out, 0)
    members[1].step((core.RECOVER,), 1, 0, out)
    pump(members, 1, out, 0)
    assert members[1].leads()
    started = time.process_time()
    while members[1].chosen < commits:
        for _ in range(core.WINDOW):
            members[1].step((core.PROPOSE, b"value"), 1, 0, out)
        pump(members, 1, out, 0)
        members[1].step((core.TRUNCATE, members[1].chosen), 1, 0, out)
    took = time.process_time() - started
    assert {member.chosen for member in members.values()} == {members[1].chosen}
    return took


def measure(rounds: int, commits: int = COMMITS) -> tuple[float, float]:
    """Commits per CPU second, medians: generated, by hand."""
    generated, by_hand = [], []
    for _ in range(rounds):
        by_hand.append(commits / seconds(hand_written_core.Participant, commits))
        generated.append(commits / seconds(core.Participant, commits))
    return statistics.median(generated), statistics.median(by_hand)


def main(arguments: list[str]) -> int:
    """0 when the goal is reached."""
    generated, by_hand = measure(int(arguments[0]) if arguments else 7)
    print(f"by hand    {by_hand:10,.0f} commits per CPU second")
    print(f"generated  {generated:10,.0f} commits per CPU second")
    print(f"ratio      {generated / by_hand:10.2f} (goal: {GOAL} or more)")
    return 0 if generated / by_hand >= GOAL else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
