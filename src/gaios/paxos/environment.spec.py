"""The environment, in models only: drifting clocks, a late mark, what a restart keeps.  [SAFETY 5, 10–12, 14]

Replicas run nothing of this text; the model checker adds it to the core's. Built into every model are:

Network. A set of messages that only grows: each may be lost (never received), doubled and overtaken by any other.
Disk. A step's records are durable with the step, unless a configuration lets members run ahead of their disks: then
what a step sends `after = RECORDS` waits for a sync, and a restart forgets what was not synced.
Restart. Whatever is not durable takes its default; then Boot happens. A member that is down is one that gets no event.

Damage. Of a member that Rot is asked of at most ROTS records rot, at any time, at a start or while it runs.

Left out on purpose: lost disks, new members (they come with the rules that deal with them).
"""

SKEW = Const(model=1, run=0)                        # how far two clocks may be apart: one gains at most 2 * SKEW
LAST = Const(model=4, run=0)                        # a clock's last reading: the model ends there

BEATS = Const(model=1, run=0)                       # nobody asks for a lease later: what follows is like what was

ROTS = Const(model=1, run=0)                        # records that rot at one member

class Tick(Input): pass                             # this member's clock goes on
class Mark(Input): pass                             # the mark of what is chosen is written at last

Once(Promise, bal)                                  # in one ballot a member says one promise, and repeats it

class Participant(Role):                            # Ghost: models alone have it; Recorded: and it stands on the disk
    clock: Ghost[Time]                              # what `now` reads
    mark:  Recorded[Slot]                           # through which slot a record says `chosen`
    rots:  Ghost[Slot]                              # how many of my records rotted
    first: Ghost[Slot]                              # my reign's first slot behind what was recovered: its epoch's

    match event:
        case Tick() if clock < LAST and all(clock < q.clock + SKEW for q in Member):
            "E1: time goes on; no two clocks are ever further apart than SKEW"
            clock = clock + 1

        case Mark() if mark < chosen:
            "E2: a mark joins some later record, or is written when it has waited long enough"
            mark = chosen

@after("P2a-again")
def first() -> Slot:                                # [SAFETY 14]
    return max(chosen, top(best)) + 1

@after("D1")
def rots() -> Slot:
    return rots + 1

@restart
def chosen() -> Slot:                               # its value is there, synced before the vote, or its snapshot
    return max(mark, truncated)

@restart
def first() -> Slot:
    return 0

@assume(Accepted)
def a_vote_would_be_reported(b: Ballot, c: Config, s: Slot) -> bool:
    return s <= mark + WINDOW or mark == chosen     # log/: a vote above what a start reports takes the mark along

@assume(Rot)
def a_header_bounds_what_rotted(s: Slot, b: Ballot) -> bool:
    return acc[s].bal > 0 and b >= acc[s].bal and (b <= promised or s <= chosen)

@assume(Rot)
def damage_is_rare(s: Slot, b: Ballot) -> bool:
    return rots < ROTS

@assume(Truncate)
def a_snapshot_tells_what_is_chosen(s: Slot) -> bool:
    return s <= mark or mark == chosen              # a durable snapshot is a mark

@assume(Install)
def a_peer_has_marked_what_its_snapshot_covers(s: Slot) -> bool:
    return any(s <= q.mark for q in Member)         # behind the mark stands its record, without which none is offered

@assume(Beat)
def leases_are_asked_for_early(t: Time) -> bool:    # the scope's bound, like LAST
    return clock <= BEATS
