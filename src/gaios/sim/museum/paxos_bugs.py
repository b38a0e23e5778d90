"""Bugs of the core: edits of the specification's text."""

from gaios.log.electing import Electing
from gaios.log.election import Election
from gaios.sim.museum.exhibit import Exhibit, method, scenario, text, together

EXHIBITS = [
    Exhibit(
        "recovery takes its own value",
        "paxos",
        "SAFETY 6",
        text(("best = {s: newer(best[s], a[s]) for s in keys(best, a)}", "best = {s: acc[s] for s in keys(best, a)}")),
        ("agreement",),
        scenario("hasty"),
    ),
    Exhibit(
        "proposal below the quorum's chosen-through",
        "paxos",
        "SAFETY 6",
        text(("quorum(proms) and chosen >= floor and", "quorum(proms) and")),
        ("agreement",),
        scenario("hasty"),
    ),
    Exhibit(
        "quorum off by one",
        "paxos",
        "PML §4.1",
        text(("bool:  return 2 * len(part & whole) > len(whole)", "bool:  return 2 * len(part & whole) + 2 > len(whole)")),
        ("agreement", "lease exclusivity"),
        scenario("hasty"),
    ),
    Exhibit(
        "own campaign inside one's own grant",
        "paxos",
        "SAFETY 10",
        together(
            text(("owner(b) == me and me in electors() and now >= granted_until", "owner(b) == me and me in electors()")),
            method(Election, "due_ns", lambda sound: lambda self, granted_until: sound(self, 0)),
            method(
                Electing,
                "_consider",
                lambda sound: (
                    lambda self, now: self._campaign(now) if self.core.quorum(self._election.yes) and not self._reign.ballot else None
                ),
            ),
        ),
        ("lease exclusivity",),
        scenario("bridges"),
    ),
    Exhibit(
        "no withholding after a restart",
        "paxos",
        "SAFETY 11",
        text(("granted_until = now + longest", "granted_until = now")),
        ("lease exclusivity",),
        scenario("forgetful-granters"),
    ),
    Exhibit(
        "promise to a newer ballot inside a lease",
        "paxos",
        "SAFETY 10",
        together(
            text(("case Prepare(b, c) if b > promised and now >= granted_until:", "case Prepare(b, c) if b > promised:")),
        ),
        ("lease exclusivity",),
        scenario("flapping-links"),
    ),
    Exhibit(
        "a lower ballot is accepted",
        "paxos",
        "PML §4.1",
        text(
            (
                "case Accept(b, c, s, v) if b >= promised and s <= chosen + WINDOW:",
                "case Accept(b, c, s, v) if s <= chosen + WINDOW:",
            )
        ),
        ("agreement", "persist, then say"),
        scenario("contested"),
    ),
    Exhibit(
        "what another ballot proposed is taken for chosen",
        "paxos",
        "SAFETY 6",
        text(("run(acc[s].bal == b and", "run(acc[s].bal > 0 and")),
        ("agreement",),
        scenario("contested"),
    ),
    Exhibit(
        "a lease is not shortened by the drift bound",
        "paxos",
        "SAFETY 10",
        text(("return term - term * DRIFT_PPM // 1_000_000 - 1", "return term")),
        ("lease exclusivity",),
        scenario("long-leases"),
    ),
    Exhibit(
        "a lease is counted from when its grant is received",
        "paxos",
        "SAFETY 10",
        text(("grants[q] = max(grants[q], t + shortened(d))", "grants[q] = max(grants[q], now + shortened(d))")),
        ("lease exclusivity",),
        scenario("sleepy-masters"),
    ),
    Exhibit(
        "a term is granted before it is written down",
        "paxos",
        "SAFETY 11",
        text(("promised = b; longest = max(longest, d); granted_until", "promised = b; granted_until")),
        ("persist, then say",),
    ),
    Exhibit(
        "a release leaves before the claim is durable",
        "paxos",
        "SAFETY 5",
        text(
            (
                "class Release(Msg):   bal: Ballot; cfg: Config;                           to = OTHERS; after = RECORDS",
                "class Release(Msg):   bal: Ballot; cfg: Config;                           to = OTHERS",
            )
        ),
        ("persist, then say", "lease exclusivity"),
        scenario("hurried-candidates"),
    ),
]
