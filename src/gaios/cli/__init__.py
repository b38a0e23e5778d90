"""The command line: the composition root, and the surface that scripts call.  [INTERFACE]

Rule 1. A command imports what it needs when it runs: `gaios get` loads no server, no tables, no simulator.
Rule 2. Standard output carries answers and nothing else; everything about failing goes to standard error (`output`).
Rule 3. Every outcome has one of six exit codes (`exits`); no traceback reaches a user unless GAIOS_DEBUG=1 asks for it (`run`).
Rule 4. What a person wrote is checked before anything is sent.
"""

import sys


def main() -> None:
    """The console script `gaios`."""
    try:
        from gaios.cli.run import run

        code = run(sys.argv[1:])
    except KeyboardInterrupt:
        code = 130
    sys.exit(code)
