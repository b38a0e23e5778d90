"""Whether a plant changes the code that runs, and puts it back."""

import sys
from types import FunctionType

from gaios.log import Replica
from gaios.sim.museum import Exhibit


def code() -> dict[tuple[str, str, str], int]:
    """Everything in gaios that a plant could change, by its place: the identity of what stands there."""
    defaults = Replica.__init__.__kwdefaults__
    assert defaults is not None
    found = {("", "", "participant"): id(defaults["participant"])}
    for module in [module for name, module in sys.modules.items() if name.startswith("gaios")]:
        for name, value in vars(module).items():
            if isinstance(value, FunctionType | type) or callable(value):
                found[module.__name__, "", name] = id(value)
            if isinstance(value, dict):
                found |= {(module.__name__, name, repr(key)): id(held) for key, held in value.items() if isinstance(held, FunctionType)}
            if isinstance(value, type) and value.__module__ == module.__name__:
                found |= {(module.__name__, name, part): id(held) for part, held in vars(value).items()}
    return found


def differs(exhibit: Exhibit) -> bool:
    """Whether the code is another while the bug is planted, and the same as before afterwards."""
    with exhibit.plant():
        pass  # whatever a plant loads or makes once is made
    before = code()
    with exhibit.plant():
        during = code()
    assert code() == before
    return during != before
