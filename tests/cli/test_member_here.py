"""What is left to do on this machine is read from what is there, however a command was cut short.  [SAFETY 1, 3, 18]"""

import shutil
from pathlib import Path

import pytest

from gaios.cli import member_here
from gaios.client.members import Members
from gaios.client.status import Member
from gaios.configuration import Configuration, founders
from gaios.errors import ConfigurationError
from gaios.server import control, directory, local
from gaios.server.local import LocalCell
from tests.client.test_members import told

FIRST = founders({1: 1, 2: 2, 3: 3})


@pytest.fixture
def here(tmp_path: Path) -> LocalCell:
    """A cell of three that was never started."""
    return local.create(tmp_path / "cell", local.founders(3, 29_000))


def known(here: LocalCell, now: Configuration) -> Members:
    """What the log has, as its replicas tell it."""
    where = {member.place: member_here.own(here, member.place) for member in now.members}
    rows = tuple(
        Member(
            id=each.place,
            member=each.number,
            votes=each.votes,
            client=each.client or where[each.place].client,
            peer=each.peer or where[each.place].peer,
            admin=each.admin or where[each.place].admin,
        )
        for each in now.members
    )
    return Members(number=now.number, settled=True, members=rows, told=told(now.number, members=rows, configuration=now.encode().hex()))


def with_new(here: LocalCell, now: Configuration, replica: int) -> Members:
    """With a new member in a place: the old one's, or a free one."""
    where = local.place_at(here, replica)
    old = now.at(replica)
    if old is None:
        return known(here, now.added(replica, client=where.client, peer=where.peer, admin=where.admin))
    return known(here, now.replaced(old.number, client=where.client, peer=where.peer, admin=where.admin))


def entered(here: LocalCell, now: Members, replica: int) -> LocalCell:
    member_here.enter(here, member_here.present(now, replica))
    found = local.find(here.dir)
    assert found is not None
    return found


def test_a_replacement_is_asked_for_once_however_often_it_is_cut_short(here: LocalCell) -> None:
    """Before the log's step, behind it, behind the directory, behind the manifest, and when the new one votes."""
    now = known(here, FIRST)
    assert member_here.next_step(here, now.at(3)) == "ask"
    member_here.begin(here, 3, 3)
    assert member_here.next_step(here, now.at(3)) == "ask"
    now = with_new(here, FIRST, 3)
    assert (now.at(3).member, member_here.next_step(here, now.at(3))) == (4, "enter")
    text = here.manifest.read_bytes()
    entered(here, now, 3)
    directory.write_durably(here.manifest, text)  # killed between the directory and the manifest
    assert member_here.next_step(here, now.at(3)) == "enter"
    here = entered(here, now, 3)
    assert (here.ids, member_here.placed(here, 3)) == ([1, 2, 3], 4)
    assert sorted(path.name for path in here.dir.glob("left-*")) == ["left-replica-3-member-3"]
    assert member_here.next_step(here, now.at(3)) == "start"
    now = known(here, now.configuration.promoted(4))
    assert member_here.next_step(here, now.at(3)) == "done", "the healthy new voter is not replaced"
    member_here.end(here, 3)
    assert member_here.next_step(here, now.at(3)) == "ask", "another replacement"


def test_a_place_whose_members_directory_is_lost_gets_a_new_member(here: LocalCell) -> None:
    """A learner too, and also while its own coming was cut short: its number may have run.  [SAFETY 3]"""
    member_here.begin(here, 3, 3)
    now = with_new(here, FIRST, 3)
    here = entered(here, now, 3)
    shutil.rmtree(here.replica_dir(3))
    assert member_here.next_step(here, now.at(3)) == "ask"
    assert member_here.next_step(here, known(here, now.configuration.promoted(4)).at(3)) == "ask"


def test_a_member_that_runs_elsewhere_is_replaced_and_gets_no_empty_directory(here: LocalCell) -> None:
    elsewhere = known(here, FIRST.replaced(3, client="127.0.0.1:29900", peer="127.0.0.1:29901", admin="127.0.0.1:29902"))
    assert member_here.next_step(here, elsewhere.at(3)) == "ask"
    voter = known(here, elsewhere.configuration.promoted(4))
    assert member_here.next_step(here, voter.at(3)) == "ask"
    with pytest.raises(ConfigurationError, match="votes already, and has no directory"):
        member_here.enter(here, member_here.present(voter, 3))


def test_whoever_names_the_old_member_replaces_no_other(here: LocalCell) -> None:
    """[SAFETY 20] Who came meanwhile stays: by the same change or a person's, here or elsewhere."""
    now = known(here, FIRST)
    assert member_here.next_step_without(here, now.at(3), 3) == "ask"
    assert member_here.next_step_without(here, now.at(3), 4) is None
    member_here.begin(here, 3, 3)
    now = with_new(here, FIRST, 3)
    assert member_here.next_step_without(here, now.at(3), 3) == "enter"
    here = entered(here, now, 3)
    assert member_here.next_step_without(here, now.at(3), 3) == "start"
    now = known(here, now.configuration.promoted(4))
    assert member_here.next_step_without(here, now.at(3), 3) == "done"
    assert member_here.next_step_without(here, now.at(3), 4) == "ask", "its own state is lost, and what was cut short is over"
    member_here.end(here, 3)  # another command was faster
    assert member_here.next_step_without(here, now.at(3), 3) is None
    shutil.rmtree(here.replica_dir(3))
    assert member_here.next_step_without(here, now.at(3), 3) is None
    assert member_here.next_step_without(here, now.at(3), 4) == "ask"
    elsewhere = known(here, FIRST.replaced(3, client="127.0.0.1:29900", peer="127.0.0.1:29901", admin="127.0.0.1:29902").promoted(4))
    assert member_here.next_step_without(here, elsewhere.at(3), 3) is None


def test_an_addition_goes_on_with_the_learner_that_it_asked_for(here: LocalCell) -> None:
    member_here.begin(here, 4, 0)
    assert member_here.additions(here) == [4]
    now = with_new(here, FIRST, 4)
    assert member_here.next_step(here, now.at(4)) == "enter"
    here = entered(here, now, 4)
    assert member_here.next_step(here, now.at(4)) == "start"
    now = known(here, now.configuration.promoted(4))
    assert member_here.next_step(here, now.at(4)) == "done"
    member_here.begin(here, 1, 1)
    assert member_here.additions(here) == [4], "a replacement is none"


def test_a_removal_is_gone_on_with_only_where_it_was_chosen(here: LocalCell) -> None:
    """Of whoever tells less than this machine knows, nothing is concluded: a number that it never heard of was not removed."""
    assert member_here.gone(here, 3, known(here, FIRST)) is None
    removed = known(here, FIRST.removed(3))
    found = member_here.gone(here, 3, removed)
    assert found is not None
    assert (found.member, found.replica, found.number) == (3, 3, 1)
    here = entered(here, with_new(here, FIRST, 4), 4)
    assert member_here.gone(here, 4, known(here, FIRST)) is None
    member_here.begin(here, 3, 3)
    member_here.leave(here, 3)
    assert not control.is_down(here, 3), "whoever comes into that place is to run"
    after = local.find(here.dir)
    assert after is not None
    assert (after.ids, member_here.begun(after, 3)) == ([1, 2, 4], None)
    assert member_here.gone(after, 3, removed) is None
    member_here.begin(after, 3, 3)  # killed right before the end
    assert member_here.gone(after, 3, removed) == found
    member_here.begin(after, 3, 0)  # another command's
    assert member_here.gone(after, 3, removed) is None
