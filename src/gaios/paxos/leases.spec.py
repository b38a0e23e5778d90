"""Leases: while a majority refuses other ballots, the leader may answer reads alone.  [PML §5.2; SAFETY 10, 11, 12]

Rule 1. A lease is refused promises: while `now < granted_until` no higher ballot is promised, my own campaign included.
Rule 2. A granter counts its term from receipt; the leader from the stamp that it took before it sent, shortened by the
drift bound.
Rule 3. A grant names its ballot and its stamp, and counts for that ballot alone.
Rule 4. A ballot that its owner gave up is dead: its lease binds nobody any more. That is said once its claim is
durable, for a crash makes a ballot free again that was not claimed durably.
Rule 5. Terms outlive restarts: `longest` is durable before a grant of that length is given, and a start withholds
promises that long.

The outstanding grant is always to the newest promised ballot: an older one's lease had lapsed at a majority when that
was promised.
Left out on purpose: when to send heartbeats, and when to give up (log/).
"""

DRIFT_PPM = Const(model=0, run=1_000)               # how fast one clock may gain on another

class Boot(Input): pass                             # a start; nothing is said before it
class Beat(Input): term: Time                       # time to renew the lease
class Abdicate(Input): pass                         # this leader, or candidate, cannot work or is asked to go

class Heartbeat(Msg): bal: Ballot; cfg: Config; stamp: Time; term: Time;  to = OTHERS
class Grant(Msg):     bal: Ballot; cfg: Config; stamp: Time; term: Time;  to = owner(bal); after = RECORDS
class Release(Msg):   bal: Ballot; cfg: Config;                           to = OTHERS; after = RECORDS

def shortened(term: Time) -> Time:        return term - term * DRIFT_PPM // 1_000_000 - 1
def holds_lease(at: Time) -> bool:        return leads() and quorum({q for q in keys(grants) if at < grants[q]})

class Participant(Role):
    longest:       Durable[Time]                    # the longest term that I ever granted
    granted_until: Time                             # I refuse other ballots until then
    grants:        Map[Member, Time]                # until when each grant of my ballot lasts, on my clock

    match event:
        case Boot():
            "B: I may have granted a lease and forgotten it: wait as long as the longest"
            "[SAFETY 11]"
            granted_until = now + longest

        case Beat(t) if leads():
            "L1: ask every replica to refuse other ballots, and refuse them myself"
            "[PML §5.2; SAFETY 10, 11, 12]"
            longest = max(longest, t); granted_until = max(granted_until, now + t)
            send(Heartbeat(bal, config, now, t))
            send(Grant(bal, config, now, t))

        case Heartbeat(b, c, t, d) if b == promised or b > promised and now >= granted_until:
            "L2: grant the newest promised ballot its lease; a newer ballot is promised on the way"
            "[PML §5.2; SAFETY 10, 11]"
            promised = b; longest = max(longest, d); granted_until = max(granted_until, now + d)
            send(Grant(b, c, t, d))

        case Grant(b, c, t, d, src=q) if b == bal and leads() and t <= now:
            "L3: count it from its stamp, which is mine and so lies in the past"
            "[PML §5.2; SAFETY 10, 12]"
            grants[q] = max(grants[q], t + shortened(d))

        case Abdicate() if phase != IDLE and bal == promised:
            "L4: give up this ballot for good, and its lease with it; promises and votes stay"
            "[SAFETY 5, 9, 10]"
            phase = IDLE; granted_until = now
            send(Release(bal, config))

        case Release(b, c) if b == promised:
            "L5: the ballot that I granted is dead"
            "[SAFETY 10]"
            granted_until = now
