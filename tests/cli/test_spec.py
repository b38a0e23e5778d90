"""spec has its commands below it, and each is loaded when it runs."""

from collections.abc import Callable

from tests.cli.conftest import Done

Cli = Callable[..., Done]


def test_spec_alone_shows_what_there_is(cli: Cli) -> None:
    done = cli("spec")
    assert done.code == 0
    assert b"trace" in done.out


def test_an_unknown_check_is_wrong_usage(cli: Cli) -> None:
    assert cli("spec", "trase").code == 2
