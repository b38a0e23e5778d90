"""What took effect is what machines carried out: clients' commands once, masters' own by epoch."""

from gaios import api, entry, lock_api
from gaios.entry import Identity, Kind
from gaios.sim.checkers.exactly_once import Submitted
from gaios.sim.effective import effective, read
from gaios.sim.history import Executed
from gaios.sim.observations import Observations

ME = Identity(2, 0)
PUT = api.MultiOp(then=(api.Put(b"a", b"1"),))
OPEN = lock_api.OpenSession(b"t" * 16)
CHARGE = lock_api.Charge(250, b"")


def command(sequence: int, asked: object) -> bytes:
    return entry.encode(Kind.COMMAND, ME, sequence, 0, lock_api.encode(asked))


VALUES = [
    (1, entry.batch([entry.epoch(65_537)], 1)),
    (3, entry.batch([command(1, PUT), command(2, OPEN), command(1, PUT)], 2)),
    (4, entry.batch([entry.master(65_537, lock_api.encode(CHARGE)), command(3, api.Compact(2))], 3)),
    (5, b""),
    (6, entry.batch([entry.epoch(131_073)], 4)),
    (7, entry.batch([entry.master(65_537, lock_api.encode(CHARGE))], 4)),
]


def test_entries_are_told_apart() -> None:
    log = read(VALUES)
    assert log.submitted == {
        (3, 0): Submitted(2, 0, 1),
        (3, 1): Submitted(2, 0, 2),
        (3, 2): Submitted(2, 0, 1),
        (4, 1): Submitted(2, 0, 3),
    }
    assert log.charges == {(4, 0): 65_537, (7, 0): 65_537}
    assert log.epochs == [(1, 0, 65_537), (6, 0, 131_073)]


def test_each_command_counts_once_and_charges_say_whose_they_are() -> None:
    seen = Observations()
    seen.executed += [Executed(1, 1, 3, 0), Executed(1, 1, 3, 1), Executed(2, 1, 3, 2), Executed(1, 1, 4, 1)]
    seen.charged += [Executed(1, 1, 4, 0), Executed(2, 2, 4, 0), Executed(1, 1, 7, 0)]
    found = effective(read(VALUES), seen)
    assert [(chosen.slot, chosen.nth, chosen.whose, chosen.epoch) for chosen in found] == [
        (3, 0, (2, 0, 1), 65_537),
        (3, 1, (2, 0, 2), 65_537),
        (4, 0, (65_537, 0, 0), 65_537),
        (7, 0, (65_537, 0, 0), 131_073),
    ]
    assert [chosen.command for chosen in found] == [PUT, OPEN, CHARGE, CHARGE]
