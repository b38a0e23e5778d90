"""The environment, in models only: drifting clocks, a late mark, what a restart keeps.  [SAFETY 5, 10–12, 14]

Replicas run nothing of this text; the model checker adds it to the core's. Built into every model are:

Network. A set of messages that only grows: each may be lost (never received), doubled and overtaken by any other.
Disk. A step's records are durable with the step, unless a configuration lets members run ahead of their disks: then
what a step sends `after = RECORDS` waits for a sync, and a restart forgets what was not synced.
Restart. Whatever is not durable takes its default; then Boot happens. A member that is down is one that gets no event.

Lost disks. LOST names a member whose every restart finds an empty disk. It never speaks again: its place gets another
number [SAFETY 8].

Left out on purpose: damage (it comes with the rules that deal with it).
"""

SKEW = Const(model=1, run=0)                        # how far two clocks may be apart: one gains at most 2 * SKEW
LAST = Const(model=4, run=0)                        # a clock's last reading: the model ends there

BEATS = Const(model=1, run=0)                       # nobody asks for a lease later: what follows is like what was
LOST = Const(model=0, run=0)                        # the member whose disk is lost; 0: nobody's

class Tick(Input): pass                             # this member's clock goes on
class Mark(Input): pass                             # the mark of what is chosen is written at last

Once(Promise, bal)                                  # in one ballot a member says one promise, and repeats it

class Participant(Role):                            # Ghost: models alone have it; Recorded: and it stands on the disk
    clock: Ghost[Time]                              # what `now` reads
    mark:  Recorded[Slot]                           # through which slot a record says `chosen`
    known: Recorded[Config]                         # the configuration there
    them:  Recorded[Set[Member]]                    # and its members
    lost:  Ghost[bool]                              # this member's disk was lost
    first: Ghost[Slot]                              # my reign's first slot behind what was recovered: its epoch's

    match event:
        case Tick() if clock < LAST and all(clock < q.clock + SKEW for q in Member):
            "E1: time goes on; no two clocks are ever further apart than SKEW"
            clock = clock + 1

        case Mark() if mark < chosen:
            "E2: a mark joins some later record, or is written when it has waited long enough"
            mark = chosen; known = config; them = voters

def carries(k: Slot, v: Value) -> bool:             # my snapshot behind k, with the newest configuration there
    return all(
        s <= k or s > mark or numbered(acc[s].val) == 0 or numbered(acc[s].val) > numbered(v) for s in Slot
    ) and (
        numbered(v) == known and listed(v) == them
        or numbered(v) == 0 and any(s > k and s <= mark and numbered(acc[s].val) == 1 for s in Slot)
    )

@after("P2a-again")
def first() -> Slot:                                # [SAFETY 14]
    return max(chosen, top(best)) + 1

@restart
def chosen() -> Slot:                               # its value is there, synced before the vote, or its snapshot
    return max(mark, truncated)

@restart
def config() -> Config:                             # it is found again among the values through the mark
    return known

@restart
def voters() -> Set[Member]:
    return them

@after("I")
def mark(k: Slot, v: Value) -> Slot:                # the record says so, and which configuration governs from there on
    return k

@after("I")
def known(k: Slot, v: Value) -> Config:
    return numbered(v)

@after("I")
def them(k: Slot, v: Value) -> Set[Member]:
    return listed(v)

@restart
def first() -> Slot:
    return 0

@restart
def lost() -> bool:
    return me == LOST

@assume(Propose)
def configurations_are_changes(v: Value) -> bool:   # log/ keeps the two apart
    return numbered(v) == 0

@assume(Promise)
def a_lost_member_promises_nothing(b: Ballot, c: Config, k: Slot, a: Map[Slot, Entry], d: Map[Slot, Ballot]) -> bool:
    return not lost

@assume(Accepted)
def a_lost_member_accepts_nothing(b: Ballot, c: Config, s: Slot) -> bool:
    return not lost

@assume(Grant)
def a_lost_member_grants_nothing(b: Ballot, c: Config, t: Time, d: Time) -> bool:
    return not lost

@assume(Accepted)
def a_vote_would_be_reported(b: Ballot, c: Config, s: Slot) -> bool:
    return s <= mark + WINDOW or mark == chosen     # log/: a vote above what a start reports takes the mark along

@assume(Truncate)
def a_snapshot_tells_what_is_chosen(s: Slot) -> bool:
    return s <= mark or mark == chosen              # a durable snapshot is a mark

@assume(Install)
def a_peer_has_marked_what_its_snapshot_covers(k: Slot, v: Value) -> bool:      # without its record it is not offered
    return any(q.truncated <= k and k <= q.mark and q.carries(k, v) for q in Member)

@assume(Beat)
def leases_are_asked_for_early(t: Time) -> bool:    # the scope's bound, like LAST
    return clock <= BEATS
