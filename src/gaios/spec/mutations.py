"""Bugs planted in the text, each with the configuration that must catch it; and harmless changes, which nothing may catch.

Those of the members stand in membership_mutations.py, those of damage in damage_mutations.py.
"""

from typing import Final

from gaios.spec import damage_mutations, membership_mutations
from gaios.spec.mutation import Mutation

_PROMISED: Final = "b >= promised and s <= chosen + WINDOW"
_TRUNCATES: Final = "acc -= range(truncated + 1, k + 1); truncated = k\n\n        case Install(k, v, b) if k > chosen"
_INSTALLS: Final = "acc -= range(truncated + 1, k + 1); truncated = k; chosen = k"

MUTATIONS: Final = (
    Mutation(
        "recovery takes the candidate's own value",
        "PMS §2.2",
        (("best = {s: newer(best[s], a[s]) for s in keys(best, a)}", "best = {s: acc[s] for s in keys(best, a)}"),),
        "one-slot",
    ),
    Mutation(
        "recovery proposes the no-op",
        "PMS §2.2",
        (("send(Accept(bal, config, s, best[s].val))", "send(Accept(bal, config, s, NOOP))"),),
        "one-slot",
    ),
    Mutation(
        "recovery takes any reported value",
        "PMS §2.2",
        (("return x if x.bal >= y.bal else y", "return y if y.bal > 0 else x"),),
        "three-ballots",
    ),
    Mutation(
        "a quorum is one too small",
        "PMS §2.2",
        (("bool:  return 2 * len(part & whole) > len(whole)", "bool:  return 2 * len(part & whole) >= len(whole) - 1"),),
        "one-slot",
    ),
    Mutation("a promise is not durable", "SAFETY 5", (("promised:  Durable[Ballot]", "promised:  Ballot"),), "one-slot"),
    Mutation(
        "what was accepted is not durable",
        "SAFETY 5",
        (("@restart\ndef chosen()", "@restart\ndef acc() -> Map[Slot, Entry]:\n    return {}\n\n@restart\ndef chosen()"),),
        "one-slot",
    ),
    Mutation("a proposal is accepted in any ballot", "PMS §2.2", ((_PROMISED, _PROMISED.replace("b >= promised and ", "")),), "one-slot"),
    Mutation(
        "accepting does not promise",
        "PMS §2.2",
        (("promised = b\n            if acc[s].bal != b:", "if acc[s].bal != b:"),),
        "three-ballots",
    ),
    Mutation(
        "a ballot is claimed twice",
        "SAFETY 1",
        (("if b > promised and owner(b) == me", "if b >= promised and owner(b) == me"),),
        "leads-twice",
    ),
    Mutation(
        "votes of an earlier reign count", "PMS §2.2", (("fence = 0; votes = {}; grants = {}", "fence = 0; grants = {}"),), "five-members"
    ),
    Mutation(
        "promises of an earlier ballot count",
        "PMS §2.2",
        (("b == bal and b == promised and phase == PREPARING and gathers()", "phase == PREPARING and gathers()"),),
        "leads-twice",
    ),
    Mutation(
        "a deposed leader goes on", "PMS §2.2", (("return phase == LEADING and bal == promised", "return phase == LEADING"),), "lease"
    ),
    Mutation(
        "a leader votes without writing",
        "SAFETY 5",
        (
            (
                (
                    "            acc |= {s: Entry(bal, best[s].val) for s in range(chosen + 1, e + 1)}\n"
                    "            faulty -= range(chosen + 1, e + 1)\n"
                ),
                "",
            ),
        ),
        "one-slot",
    ),
    Mutation(
        "a vote leaves before its record",
        "SAFETY 5",
        (("slot: Slot;              to = owner(bal); after = RECORDS", "slot: Slot; to = owner(bal)"),),
        "disks",
    ),
    Mutation(
        "a promise leaves before its record",
        "SAFETY 5",
        (("to = owner(bal); after = RECORDS\n\ndef owner", "to = owner(bal)\n\ndef owner"),),
        "disks",
    ),
    Mutation(
        "a claim leaves before its record",
        "SAFETY 5",
        (("cfg: Config; to = OTHERS; after = RECORDS", "cfg: Config; to = OTHERS"),),
        "disks",
    ),
    Mutation(
        "a mark of what is chosen counts in any ballot",
        "PML §4.2",
        (("run(acc[s].bal == b and", "run(acc[s].bal > 0 and"),),
        "one-slot",
    ),
    Mutation(
        "a mark of what is chosen is believed without a look",
        "SAFETY 6",
        (("acc[n + 1].bal == b else n", "acc[n + 1].bal == b else t"),),
        "one-slot",
    ),
    Mutation(
        "a slot is chosen though one below is not", "PML §4.2", (("if quorum(w) and s == chosen + 1:", "if quorum(w):"),), "two-slots"
    ),
    Mutation(
        "a leader calls chosen what it proposed",
        "PML §4.2",
        (("n = s + run(quorum(votes[t]) for t in range(s + 1, next))", "n = next - 1"),),
        "two-slots",
    ),
    Mutation(
        "a report begins one slot too high",
        "SAFETY 6",
        (("for s in range(chosen + 1, chosen + WINDOW + 1) if", "for s in range(chosen + 2, chosen + WINDOW + 1) if"),),
        "one-slot",
    ),
    Mutation(
        "a candidate proposes below what its quorum knows",
        "SAFETY 6",
        (("quorum(proms) and chosen >= floor and", "quorum(proms) and"),),
        "one-slot",
    ),
    Mutation(
        "a report leaves out what is far above",
        "SAFETY 6",
        (("if acc[s].bal > 0}", "if acc[s].bal > 0 and s <= chosen + 1}"),),
        "two-slots",
    ),
    Mutation(
        "a leader proposes above its window",
        "SAFETY 6",
        (("if leads() and next <= chosen + WINDOW and", "if leads() and"),),
        "narrow-window",
    ),
    Mutation("a vote overtakes the mark", "SAFETY 6", (("s <= mark + WINDOW or mark == chosen", "s <= mark + WINDOW + 1"),), "late-marks"),
    Mutation(
        "a chosen value is learned out of order",
        "PML §4.2",
        (("if s == chosen + 1 and not leads():", "if s > chosen and not leads():"),),
        "catch-up",
    ),
    Mutation(
        "what is not chosen is supplied",
        "SAFETY 6",
        (("if s > truncated and s <= chosen and faulty[s] == 0:", "if s > truncated and acc[s].bal > 0:"),),
        "catch-up",
    ),
    Mutation(
        "what is not chosen is truncated", "SAFETY 26", (("if k > truncated and k <= chosen:", "if k > truncated:"),), "truncation-recovery"
    ),
    Mutation(
        "truncation drops one slot too many",
        "SAFETY 26",
        ((_TRUNCATES, _TRUNCATES.replace("k + 1", "k + 2")),),
        "truncation-recovery",
        alone=True,
    ),
    Mutation(
        "a snapshot stands for a slot too many",
        "SAFETY 26",
        ((_INSTALLS, _INSTALLS.replace("chosen = k", "chosen = k + 1")),),
        "install",
    ),
    Mutation(
        "an installed snapshot takes the votes above it along",
        "SAFETY 8, 26",
        ((_INSTALLS, _INSTALLS.replace("k + 1", "k + 2")),),
        "install",
    ),
    Mutation(
        "a promise does not say how far it knows",
        "SAFETY 6",
        (
            ("for s in range(chosen + 1, chosen + WINDOW + 1) if", "for s in range(1, chosen + WINDOW + 1) if"),
            (
                "send(Prepare(b, config))\n            send(Promise(b, config, chosen, ",
                "send(Prepare(b, config))\n            send(Promise(b, config, 0, ",
            ),
            ("promised = b\n            send(Promise(b, config, chosen, ", "promised = b\n            send(Promise(b, config, 0, "),
        ),
        "truncation-catch-up",
    ),
    Mutation("drift is ignored", "SAFETY 10", (("return term - term * DRIFT_PPM // 1_000_000 - 1", "return term - 1"),), "lease"),
    Mutation("a grant counts from its receipt", "SAFETY 10", (("t + shortened(d)", "now + shortened(d)"),), "lease"),
    Mutation(
        "a promise is given inside a lease",
        "SAFETY 10",
        (
            (
                'b > promised and now >= granted_until:\n            "P1b',
                'b > promised:\n            "P1b',
            ),
        ),
        "lease",
    ),
    Mutation(
        "a granter campaigns inside its own grant",
        "SAFETY 10",
        (('me in electors() and now >= granted_until:\n            "P1a', 'me in electors():\n            "P1a'),),
        "lease",
    ),
    Mutation(
        "a start does not withhold",
        "SAFETY 11",
        (("granted_until = now + longest", "granted_until = now"),),
        "all-restart-lease",
    ),
    Mutation(
        "the longest term is not durable",
        "SAFETY 11",
        (("longest:       Durable[Time]", "longest:       Time"),),
        "all-restart-lease",
    ),
    Mutation(
        "a start withholds, and not from now on",
        "SAFETY 11",
        (("granted_until = now + longest", "granted_until = longest"),),
        "lease-restart",
        alone=True,
    ),
    Mutation(
        "a grant leaves before its record",
        "SAFETY 11",
        (("stamp: Time; term: Time;  to = owner(bal); after = RECORDS", "stamp: Time; term: Time;  to = owner(bal)"),),
        "lease-disk",
    ),
    Mutation(
        "grants of an earlier reign count", "SAFETY 10", (("fence = 0; votes = {}; grants = {}", "fence = 0; votes = {}"),), "lease-twice"
    ),
    Mutation(
        "a grant of another ballot counts",
        "SAFETY 10",
        (("if b == bal and leads() and t <= now", "if leads() and t <= now"),),
        "lease-twice",
    ),
    Mutation(
        "a leader that abdicated goes on", "SAFETY 10", (("phase = IDLE; granted_until = now", "granted_until = now"),), "lease-twice"
    ),
    Mutation(
        "a dead ballot's release ends another's lease",
        "SAFETY 10",
        (("case Release(b, c) if b == promised:", "case Release(b, c):"),),
        "release",
    ),
    Mutation(
        "a release leaves before the claim is durable",
        "SAFETY 5",
        (
            (
                "class Release(Msg):   bal: Ballot; cfg: Config;                           to = OTHERS; after = RECORDS",
                "class Release(Msg):   bal: Ballot; cfg: Config;                           to = OTHERS",
            ),
        ),
        "release-disk",
    ),
    Mutation(
        "a master serves before its epoch",
        "SAFETY 14",
        (("return q.chosen >= q.first and q.holds_lease", "return q.holds_lease"),),
        "epoch",
    ),
    *damage_mutations.MUTATIONS,
    *membership_mutations.MUTATIONS,
    Mutation(
        "a repeated proposal is written again",
        "PMS §2.2",
        (("if acc[s].bal != b:", "if b > 0:"),),
        "three-ballots",
        is_harmless=True,
    ),
    Mutation(
        "of two equal ballots the other's value is taken",
        "PMS §2.2",
        (("return x if x.bal >= y.bal", "return x if x.bal > y.bal"),),
        "three-ballots",
        is_harmless=True,
    ),
)
