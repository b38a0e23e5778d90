"""Damage: a record that rotted is not a record that never was.  [PML §5.1; SAFETY 6, 7, 15, 18]

Rule 1. Whoever cannot read what it accepted in a slot knows that it accepted something, in which ballot at the most,
and says so in every promise: the ballot that an intact header proves, or else the newest that it can have been.
Rule 2. A candidate recovers such a slot only with an intact value of that ballot or a newer one, or when a majority is
intact there. Until then it hears further promises; its own ballot is given up when none come (log/).
Rule 3. A later vote in that slot ends the damage, for it was cast in no older ballot.
Rule 4. Below `chosen` the value is fetched again: chosen values only. A proposal proves nothing there, because a stale
one may come that was not chosen.
Rule 5. What rotted may have been a configuration. Above `chosen` its slot is settled before anything behind it is
recovered, and what lies behind it by its own members' promises. At or below `chosen` a start that cannot tell which
configuration governs says nothing until it has learned (log/): a member that says nothing is one whose messages are
lost, and what it counted in an earlier life it counted rightly.

Left out on purpose: telling damage from an unfinished write (storage/), whom to ask and when (log/).
"""

class Rot(Input): slot: Slot; bal: Ballot           # what stands there cannot be read; it was of no newer ballot

def damaged() -> Map[Slot, Ballot]:
    return {s: faulty[s] for s in keys(faulty) if s > chosen and s <= chosen + WINDOW}
def without(part: Set[Member], some: Set[Member], whole: Set[Member]) -> bool:    # a majority even without
    return 2 * len(part & whole) > len(whole) + 2 * len(part & some & whole)
def intact(s: Slot) -> bool:                        # a majority promised without damage there
    return without(proms, hurt[s], electors())
def hidden() -> Map[Slot, Ballot]:                  # slots in which no intact value is as new as what rotted
    return {s: worst[s] for s in keys(worst) if s > chosen and best[s].bal < worst[s]}
def waits(s: Slot) -> bool:                         # behind a configuration: its members are asked first
    return len({t for t in range(chosen + 1, s) if numbered(best[t].val) > 0}) > 0
def unsettled() -> Map[Slot, Ballot]:
    return {s: worst[s] for s in keys(hidden()) if not intact(s) and not waits(s)}
def gathers() -> bool:                              # a candidate needs further promises
    return not quorum(proms) or len(unsettled()) > 0

class Participant(Role):
    faulty: Durable[Map[Slot, Ballot]]              # slots whose accepted value I lost; its ballot at the most
    worst:  Map[Slot, Ballot]                       # the newest ballots of damage among the reports
    hurt:   Map[Slot, Set[Member]]                  # who reported damage

    match event:
        case Rot(s, b) if s > truncated and (s <= chosen or s <= chosen + WINDOW and phase == IDLE):
            "D1: what I accepted there cannot be read any more: remember that I did"
            "[PML §5.1; SAFETY 6, 7]"
            acc -= range(s, s + 1)
            faulty[s] = max(faulty[s], b)

        case Chosen(s, b, v) if s <= chosen and faulty[s] > 0:
            "D2: learn a chosen value again whose record was damaged"
            "[PML §4.2, §5.1; SAFETY 6, 15, 18]"
            acc[s] = Entry(b, v)
            faulty -= range(s, s + 1)
            if numbered(v) > config:
                config = numbered(v); voters = listed(v); promised = max(promised, b)
