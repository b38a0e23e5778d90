"""From arguments to an exit code; nothing escapes.

Rule 1. Whatever a command raises becomes one line on standard error and one of the exit codes of `exits`.
Rule 2. Wrong usage is told in the form that was asked for, even if the flag that is wrong stands before --json.
Rule 3. A reader that went away (`gaios ls | head -1`) is no failure; an interrupt is silent.
"""

import difflib
import os
import sys
from collections.abc import Sequence

from cyclopts import (
    CoercionError,
    ConsumeMultipleError,
    CycloptsError,
    MissingArgumentError,
    UnknownCommandError,
    UnknownOptionError,
    UnusedCliTokensError,
)

from gaios.cli import exits, output
from gaios.cli.app import make_app, names
from gaios.cli.parameters import STDIN
from gaios.cli.variables import warnings


def run(arguments: Sequence[str]) -> int:
    """Carry out one command line; returns the exit code."""
    json = wants_json(arguments)
    for line in warnings(next(iter(arguments), ""), os.environ):
        output.note(line)
    try:
        try:
            result = make_app()(mark_stdin(arguments), print_error=False, exit_on_error=False)
        except CycloptsError as error:
            return fail(usage(error, arguments), error, json=json)
    except KeyboardInterrupt:
        return exits.INTERRUPTED
    except BrokenPipeError:
        _silence()
        return exits.DONE
    except OSError as error:
        # Help and the version are written by the parser, and do nothing else that could fail like this.
        failed = exits.OutputFailed(error.strerror or str(error)) if wants_text(arguments) else error
        return fail(exits.report(failed), error, json=json)
    except Exception as error:  # noqa: BLE001 (the last resort: no traceback reaches a user)
        return fail(exits.report(error), error, json=json)
    return result if isinstance(result, int) else exits.DONE


def fail(failure: exits.Report, error: BaseException, *, json: bool) -> int:
    """Tell a failure; returns its exit code."""
    if os.environ.get("GAIOS_DEBUG") == "1":
        import traceback

        traceback.print_exception(error)
    output.write_error(failure, json=json)
    return failure.code


def wants_json(arguments: Sequence[str]) -> bool:
    """Whether --json was written, wherever it stands before `--`."""
    own = arguments[: arguments.index("--")] if "--" in arguments else arguments
    return any(word == "--json" or word.startswith("--json=") for word in own)


def wants_text(arguments: Sequence[str]) -> bool:
    """Whether only help or the version was asked for."""
    own = arguments[: arguments.index("--")] if "--" in arguments else arguments
    return not own or any(word in {"--help", "-h", "--version"} for word in own)


def mark_stdin(arguments: Sequence[str]) -> list[str]:
    """A bare `-` before `--` becomes `STDIN`: an ordinary word to the parser, and not to be confused with any other."""
    end = arguments.index("--") if "--" in arguments else len(arguments)
    return [STDIN if word == "-" and at < end else word for at, word in enumerate(arguments)]


def usage(error: CycloptsError, arguments: Sequence[str]) -> exits.Report:
    """Wrong usage, and where to read how it is done right."""
    command = " ".join(("gaios", *(error.command_chain or ())))
    hint = f"{command} --help shows what it takes"
    match error:
        case UnknownCommandError():
            # Its own message imports every command to look at it.
            written = (error.unused_tokens or [""])[0]
            known = [name for name in error.app or () if not name.startswith("-")] if error.command_chain else names()
            nearest = difflib.get_close_matches(written, known, n=1)
            message = f"there is no command {' '.join((*(error.command_chain or ()), written))!r}"
            message += f"; did you mean {' '.join((*(error.command_chain or ()), nearest[0]))!r}?" if nearest else ""
            hint = f"{command} --help shows every command"
            if written.startswith("-") and written != STDIN:
                message, hint = (
                    f"unknown option: {written}",
                    "options stand behind the command: gaios COMMAND --json; gaios --help shows every command",
                )
        case ConsumeMultipleError(argument=argument) if argument is not None:
            message = f"{command} needs something behind {argument.name}"
        case MissingArgumentError(keyword=None, argument=argument) if argument is not None:
            message = f"{command} needs {argument.name}"
        case UnusedCliTokensError(unused_tokens=[first, *_]):
            message = f"{command} does not take {first!r}"
        case CoercionError(msg=str(told), token=token, argument=argument) if argument is not None and token and token.keyword is None:
            message = f"{argument.name}: {told}"
        case _:
            message = str(error)
            if isinstance(error, UnknownOptionError) and "Did you mean" not in message and "--" not in arguments:
                hint += "; put -- before words that begin with a dash"
    message = message.replace(STDIN, "-").replace(repr(STDIN)[1:-1], "-").rstrip(".")
    return exits.Report("ConfigurationError", message[:1].lower() + message[1:] if message[1:2].islower() else message, hint, exits.USAGE)


def _silence() -> None:
    """Nobody reads standard output any more: nothing may be written there again, not even at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
