"""Every command reaches its cell the same way."""

import json
import shlex
from collections.abc import Callable

import pytest

from gaios import errors
from gaios.cli import exits
from gaios.cli.connect import cell as connect
from gaios.cli.connect import hint
from gaios.cli.parameters import Client
from gaios.cli.run import run
from tests.cli.conftest import FakeCell


async def test_endpoints_and_time_out_are_those_of_the_command_line(cell: FakeCell) -> None:
    async with connect(Client(endpoints="h:1", timeout=3)) as connected:
        assert connected is cell
    assert (cell.endpoints, cell._timeout) == ("h:1", 3)


ENDPOINTS = "h:1,[::1]:2"


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: errors.Unavailable(waited_ms=1, reason="r"), "see which replicas answer: gaios status{}"),
        (lambda: errors.SessionExpired(session=5), "see why: gaios explain{} --session 5"),
        (lambda: errors.Overloaded(what="w", limit=1, unit="u"), "try again in a moment"),
    ],
    ids=["its kind's", "its own", "no command"],
)
@pytest.mark.parametrize(("variable", "given"), [("", f" --endpoints '{ENDPOINTS}'"), (ENDPOINTS, "")], ids=["flag", "variable"])
async def test_a_hint_asks_the_cell_that_was_asked(
    cell: FakeCell, monkeypatch: pytest.MonkeyPatch, make: Callable[[], errors.Error], told: str, variable: str, given: str
) -> None:
    """`gaios status` alone would ask the default one, or that of the variable, which needs no repeating."""
    monkeypatch.setenv("GAIOS_ENDPOINTS", variable)
    with pytest.raises(errors.Error) as caught:
        async with connect(Client(endpoints=ENDPOINTS)):
            raise make()
    assert exits.report(caught.value).hint == told.format(given)


def test_each_command_of_a_hint_is_one_that_takes_endpoints_and_a_disk_is_not_asked_where_it_is() -> None:
    unknown = errors.Unknown(reason="r")
    unknown.hint = "see what is there: gaios get, gaios ls; or what became of it: gaios explain --operation 1.0:1 --dir DIR"
    assert hint(unknown, Client(endpoints="h:1")) == (
        "see what is there: gaios get --endpoints h:1, gaios ls --endpoints h:1; "
        "or what became of it: gaios explain --operation 1.0:1 --dir DIR"
    )


def test_a_hint_with_endpoints_can_be_given(capsys: pytest.CaptureFixture[str]) -> None:
    def refused(*words: str) -> dict[str, str]:
        assert run([*words, "--json"]) == exits.UNAVAILABLE
        error: dict[str, str] = json.loads(capsys.readouterr().err)["error"]
        return error

    _, _, command = refused("get", "k", "--endpoints", "127.0.0.1:1", "--timeout", "0.2")["hint"].partition(": gaios ")
    assert "--endpoints" in command
    assert refused(*shlex.split(command))["message"] == "no replica answers at 127.0.0.1:1"
