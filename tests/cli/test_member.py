"""A cell's members change by command, under load: with real processes.  [PML §5.4; SAFETY 8, 18]"""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import gaios.sync
from gaios.cli.member import _addresses, _place, _settled, _show
from gaios.client.members import Change, Members
from gaios.client.status import Member, Told
from gaios.errors import ConfigurationError
from tests.cli.test_end_to_end_together import Place


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path / "cell")
    del made.environment["GAIOS_ENDPOINTS"]
    yield made
    made.run("down", "--dir", str(made.dir))


class Load(threading.Thread):
    """Counts in one key, as fast as it is answered; every number that was acknowledged is kept."""

    def __init__(self, endpoints: str) -> None:
        super().__init__()
        self.endpoints, self.ends, self.told = endpoints, threading.Event(), list[int]()

    def run(self) -> None:
        with gaios.sync.connect(self.endpoints, timeout=60) as cell:
            while not self.ends.is_set():
                self.told.append(cell.increment("count").value)


def members(place: Place) -> dict[int, int]:
    """Each replica's member number, all of which vote."""
    told = place.run("member", "ls", "--dir", str(place.dir), "--json").json
    assert all(row["votes"] for row in told["members"])
    return {row["replica"]: row["member"] for row in told["members"]}


def test_every_member_is_replaced_one_by_one_under_load_and_nothing_is_lost(place: Place) -> None:
    """Each by one command. What was counted is counted on; the old processes stop by themselves; their directories are kept aside."""
    place_dir = ("--dir", str(place.dir))
    assert place.run("up", *place_dir, "--replicas", "3", "--port", str(place.port), "--detach").code == 0
    load = Load(f"127.0.0.1:{place.port},127.0.0.1:{place.port + 1},127.0.0.1:{place.port + 2}")
    load.start()
    for replica in (1, 2, 3):
        done = place.run("member", "replace", str(replica), *place_dir, "--json", "--timeout", "90")
        assert done.code == 0, done.err
        assert done.json["member"] == replica + 3
    load.ends.set()
    load.join()
    assert members(place) == {1: 4, 2: 5, 3: 6}
    assert load.told == list(range(1, len(load.told) + 1)), "each was counted once, and none was lost"
    assert len(load.told) > 10
    endpoints = ("--endpoints", load.endpoints)
    assert place.run("get", "count", *endpoints).out.strip() == str(load.told[-1])
    for replica in (1, 2, 3):
        log = (place.dir / f"left-replica-{replica}-member-{replica}" / "log").read_text("utf-8")
        assert "was removed from the cell" in log or "stopping" in log
    assert place.run("down", *place_dir).code == 0
    assert place.run("up", *place_dir, "--detach").code == 0
    assert place.run("get", "count", *endpoints).out.strip() == str(load.told[-1])
    assert members(place) == {1: 4, 2: 5, 3: 6}


def test_a_cell_grows_from_one_to_three_and_shrinks_again(place: Place) -> None:
    place_dir = ("--dir", str(place.dir))
    assert place.run("up", *place_dir, "--replicas", "1", "--port", str(place.port), "--detach").code == 0
    assert place.run("put", "kept", "x", "--endpoints", f"127.0.0.1:{place.port}").code == 0
    for _ in range(2):
        done = place.run("member", "add", *place_dir, "--timeout", "90")
        assert done.code == 0, done.err
    assert members(place) == {1: 1, 2: 2, 3: 3}
    again = place.run("up", *place_dir, "--replicas", "5", "--detach")
    assert again.code == 2
    assert "has 3 replicas, not 5" in again.err
    for replica in (1, 3):
        done = place.run("member", "remove", str(replica), *place_dir, "--timeout", "90")
        assert done.code == 0, done.err
    assert members(place) == {2: 2}
    assert place.run("get", "kept", "--endpoints", f"127.0.0.1:{place.port + 1}").out.strip() == "x"


def test_a_member_elsewhere_is_invited_with_a_word(place: Place, tmp_path: Path) -> None:
    """Its directory is made of that word alone; once removed, it says so and leaves with 2."""
    endpoints = ("--endpoints", f"127.0.0.1:{place.port}")
    assert place.run("up", "--dir", str(place.dir), "--replicas", "1", "--port", str(place.port), "--detach").code == 0
    invited = place.run("member", "add", f"127.0.0.1:{place.port + 9}", *endpoints, "--json")
    assert invited.code == 0, invited.err
    where = str(tmp_path / "new")
    made = place.run("init", "--join", invited.json["invitation"], "--dir", where, "--json")
    assert (made.code, made.json["member"]) == (0, 2)
    serving = place.start("serve", "--dir", where)
    try:
        while not all(row["votes"] for row in place.run("member", "ls", *endpoints, "--json").json["members"]):
            assert serving.poll() is None
        assert place.run("put", "both", "x", *endpoints).code == 0
        again = place.run("member", "replace", "2", "--member", "1", *endpoints, "--json")
        assert (again.code, again.json["member"], again.json["invitation"]) == (0, 2, ""), "member 1 is not there: nothing is done"
        assert [row["member"] for row in place.run("member", "ls", *endpoints, "--json").json["members"]] == [1, 2]
        assert place.run("member", "remove", "2", *endpoints).code == 0
        assert serving.wait(60) == 2
    finally:
        serving.kill()
        _, said = serving.communicate()
    assert "member 2 (replica 2) was removed from the cell" in said
    wrong = place.run("init", "--join", "gaios-join-x", "--dir", str(tmp_path / "other"))
    assert (wrong.code, "not an invitation" in wrong.err) == (2, True)


def test_a_configuration_that_is_not_the_changes_own_does_not_say_that_the_old_member_may_go() -> None:
    """Right behind a change the only one who answers may not know of it, and calls the one before settled.

    Of two voters, one removed, the other would never have elected itself, had the removed one been stopped by that.  [SAFETY 18]
    """
    told = [(0, True), (1, False), (1, True), (2, True)]

    class Cell:
        async def members(self) -> Members:
            number, settled = told.pop(0)
            return Members(number=number, settled=settled, members=(), told=Told(id=1))

    asyncio.run(_settled(Cell(), Change(number=1, replica=2, member=2), 10))  # type: ignore[arg-type]  # all that it asks
    assert told == [(2, True)]


def test_the_members_are_a_table_with_heads(capsys: pytest.CaptureFixture[str]) -> None:
    """As sessions and replicas are."""
    rows = (Member(id=1, member=1, client="h:1", peer="h:2", admin="h:3"), Member(id=12, member=7, client="h:4", peer="h:5", votes=False))
    _show(Members(number=4, settled=True, members=rows, told=Told(id=1)), json=False)
    heads, one, other, last = capsys.readouterr().out.splitlines()
    assert heads.split() == ["REPLICA", "MEMBER", "VOTES", "CLIENT", "PEER", "ADMIN"]
    assert one.split() == ["1", "1", "yes", "h:1", "h:2", "h:3"]
    assert other.split() == ["12", "7", "no", "h:4", "h:5", "–"]
    assert last == "configuration 4"


def test_an_addition_that_is_asked_for_again_is_the_same() -> None:
    """As docs/operations/membership.md says: the invitation is printed again. The next place was asked for, and its address was taken."""
    voter, learner = Member(id=1, member=1, peer="h:11"), Member(id=2, member=2, peer="h:12", votes=False)
    known = Members(number=1, settled=True, members=(voter, learner), told=Told(id=1))
    assert [_place(known, peer) for peer in ("h:11", "h:12", "h:13")] == [3, 2, 3]


def test_a_new_members_ports_stand_above_its_clients_as_in_a_local_cell() -> None:
    assert _addresses("10.0.0.6:7420", None, "10.0.0.6:9") == {"client": "10.0.0.6:7420", "peer": "10.0.0.6:7520", "admin": "10.0.0.6:9"}
    assert _addresses("[::1]:7420", None, None)["peer"] == "[::1]:7520"
    with pytest.raises(ConfigurationError, match="is not an address"):
        _addresses("nowhere", None, None)
