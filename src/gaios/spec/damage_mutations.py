"""Bugs planted in what becomes of records that rot."""

from typing import Final

from gaios.spec.mutation import Mutation

_INSTALLS: Final = "acc -= range(truncated + 1, k + 1); truncated = k; chosen = k"
_DROPS: Final = "            faulty -= range(truncated + 1, k + 1)\n            "
_SURVEYS: Final = (
    "acc -= range(truncated + 1, k + 1); truncated = k\n            if numbered(v) > config:\n                "
    "config = numbered(v); voters = listed(v); promised = max(promised, b)\n"
)

MUTATIONS: Final = (
    Mutation(
        "damage is reported as absence",
        "SAFETY 6",
        (
            (
                "send(Prepare(b, config))\n            send(Promise(b, config, chosen, accepted(), damaged()))",
                "send(Prepare(b, config))\n            send(Promise(b, config, chosen, accepted(), {}))",
            ),
            (
                "promised = b\n            send(Promise(b, config, chosen, accepted(), damaged()))",
                "promised = b\n            send(Promise(b, config, chosen, accepted(), {}))",
            ),
        ),
        "damage",
    ),
    Mutation("a candidate ignores damage", "SAFETY 6", (("\n            and len(unsettled()) == 0\n", "\n"),), "damage"),
    Mutation("an older value settles what is damaged", "SAFETY 6", (("best[s].bal < worst[s]", "best[s].bal == 0"),), "damage"),
    Mutation("who reports damage counts as intact", "SAFETY 6", ((" + 2 * len(part & some & whole)", ""),), "damage"),
    Mutation("a header that rotted is taken for the oldest", "SAFETY 6", (("max(faulty[s], b)", "1"),), "damage"),
    Mutation(
        "a start forgets what was damaged",
        "SAFETY 7",
        (("@restart\ndef chosen()", "@restart\ndef faulty() -> Map[Slot, Ballot]:\n    return {}\n\n@restart\ndef chosen()"),),
        "damage-restart",
    ),
    Mutation(
        "a proposal mends a chosen value",
        "SAFETY 6",
        (
            (
                "promised = b\n            send(Accepted(b, c, s))\n\n",
                (
                    "promised = b\n            send(Accepted(b, c, s))\n            if faulty[s] > 0:\n"
                    "                acc[s] = Entry(b, v)\n                faulty -= range(s, s + 1)\n\n"
                ),
            ),
        ),
        "damage-chosen",
        alone=True,
    ),
    Mutation(
        "an installed snapshot leaves damage behind",
        "SAFETY 26",
        ((_DROPS + _INSTALLS, "            " + _INSTALLS),),
        "damage-install",
    ),
    Mutation(
        "an installed snapshot takes damage above it along",
        "SAFETY 6, 26",
        (
            (
                _DROPS + _INSTALLS,
                _DROPS.replace("k + 1", "k + 2") + _INSTALLS,
            ),
        ),
        "damage-install",
    ),
    Mutation(
        "a configuration that damage leaves in doubt is recovered",
        "SAFETY 6, 18",
        (("for t in range(chosen + 1, s) if", "for t in range(chosen + 1, s + 1) if"),),
        "change-damage",
        alone=True,
    ),
    Mutation(
        "who is intact is counted among the founders",
        "SAFETY 6, 18",
        (("return without(proms, hurt[s], electors())", "return without(proms, hurt[s], founders)"),),
        "change-damage-above",
        alone=True,
    ),
    Mutation(
        "a start that cannot read its configuration takes part",
        "SAFETY 15, 18",
        (("return lost or config < known and (rotten() or bare)", "return lost"),),
        "change-damage-chosen",
    ),
    Mutation(
        "a configuration that is fetched again does not count",
        "SAFETY 15, 18",
        (("s + 1)\n            if numbered(v) > config:\n", "s + 1)\n            if s == 0:\n"),),
        "change-damage-chosen",
        alone=True,
    ),
    Mutation(
        "a snapshot covers damage and does not tell who governs",
        "SAFETY 18, 26",
        (
            (
                _SURVEYS,
                "acc -= range(truncated + 1, k + 1); truncated = k\n",
            ),
        ),
        "change-damage-install",
    ),
    Mutation(
        "a snapshot at the truncated slot does not tell who governs",
        "SAFETY 15, 18",
        (
            (
                _SURVEYS,
                (
                    "if numbered(v) > config and k > truncated:\n                "
                    "config = numbered(v); voters = listed(v); promised = max(promised, b)\n            "
                    "acc -= range(truncated + 1, k + 1); truncated = k\n"
                ),
            ),
        ),
        "change-damage-dropped",
        alone=True,
    ),
)
