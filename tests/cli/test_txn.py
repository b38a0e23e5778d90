"""txn answers what each operation did, and sends nothing that it did not understand.  [INTERFACE `txn`]"""

import json
from collections.abc import Callable
from pathlib import Path

from gaios import api
from gaios.cli.txn import result_json
from tests.cli.conftest import Done, FakeCell

Cli = Callable[..., Done]
SWAP = {
    "guard": [{"key": "k", "field": "value", "op": "==", "to": "a"}],
    "then": [
        {"op": "put", "key": "k", "value": "b"},
        {"op": "get", "key": "k"},
        {"op": "increment", "key": "n"},
        {"op": "delete", "key": "x"},
    ],
    "else": [{"op": "get", "key": "k"}],
}


def test_results_stand_in_order_and_a_failed_guard_is_no(cell: FakeCell, cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "swap.json"
    file.write_text(json.dumps(SWAP))
    cli("put", "k", "a")
    done = cli("txn", str(file), "--json")
    entry = {"key": "k", "value": "b", "version": 2, "create_revision": 2, "mod_revision": 3}
    assert done.code == 0
    assert done.json == {"succeeded": True, "revision": 3, "results": [{"revision": 3}, {"entries": [entry]}, {"value": 1}, {"deleted": 0}]}
    done = cli("txn", "-", "--json", stdin=json.dumps(SWAP).encode())
    assert done.code == 1
    assert done.json == {"succeeded": False, "revision": 3, "results": [{"entries": [entry]}]}


def test_people_get_a_line_for_each(cell: FakeCell, cli: Cli) -> None:
    cli("put", "k", "a")
    done = cli("txn", "-", stdin=json.dumps(SWAP).encode())
    assert done.out == b"succeeded, revision 3\nput\nget: 1 found\n  k\tb\nincrement: 1\ndelete: 0\n"


def test_what_is_wrong_is_told_and_nothing_is_sent(cell: FakeCell, cli: Cli) -> None:
    done = cli("txn", "-", "--json", stdin=b'{"then": [{"op": "put", "key": "k", "valu": "v"}]}')
    assert (done.code, done.error["type"]) == (2, "InvalidCommand")
    assert "then[0]: unknown name 'valu'; did you mean 'value'?" in done.error["message"]
    done = cli("txn", "-", "--json", stdin=json.dumps({"then": [{"op": "get", "key": "k"}] * 129}).encode())
    assert (done.code, done.error["type"]) == (2, "TooManyOperations")
    done = cli("txn", "-", "--json", stdin=json.dumps({"then": [{"op": "get", "key": "k" * 1_025}]}).encode())
    assert (done.code, done.error["type"]) == (2, "KeyTooLong")
    assert cell.sent == []


def test_a_cut_list_says_so() -> None:
    assert result_json(api.GetResult((), more=True)) == {"entries": [], "more": True}
    assert result_json(api.GetResult(())) == {"entries": []}
