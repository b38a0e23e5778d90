"""Disks, in models only: one is lost, records rot, and what a start makes of it.  [SAFETY 6–8, 15, 18]

Lost disks. LOST names a member whose every restart finds an empty disk. It never speaks again: its place gets another
number [SAFETY 8].
Damage. Of a member that Rot is asked of at most ROTS records rot, at any time, at a start or while it runs.
Members. A start finds the configuration of its mark among the values through there, or, where values were dropped, in
the record that says so. If it may have stood in what rotted, the start knows an older one, and says nothing until that
slot is repaired (damage.spec.py, rule 5), or a snapshot behind what was dropped is taken over.
"""

LOST = Const(model=0, run=0)                        # the member whose disk is lost; 0: nobody's
ROTS = Const(model=1, run=0)                        # records that rot at one member

class Blot(Input): pass                             # the record that says what was dropped, and who governs there, rots

class Participant(Role):
    lost: Ghost[bool]                               # this member's disk was lost
    rots: Ghost[Slot]                               # how many of my records rotted
    bare: Recorded[bool]                            # nothing tells any more who governs behind what was dropped

    match event:
        case Blot() if truncated > 0 and rots < ROTS:
            "E3: it is bare until a snapshot tells that again, and is known meanwhile to whoever runs on"
            bare = True; rots = rots + 1

def rotten() -> bool:                               # a chosen value cannot be read
    return any(faulty[s] > 0 and s <= mark for s in Slot)

def found() -> bool:                                # the configuration at my mark can be read
    return known == 0 or not (rotten() or bare) or any(s <= mark and numbered(acc[s].val) == known for s in Slot)

def silent() -> bool:                               # it can say nothing, or must not
    return lost or config < known and (rotten() or bare)

@after("D1")
def rots() -> Slot:
    return rots + 1

@after("T")
def bare() -> bool:                                 # whoever knows tells it again
    return bare and config < known

@after("I")
def bare() -> bool:
    return False

@after("I-known")
def bare() -> bool:
    return False

@restart
def config() -> Config:                             # it is found again among the values through the mark
    return known if found() else 0

@restart
def voters() -> Set[Member]:
    return them if found() else {}

@restart
def lost() -> bool:
    return me == LOST

@assume(Promise)
def who_is_silent_promises_nothing(b: Ballot, c: Config, k: Slot, a: Map[Slot, Entry], d: Map[Slot, Ballot]) -> bool:
    return not silent()

@assume(Accepted)
def who_is_silent_accepts_nothing(b: Ballot, c: Config, s: Slot) -> bool:
    return not silent()

@assume(Grant)
def who_is_silent_grants_nothing(b: Ballot, c: Config, t: Time, d: Time) -> bool:
    return not silent()

@assume(Rot)
def a_header_bounds_what_rotted(s: Slot, b: Ballot) -> bool:
    return acc[s].bal > 0 and b >= acc[s].bal and (b <= promised or s <= chosen)

@assume(Rot)
def damage_is_rare(s: Slot, b: Ballot) -> bool:
    return rots < ROTS
