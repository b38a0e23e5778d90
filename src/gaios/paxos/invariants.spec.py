"""What must hold in every state that can be reached, in models only.  [PMS §2; SAFETY 5, 6, 10–14, 29]

An invariant holds for every choice of its parameters. `sent(M(…), src=q)`: whether such a message was ever sent, `_`
for any value; `q.field` and `q.function(…)`: as member q sees it; `all(…)` and `any(…)` run over the values of a sort.
"""

def proposed(b: Ballot, s: Slot, v: Value) -> bool:
    return sent(Accept(b, _, s, v))

def decided(b: Ballot, s: Slot) -> bool:            # a majority voted for it, whether or not anybody knows
    return owner(b).quorum({q for q in Member if sent(Accepted(b, _, s), src=q)})

def held(s: Slot, v: Value) -> bool:                # I have it, or know that I had something and lost it
    return s <= truncated or faulty[s] > 0 or acc[s].bal > 0 and acc[s].val == v

def agrees(b: Ballot, s: Slot) -> bool:             # what I call chosen there was proposed in that ballot
    return s <= truncated or faulty[s] > 0 or proposed(b, s, acc[s].val)

def serves(q: Member) -> bool:                      # it answers reads alone: it has a lease, and its epoch is chosen
    return q.chosen >= q.first and q.holds_lease(q.clock)

@invariant
def one_value_a_ballot_and_slot(b: Ballot, s: Slot, v: Value, w: Value) -> bool:
    return v == w or not (proposed(b, s, v) and proposed(b, s, w))

@invariant
def agreement(b: Ballot, c: Ballot, s: Slot, v: Value, w: Value) -> bool:
    return v == w or not (decided(b, s) and decided(c, s) and proposed(b, s, v) and proposed(c, s, w))

@invariant
def a_chosen_value_is_held_by_a_majority(b: Ballot, s: Slot, v: Value) -> bool:
    return not (decided(b, s) and proposed(b, s, v)) or owner(b).quorum({q for q in Member if q.held(s, v)})

@invariant
def chosen_through_is_true(q: Member, s: Slot) -> bool:
    return s > q.chosen or any(decided(b, s) and q.agrees(b, s) for b in Ballot)

@invariant
def truncated_is_chosen(q: Member) -> bool:
    return q.truncated <= q.chosen

@invariant
def what_a_snapshot_covers_is_not_missing(q: Member, s: Slot) -> bool:
    return s > q.truncated or q.faulty[s] == 0

@invariant
def a_promise_is_kept(q: Member, b: Ballot) -> bool:
    return q.promised >= b or not sent(Promise(b, _, _, _, _), src=q)

@invariant
def a_lease_is_exclusive(q: Member, r: Member) -> bool:
    return not r.leads() or r.bal <= q.bal or not q.holds_lease(q.clock)

@invariant
def a_master_reads_what_is_current(q: Member, r: Member) -> bool:
    return r.chosen <= q.chosen or not serves(q)
