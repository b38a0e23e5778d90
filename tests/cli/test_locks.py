"""session ls and tree show who is there, and who holds what."""

from collections.abc import Callable

import pytest

from gaios.client.sync import connect
from tests.cli.conftest import Done
from tests.client.cellar import Cellar

Cli = Callable[..., Done]


def test_sessions_are_listed(cellar: Cellar, cli: Cli) -> None:
    assert cli("session", "ls", "--json").out == b""
    with connect(cellar.fake.endpoints) as cell, cell.session(client="worker \x1b7") as session, session.lock("job"):
        (found,) = cli("session", "ls", "--json").lines
        assert found["session"] > 0
        assert {**found, "session": 0, "left_ms": 0} == {
            "session": 0,
            "client": "worker \x1b7",
            "lease_ms": 12_000,
            "left_ms": 0,
            "handles": 1,
            "locks": 1,
        }
        heads, row = cli("session", "ls").out.decode().splitlines()
        assert heads.split() == ["SESSION", "CLIENT", "LEASE", "LEFT", "HANDLES", "LOCKS"]
        assert "\\x1b7" in row


def test_the_tree_is_walked(cellar: Cellar, cli: Cli) -> None:
    assert cli("tree").out == b""
    with connect(cellar.fake.endpoints) as cell, cell.lock("jobs/nightly") as held, cell.lock("other", shared=True):
        lines = cli("tree").out.decode().splitlines()
        assert lines[:2] == ["/ls/local/locks/", "/ls/local/locks/jobs/  ephemeral"]
        assert lines[2].startswith("/ls/local/locks/jobs/nightly  ephemeral; held by session ")
        assert lines[2].endswith(f"since revision {held.sequencer.revision}")
        assert lines[3].startswith("/ls/local/locks/other  ephemeral; shared by session ")
        named = cli("tree", "/ls/harbour").out.decode()
        assert named.splitlines() == [line.replace("/ls/local/", "/ls/harbour/") for line in lines]
        found = cli("tree", "/ls/local/locks/jobs", "--json").lines
        assert [each["path"] for each in found] == ["/ls/local/locks/jobs/nightly"]
        assert [each["revision"] for each in found[0]["holders"]] == [held.sequencer.revision]
        assert (found[0]["directory"], found[0]["shared"], found[0]["waiters"]) == (False, False, 0)


@pytest.mark.parametrize(("path", "code"), [("/elsewhere", 2), ("/ls/local/absent", 1), ("/ls/other", 2)])
def test_a_path_that_is_none_is_said_so(cellar: Cellar, cli: Cli, path: str, code: int) -> None:
    done = cli("tree", path, "--json")
    assert (done.code, done.out) == (code, b"")


def test_another_cells_path_is_said_to_be_so(cellar: Cellar, cli: Cli) -> None:
    for words in (("tree", "/ls/other/x"), ("explain", "--lock", "/ls/other/x"), ("lock", "/ls/other/x", "--json", "--", "true")):
        done = cli(*words, *(() if "--json" in words else ("--json",)))
        assert (done.code, done.out, done.error["type"]) == (2, b"", "NotThisCell")
        assert "this is the cell 'harbour'" in done.error["message"]
    assert cli("lock", "/ls/harbour/x", "--", "true").code == 0
