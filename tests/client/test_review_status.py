"""Without a master nobody knows how many may fail.  [INTERFACE `tolerates`: null without a quorum]"""

from gaios.client.status import Member, Told, merge


def test_a_cell_whose_replicas_do_not_hear_each_other_tolerates_nothing() -> None:
    """All five answer clients; peers' links are cut, so nobody is elected."""
    members = tuple(Member(id=number, member=number, client=f"h:{number}") for number in range(1, 6))
    answers = [Told(id=number, member=number, role="replica", voting=True, client=f"h:{number}", members=members) for number in range(1, 6)]
    found = merge(answers, [])
    assert found.tolerates in (None, 0), found.why
