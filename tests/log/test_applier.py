"""Claims about applying chosen values."""

from typing import NoReturn

import pytest

from gaios import entry, errors
from gaios.log.answers import Status
from gaios.log.applier import Applier, extend
from gaios.log.records import CHAIN_START
from gaios.log.sessions import Bounds, Sessions
from gaios.machine import Context
from tests.log.cell import Register


def applier() -> Applier:
    return Applier(Register(), Sessions(Bounds(sessions=10, answers=10, answer_bytes=100)))


def command(identity: entry.Identity, sequence: int, body: bytes) -> bytes:
    return entry.encode(entry.Kind.COMMAND, identity, sequence, 0, body)


def test_values_are_applied_in_slot_order_only() -> None:
    """A gap or a repetition is our own mistake, and stops us."""
    under_test = applier()
    under_test.apply(1, entry.NOOP)
    for slot in (1, 3):
        with pytest.raises(errors.InvariantViolated):
            under_test.apply(slot, entry.NOOP)


def test_the_chain_covers_slots_and_values() -> None:
    """[SAFETY 16] h(s) = H(h(s-1), s, value): another value, or another order, is another chain."""
    one, other = applier(), applier()
    one.apply(1, entry.batch([entry.register()], 5))
    other.apply(1, entry.batch([entry.register()], 6))
    assert one.chain != other.chain
    assert one.chain == extend(CHAIN_START, 1, entry.batch([entry.register()], 5))
    assert extend(CHAIN_START, 1, b"") != extend(CHAIN_START, 2, b"")


def test_a_command_is_carried_out_once() -> None:
    """[SAFETY 19] Its second entry gets the first one's answer."""
    under_test = applier()
    client = entry.Identity(1, 0)
    under_test.apply(1, entry.batch([entry.register()], 5))
    first, effects = under_test.apply(2, entry.batch([command(client, 1, b"x"), command(client, 1, b"x")], 6))
    assert first[0] == first[1]
    assert effects == [b"x"]
    again, effects = under_test.apply(3, entry.batch([command(client, 1, b"x")], 7))
    assert again == first[:1]
    assert effects == []


def test_an_epoch_of_an_older_reign_changes_nothing() -> None:
    """A later reign may recover an older master's epoch entry behind its own."""
    under_test = applier()
    under_test.apply(1, entry.batch([entry.epoch(9)], 5))
    under_test.apply(2, entry.batch([entry.epoch(7)], 5))
    assert under_test.epoch == 9


def test_a_machine_hears_of_a_new_epoch_before_its_first_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """[SAFETY 14] What it says of the epoch is read at once by the new master's clients; an older reign's is no news."""
    under_test = applier()
    heard: list[Context] = []
    monkeypatch.setattr(under_test.machine, "begin_epoch", heard.append)
    under_test.apply(1, entry.batch([entry.epoch(7), entry.epoch(9)], 5))
    under_test.apply(2, entry.batch([entry.epoch(8), entry.epoch(9)], 6))
    assert heard == [Context(1, 0, 5, 7), Context(1, 1, 5, 9)]


def test_a_bound_command_counts_in_its_own_epoch_alone_and_is_carried_out_by_a_retry() -> None:
    """[PML §5.3] What a deposed master proposed and a later reign recovers is not remembered either: its client may ask again."""
    under_test = applier()
    under_test.apply(1, entry.batch([entry.register(), entry.epoch(65_537)], 0))
    whole = command(entry.Identity(1, 0), 1, b"x")
    answers, effects = under_test.apply(2, entry.batch([entry.epoch(131_074), entry.bind(whole, 65_537)], 0))
    assert (answers[1].status, effects) == (Status.NOT_MASTER, [])
    answers, _ = under_test.apply(3, entry.batch([entry.bind(whole, 131_074), entry.bind(whole, 65_537)], 0))
    assert [answer.status for answer in answers] == [Status.DONE, Status.NOT_MASTER]
    answers, _ = under_test.apply(4, entry.batch([entry.bind(whole, 131_074)], 0))
    assert answers[0].slot == 3, "it was carried out once"


def test_an_unknown_kind_stops_the_replica() -> None:
    """[SAFETY 17] Skipping it would be divergence."""
    data = bytearray(entry.register())
    data[1] = 77
    with pytest.raises(errors.UnknownKind) as caught:
        applier().apply(1, entry.batch([bytes(data)], 5))
    assert caught.value.kind == 77


def test_an_error_that_is_not_deterministic_stops_the_replica(monkeypatch: pytest.MonkeyPatch) -> None:
    """[SAFETY 27] Going on would let replicas differ."""
    under_test = applier()
    under_test.apply(1, entry.batch([entry.register()], 5))

    def broken(*_: object) -> NoReturn:
        raise errors.DiskFailed(file="f", operation="read", reason="r")

    monkeypatch.setattr(under_test.machine, "apply", broken)
    with pytest.raises(errors.DiskFailed):
        under_test.apply(2, entry.batch([command(entry.Identity(1, 0), 1, b"x")], 6))
    with pytest.raises(errors.InvariantViolated, match="behind a failure"):
        under_test.apply(3, entry.NOOP)


@pytest.mark.parametrize("value", [b"junk", b"\x00" + bytes(15), entry.batch([entry.register()], 5)[:-1]])
def test_a_chosen_value_that_cannot_be_read_stops_the_replica(value: bytes) -> None:
    """It is not the sender's fault, and skipping it would be divergence."""
    under_test = applier()
    with pytest.raises(errors.InvariantViolated, match="slot 1"):
        under_test.apply(1, value)
    assert under_test.applied == 0


@pytest.mark.parametrize("at", [0, entry.BATCH_HEADER_BYTES])
def test_a_newer_format_stops_the_replica_and_says_what_to_do(at: int) -> None:
    """[SAFETY 17] Of a batch, or of an entry."""
    value = bytearray(entry.batch([entry.register()], 5))
    value[at] = 2
    with pytest.raises(errors.TooOld, match=r"slot 1 of the log.*format 2.*install the newer"):
        applier().apply(1, bytes(value))


def test_the_feature_level_is_raised_behind_its_slot_and_never_lowered() -> None:
    """It is a function of the log: in snapshots, and forgotten by a replay from the first slot only."""

    class Able(Applier):
        highest = 4

    under_test = Able(Register(), Sessions(Bounds()))
    under_test.apply(1, entry.batch([entry.epoch(65_537), entry.feature(65_537, 3)], 5))
    assert under_test.feature == 3
    under_test.apply(2, entry.batch([entry.feature(65_537, 2)], 5))
    assert under_test.feature == 3
    part = under_test.capture(0, b"").part
    assert part.feature == 3
    other = Able(Register(), Sessions(Bounds()))
    other.restore(part, [])
    assert other.feature == 3
    with pytest.raises(errors.TooOld, match=r"snapshot behind slot 2.*level 3.*up to 1"):
        applier().restore(part, [])
    under_test.begin_anew()
    assert under_test.feature == 1


def test_a_level_that_is_not_supported_stops_the_replica() -> None:
    """[SAFETY 17] What comes behind it may be anything."""
    with pytest.raises(errors.TooOld, match=r"slot 1 of the log.*level 2.*up to 1"):
        applier().apply(1, entry.batch([entry.epoch(65_537), entry.feature(65_537, 2)], 5))


def test_an_old_masters_level_is_none() -> None:
    """[SAFETY 14] It was not asked whether the members of today support it."""
    under_test = applier()
    answers, _ = under_test.apply(1, entry.batch([entry.epoch(65_537), entry.epoch(131_074), entry.feature(65_537, 2)], 5))
    assert (answers[2].status, under_test.feature) == (Status.NOT_MASTER, 1)


def test_a_client_that_acknowledges_nothing_is_refused_in_the_end() -> None:
    """[SAFETY 28] The table keeps a bounded number of answers for each."""
    under_test = Applier(Register(), Sessions(Bounds(sessions=10, answers=2, answer_bytes=100)))
    under_test.apply(1, entry.batch([entry.register()], 5))
    value = entry.batch([command(entry.Identity(1, 0), sequence, b"x") for sequence in (1, 2, 3)], 6)
    answers, _ = under_test.apply(2, value)
    assert [answer.status for answer in answers] == [Status.DONE, Status.DONE, Status.OVERLOADED]
    assert isinstance(errors.unpack(answers[2].body), errors.Overloaded)


def test_advisory_time_never_goes_back() -> None:
    """[SAFETY 17] Whatever a master's clock says."""
    under_test = applier()
    under_test.apply(1, entry.batch([entry.register()], 50))
    under_test.apply(2, entry.batch([command(entry.Identity(1, 0), 1, b"x")], 40))
    assert isinstance(under_test.machine, Register)
    assert under_test.machine.contexts[0].time_ms == 50


def test_a_masters_own_command_counts_in_its_own_epoch_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """[SAFETY 14] An old master's that a new reign recovered behind the new epoch does nothing, nor does one ahead of its epoch."""
    under_test = applier()
    heard: list[tuple[bytes, Context]] = []

    def apply_own(command: bytes, context: Context) -> tuple[bytes, list[bytes]]:
        heard.append((command, context))
        return b"charged", [b"effect"]

    monkeypatch.setattr(under_test.machine, "apply_own", apply_own)
    under_test.apply(1, entry.batch([entry.epoch(7), entry.master(7, b"x")], 5))
    assert heard == [(b"x", Context(1, 1, 5, 7))]
    answers, effects = under_test.apply(2, entry.batch([entry.epoch(9), entry.master(7, b"late"), entry.master(11, b"early")], 6))
    assert [answer.status for answer in answers] == [Status.DONE, Status.NOT_MASTER, Status.NOT_MASTER]
    assert effects == []
    answers, effects = under_test.apply(3, entry.batch([entry.master(9, b"y")], 6))
    assert (answers[0].status, answers[0].body, effects) == (Status.DONE, b"charged", [b"effect"])
    assert [command for command, _ in heard] == [b"x", b"y"]


def test_a_machine_without_commands_of_the_masters_refuses_them() -> None:
    """Deterministically: every replica goes on."""
    under_test = applier()
    answers, effects = under_test.apply(1, entry.batch([entry.epoch(7), entry.master(7, b"x")], 5))
    assert answers[1].status == Status.REFUSED
    assert isinstance(errors.unpack(answers[1].body), errors.InvalidCommand)
    assert effects == []


def test_a_masters_own_command_that_fails_otherwise_stops_the_replica(monkeypatch: pytest.MonkeyPatch) -> None:
    under_test = applier()

    def apply_own(command: bytes, context: Context) -> NoReturn:
        raise errors.InvariantViolated(invariant="a test's", detail="planted")

    monkeypatch.setattr(under_test.machine, "apply_own", apply_own)
    with pytest.raises(errors.InvariantViolated):
        under_test.apply(1, entry.batch([entry.epoch(7), entry.master(7, b"x")], 5))


def test_a_check_of_the_reign_sums_the_state_up_behind_its_whole_slot() -> None:
    """[SAFETY 14, 25] Another reign's does nothing; what follows in the slot counts."""
    under_test = applier()
    client = entry.Identity(1, 0)
    under_test.apply(1, entry.batch([entry.register(), entry.epoch(1 << 16 | 1)], 5))
    answers, _ = under_test.apply(2, entry.batch([entry.check(2 << 16 | 1)], 5))
    assert answers == [(Status.NOT_MASTER, 2, 0, b"")]
    assert under_test.sums == []
    under_test.apply(3, entry.batch([entry.check(1 << 16 | 1), command(client, 1, b"x")], 5))
    assert under_test.sums == [under_test.sum()]
    assert under_test.sums[0][:3] == (3, under_test.chain, 1)


def test_the_trail_tells_answers_apart_that_the_machine_does_not() -> None:
    """[SAFETY 27] A table with other bounds answers something else, and that is seen although no machine differs."""
    one = applier()
    other = Applier(Register(), Sessions(Bounds(sessions=1, answers=10, answer_bytes=100)))
    for under_test in (one, other):
        under_test.apply(1, entry.batch([entry.register(), entry.register()], 5))
    assert one.sum() == other.sum()
    for under_test in (one, other):
        under_test.apply(2, entry.batch([command(entry.Identity(1, 0), 1, b"fail")], 5))
    assert one.machine.checksum() == other.machine.checksum()
    assert one.sum() != other.sum()


def test_the_log_can_be_applied_again_from_its_beginning() -> None:
    """[SAFETY 25] It comes to the same, to the last byte of the table."""
    values = [
        entry.batch([entry.register(), entry.epoch(1 << 16 | 1)], 5),
        entry.batch([command(entry.Identity(1, 0), 1, b"x"), entry.check(1 << 16 | 1)], 6),
    ]
    under_test, found = applier(), []
    for _ in range(2):
        for slot, value in enumerate(values, 1):
            under_test.apply(slot, value)
        found.append(
            (list(under_test.sums), list(under_test.sessions.snapshot()), under_test.epoch, under_test.time_ms, under_test.checked)
        )
        under_test.begin_anew()
        assert under_test.sum() == (0, CHAIN_START, 0, 0)
        assert under_test.sums == []
    assert found[0] == found[1]
    assert len(found[0][0]) == 1
