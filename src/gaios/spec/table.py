"""The rules as a table, for people: docs/spec-rules.md."""

import ast

from gaios.spec.lives import emit_lives
from gaios.spec.sorts import Enum
from gaios.spec.source import Text, digest
from gaios.spec.statements import Assign, Drop, Each, Event, If, Merge, Put, Rule, Send, Specification, Statement
from gaios.spec.tree import Compare, Constant, Expr, State


def emit_table(specification: Specification) -> str:
    """The rule table in Markdown, with what is sent where."""
    s = specification
    lines = [
        "# The rules of the core",
        "",
        f"Generated from {', '.join(f'`{text.name}`' for text in s.texts)}; do not edit; run `make fix`.",
        f"sha256 of the texts: `{digest(s.texts)}`",
        "",
        "Of an event's rules the first that holds is carried out. **Bold** fields are durable. Messages in *italics* wait until all",
        "records up to and including their own are durable. [specification.md](specification.md) describes the language.",
        "",
        "| rule | on | when | writes | sends | line | after |",
        "|---|---|---|---|---|---|---|",
    ]
    lines.extend(_row(s, rule) for rule in s.rules)
    lines += ["", "| message | fields | goes to |", "|---|---|---|"]
    lines.extend(f"| {_name(event)} | {_fields(event)} | {_route(s, event)} |" for event in s.events if event.is_message)
    lines += ["", "| input | fields |", "|---|---|"]
    lines.extend(f"| {event.name} | {_fields(event)} |" for event in s.events if not event.is_message)
    lines += ["", "| field | sort | lives |", "|---|---|---|"]
    lives = {"given": "given", "durable": "**durable**", "volatile": "until a restart"}
    lines.extend(f"| {item.name} | {item.sort} | {lives[item.kind]} |" for item in s.state)
    lines += _phases(s) + emit_lives(s) + _flow(s)
    return "\n".join(lines) + "\n"


def _phases(s: Specification) -> list[str]:
    """For each choice in the state: which rules lead from where to where."""
    lines: list[str] = []
    for item in s.state:
        if not isinstance(item.sort, Enum):
            continue
        lines += ["", f"How `{item.name}` changes; every start begins at the first:", "", "```mermaid", "stateDiagram-v2"]
        lines.append(f"    [*] --> {item.sort.members[0]}")
        for rule in s.rules:
            before = _before(rule, item.name, item.sort)
            lines.extend(
                f"    {source} --> {target}: {rule.label}"
                for target in _targets(rule.body, item.name)
                for source in before
                if source != target
            )
        lines.append("```")
    return lines


def _before(rule: Rule, name: str, sort: Enum) -> list[str]:
    """The choices that a rule's guard allows."""
    allowed = list(sort.members)
    for part in rule.guard:
        match part:
            case Compare(op="==", left=State(name=found), right=Constant(name=word)) if found == name:
                allowed = [word]
            case Compare(op="!=", left=State(name=found), right=Constant(name=word)) if found == name:
                allowed.remove(word)
    return allowed


def _targets(statements: tuple[Statement, ...], name: str) -> list[str]:
    found: list[str] = []
    for statement in statements:
        match statement:
            case Assign(target=target, value=Constant(name=word)) if target.name == name:
                found.append(word)
            case If(then=then, other=other):
                found += _targets(then, name) + _targets(other, name)
    return found


def _flow(s: Specification) -> list[str]:
    """What answers what."""
    lines = ["", "What follows from what:", "", "```mermaid", "flowchart LR"]
    for rule in s.rules:
        sends: dict[str, Event] = {}
        _effects(rule.body, {}, sends)
        lines.extend(f"    {rule.event.name} -- {rule.label} --> {name}" for name in sorted(sends))
    return [*lines, "```"]


def _row(s: Specification, rule: Rule) -> str:
    text, case = _case(s, rule)
    guard = f"`{_segment(text, case.guard)}`" if case.guard is not None else "always"
    earlier = [other.label for other in s.rules_of(rule.event) if s.rules.index(other) < s.rules.index(rule)]
    if earlier:
        guard = f"not {', not '.join(earlier)}; {guard}"
    writes: dict[str, str] = {}
    sends: dict[str, Event] = {}
    _effects(rule.body, writes, sends)
    on = _segment(text, case.pattern)
    return " | ".join(
        [
            f"| {rule.label}: {rule.doc}",
            f"`{on}`",
            guard.replace("|", "\\|"),
            ", ".join(writes[name] for name in sorted(writes)),
            ", ".join(_name(sends[name]) for name in sorted(sends)),
            f"{rule.at.file}:{rule.at.line}",
            f"[{rule.source}] |" if rule.source else "– |",
        ]
    )


def _case(s: Specification, rule: Rule) -> tuple[Text, ast.match_case]:
    for text in s.texts:
        if text.name == rule.at.file:
            for node in ast.walk(text.parse()):
                if isinstance(node, ast.match_case) and text.place(node.pattern) == rule.at:
                    return text, node
    raise AssertionError(rule.at)


def _segment(text: Text, node: ast.expr | ast.pattern) -> str:
    """What the text says, on one line."""
    lines = text.content.splitlines()
    assert node.end_lineno is not None
    first, last = lines[node.lineno - 1], lines[node.end_lineno - 1]
    if node.lineno == node.end_lineno:
        return first.encode()[node.col_offset : node.end_col_offset].decode()
    middle = lines[node.lineno : node.end_lineno - 1]
    parts = [first.encode()[node.col_offset :].decode(), *middle, last.encode()[: node.end_col_offset].decode()]
    return " ".join(part.strip() for part in parts)


def _effects(statements: tuple[Statement, ...], writes: dict[str, str], sends: dict[str, Event]) -> None:
    for statement in statements:
        match statement:
            case Assign(target=target) | Put(target=target) | Merge(target=target) | Drop(target=target):
                writes[target.name] = f"**{target.name}**" if target.kind == "durable" else target.name
            case If(then=then, other=other):
                _effects(then, writes, sends)
                _effects(other, writes, sends)
            case Send(message=message):
                sends[message.name] = message
            case Each(sends=many):
                _effects(many, writes, sends)


def _name(event: Event) -> str:
    return f"*{event.name}*" if event.after else event.name


def _fields(event: Event) -> str:
    return ", ".join(f"{name}: {sort}" for name, sort in event.fields) or "–"


def _route(s: Specification, event: Event) -> str:
    if event.others:
        return "all others"
    if event.to is None:
        return "whom the rule names"
    return f"`{_source(s.texts, event.to)}`"


def _source(texts: tuple[Text, ...], expr: Expr) -> str:
    for text in texts:
        if text.name == expr.at.file:
            for node in ast.walk(text.parse()):
                if isinstance(node, ast.expr) and text.place(node) == expr.at:
                    return _segment(text, node)
    raise AssertionError(expr.at)
