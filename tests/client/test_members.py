"""Members as replicas tell them, and invitations.  [SAFETY 1, 18]"""

import pytest

from gaios.client.members import invite, merge, read_token
from gaios.client.status import Member, Told
from gaios.configuration import decode, founders
from gaios.errors import ConfigurationError, InvalidCommand, ProtocolError

FIRST = founders({1: 1, 2: 2})


def told(number: int, replica: int = 1, **more: object) -> Told:
    rows = tuple(Member(id=id_, member=id_, client=f"c:{id_}", peer=f"p:{id_}", admin=f"a:{id_}") for id_ in (1, 2))
    fields = {"id": replica, "cell": "00" * 16, "config": number, "members": rows, "founders": rows, "configuration": FIRST.encode().hex()}
    return Told(**{**fields, **more})  # type: ignore[arg-type]


def test_the_newest_word_counts_and_the_master_is_the_one_of_the_highest_ballot() -> None:
    known = merge(
        [told(3, role="master", client="c:1", ballot=7), told(4, 2, settled=True), told(4, role="master", client="c:2", ballot=9)]
    )
    assert (known.number, known.settled, known.master) == (4, True, "c:2")
    assert known.configuration == FIRST
    assert known.at(2).peer == "p:2"
    with pytest.raises(InvalidCommand, match="no member of the cell is replica 3"):
        known.at(3)
    with pytest.raises(ProtocolError):
        _ = merge([told(1, configuration="zz")]).configuration


def test_an_invitation_says_where_everybody_is() -> None:
    made = FIRST.added(3, peer="p:3", client="c:3", admin="a:3")
    found = read_token(invite(merge([told(0)]), made, 3))
    assert (found.id, found.member, found.client) == (3, 3, "c:3")
    assert [member.peer for member in decode(found.configuration).members] == ["p:1", "p:2", "p:3"]
    assert found.founders == ((1, "c:1", "p:1", "a:1"), (2, "c:2", "p:2", "a:2"))


@pytest.mark.parametrize("word", ["", "gaios-join-x", "gaios-join-" + "A" * 40, "something"])
def test_anything_else_is_refused(word: str) -> None:
    with pytest.raises(ConfigurationError, match="not an invitation"):
        read_token(word)
