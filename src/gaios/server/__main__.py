"""`python -m gaios.server --config FILE --id 1 …`: one replica in the foreground, and nothing loaded that it does not need.

Rule 1. A flag is a configuration key: `--log-level debug` or `--log-level=debug`; `--insecure` alone means true.
Rule 2. SIGTERM and SIGINT stop it cleanly: exit codes 0 and 130.
Rule 3. It leaves with 2 for what a person has to configure, 3 for a taken port, 4 for state or disk not to be trusted, 1 for its own fault.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from typing import Any, Final

from gaios import errors
from gaios.server import config, variables
from gaios.server.courtesy import be_courteous
from gaios.server.logs import Logger
from gaios.server.replica import Replica, quiet_collector, raise_limits

_CODES: Final = (
    (errors.ConfigurationError, 2),
    (errors.PortTaken, 3),
    (errors.StateMissing, 4),
    (errors.Removed, 2),
    (errors.StateLost, 4),
    (errors.StateDamaged, 4),
    (errors.DiskFailed, 4),
    (errors.TooOld, 4),
    (errors.InvariantViolated, 4),
)


def exit_code(error: BaseException) -> int:
    """How a replica that this error stopped leaves.  [INTERFACE]"""
    return next((code for kind, code in _CODES if isinstance(error, kind)), 1)


def flags(arguments: Sequence[str]) -> dict[str, Any]:
    """Flags by key, `config` among them.

    Raises:
        ConfigurationError: an argument is no flag, or lacks its value.
    """
    found: dict[str, Any] = {}
    rest = list(arguments)
    while rest:
        word = rest.pop(0)
        name, equals, value = word.partition("=")
        if not name.startswith("--") or len(name) < 3:
            raise errors.ConfigurationError(reason=f"{word!r} is not a flag", hint="flags are the configuration's keys: --id 1 --dir DIR")
        key = name[2:].replace("-", "_")
        if equals:
            found[key] = value
        elif key == "insecure" and (not rest or rest[0].startswith("--")):
            found[key] = True
        elif rest:
            found[key] = rest.pop(0)
        else:
            raise errors.ConfigurationError(reason=f"{name} needs a value")
    return found


async def serve(settings: config.Settings) -> int:
    """Run one replica until SIGTERM or SIGINT; which of them it was.

    Raises:
        Error: why it could not start, or what stopped it.
    """
    replica = Replica(settings)
    for name, near in variables.unknown(os.environ).items():
        replica.log.warning("unknown_variable", variable=name, **({"did_you_mean": near} if near else {}))
    loop = asyncio.get_running_loop()
    asked = asyncio.Event()
    received: list[int] = []

    def stop(number: int) -> None:
        replica.log.info("stopping", signal=signal.Signals(number).name)
        received.append(number)
        asked.set()

    async def stop_when_asked() -> None:
        await asked.wait()
        await replica.stop()

    # Before the start, which says when it is over: whoever reads that may send a signal at once. One that came earlier waits for it.
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop, number)
    await replica.start()
    quiet_collector()
    courtesy = loop.create_task(be_courteous(replica), name="courtesy")
    stopping = loop.create_task(stop_when_asked())
    await replica.wait()
    await stopping
    courtesy.cancel()
    return received[0]


def run(settings: config.Settings) -> int:
    """Run one replica in this process, on uvloop where it is installed; the signal that ended it.

    Raises:
        Error: see `serve`.
    """
    raise_limits()
    try:
        import uvloop  # noqa: PLC0415 (plain asyncio works too)
    except ImportError:
        factory = None
    else:
        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(serve(settings))


def main(arguments: Sequence[str]) -> int:
    """Read the flags and run; the exit code."""
    log = Logger()
    try:
        given = flags(arguments)
        settings = config.load(given.pop("config", None), given)
        log = Logger(level=settings.log_level, format=settings.log_format, replica=settings.id)
        ended_by = run(settings)
    except errors.Error as error:
        log.error(  # noqa: TRY400 (a sentence, no traceback)
            "exit", error=type(error).__name__, reason=str(error), **({"hint": error.hint} if error.hint else {})
        )
        return exit_code(error)
    except KeyboardInterrupt:
        return 130
    return 130 if ended_by == signal.SIGINT else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
