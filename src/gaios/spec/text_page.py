"""The texts as a page for people, rule by rule, with what each is taken from: docs/spec-text.md."""

import ast
import re

from gaios.spec.source import Text, digest
from gaios.spec.statements import Rule, Specification

PAGES = {"SAFETY": "safety.md"}
"""Where citations lead that have a page of their own; all others lead to their entry in sources.md."""


def emit_text(specification: Specification) -> str:
    """All texts in Markdown: declarations as they stand, and a section for each rule."""
    s = specification
    lines = [
        "# The text of the core",
        "",
        f"Generated from {', '.join(f'`{text.name}`' for text in s.texts)}; do not edit; run `make fix`.",
        f"sha256 of the texts: `{digest(s.texts)}`",
        "",
        "The texts as they stand, rule by rule, each with the sections that it is taken from. [spec-rules.md](spec-rules.md) has the rules",
        "as a table and in pictures, [specification.md](specification.md) describes the language.",
    ]
    for text in s.texts:
        lines += _text(text, [rule for rule in s.rules if rule.at.file == text.name])
    return "\n".join(lines) + "\n"


def _text(text: Text, rules: list[Rule]) -> list[str]:
    content = text.content.splitlines()
    module = text.parse()
    about = ast.get_docstring(module) or ""
    title, _, rest = about.partition("\n")
    cases = [node for node in ast.walk(module) if isinstance(node, ast.match_case)]
    spans = sorted((case.pattern.lineno, case.body[-1].end_lineno or 0) for case in cases)
    begin = module.body[0].end_lineno or 0 if about else 0
    end = spans[0][0] - 1 if spans else len(content)
    lines = ["", f"## {text.name}", "", title, "", *_block(rest.strip().splitlines()), "", *_block(content[begin:end])]
    for rule, (first, last) in zip(sorted(rules, key=lambda rule: rule.at.line), spans, strict=True):
        after = f"After {_links(rule.source)}. " if rule.source else ""
        lines += ["", f"### {rule.label}", "", f"{after}{text.name}:{first}", "", *_block(content[first - 1 : last])]
    return lines


def _block(lines: list[str]) -> list[str]:
    """Lines as they stand, without the indentation that all of them have."""
    while lines and not lines[0].strip():
        lines = lines[1:]
    while lines and not lines[-1].strip():
        lines = lines[:-1]
    margin = min((len(line) - len(line.lstrip()) for line in lines if line.strip()), default=0)
    return ["```text", *(line[margin:] for line in lines), "```"]


def _links(source: str) -> str:
    """`PMS §2.2; SAFETY 6`, each part a link to where it is explained."""
    return "; ".join(f"[{part}]({PAGES.get(_tag(part), f'sources.md#{_tag(part).lower()}')})" for part in source.split("; "))


def _tag(part: str) -> str:
    found = re.match(r"[A-Z]+", part)
    return found[0] if found else ""
