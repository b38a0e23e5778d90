"""What must hold in every state that can be reached, in models only.  [PMS §2; SAFETY 5, 6, 10–14, 29]

An invariant holds for every choice of its parameters. `sent(M(…), src=q)`: whether such a message was ever sent, `_`
for any value; `q.field` and `q.function(…)`: as member q sees it; `all(…)` and `any(…)` run over the values of a sort.
"""

def proposed(b: Ballot, s: Slot, v: Value) -> bool:
    return sent(Accept(b, _, s, v))

def voted(b: Ballot, s: Slot) -> Set[Member]:
    return {q for q in Member if sent(Accepted(b, _, s), src=q)}

def first_to_be_chosen(v: Value) -> bool:           # it is configuration 1
    return numbered(v) == 1 and any(
        any(sent(Accept(b, 0, s, v)) and most(voted(b, s), founders) for b in Ballot) for s in Slot
    )

def second_to_be_chosen(v: Value, w: Value) -> bool:        # and it is configuration 2, chosen under w
    return numbered(v) == 2 and any(
        any(sent(Accept(b, 1, s, v)) and most(voted(b, s), listed(w)) for b in Ballot) for s in Slot
    )

def installed(v: Value) -> bool:                    # a configuration that was chosen, whether or not anybody knows
    return first_to_be_chosen(v) or any(first_to_be_chosen(w) and second_to_be_chosen(v, w) for w in Value)

def enough(b: Ballot, s: Slot, part: Set[Member]) -> bool:  # a majority of whom that slot is put to
    return sent(Accept(b, 0, s, _)) and most(part, founders) or any(
        numbered(w) > 0 and sent(Accept(b, numbered(w), s, _)) and installed(w) and most(part, listed(w)) for w in Value
    )

def decided(b: Ballot, s: Slot) -> bool:            # a majority voted for it, whether or not anybody knows
    return enough(b, s, voted(b, s))

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
def agreement(b: Ballot, c: Ballot, s: Slot) -> bool:
    return b >= c or not (
        decided(b, s) and decided(c, s)
        and any(proposed(b, s, v) and any(v != w and proposed(c, s, w) for w in Value) for v in Value)
    )

@invariant
def a_chosen_value_is_held_by_a_majority(b: Ballot, s: Slot) -> bool:
    return not decided(b, s) or any(
        proposed(b, s, v) and enough(b, s, {q for q in Member if q.lost or q.held(s, v)}) for v in Value
    )

@invariant
def chosen_through_is_true(q: Member, s: Slot) -> bool:
    return s > q.chosen or any(decided(b, s) and q.agrees(b, s) for b in Ballot)

@invariant
def a_configuration_is_chosen(q: Member) -> bool:
    return q.config == 0 or any(numbered(v) == q.config and listed(v) == q.voters and installed(v) for v in Value)

@invariant
def who_knows_a_configuration_goes_by_it(q: Member, s: Slot, v: Value) -> bool:     # or is silent
    return numbered(v) <= q.config or s > q.chosen or q.silent() or not any(
        decided(b, s) and proposed(b, s, v) for b in Ballot
    )

@invariant
def truncated_is_chosen(q: Member) -> bool:
    return q.truncated <= q.chosen

@invariant
def what_a_snapshot_covers_is_not_missing(q: Member, s: Slot) -> bool:
    return s > q.truncated or q.faulty[s] == 0

@invariant
def a_promise_is_kept(q: Member, b: Ballot) -> bool:
    return q.promised >= b or q.lost or not sent(Promise(b, _, _, _, _), src=q)

@invariant
def a_lease_is_exclusive(q: Member, r: Member) -> bool:
    return not r.leads() or r.bal <= q.bal or not q.holds_lease(q.clock)

@invariant
def a_master_reads_what_is_current(q: Member, r: Member) -> bool:
    return r.chosen <= q.chosen or not serves(q)
