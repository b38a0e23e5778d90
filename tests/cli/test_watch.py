"""watch is a stream that other programs read: one event a line, as it happens.  [INTERFACE]"""

from collections.abc import Callable

from gaios import api, errors
from tests.cli.conftest import Done, FakeCell

Cli = Callable[..., Done]


def test_events_are_one_a_line(cell: FakeCell, cli: Cli) -> None:
    cell.events = [api.Event(b"k", b"\xff", 1, 2, 2), api.Event(b"k", None, 0, 0, 3)]
    done = cli("watch", "k", "--json")
    assert done.code == 0
    assert done.lines == [
        {"type": "put", "key": "k", "value": {"b64": "/w=="}, "mod_revision": 2},
        {"type": "delete", "key": "k", "value": None, "mod_revision": 3},
    ]
    assert cli("watch", "k").out == b"2\tput\tk\t\xff\n3\tdelete\tk\n"


def test_prefix_and_beginning_reach_the_client(cell: FakeCell, cli: Cli) -> None:
    cli("watch", "a/", "--prefix", "--from", "7")
    cli("watch", "a")
    assert cell.watched == [(b"a/", {"prefix": True, "from_revision": 7}), (b"a", {"prefix": False, "from_revision": 0})]


def test_a_watch_whose_history_is_gone_is_no(cell: FakeCell, cli: Cli) -> None:
    """Events that came before are there all the same."""
    cell.events = [api.Event(b"k", b"v", 1, 2, 2)]
    cell.failure = errors.Compacted(revision=2, compacted=5)
    done = cli("watch", "k", "--from", "2", "--json")
    assert (done.code, len(done.lines), done.error["type"]) == (1, 1, "Compacted")
