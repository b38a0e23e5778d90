"""The specification language and its compiler. No replica imports it; `docs/specification.md` is its manual.

    texts ──► declarations ──► expressions ──► rules ──► one checked tree ──┬─► emit_python   core.py, and variants in memory
    (source)    names, sorts      types          law          (tree)        ├─► emit_codec    codec.py
                                                                            ├─► emit_table    docs/spec-rules.md
                                                                            └─► emit_text     docs/spec-text.md

Rule 1. One text: what replicas run, what is documented and what will be model-checked come from the same tree.
Rule 2. A text is parsed, never executed. What the compiler does not know it refuses, with file, line and column.
Rule 3. Generated files are committed; `python -m gaios.spec check` names those that are stale.
"""

from collections.abc import Iterable, Sequence
from types import ModuleType

from gaios.spec.python_module import emit_core
from gaios.spec.rules import read_specification
from gaios.spec.source import Place, SpecError, Text, core_texts, edited
from gaios.spec.statements import Specification

__all__ = ["Place", "SpecError", "Specification", "Text", "compile_participant", "core_texts", "edited", "read_specification"]


def compile_participant(
    texts: Sequence[Text] | None = None, *, edits: Iterable[tuple[str, str]] = (), trace: bool = False, coverage: bool = False
) -> ModuleType:
    """The core as a module in memory: as it is, with a planted bug, or with instruments.

    Args:
        texts: The texts, in order; those of the core when omitted.
        edits: Pairs (old, new) that are applied to the texts first; each `old` must occur exactly once.
        trace: Give participants an attribute `tracer`, called with a `Transition` after each rule that was carried out.
        coverage: Count in `FIRED` and `REFUSED`, by index in `RULES`, what was carried out and what did not hold.

    Raises:
        SpecError: a text, as edited, breaks the language's rules, or an edit does not match exactly once.
    """
    specification = read_specification(edited(core_texts() if texts is None else texts, edits))
    module = ModuleType("gaios.paxos.core (in memory)")
    code = compile(emit_core(specification, trace=trace, coverage=coverage), "<generated core>", "exec")
    exec(code, module.__dict__)  # noqa: S102 - the compiler's own output, from texts that it checked
    return module
