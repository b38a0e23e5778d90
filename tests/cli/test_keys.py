"""Each command of keys and values: what it answers, in both forms, and with which code.  [INTERFACE]"""

from collections.abc import Callable

import pytest

from gaios import api, errors
from gaios.cli import output
from gaios.cli.parameters import ENDPOINTS_DEFAULT
from gaios.machine import Context
from tests.cli.conftest import Done, FakeCell

Cli = Callable[..., Done]


def test_put_answers_its_revision(cell: FakeCell, cli: Cli) -> None:
    assert cli("put", "k", "v", "--json") == (0, b'{"revision":2}\n', "")
    assert cli("put", "k", "v") == (0, b"revision 3\n", "")
    assert cell.endpoints == ENDPOINTS_DEFAULT
    assert cell._timeout == 10


def test_put_reads_standard_input_for_a_dash_and_takes_it_literally_behind_two(cell: FakeCell, cli: Cli) -> None:
    assert cli("put", "k", "-", stdin=b"\x00\xff\n").code == 0
    assert cli("get", "k").out == b"\x00\xff\n\n"
    assert cli("put", "--", "k", "-").code == 0
    assert cli("get", "k").out == b"-\n"
    assert cli("put", "--", "-k", "-v").code == 0
    assert cli("get", "--", "-k").out == b"-v\n"
    assert cli("put", "-", "v").code == 0
    assert cli("get", "-").out == b"v\n"


def test_a_value_over_its_limit_is_refused_before_anything_is_sent(cell: FakeCell, cli: Cli) -> None:
    """Also from standard input, which is not read to its end: it may have none."""
    done = cli("put", "k", "-", "--json", stdin=b"x" * (api.VALUE_BYTES_MAX + 1))
    assert (done.code, done.error["type"]) == (2, "ValueTooLong")
    done = cli("put", "x" * 1_025, "v", "--json")
    assert (done.code, done.error["type"]) == (2, "KeyTooLong")
    done = cli("put", "", "v", "--json")
    assert (done.code, done.error["type"]) == (2, "KeyTooLong")
    assert cell.sent == []
    assert cli("put", "k", "-", stdin=b"x" * api.VALUE_BYTES_MAX).code == 0


def test_get_answers_the_entry_or_no(cell: FakeCell, cli: Cli) -> None:
    cli("put", "k", "v")
    assert cli("get", "k") == (0, b"v\n", "")
    assert cli("get", "k", "--json").json == {"key": "k", "value": "v", "version": 1, "create_revision": 2, "mod_revision": 2}
    assert cli("get", "absent") == (1, b"", "")
    assert cli("get", "absent", "--json") == (1, b"null\n", "")


def test_a_value_does_not_steer_a_terminal(cell: FakeCell, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its lines stay lines; a pipe gets its bytes."""
    cli("put", "k", "a\x1b[2Jb\n\tc")
    assert cli("get", "k").out == b"a\x1b[2Jb\n\tc\n"
    monkeypatch.setattr(output, "is_terminal", lambda: True)
    assert cli("get", "k").out == b"a\\x1b[2Jb\n\tc\n"


def test_get_reads_the_past_until_it_is_compacted(cell: FakeCell, cli: Cli) -> None:
    cli("put", "k", "old")
    cli("put", "k", "new")
    assert cli("get", "k", "--rev", "2").out == b"old\n"
    assert cli("get", "k", "--prefix", "--rev", "2", "--json").lines[0]["value"] == "old"
    assert cli("compact", "3", "--json") == (0, b'{"compacted":3}\n', "")
    done = cli("get", "k", "--rev", "2", "--json")
    assert (done.code, done.error["type"], done.out) == (1, "Compacted", b"")
    done = cli("get", "k", "--rev", "99", "--json")
    assert (done.code, done.error["type"]) == (1, "FutureRevision")
    assert cli("compact", "3").code in {0, 1}


def test_get_with_a_prefix_is_one_a_line_and_never_no(cell: FakeCell, cli: Cli) -> None:
    cli("put", "a/1", "x")
    cli("put", "a/2", "y")
    cli("put", "b", "z")
    assert cli("get", "a/", "--prefix").out == b"a/1\tx\na/2\ty\n"
    assert [entry["key"] for entry in cli("get", "a/", "--prefix", "--json").lines] == ["a/1", "a/2"]
    assert [entry["key"] for entry in cli("get", "", "--prefix", "--json").lines] == ["a/1", "a/2", "b"]
    assert cli("get", "c", "--prefix") == (0, b"", "")
    assert cli("get", "c", "--prefix", "--json") == (0, b"", "")


def test_bytes_that_are_no_text_go_in_and_out(cell: FakeCell, cli: Cli) -> None:
    cli("put", "\udcff", "\udcfe")
    assert cli("get", "\udcff", "--json").json["value"] == {"b64": "/g=="}
    assert cli("get", "\udcff").out == b"\xfe\n"
    assert cli("ls", "--json").json == {"key": {"b64": "/w=="}}
    assert cli("ls").out == b"\xff\n"


def test_more_than_a_command_may_delete_goes_in_portions(cell: FakeCell, cli: Cli) -> None:
    """The cell refuses it at once, with nothing done."""
    for first in range(0, 10_500, 100):
        cell.database.carry_out(
            api.MultiOp(then=tuple(api.Put(b"many/%06d" % (first + n), b"") for n in range(100))), Context(first + 2, 0, 0, 65_537)
        )
    done = cli("del", "many/", "--prefix", "--json")
    assert (done.code, done.json["deleted"]) == (0, 10_500)
    assert cell.database.look().keys == 0


def test_delete_answers_how_many_and_no_for_none(cell: FakeCell, cli: Cli) -> None:
    for key in ("a/1", "a/2", "b"):
        cli("put", key, "x")
    assert cli("del", "b", "--json") == (0, b'{"deleted":1,"revision":5}\n', "")
    assert cli("del", "a/", "--prefix") == (0, b"deleted 2 keys, revision 6\n", "")
    assert cli("del", "b", "--json") == (1, b'{"deleted":0,"revision":6}\n', "")
    assert cli("del", "a/", "--prefix").code == 1


def test_ls_lists_keys_page_by_page(cell: FakeCell, cli: Cli) -> None:
    """More than a page holds, so that paging is seen."""
    for begin in range(0, 1_100, 100):
        then = tuple(api.Put(b"k%04d" % number, b"") for number in range(begin, begin + 100))
        cell.database.carry_out(api.MultiOp(then=then), Context(1, 0, 0, 65_537))
    assert len(cli("ls", "k").out.splitlines()) == 1_100
    assert cli("ls", "k", "--limit", "2").out == b"k0000\nk0001\n"
    assert cli("ls", "k", "--limit", "1", "--json") == (0, b'{"key":"k0000"}\n', "")
    assert cli("ls", "x") == (0, b"", "")
    assert len(cli("ls").out.splitlines()) == 1_100
    assert len(cli("get", "k", "--prefix").out.splitlines()) == 1_100


def test_cas_compares_one_thing_and_sets(cell: FakeCell, cli: Cli) -> None:
    assert cli("cas", "k", "1", "--absent", "--json") == (0, b'{"succeeded":true,"revision":2}\n', "")
    assert cli("cas", "k", "2", "--absent", "--json") == (1, b'{"succeeded":false,"revision":2}\n', "")
    assert cli("cas", "k", "2", "--rev", "2").out == b"set at revision 3\n"
    assert cli("cas", "k", "3", "--version", "2").code == 0
    assert cli("cas", "k", "4", "--expected", "3").code == 0
    assert cli("cas", "k", "-", "--expected", "4", stdin=b"piped").code == 0
    assert cli("get", "k").out == b"piped\n"
    done = cli("cas", "k", "5", "--rev", "2")
    assert (done.code, done.out) == (1, b"not set: the key is not as expected at revision 6\n")
    assert cli("cas", "new", "1", "--rev", "0").code == 0
    assert cli("cas", "other", "1", "--version", "0").code == 0
    assert cli("cas", "k", "5", "--expected", "-").code == 1


def test_incr_counts(cell: FakeCell, cli: Cli) -> None:
    assert cli("incr", "n", "--json") == (0, b'{"value":1,"revision":2}\n', "")
    assert cli("incr", "n", "--by", "-5") == (0, b"-4\n", "")
    assert cli("incr", "n", "--by=9").out == b"5\n"
    cli("put", "text", "x")
    done = cli("incr", "text", "--json")
    assert (done.code, done.error["type"]) == (1, "NotANumber")


@pytest.mark.parametrize(
    "command",
    [["put", "k", "v"], ["get", "k"], ["get", "k", "--prefix"], ["del", "k"], ["ls"], ["incr", "k"], ["compact", "1"]],
    ids=" ".join,
)
@pytest.mark.parametrize(
    "failure", [errors.Unavailable(waited_ms=1, reason="r"), errors.Unknown(reason="r")], ids=lambda e: type(e).__name__
)
def test_a_cell_that_cannot_be_reached_is_3(cell: FakeCell, cli: Cli, command: list[str], failure: errors.Error) -> None:
    cell.failure = failure
    done = cli(*command, "--json")
    assert (done.code, done.out, done.error["type"]) == (3, b"", type(failure).__name__)
    assert cli(*command).code == 3


def test_endpoints_and_time_out_reach_the_client(cell: FakeCell, cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GAIOS_ENDPOINTS", "h:1,h:2")
    cli("get", "k")
    assert cell.endpoints == "h:1,h:2"
    cli("get", "k", "--endpoints", "h:3", "--timeout", "2.5")
    assert (cell.endpoints, cell._timeout) == ("h:3", 2.5)
    monkeypatch.setenv("GAIOS_ENDPOINTS", "nonsense")
    done = cli("get", "k")
    assert done.code == 2
    assert "GAIOS_ENDPOINTS" in done.err
