"""Members: who is counted, for which slots, and how that changes.  [PML §5.4; PMS §3; SAFETY 4, 8, 11, 18]

Rule 1. A configuration is a value of the log. It governs the slots after its own, up to and with the next
configuration's. Each slot so has one electorate, which the chosen values below it decide and nothing else.
Rule 2. A proposer counts, for promises and for votes, the electorate of the slot that it proposes, and proposes no slot
before it knows the electorate: a configuration is proposed with everything below it chosen, and nothing above it is
proposed before it is chosen.
Rule 3. Who finds a configuration in reports asks its members for promises before it proposes above it: earlier leaders
may have gone on under it. Who proposed it first need not ask: whoever goes over to it takes no part any more below a
ballot that it was proposed in, so that nobody can propose behind it in an earlier one.
Rule 4. Acceptors count nobody. They answer whoever has the newer ballot, members or not: what they say binds them, and
only a proposer decides whom it counts. The configuration number in a message says how far its sender knows.
Rule 5. A new place, or one whose disk was lost, comes as a member whose number nobody had.

Left out on purpose: who may join, learners (members that no configuration lists as voters), polls, when a removed
member may be switched off (log/).
"""

class Change(Input): val: Value                     # a configuration that follows the newest chosen one

def numbered(v: Value) -> Config:         ...       # 0: the value is no configuration
def listed(v: Value) -> Set[Member]:      ...       # the voters of a configuration

class Participant(Role):
    fence: Slot                                     # the configuration that I proposed: the next waits for it

    match event:
        case Change(v) if leads() and next == chosen + 1 and numbered(v) == config + 1:
            "M: the leader proposes a configuration, with everything below it chosen"
            "[PML §5.4; SAFETY 18]"
            send(Accept(bal, config, next, v))
            send(Accepted(bal, config, next))
            faulty -= range(next, next + 1)
            acc[next] = Entry(bal, v); fence = next; next = next + 1
