"""Shapes of partitions: which links fail.  [reliability §1.4]

    split    some replicas from the rest                one      a single replica, often the master
    master   the master                                 link     two replicas from each other
    ring     each hears its neighbours on a circle:     chain    each hears its neighbours on a line
             of five, all have majorities of their own  bridge   two halves that share one replica
    clients  some clients from all replicas

A cut-off side is cut off from some of the clients, too.
"""

from collections.abc import Sequence

from gaios.sim.dice import Dice

Link = tuple[int, int]
KINDS = ("split", "one", "master", "link", "ring", "chain", "bridge", "clients")


def shape(kind: str, dice: Dice, replicas: Sequence[int], masters: Sequence[int], clients: Sequence[int]) -> tuple[list[Link], list[Link]]:
    """The links that fail: one way, and back; no way back where the shape has no sides. A cell too small for a shape is split."""
    if kind == "link" and len(replicas) > 1:
        first, second = dice.shuffled(replicas)[:2]
        return [(first, second)], [(second, first)]
    if kind == "clients":
        out = [(client, replica) for client in dice.some(clients) for replica in replicas]
        return out, [(b, a) for a, b in out]
    order = dice.shuffled(replicas)
    if kind in {"ring", "chain"} and len(order) > (3 if kind == "ring" else 2):
        steps = range(len(order) if kind == "ring" else len(order) - 1)
        near = {(order[at], order[(at + 1) % len(order)]) for at in steps}
        return [(a, b) for a in replicas for b in replicas if a != b and (a, b) not in near and (b, a) not in near], []
    if kind == "bridge" and len(order) > 2:
        half = len(order) // 2
        out = [(a, b) for a in order[:half] for b in order[half + 1 :]]
        return out, [(b, a) for a, b in out]
    if kind in {"one", "master"}:
        cut_off = list(masters[:1]) if masters and (kind == "master" or dice.chance(0.6)) else [dice.pick(replicas)]
    else:
        cut_off = order[: dice.between(1, max(1, len(replicas) // 2))]
    others = [replica for replica in replicas if replica not in cut_off]
    others += [client for client in clients if dice.chance(0.3)]
    out = [(a, b) for a in cut_off for b in others]
    return out, [(b, a) for a, b in out]
