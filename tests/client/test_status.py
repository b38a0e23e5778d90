"""What five replicas say of themselves becomes one picture, and never a guess."""

import json
import random

import msgspec
import pytest
from msgspec.structs import replace

from gaios.client.status import CellStatus, Gauge, Member, Told, Unfit, decode, merge
from gaios.errors import ProtocolError

MEMBERS = tuple(
    Member(id=number, member=number, client=f"h:{number}", peer=f"h:10{number}", admin=f"h:20{number}") for number in range(1, 6)
)


def told(number: int, *, role: str = "replica", ballot: int = 65_537) -> Told:
    """A replica's answer."""
    return Told(
        id=number,
        cell="c",
        member=number,
        client=f"h:{number}",
        role=role,
        voting=True,
        ballot=ballot,
        epoch=65_537,
        chosen=9,
        feature=number,
        feature_max=7,
        repairing=False,
        why=("it stands here for a test",),
        members=MEMBERS,
    )


@pytest.mark.parametrize(("alive", "tolerates"), [(5, 2), (4, 1), (3, 0), (2, None), (1, None)])
def test_tolerates_counts_down_to_the_majority(alive: int, tolerates: int | None) -> None:
    status = merge([told(number, role="master" if number == 1 else "replica") for number in range(1, alive + 1)], [])
    assert status.tolerates == tolerates
    assert f"{alive} of 5 replicas answer" in status.why
    assert ("1 more runs" in status.why, "2 more run" in status.why) == (alive == 2, alive == 1)
    assert [replica.role for replica in status.replicas].count("unreachable") == 5 - alive


def test_silent_members_are_listed_with_what_the_others_know_of_them() -> None:
    status = merge([told(1)], [])
    assert [replica.id for replica in status.replicas] == [1, 2, 3, 4, 5]
    last = status.replicas[4]
    assert (last.client, last.admin, last.role, last.pid, last.voting) == ("h:5", "h:205", "unreachable", None, None)
    assert (last.repairing, last.why) == (None, ())
    assert (status.replicas[0].repairing, status.replicas[0].why) == (False, ("it stands here for a test",))


def test_the_feature_level_is_the_highest_that_any_replica_has_applied() -> None:
    """The others are on their way there; a row has what its replica has, and what it could do."""
    status = merge([told(1), told(3)], [])
    assert status.feature == 3
    assert [(replica.feature, replica.feature_max) for replica in status.replicas[:3]] == [(1, 7), (None, None), (3, 7)]
    assert merge([], ["h:1"]).feature is None


def test_the_master_is_who_says_so_under_the_highest_ballot() -> None:
    """A deposed one that does not know it yet says so too."""
    status = merge([told(1, role="master", ballot=65_537), told(2, role="master", ballot=131_074), told(3)], [])
    assert (status.master, status.ballot) == (2, 131_074)


@pytest.mark.parametrize("answer", [3, 5])
def test_without_a_master_the_cell_is_electing_and_nobody_knows_how_many_may_fail(answer: int) -> None:
    """All answer their clients, and may not hear each other."""
    status = merge([told(number) for number in range(1, answer + 1)], [])
    assert (status.master, status.tolerates) == (None, None)
    assert "a master is being elected" in status.why


def test_a_learner_that_was_never_started_is_named() -> None:
    """Nothing else tells why a cell of three bears no failure, and what is left to do."""
    learner = Member(id=3, member=7, client="h:3", votes=False)
    answers = [replace(told(number, role="master" if number == 1 else "replica"), members=(*MEMBERS[:2], learner)) for number in (1, 2)]
    status = merge(answers, [])
    begins = "2 of 2 replicas answer, 2 are needed, replica 1 is master: none may fail now; the new member 7 of replica 3 does not answer, "
    assert status.why.startswith(begins)
    assert "gaios init --join" in status.why
    there = Told(id=3, member=7, role="learner", voting=False, members=answers[0].members)
    assert "new member" not in merge([*answers, there], []).why


def test_a_majority_that_answers_and_does_not_vote_is_none() -> None:
    """Damage that two of three have in common: only the third may have what they miss."""
    three = tuple(replace(told(number), members=MEMBERS[:3]) for number in (1, 2, 3))
    mute = [replace(each, silent=True, repairing=True) for each in three]
    status = merge(mute[:2], [])
    assert status.tolerates is None
    assert status.why.startswith("2 of 3 replicas answer, 2 are needed, and replicas 1 and 2 do not vote until damage is repaired: ")
    assert "replica 3 is needed" in status.why
    status = merge([mute[0], three[1]], [])
    assert (status.tolerates, "and replica 1 does not vote" in status.why) == (None, True)
    status = merge([*mute[:2], three[2]], [])
    assert (status.tolerates, "nothing can be read or written until they do" in status.why) == (None, True)
    status = merge([mute[0], *three[1:]], [])
    assert (status.tolerates, "a master is being elected" in status.why) == (None, True)
    reigning = replace(three[2], role="master")
    assert merge([*mute[:1], three[1], reigning], []).tolerates == 0


def test_whom_the_master_does_not_count_on_does_not_count_though_it_answers() -> None:
    """[PML §6.3]: a replica with a misspelt name answers whoever asks it, and takes no part."""
    unfit = (
        Unfit(id=3, reason="silent", for_ms=12_345, problem="h:109: connection refused"),
        Unfit(id=4, reason="full"),
        Unfit(id=5, reason="a later version's"),
    )
    answers = [told(1, role="master"), *map(told, (2, 3, 4, 5))]
    status = merge([replace(answers[0], gauge=Gauge(unfit=unfit[:1])), *answers[1:]], [])
    assert status.tolerates == 1
    assert [row.fit for row in status.replicas] == [True, True, False, True, True]
    assert status.why == (
        "5 of 5 replicas answer, 3 are needed, replica 1 is master: 1 more may fail; "
        "replica 3 has not followed the master for 12 s, though it is heard (h:109: connection refused)"
    )
    status = merge([replace(answers[0], gauge=Gauge(unfit=unfit)), *answers[1:]], [])
    assert status.tolerates == 0, "not fewer: a majority goes on"
    assert status.why.endswith("; the disk of replica 4 is full; replica 5 does not count: a later version's")
    status = merge([replace(answers[0], gauge=Gauge(unfit=unfit[:1])), told(2), told(3)], [])
    assert status.tolerates == 0
    assert status.why.endswith("; replica 4 does not answer; replica 5 does not answer")
    status = merge([replace(answers[0], gauge=Gauge(tolerates=1)), *answers[1:]], [])
    assert status.tolerates == 1, "it knows what keeps a cell from more than all that are fit would bear"
    assert status.why.endswith("replica 1 is master: 1 more may fail until the change of the members is settled")
    assert merge([replace(answers[0], gauge=Gauge(tolerates=2)), told(2), told(3)], []).tolerates == 0, "whoever does not answer is none"


def test_who_makes_its_state_anew_does_not_count() -> None:
    status = merge([told(1, role="master"), told(2), replace(told(3), repairing=True), told(4), told(5)], [])
    assert (status.tolerates, [row.id for row in status.replicas if not row.fit]) == (1, [3])
    assert status.why.endswith("; replica 3 is making a part of its state anew")


def test_without_a_list_of_members_silent_endpoints_are_counted() -> None:
    status = merge([Told(id=1, client="h:1", voting=True)], ["h:2", "h:3"])
    assert (len(status.replicas), status.tolerates) == (3, None)
    assert [(replica.id, replica.client) for replica in status.replicas[1:]] == [(None, "h:2"), (None, "h:3")]


def test_nobody_answers() -> None:
    status = merge([], ["h:1"])
    assert (status.tolerates, status.why, status.cell) == (None, "no replica answers", None)


def test_the_json_has_the_interfaces_keys_and_null_for_the_unknown() -> None:
    data = json.loads(msgspec.json.encode(merge([told(1, role="master")], [])))
    assert list(data) == ["cell", "master", "epoch", "ballot", "feature", "tolerates", "why", "replicas", "backup"]
    assert list(data["replicas"][0]) == [
        "id",
        "member",
        "boot",
        "pid",
        "client",
        "peer",
        "admin",
        "role",
        "voting",
        "ballot",
        "chosen",
        "applied",
        "feature",
        "feature_max",
        "repairing",
        "why",
        "fit",
    ]
    assert data["tolerates"] is None
    assert data["replicas"][0]["pid"] is None
    assert CellStatus().why == ""


def test_fuzz_a_replicas_status_is_read_or_refused() -> None:
    dice = random.Random(4)
    sample = msgspec.json.encode(told(1))
    accepted = 0
    for _ in range(100_000):
        at = dice.randrange(len(sample))
        data = sample[:at] + dice.randbytes(dice.randrange(3)) + sample[at + dice.randrange(3) :]
        try:
            decode(data)
            accepted += 1
        except ProtocolError:
            pass
    assert 0 < accepted < 100_000
    with pytest.raises(ProtocolError):
        decode(b"[" * 100_000)
