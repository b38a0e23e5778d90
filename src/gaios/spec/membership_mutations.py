"""Bugs planted in how members change."""

from typing import Final

from gaios.spec.mutation import Mutation

MUTATIONS: Final = (
    Mutation(
        "promises of the old members are enough",
        "SAFETY 18",
        (
            (
                "bal == promised and quorum(proms) and chosen >= floor and next",
                "bal == promised and (next > 0 or quorum(proms)) and chosen >= floor\n            and next",
            ),
        ),
        "change-recovered",
    ),
    Mutation(
        "votes of the old members count",
        "SAFETY 18",
        (("if quorum(w) and s == chosen + 1:", "if most(w, founders) and s == chosen + 1:"),),
        "growing",
    ),
    Mutation(
        "recovery goes past a configuration",
        "SAFETY 18",
        (("            e = min(n, t)\n", "            e = t\n"),),
        "change-of-four",
    ),
    Mutation(
        "who learns of a configuration does not go over to it",
        "SAFETY 18",
        (
            (
                "chosen = s\n            faulty -= range(s, s + 1)\n            if numbered(v) > 0:",
                "chosen = s\n            faulty -= range(s, s + 1)\n            if s == 0:",
            ),
        ),
        "change",
    ),
    Mutation(
        "who learns of a configuration takes part in ballots below it",
        "SAFETY 18",
        (
            (
                "            if numbered(v) > 0:\n                config = numbered(v); voters = listed(v); promised = max(promised, b)\n",
                "            if numbered(v) > 0:\n                config = numbered(v); voters = listed(v)\n",
            ),
        ),
        "change-below",
    ),
    Mutation(
        "slots are proposed above a configuration that is not chosen",
        "SAFETY 18",
        (("next <= chosen + WINDOW and fence <= chosen:", "next <= chosen + WINDOW:"),),
        "above-a-change",
    ),
    Mutation(
        "two changes at once",
        "SAFETY 18",
        (("if leads() and next == chosen + 1 and numbered(v)", "if leads() and next <= chosen + WINDOW and numbered(v)"),),
        "two-changes",
    ),
    Mutation(
        "a start finds newer members than its mark knows",
        "SAFETY 18",
        (("return known if found() else 0", "return config if found() else 0"),),
        "late-change",
    ),
    Mutation(
        "a snapshot is taken over without its configuration",
        "SAFETY 18, 26",
        (("chosen = k\n            config = numbered(v); voters = listed(v)", "chosen = k"),),
        "change-install",
    ),
    Mutation(
        "a start behind a snapshot goes by the members of an older mark",
        "SAFETY 18, 26",
        (("    return numbered(v)\n", "    return known\n"),),
        "late-change-install",
    ),
    Mutation(
        "a lease is counted by the old members",
        "SAFETY 11",
        (
            (
                "leads() and quorum({q for q in keys(grants) if at < grants[q]})",
                "leads() and most({q for q in keys(grants) if at < grants[q]}, founders)",
            ),
        ),
        "change-lease",
        alone=True,
    ),
    Mutation(
        "a learner forgets at its start what it granted",
        "SAFETY 11",
        (
            (
                "            granted_until = now + longest\n",
                "            granted_until = now + longest if me in electors() else now\n",
            ),
        ),
        "change-lease-restart",
    ),
    Mutation(
        "who recovers a configuration leads already",
        "SAFETY 11",
        (
            (
                "            if n > t:\n                phase = LEADING; best = {}; proms = {}; worst = {}; hurt = {}",
                "            phase = LEADING; best = {}; proms = {}; worst = {}; hurt = {}",
            ),
        ),
        "change-lease-stale",
    ),
    Mutation(
        "a member whose disk was lost goes on under its number",
        "SAFETY 8",
        (("return lost or config < known and (rotten() or bare)", "return config < known and rotten()"),),
        "lost-disk",
        alone=True,
    ),
)
