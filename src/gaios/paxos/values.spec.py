"""Values: how a slot's value is accepted, chosen and learned.  [PML §4.2; PMS §2.3; SAFETY 5, 6, 16]

Rule 1. `Accept` and `Learn` may leave before the leader's own record is durable; `Accepted` only after the record that
it speaks of.
Rule 2. A leader's own vote counts like any other, after its own sync: it sends `Accepted` to itself.
Rule 3. `Learn` names a ballot and a slot: what its hearer accepted in *that* ballot, in each slot through there, is
chosen.
Rule 4. A leader learns from votes alone, so whatever it calls chosen at or above its first proposal was proposed in its
ballot.
Rule 5. Catch-up carries chosen values only, in slot order.

Left out on purpose: batching, retransmission, pipelining below WINDOW, flow control (log/).
"""

class Propose(Input): val: Value                    # a batch of commands
class Seek(Input): slot: Slot; member: Member       # a peer seems to know that slot to be chosen
class Truncate(Input): slot: Slot                   # a durable snapshot covers every slot through this one
class Install(Input): slot: Slot; val: Value; bal: Ballot   # so does a peer's; the newest configuration there, if any

class Accept(Msg):   bal: Ballot; cfg: Config; slot: Slot; val: Value;  to = OTHERS
class Accepted(Msg): bal: Ballot; cfg: Config; slot: Slot;              to = owner(bal); after = RECORDS
class Learn(Msg):    bal: Ballot; cfg: Config; slot: Slot;              to = OTHERS
class Fetch(Msg):    slot: Slot
class Chosen(Msg):   slot: Slot; bal: Ballot; val: Value

class Participant(Role):
    match event:
        case Propose(v) if leads() and next <= chosen + WINDOW and fence <= chosen:
            "P2a: the leader puts a value into the next slot"
            "[PML §4.2; PMS §2.2; SAFETY 5]"
            send(Accept(bal, config, next, v))
            send(Accepted(bal, config, next))
            faulty -= range(next, next + 1)
            acc[next] = Entry(bal, v); next = next + 1

        case Accept(b, c, s, v) if b >= promised and s <= chosen:
            "P2b-known: that slot is chosen, so this is its value; vote for it again"
            "[PMS §2.2; SAFETY 5, 6]"
            promised = b
            send(Accepted(b, c, s))

        case Accept(b, c, s, v) if b >= promised and s <= chosen + WINDOW:
            "P2b: accept durably, tell the leader"
            "[PML §4.2; PMS §2.2, §2.5; SAFETY 5]"
            promised = b
            if acc[s].bal != b:
                acc[s] = Entry(b, v)
                faulty -= range(s, s + 1)
            send(Accepted(b, c, s))

        case Accepted(b, c, s, src=q) if b == bal and b == promised and phase != IDLE and s > chosen and s < next:
            "P3: a majority accepted: chosen, once every slot below is"
            "[PML §4.1; PMS §2.3]"
            w = votes[s] | {q}
            if quorum(w) and s == chosen + 1:
                n = s + run(quorum(votes[t]) for t in range(s + 1, next))
                chosen = n
                votes -= range(s, n + 1)
                send(Learn(bal, config, n))
                if numbered(acc[n].val) > 0:
                    config = numbered(acc[n].val); voters = listed(acc[n].val)
            else:
                votes[s] = w

        case Learn(b, c, k) if k > chosen and not leads():
            "L: what I accepted in that ballot, without a gap and through the first configuration, is chosen"
            "[PML §4.1; PMS §2.3; SAFETY 18]"
            t = min(k, chosen + WINDOW)
            n = chosen + run(acc[s].bal == b and numbered(acc[s].val) == 0 for s in range(chosen + 1, t + 1))
            chosen = n + 1 if n < t and acc[n + 1].bal == b else n
            if n < t and acc[n + 1].bal == b:
                config = numbered(acc[n + 1].val); voters = listed(acc[n + 1].val)

        case Seek(s, q) if (s > chosen or faulty[s] > 0) and q != me:
            "C0: ask for a chosen value"
            "[PML §4.2; SAFETY 6]"
            send(Fetch(s), to=q)

        case Fetch(s, src=q) if s > truncated and s <= chosen and faulty[s] == 0:
            "C1: supply a chosen value"
            "[PML §4.2; SAFETY 6]"
            send(Chosen(s, acc[s].bal, acc[s].val), to=q)

        case Chosen(s, b, v) if s == chosen + 1 and not leads():
            "C2: learn a chosen value"
            "[PML §4.2; SAFETY 6]"
            acc[s] = Entry(b, v); chosen = s
            faulty -= range(s, s + 1)
            if numbered(v) > 0:
                config = numbered(v); voters = listed(v); promised = max(promised, b)

        case Truncate(k) if k > truncated and k <= chosen:
            "T: drop what a snapshot covers"
            "[PML §5.5; SAFETY 26]"
            faulty -= range(truncated + 1, k + 1)
            acc -= range(truncated + 1, k + 1); truncated = k

        case Install(k, v, b) if k > chosen and not leads():
            "I: a peer's snapshot stands for every slot through this one; promises, and votes above, stay"
            "[PML §5.5; SAFETY 6, 18, 26]"
            faulty -= range(truncated + 1, k + 1)
            acc -= range(truncated + 1, k + 1); truncated = k; chosen = k
            config = numbered(v); voters = listed(v)
            if numbered(v) > 0:
                promised = max(promised, b)

        case Install(k, v, b) if k >= truncated and k <= chosen:
            "I-known: it covers damage, and says which configuration governs there, should damage have hidden that"
            "[PML §5.5; SAFETY 15, 18, 26]"
            faulty -= range(truncated + 1, k + 1)
            acc -= range(truncated + 1, k + 1); truncated = k
            if numbered(v) > config:
                config = numbered(v); voters = listed(v); promised = max(promised, b)
