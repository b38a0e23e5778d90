"""What becomes of one key of a durable map, as a picture: a slot's life.

A durable map, and durable numbers of its keys' sort, tell together where a key stands: not in the map, in it, or at or below one of the
numbers, each of which speaks of keys that have come further than the one declared before it.
"""

from gaios.spec.sorts import MapOf
from gaios.spec.statements import Assign, Drop, Field, If, Merge, Put, Rule, Specification, Statement


def emit_lives(s: Specification) -> list[str]:
    """A Mermaid diagram for each durable map whose keys are marked by durable numbers."""
    lines: list[str] = []
    for item in s.state:
        if item.kind == "durable" and isinstance(item.sort, MapOf):
            marks = [other for other in s.state if other.kind == "durable" and other.sort == item.sort.key]
            if marks:
                lines += _life(s, item, marks)
    return lines


def _life(s: Specification, item: Field, marks: list[Field]) -> list[str]:
    assert isinstance(item.sort, MapOf)
    key = str(item.sort.key)
    lines = ["", f"What becomes of a {key} of `{item.name}`; a mark covers every {key} through it:", "", "```mermaid", "stateDiagram-v2"]
    lines.append(f'    state "in {item.name}" as {item.name}')
    lines += [f'    state "through {mark.name}" as {mark.name}' for mark in marks]
    edges: dict[tuple[str, str], list[str]] = {}
    order = [item.name, *(mark.name for mark in marks)]
    for rule in s.rules:
        touched = _touched(rule)
        reached = [name for name in order if name in touched]
        if not reached or (reached == [item.name] and touched[item.name] == "drop"):
            continue
        target = reached[-1]
        # Whatever puts a key may put one that is there already.
        puts = touched.get(item.name) == "put"
        for source in ["[*]", item.name] if puts else [order[order.index(target) - 1]]:
            edges.setdefault((source, target), []).append(rule.label)
    lines.extend(f"    {source} --> {target}: {', '.join(labels)}" for (source, target), labels in edges.items())
    return [*lines, "```"]


def _touched(rule: Rule) -> dict[str, str]:
    """Which fields a rule writes, and whether it puts keys into a map, drops them, or sets a number."""
    found: dict[str, str] = {}

    def look(block: tuple[Statement, ...]) -> None:
        for statement in block:
            match statement:
                case Put(target=target) | Merge(target=target):
                    found[target.name] = "put"
                case Drop(target=target):
                    found.setdefault(target.name, "drop")
                case Assign(target=target):
                    found[target.name] = "set"
                case If(then=then, other=other):
                    look(then)
                    look(other)
                case _:
                    pass

    look(rule.body)
    return found
