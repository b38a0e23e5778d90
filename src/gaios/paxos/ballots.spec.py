"""Ballots: who may propose, and what a new leader must first propose again.  [PML §4.1; PMS §2.2; SAFETY 1, 4–6, 10]

This text is parsed and never executed: `gaios.spec` makes of it the Python that every replica runs. Its law: a rule
writes a state field at most once on a path and never reads it after writing. `me`, `now` and `src` (an event's sender)
are given.

Rule 1. A ballot is (round, member) as one number, round * 2**16 + member: nobody else can ever own it.
Rule 2. A promise states the slot through which its sender knows everything chosen, and every accepted value above it.
Rule 3. A candidate proposes nothing at or below the highest such slot of its quorum: it learns those values first.
Rule 4. A promise is refused while a lease is granted, the granter's own campaign included (leases.spec.py).
Rule 5. Slots are recovered in order: through a configuration first, then, under its members' promises, what it governs
(members.spec.py).
Rule 6. A promise says which slots' records are damaged; while one of them may hide a chosen value the candidate waits
for further promises, and recovers nothing there or above (damage.spec.py).
"""

ROUND  = Const(model=3, run=65_536)                 # members in a round
WINDOW = Const(model=2, run=16)                     # slots that may be accepted above what is known to be chosen

Member = Nat(model=2)
Config = Nat(model=1)                               # configuration number; 0: the founders' [SAFETY 18]
Ballot = Nat(model=5, wire=1)                       # 0: none, and never sent
Slot   = Nat(model=2)                               # 0: before the first
Time   = Nat(model=7)                               # ns on this replica's own clock
Value  = Opaque("A", "B", noop="NOOP")              # a batch, never looked into
Phase  = Enum("IDLE", "PREPARING", "LEADING")

class Entry(Record): bal: Ballot; val: Value        # bal 0: nothing accepted; its value is NOOP

class Campaign(Input): bal: Ballot                  # a poll found a majority willing
class Recover(Input): pass                          # look again whether the candidate may lead

class Prepare(Msg): bal: Ballot; cfg: Config; to = OTHERS; after = RECORDS
class Promise(Msg):
    bal: Ballot; cfg: Config; chosen: Slot; acc: Map[Slot, Entry, WINDOW]; damaged: Map[Slot, Ballot, WINDOW]
    to = owner(bal); after = RECORDS

def owner(b: Ballot) -> Member:           return b % ROUND
def electors() -> Set[Member]:            return founders if config == 0 else voters
def most(part: Set[Member], whole: Set[Member]) -> bool:  return 2 * len(part & whole) > len(whole)
def quorum(s: Set[Member]) -> bool:       return most(s, electors())
def newer(x: Entry, y: Entry) -> Entry:   return x if x.bal >= y.bal else y
def leads() -> bool:                      return phase == LEADING and bal == promised
def accepted() -> Map[Slot, Entry]:
    return {s: acc[s] for s in range(chosen + 1, chosen + WINDOW + 1) if acc[s].bal > 0}

class Participant(Role):
    founders:  Given[Set[Member]]                   # the members of configuration 0
    promised:  Durable[Ballot]                      # take no part below this
    acc:       Durable[Map[Slot, Entry]]            # each slot's newest accepted value; through `chosen`, the chosen
    chosen:    Durable[Slot]                        # every slot through this one is chosen and in `acc`
    truncated: Durable[Slot]                        # slots through this one were dropped
    config:    Durable[Config]                      # the configuration that governs slot chosen + 1
    voters:    Durable[Set[Member]]                 # its members, where they are not the founders
    phase:     Phase
    bal:       Ballot                               # the ballot that I campaign for or lead
    proms:     Set[Member]                          # who promised it
    best:      Map[Slot, Entry]                     # the newest accepted values among their reports
    floor:     Slot                                 # the highest slot that they know to be chosen
    next:      Slot                                 # the next free slot of my reign
    votes:     Map[Slot, Set[Member]]               # who accepted my open proposals

    match event:
        case Campaign(b) if b > promised and owner(b) == me and me in electors() and now >= granted_until:
            "P1a: claim durably a fresh ballot of my own; ask the others to promise, and promise it myself"
            "[PML §4.1; PMS §2.2, §2.5; SAFETY 1, 10]"
            promised = b; bal = b; phase = PREPARING
            proms = {}; best = {}; floor = 0; next = 0; fence = 0; votes = {}; grants = {}
            worst = {}; hurt = {}
            send(Prepare(b, config))
            send(Promise(b, config, chosen, accepted(), damaged()))

        case Prepare(b, c) if b > promised and now >= granted_until:
            "P1b: promise; say what I know to be chosen, what I accepted above it, and where I do not know any more"
            "[PML §4.1; PMS §2.2; SAFETY 6, 10]"
            promised = b
            send(Promise(b, config, chosen, accepted(), damaged()))

        case Promise(b, c, k, a, d, src=q) if b == bal and b == promised and phase == PREPARING and gathers():
            "P1c: gather reports; a majority's are enough, and more are heard while damage leaves a slot in doubt"
            "[PML §4.1; PMS §2.2; SAFETY 6]"
            proms = proms | {q}; floor = max(floor, k)
            best = {s: newer(best[s], a[s]) for s in keys(best, a)}
            worst = {s: max(worst[s], d[s]) for s in keys(worst, d)}
            hurt = {s: hurt[s] | {q} if d[s] > 0 else hurt[s] for s in keys(hurt, d)}

        case Recover() if (
            phase == PREPARING and bal == promised and quorum(proms) and chosen >= floor and next <= chosen + 1
            and len(unsettled()) == 0
        ):
            "P2a-again: knowing all that the quorum knows, propose the newest values above, no-ops in gaps; then lead"
            "[PMS §2.2, §3; SAFETY 6, 18]"
            t = max(chosen, top(best))
            n = chosen + 1 + run(numbered(best[s].val) == 0 for s in range(chosen + 1, chosen + WINDOW + 1))
            e = min(n, t)
            for s in range(chosen + 1, e + 1):
                send(Accept(bal, config, s, best[s].val))
                send(Accepted(bal, config, s))
            acc |= {s: Entry(bal, best[s].val) for s in range(chosen + 1, e + 1)}
            faulty -= range(chosen + 1, e + 1)
            next = e + 1
            if n > t:
                phase = LEADING; best = {}; proms = {}; worst = {}; hurt = {}
