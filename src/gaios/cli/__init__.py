"""The command line: the composition root, and the surface that scripts call.  [INTERFACE]

Rule 1. A command imports what it needs when it runs: `gaios get` loads no server, no tables, no simulator.
Rule 2. Standard output carries answers and nothing else; everything about failing goes to standard error (`output`).
Rule 3. Every outcome has one of six exit codes (`exits`); no traceback reaches a user unless GAIOS_DEBUG=1 asks for it (`run`).
Rule 4. What a person wrote is checked before anything is sent.
"""

import gc
import os
import sys
from typing import NoReturn

_COLLECT_AFTER = 50_000
"""Objects: a short command ends before the collector runs once, a long one hardly notices."""


def main() -> NoReturn:
    """The console script `gaios`.

    It leaves without taking the interpreter apart, module by module: that costs a fifth of a whole `gaios get`, and whatever has to be
    closed or flushed is by then.
    """
    gc.set_threshold(_COLLECT_AFTER)
    try:
        from gaios.cli.run import run

        code = run(sys.argv[1:])
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
    except KeyboardInterrupt:
        code = 130
    except BrokenPipeError:
        code = 0
    os._exit(code)
