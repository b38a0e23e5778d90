"""A snapshot counts when a majority of all members has the same, and that is known for good.  [SAFETY 25, 26]"""

from gaios.log.codec import TAKEN
from gaios.log.options import FAR, MS, Options
from gaios.log.proofs import ASKED, Proofs
from gaios.log.roster import Roster
from gaios.log.sums import Finding

A, B = b"a" * 32, b"b" * 32


def proofs(members: int = 3) -> Proofs:
    return Proofs(1, Roster(1, {member: member for member in range(1, members + 1)}), Options(check_ms=100), {5})


def test_a_majority_of_the_same_bytes_proves_a_snapshot() -> None:
    """One's own alone does not, nor do the others' without one's own."""
    mine = proofs()
    mine.note(7, A)
    assert mine.judge(7).finding is Finding.OPEN
    mine.hear(2, 7, A, 0)
    assert mine.judge(7).finding is Finding.AGREED
    mine.hear(2, 8, A, 0)
    mine.hear(3, 8, A, 0)
    assert mine.judge(8).finding is Finding.OPEN
    mine.note(8, B)
    assert mine.judge(8).finding is Finding.ODD


def test_a_replica_alone_is_a_majority() -> None:
    mine = proofs(1)
    mine.note(7, A)
    assert mine.judge(7).finding is Finding.AGREED


def test_a_proof_outlives_a_start_and_ends_with_its_snapshot() -> None:
    """What was found before is not asked for again; a file that is removed may come again, as another one."""
    mine = proofs()
    assert mine.is_proved(5)
    assert not mine.is_proved(7)
    mine.prove(7)
    mine.note(5, A)
    mine.disown([5])
    assert (mine.is_proved(5), mine.is_proved(7)) == (False, True)
    assert mine.tell(5) == []


def test_who_asks_is_told_what_is_here() -> None:
    mine = proofs()
    assert mine.hear(2, 7, A, 1) == []
    mine.note(7, B)
    assert mine.hear(2, 7, A, 1) == [(2, (TAKEN, 7, B, 0))]
    assert mine.hear(2, 7, A, 0) == []


def test_what_is_not_proved_is_asked_for_again_and_again() -> None:
    """A few at a time, now and then, and nothing once all is proved."""
    mine = proofs()
    slots = range(10, 10 + 2 * ASKED)
    for slot in slots:
        mine.note(slot, A)
    assert mine.ask(0, slots) == []
    assert mine.due_ns() == 100 * MS
    assert mine.ask(99 * MS, slots) == []
    assert [message for _, message in mine.ask(100 * MS, slots)] == [(TAKEN, slot, A, 1) for slot in slots[-ASKED:]]
    assert mine.due_ns() == 200 * MS
    for slot in slots:
        mine.prove(slot)
    assert mine.ask(300 * MS, slots) == []
    assert mine.due_ns() == FAR
