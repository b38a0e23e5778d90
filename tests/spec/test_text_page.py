"""The texts for people: nothing of them is left out, and each rule says where it comes from."""

import re

from gaios.spec import core_texts, read_specification
from gaios.spec.text_page import emit_text
from tests.spec.small import CITED, line_of, read


def test_a_rule_has_a_section_with_its_sources_and_its_lines() -> None:
    page = emit_text(read(CITED))
    assert (
        "### A1\n\n"
        f"After [PMS §2.2](sources.md#pms); [SAFETY 5](safety.md). small.spec.py:{line_of('case Add')}\n\n"
        "```text\n"
        "case Add(s, v) if s <= LIMIT and me in voters:\n"
        '    "A1: keep it"\n'
    ) in page


def test_a_rule_of_our_own_has_no_sources() -> None:
    page = emit_text(read())
    assert f"### S2\n\nsmall.spec.py:{line_of('case Sum():')}\n\n" in page


def test_nothing_of_the_texts_is_left_out() -> None:
    """Every line that is not empty stands on the page, in its order."""
    page = re.sub(r"\s+", " ", emit_text(read_specification(core_texts())))
    at = 0
    for text in core_texts():
        for line in text.content.replace('"""', "\n").splitlines():
            words = " ".join(line.split())
            if words:
                at = page.index(words, at)


def test_every_rule_of_the_core_says_where_it_comes_from() -> None:
    """[PML §6.1]: the papers' sections beside the rules."""
    assert all(rule.source for rule in read_specification(core_texts()).rules)
