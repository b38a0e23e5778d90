"""status is what an operator pastes into an issue, and what scripts wait on.  [INTERFACE `status`]"""

from collections.abc import Callable

from msgspec.structs import replace

from gaios import errors
from gaios.cli.status import backup, ballot, rows
from gaios.client.status import BackupStatus, CellStatus, ReplicaStatus
from tests.cli.conftest import Done, FakeCell

Cli = Callable[..., Done]
ONE = ReplicaStatus(
    id=1, member=1, boot=3, pid=42, client="h:1", peer="h:2", admin="h:3", role="master", voting=True, ballot=131_073, chosen=9, applied=9
)
TWO = ReplicaStatus(
    id=2, member=2, boot=1, pid=43, client="h:4", peer="h:5", admin="h:6", role="replica", voting=True, ballot=131_073, chosen=9, applied=7
)
GONE = ReplicaStatus(id=3, member=3, client="h:7", peer="h:8", admin="h:9")
TOLD = CellStatus(
    cell="c0", master=1, epoch=131_073, ballot=131_073, feature=1, tolerates=0, why="2 of 3 replicas answer", replicas=(ONE, TWO, GONE)
)


def test_json_has_exactly_the_names_of_the_interface(cell: FakeCell, cli: Cli) -> None:
    cell.told = TOLD
    done = cli("status", "--json")
    assert done.code == 0
    assert list(done.json) == ["cell", "master", "epoch", "ballot", "feature", "tolerates", "why", "replicas", "backup"]
    names = ["id", "member", "boot", "pid", "client", "peer", "admin", "role", "voting", "ballot", "chosen", "applied"]
    names += ["feature", "feature_max", "repairing", "why", "fit"]
    assert list(done.json["replicas"][0]) == names
    assert done.json["replicas"][2]["pid"] is None


def test_people_get_a_table_and_a_sentence(cell: FakeCell, cli: Cli) -> None:
    cell.told = TOLD
    done = cli("status")
    lines = done.out.decode().splitlines()
    assert lines[0].split() == ["REPLICA", "ROLE", "CLIENT", "PEER", "ADMIN", "PID", "BALLOT", "CHOSEN", "APPLIED", "LAG"]
    assert lines[1].split() == ["1", "master", "h:1", "h:2", "h:3", "42", "2.1", "9", "9", "0"]
    assert lines[3].split() == ["3", "unreachable", "h:7", "h:8", "h:9", "–", "–", "–", "–", "–"]
    assert lines[-1] == "cell c0, epoch 131073, feature level 1: 2 of 3 replicas answer"


def test_the_newest_backup_and_its_age_stand_below(cell: FakeCell, cli: Cli) -> None:
    made = BackupStatus(url="file:///b", id="i", slot=7, taken_ms=1_000)
    assert backup(made, 61_500) == "backups to file:///b: proved through slot 7, 60 s ago"
    assert backup(replace(made, problem="it broke"), 1_000).endswith("0 s ago; it broke")
    cell.told = replace(TOLD, backup=BackupStatus(url="file:///b"))
    assert cli("status").out.decode().splitlines()[-1] == "backups to file:///b: the master knows of none yet"
    assert cli("status", "--json").json["backup"]["taken_ms"] is None


def test_what_is_unusual_at_a_replica_stands_below(cell: FakeCell, cli: Cli) -> None:
    odd = replace(TWO, repairing=True, why=("its database is in quarantine",))
    cell.told = replace(TOLD, replicas=(ONE, odd, GONE))
    assert cli("status").out.decode().splitlines()[-1] == "replica 2: its database is in quarantine"


def test_the_lag_is_what_the_furthest_knows_chosen_and_this_one_has_not_applied() -> None:
    assert [row[-1] for row in rows(TOLD)] == ["0", "2", "–"]


def test_a_ballot_is_shown_as_round_and_member() -> None:
    assert ballot(131_073) == "2.1"
    assert ballot(None) is None


def test_no_answer_at_all_is_3(cell: FakeCell, cli: Cli) -> None:
    cell.told = CellStatus(why="no replica answers", replicas=(GONE,))
    done = cli("status", "--endpoints", "h:7,h:10", "--json")
    assert (done.code, done.out, done.error["type"]) == (3, b"", "Unavailable")
    assert done.error["message"] == "no replica answers at h:7, h:10"
    assert done.error["hint"] == "start the cell: gaios up --dir DIR"
    cell.failure = errors.Unavailable(waited_ms=1_000, reason="r")
    done = cli("status")
    assert (done.code, done.err.startswith("gaios: no replica answers at 127.0.0.1:7420, 127.0.0.1:7421,")) == (3, True)
