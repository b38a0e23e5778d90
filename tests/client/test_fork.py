"""Claims about clients in forked processes."""

import multiprocessing
from multiprocessing.connection import Connection

from gaios.client import fork
from gaios.client.shell import Shell
from gaios.errors import ConfigurationError


def _child(shell: Shell, pipe: Connection) -> None:
    try:
        shell.check_process()
    except ConfigurationError as error:
        pipe.send(str(error))
    else:
        pipe.send("it may be used")


def test_a_client_is_refused_in_a_forked_child() -> None:
    """Gunicorn's workers are where people are: the parent's sockets are not theirs."""
    shell = Shell(["h:1"])
    shell.check_process()
    ours, theirs = multiprocessing.Pipe()
    child = multiprocessing.get_context("fork").Process(target=_child, args=(shell, theirs))
    child.start()
    assert ours.poll(60)
    assert ours.recv() == str(fork.error())
    child.join(60)
    assert child.exitcode == 0
