"""The seam is small: what a subclass must bring, and nothing else."""

import inspect

import pytest

from gaios.machine import Context, Machine


def test_a_machine_must_bring_every_method() -> None:
    """A half-written machine fails when it is made, not when it is first asked to restore."""
    required = {"apply", "checksum", "query", "restore", "snapshot", "validate"}
    assert Machine.__abstractmethods__ == required
    with pytest.raises(TypeError, match="abstract"):
        type("Half", (Machine,), {"apply": lambda *_: (b"", ())})()


def test_a_context_says_where_in_the_log_a_command_stands() -> None:
    """A machine gets time and place as arguments, since it may ask nobody.  [SAFETY 27]"""
    assert Context._fields == ("slot", "index", "time_ms", "epoch")
    assert list(inspect.signature(Machine.apply).parameters) == ["self", "command", "context"]
    assert Machine.version == 1


def test_a_machine_need_not_care_about_epochs() -> None:
    """The hook does nothing by itself."""
    names = ("apply", "checksum", "query", "restore", "snapshot", "validate")
    machine = type("Whole", (Machine,), dict.fromkeys(names, lambda *_: None))()
    machine.begin_epoch(Context(1, 0, 0, 65_537))
    assert vars(machine) == {}
