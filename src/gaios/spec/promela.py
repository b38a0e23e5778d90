"""A scope as Promela: one process, one atomic step an instance, one bit or a few for each cell.

Rule 1. A guard comes first in its `d_step`, so that a step which cannot be taken leaves no trace in the state.
Rule 2. All updates of a step read the state before it: what would be overwritten too early is kept in a variable that is 0 between steps,
and what stands in several formulas is computed once, first, into variables that are no part of the state.
Rule 3. An invariant is a step that is possible only where it is violated.
Rule 4. Every step has a line of its own: a trail leads back from lines to rules. A counter outside the state tells how often each step
was taken, because Spin's own list of what was not reached does not look into a `d_step`.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from gaios.spec.formulas import Formula, Term, all_of, negation, promela, reads
from gaios.spec.instances import Instance
from gaios.spec.scope import Scope

ONCE = "said_once"
"""The invariant of messages that are said once: nobody says one of them twice with different contents."""


_COUNTERS = """c_decl {{
static unsigned long fired[{size}];
static int told = 0;
static void tell(void) {{ int i; for (i = 0; i < {size}; i++) printf("fired %d %lu\\n", i, fired[i]); }}
static void fire(int i) {{ if (!told) {{ told = 1; atexit(tell); }} fired[i]++; }}
}};"""


@dataclass(slots=True)
class Promela:
    """A model's text, and what its lines are."""

    text: str
    steps: dict[int, int] = field(default_factory=dict)
    """The number of the scope's instance that stands on a line."""


def emit_promela(scope: Scope, *, shares: bool = True) -> Promela:
    """The model's text. `shares`: what stands in several formulas is computed once; Spin cannot do that in breadth."""
    result = Promela("")
    lines = [f"/* {scope.configuration.name}: generated from {', '.join(text.name for text in scope.model.texts)} */"]
    lines += _COUNTERS.format(size=len(scope.instances)).splitlines()
    cells = sorted(scope.kept)
    lines += [f"unsigned {name} : {max(1, max(scope.held[name]).bit_length())};" for name in cells]
    kept = max((len(_early(instance)) for instance in scope.instances), default=0)
    lines += [f"byte t{index};" for index in range(kept)]
    terms = [[term for term in instance.updates.values() if isinstance(term, Formula)] if shares else [] for instance in scope.instances]
    shared = [_shared(each) for each in terms]
    lines += [f"hidden int u{index};" for index in range(max(map(len, shared), default=0))]
    lines += ["active proctype gaios() {", "end: do"]

    def add(line: str) -> int:
        lines.append(line)
        return len(lines)

    for check in scope.checks:
        if check.holds != 1:
            add(f":: d_step {{ {promela(negation(check.holds))} -> assert(false) }} /* {check.name} */")
    for number, instance in enumerate(scope.instances):
        guard = all_of(instance.guard)
        if instance.contradicts:
            wrong = " || ".join(promela(term) for term in dict.fromkeys(instance.contradicts))
            add(f":: d_step {{ {promela(guard)} && ({wrong}) -> assert(false) }} /* {ONCE} */")
        early = _early(instance)
        once = shared[number]
        body = [f"u{index} = {_with(once[:index], text)}" for index, text in enumerate(once)]
        body += [f"t{index} = {_with(once, promela(instance.updates[name]))}" for index, name in enumerate(early)]
        body += [f"{name} = t{index}" for index, name in enumerate(early)]
        body += [f"{name} = {_with(once, promela(term))}" for name, term in instance.updates.items() if name not in early]
        body += [f"t{index} = 0" for index in range(len(early))]
        if body:
            result.steps[add(f":: d_step {{ {promela(guard)} -> c_code {{ fire({number}); }}; {'; '.join(body)} }}")] = number
    lines += [":: false -> skip", "od", "}"]
    result.text = "\n".join(lines) + "\n"
    return result


SHARED_LENGTH: Final = 40
"""A part of a formula that is shorter is not worth a variable."""


def _shared(terms: list[Formula]) -> list[str]:
    """Parts that stand more than once in a step's formulas, the shorter ones first."""
    counts: Counter[str] = Counter()
    for term in terms:
        counts.update(part.promela for part in _parts(term) if len(part.promela) >= SHARED_LENGTH)
    return sorted((text for text, count in counts.items() if count > 1), key=lambda text: (len(text), text))


def _parts(term: Term) -> Iterator[Formula]:
    """A formula and all below it."""
    if isinstance(term, Formula) and term.op:
        yield term
        for part in term.parts:
            yield from _parts(part)


def _with(once: list[str], text: str) -> str:
    """A formula's text, with variables for what is computed once."""
    for index in reversed(range(len(once))):
        text = text.replace(once[index], f"u{index}")
    return text


def _early(instance: Instance) -> list[str]:
    """The cells whose new value reads a cell that the same step writes."""
    targets = set(instance.updates)
    return [name for name, term in instance.updates.items() if (reads(term) - {name}) & targets]
