"""The log, carried out: what became of each node, handle and session, at each revision."""

from gaios import lock_api
from gaios.lock_api import LockCommand
from gaios.sim.locks.replay import DEFAULT_LEASE_MS, LockLog

TOKEN = b"t" * 16


def log_of(*commands: LockCommand) -> LockLog:
    log, revision = LockLog(), 1
    for slot, command in enumerate(commands, 10):
        if isinstance(command, lock_api.Charge):
            revision = log.charge((slot, 0), 65_537, 65_537, command, revision)
        else:
            revision = log.carry_out((slot, 0), (1, 0, slot), command, revision)
    return log


OPEN = (lock_api.OpenSession(TOKEN, 1_000), lock_api.Open(2, TOKEN, "/f", lock_api.MAY_CREATE, contents=b"one"))


def test_a_node_is_found_as_it_was_at_each_revision() -> None:
    log = log_of(*OPEN, lock_api.SetContents(2, TOKEN, 3, b"two"), lock_api.DeleteNode(2, TOKEN, 3))
    assert [log.at("/f", revision).contents for revision in range(2, 6)] == [b"", b"one", b"two", b""]
    assert log.at("/f", 2).stat is log.at("/f", 5).stat is None
    assert [name for name, _ in log.at("/", 4).children] == ["f"]
    assert log.at("/", 5).children == ()


def test_a_handle_is_found_as_it_was_at_each_revision() -> None:
    log = log_of(*OPEN, lock_api.Acquire(2, TOKEN, 3), lock_api.DeleteNode(2, TOKEN, 3), lock_api.CloseSession(2, TOKEN))
    assert log.standing(3, 2) is None
    found = [log.standing(3, revision) for revision in range(3, 7)]
    assert [standing.refusal for standing in found if standing is not None] == ["", "", "HandleInvalid", "SessionExpired"]
    assert found[1] is not None
    assert found[1].sequencer == lock_api.Sequencer("/f", shared=False, generation=0, revision=4)


def test_what_changes_nothing_makes_no_revision() -> None:
    log = log_of(*OPEN, lock_api.Close(2, TOKEN, 9), lock_api.Close(2, TOKEN, 3))
    assert [log.revisions[slot, 0] for slot in range(10, 14)] == [2, 3, 3, 4]
    assert log.slots == {2: 10, 3: 11, 4: 13}
    assert log.replies[12, 0] == lock_api.Changed(3, done=False)


def test_charges_know_what_was_due_and_whether_they_are_the_first() -> None:
    nothing = lock_api.Charge(0, b"")
    log = log_of(nothing, OPEN[0], nothing, lock_api.Charge(250, b"\x03"), lock_api.Charge(1_001, b""))
    assert [charge.is_first for charge in log.charges] == [True, False, False, False]
    assert [charge.due_ms for charge in log.charges] == [DEFAULT_LEASE_MS // 4, DEFAULT_LEASE_MS // 4, 250, 250]
    assert log.ended[3] == (6, 14, True)
    assert log.leases == {3: 1_000}


def test_what_a_session_is_to_be_told_is_kept_in_order() -> None:
    watching = lock_api.Open(2, TOKEN, "/", events=lock_api.EVENTS)
    log = log_of(OPEN[0], watching, OPEN[1], lock_api.DeleteNode(2, TOKEN, 4))
    told = [(notice.handle, notice.what, notice.revision) for notice in log.told[2]]
    assert told == [(3, lock_api.CHILD_ADDED, 4), (4, lock_api.HANDLE_INVALID, 5), (3, lock_api.CHILD_REMOVED, 5)]
