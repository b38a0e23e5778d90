"""The environment, in models only: drifting clocks, a late mark, what a restart keeps.  [SAFETY 5, 10–12, 14]

Replicas run nothing of this text; the model checker adds it to the core's. Built into every model are:

Network. A set of messages that only grows: each may be lost (never received), doubled and overtaken by any other.
Disk. A step's records are durable with the step, unless a configuration lets members run ahead of their disks: then
what a step sends `after = RECORDS` waits for a sync, and a restart forgets what was not synced.
Restart. Whatever is not durable takes its default; then Boot happens. A member that is down is one that gets no event.

What becomes of disks is in disks.spec.py.
"""

SKEW = Const(model=1, run=0)                        # how far two clocks may be apart: one gains at most 2 * SKEW
LAST = Const(model=4, run=0)                        # a clock's last reading: the model ends there
BEATS = Const(model=1, run=0)                       # nobody asks for a lease later: what follows is like what was

class Tick(Input): pass                             # this member's clock goes on
class Mark(Input): pass                             # the mark of what is chosen is written at last

Once(Promise, bal)                                  # in one ballot a member says one promise, and repeats it

class Participant(Role):                            # Ghost: models alone have it; Recorded: and it stands on the disk
    clock: Ghost[Time]                              # what `now` reads
    mark:  Recorded[Slot]                           # through which slot a record says `chosen`
    known: Recorded[Config]                         # the configuration there
    them:  Recorded[Set[Member]]                    # and its members
    first: Ghost[Slot]                              # my reign's first slot behind what was recovered: its epoch's

    match event:
        case Tick() if clock < LAST and all(clock < q.clock + SKEW for q in Member):
            "E1: time goes on; no two clocks are ever further apart than SKEW"
            clock = clock + 1

        case Mark() if mark < chosen:
            "E2: a mark joins some later record, or is written when it has waited long enough"
            mark = chosen; them = voters if config >= known else them; known = max(known, config)

def carries(k: Slot, v: Value) -> bool:             # my snapshot behind k, with the newest configuration there
    return all(
        s <= k or s > mark or numbered(acc[s].val) == 0 or numbered(acc[s].val) > numbered(v) for s in Slot
    ) and (
        numbered(v) == known and listed(v) == them
        or numbered(v) == 0 and any(s > k and s <= mark and numbered(acc[s].val) == 1 for s in Slot)
    )

def names(v: Value, b: Ballot) -> bool:             # a ballot in which it was proposed, or a newer one: the epoch there
    return b == promised or any(acc[s].bal == b and acc[s].val == v for s in Slot)

@after("P2a-again")
def first() -> Slot:                                # [SAFETY 14]
    return max(chosen, top(best)) + 1

@restart
def chosen() -> Slot:                               # its value is there, synced before the vote, or its snapshot
    return max(mark, truncated)

@after("I")
def mark(k: Slot, v: Value, b: Ballot) -> Slot:     # the record says so, and which configuration governs from there on
    return k

@after("I")
def known(k: Slot, v: Value, b: Ballot) -> Config:
    return numbered(v)

@after("I")
def them(k: Slot, v: Value, b: Ballot) -> Set[Member]:
    return listed(v)

@after("I-known")
def mark(k: Slot, v: Value, b: Ballot) -> Slot:
    return max(mark, k)

@after("I-known")
def known(k: Slot, v: Value, b: Ballot) -> Config:
    return max(known, numbered(v))

@after("I-known")
def them(k: Slot, v: Value, b: Ballot) -> Set[Member]:
    return listed(v) if numbered(v) > known else them

@restart
def first() -> Slot:
    return 0

@assume(Propose)
def configurations_are_changes(v: Value) -> bool:   # log/ keeps the two apart
    return numbered(v) == 0

@assume(Accepted)
def a_vote_would_be_reported(b: Ballot, c: Config, s: Slot) -> bool:
    return s <= mark + WINDOW or mark == chosen     # log/: a vote above what a start reports takes the mark along

@assume(Truncate)
def a_snapshot_tells_what_is_chosen(s: Slot) -> bool:
    return s <= mark or mark == chosen              # a durable snapshot is a mark

@assume(Install)
def a_peer_has_marked_what_its_snapshot_covers(k: Slot, v: Value, b: Ballot) -> bool:
    return any(
        q.truncated <= k and k <= q.mark and q.carries(k, v) and (numbered(v) == 0 or q.names(v, b)) for q in Member
    )

@assume(Beat)
def leases_are_asked_for_early(t: Time) -> bool:    # the scope's bound, like LAST
    return clock <= BEATS
