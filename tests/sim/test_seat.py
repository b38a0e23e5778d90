"""The simulated shell does to the production node what a real machine may do, and no more."""

from typing import Any

import pytest

from gaios.log import codec
from gaios.paxos import core
from gaios.sim.cell import Cell
from gaios.sim.faults import MS, DiskFaults, S
from gaios.sim.seat import Seat, address
from gaios.transport import PEER_BYTES_MAX, Decoder
from tests.sim.small import Asked, cell_of, put, served, until

SLOW = DiskFaults(sync_ns=S)


class Sent:
    """Every message that leaves a replica for another: true time, source, message."""

    def __init__(self, cell: Cell, monkeypatch: pytest.MonkeyPatch) -> None:
        self.messages: list[tuple[int, int, codec.Message]] = []
        send = cell.network.send

        def spy(source: int, target: int, frame: bytes, deliver: Any) -> None:
            for _, body in Decoder(PEER_BYTES_MAX, magic=False).feed(frame):
                self.messages.extend((cell.world.now_ns, source, message) for message in codec.decode(body)[3])
            send(source, target, frame, deliver)

        monkeypatch.setattr(cell.network, "send", spy)

    def of(self, replica: int, tag: int) -> list[tuple[int, codec.Message]]:
        """When, and what."""
        return [(at, message) for at, source, message in self.messages if source == replica and message[0] == tag]

    def count(self, replica: int) -> int:
        """How many left a replica."""
        return sum(source == replica for _, source, _ in self.messages)


class Taken:
    """The clock reading with which each event was handed to a node."""

    def __init__(self, seat: Seat, monkeypatch: pytest.MonkeyPatch) -> None:
        self.readings: list[int] = []
        node = seat.node
        assert node is not None
        for name in ("peer_frame", "tick", "disk_done", "client_frame"):
            monkeypatch.setattr(node, name, self._spy(getattr(node, name)))

    def _spy(self, method: Any) -> Any:
        def spy(now: int, *arguments: Any) -> None:
            self.readings.append(now)
            method(now, *arguments)

        return spy


def master_of(cell: Cell) -> Seat:
    return next(seat for seat in cell.seats.values() if seat.is_serving)


def follower_of(cell: Cell) -> Seat:
    return next(seat for seat in cell.seats.values() if not seat.is_serving)


def settled(seed: int = 0) -> Cell:
    """A cell in which one write was carried out everywhere."""
    cell = served(seed)
    asked = Asked(cell.clients[0], put(b"a", b"1"))
    until(cell, asked.is_told)
    cell.world.run(cell.world.now_ns + 200 * MS)
    return cell


def with_a_vote_on_its_way_to_the_disk(seed: int, slow: DiskFaults = SLOW) -> tuple[Cell, Seat, int]:
    """A follower whose disk is busy with a new slot's record, the slot, and its cell."""
    cell = settled(seed)
    follower = follower_of(cell)
    follower.disk.faults = slow
    asked = Asked(cell.clients[0], put(b"a", b"2"))
    until(cell, asked.is_told)
    slot = asked.told[0][2][0]
    until(cell, lambda: follower.node is not None and slot in follower.node.replica.core.acc)
    cell.world.run(cell.world.now_ns + 10 * MS)
    return cell, follower, slot


# -- disk --------------------------------------------------------------------------------------------------------------------


def test_a_vote_leaves_only_when_its_record_is_synced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Persist, then say.  [SAFETY 5]"""
    cell = settled()
    follower = follower_of(cell)
    follower.disk.faults = SLOW
    sent, began = Sent(cell, monkeypatch), cell.world.now_ns
    asked = Asked(cell.clients[0], put(b"a", b"2"))
    until(cell, asked.is_told)
    slot = asked.told[0][2][0]
    cell.world.run(began + 20 * S)
    votes = [at for at, message in sent.of(follower.replica, core.ACCEPTED) if message[3] == slot]
    assert votes
    assert min(votes) >= began + SLOW.sync_ns
    assert asked.told


def test_what_need_not_wait_for_the_disk_leaves_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A shell that made everything wait would hide every bug of what leaves early."""
    cell = settled()
    master = master_of(cell)
    master.disk.faults = SLOW
    sent, began = Sent(cell, monkeypatch), cell.world.now_ns
    Asked(cell.clients[0], put(b"a", b"2"))
    cell.world.run(began + 3 * S)
    assert sent.of(master.replica, core.ACCEPT)[0][0] < began + 100 * MS


def test_a_power_cut_loses_what_was_not_synced_sometimes() -> None:
    """And keeps it sometimes: a disk promises neither."""
    remembered = set()
    for seed in range(12):
        cell, follower, slot = with_a_vote_on_its_way_to_the_disk(seed)
        follower.stop(power=True)
        follower.start()
        assert follower.node is not None
        remembered.add(slot in follower.node.replica.core.acc)
        assert not cell.observations.broken
    assert remembered == {False, True}


def test_a_killed_process_finds_what_it_had_written() -> None:
    """The page cache outlives the process."""
    for seed in range(4):
        _, follower, slot = with_a_vote_on_its_way_to_the_disk(seed)
        follower.stop(power=False)
        follower.start()
        assert follower.node is not None
        assert slot in follower.node.replica.core.acc


def test_an_end_of_the_process_ends_its_batch() -> None:
    """The sync's return belongs to a life that is over; handed to the next, it would vouch for bytes that are lost."""
    cell, follower, _ = with_a_vote_on_its_way_to_the_disk(0)
    follower.stop(power=True)
    follower.disk.faults = DiskFaults()
    follower.start()
    cell.world.run(cell.world.now_ns + 10 * S)
    assert not cell.observations.broken
    assert cell.has_converged()


def test_a_failed_sync_stops_the_replica_which_is_no_finding() -> None:
    """It must not go on on a disk that lied to it."""
    cell = settled()
    follower = follower_of(cell)
    fallen: list[Seat] = []
    follower.on_fall = fallen.append
    follower.disk.faults = DiskFaults(failing=1.0)
    Asked(cell.clients[0], put(b"a", b"2"))
    cell.world.run(cell.world.now_ns + S)
    assert follower.node is None
    assert fallen == [follower]
    assert not cell.observations.broken
    follower.disk.faults = DiskFaults()
    follower.start()
    cell.world.run(cell.world.now_ns + 5 * S)
    assert cell.has_converged()


def test_a_start_on_damaged_state_is_a_finding() -> None:
    """Both copies of the promise are gone: no crash explains that, and no replica may vote after it."""
    cell = settled()
    follower = follower_of(cell)
    follower.stop(power=False)
    copies = [name for name in follower.disk.names() if name.startswith("promise")]
    assert len(copies) == 2
    for name in copies:
        for at in range(follower.disk.size(name)):
            follower.disk.damage(name, at, 0xFF)
    follower.start()
    assert follower.node is None
    (found,) = cell.observations.broken
    assert found.property == "no replica stops by itself"
    assert "StateDamaged" in found.detail


# -- clock -------------------------------------------------------------------------------------------------------------------


def test_a_clock_runs_through_a_restart_of_the_process_and_anew_after_a_power_cut() -> None:
    """CLOCK_BOOTTIME is the machine's.  [SAFETY 12]"""
    cell = settled()
    seat = follower_of(cell)
    before = seat.now()
    seat.stop(power=False)
    cell.world.run(cell.world.now_ns + S)
    assert S * 0.999 < seat.now() - before < S * 1.001
    seat.start()
    seat.stop(power=True)
    assert 0 < seat.now() <= 60 * S


# -- pauses ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("point", ["poll", "take"])
def test_a_paused_process_hears_later_and_its_now_is_later(point: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever waited is taken with a clock read after the pause: a lease must not be counted from before it.  [SAFETY 12]"""
    cell = settled()
    seat = follower_of(cell)
    cell.world.run(cell.world.now_ns + MS)
    taken, began = Taken(seat, monkeypatch), cell.world.now_ns
    seat.pause(500 * MS, point)
    cell.world.run(began + 2 * S)
    assert taken.readings
    assert min(taken.readings) >= seat.clock.read(began + 500 * MS)
    assert not cell.observations.broken


def test_a_pause_before_carrying_out_holds_back_what_was_decided(monkeypatch: pytest.MonkeyPatch) -> None:
    """And nothing is heard meanwhile: it is one process."""
    cell = settled()
    seat = master_of(cell)
    sent, taken, began = Sent(cell, monkeypatch), Taken(seat, monkeypatch), cell.world.now_ns
    seat.pause(500 * MS, "carry out")
    until(cell, lambda: bool(taken.readings))
    took, heard = cell.world.now_ns, len(taken.readings)
    assert not sent.count(seat.replica)
    cell.world.run(took + 499 * MS)
    assert not sent.count(seat.replica)
    assert len(taken.readings) == heard
    cell.world.run(began + 3 * S)
    assert sent.count(seat.replica)
    assert len(taken.readings) > heard


@pytest.mark.parametrize("power", [False, True])
def test_what_a_crash_cut_off_never_leaves(power: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Decided, not carried out, and dead: the next life must not say it."""
    cell = settled()
    seat = master_of(cell)
    sent, taken = Sent(cell, monkeypatch), Taken(seat, monkeypatch)
    seat.pause(500 * MS, "carry out")
    until(cell, lambda: bool(taken.readings))
    seat.stop(power=power)
    cell.world.run(cell.world.now_ns + 3 * S)
    assert not sent.count(seat.replica)


def test_a_pause_ends_early_when_it_is_told_to(monkeypatch: pytest.MonkeyPatch) -> None:
    cell = settled()
    seat = follower_of(cell)
    taken = Taken(seat, monkeypatch)
    seat.pause(100 * S, "poll")
    cell.world.run(cell.world.now_ns + S)
    assert not taken.readings
    seat.resume()
    assert taken.readings
    cell.world.run(cell.world.now_ns + S)
    assert len(taken.readings) > 5


# -- coming and going --------------------------------------------------------------------------------------------------------


def test_a_dead_process_hears_nothing_and_inherits_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was sent to it meanwhile is lost: nobody kept it."""
    cell = settled()
    seat = follower_of(cell)
    seat.frame(master_of(cell).replica, b"waits in the inbox")
    seat.stop(power=False)
    seat.frame(master_of(cell).replica, b"came to nobody")
    seat.start()
    taken = Taken(seat, monkeypatch)
    frames: list[object] = []
    monkeypatch.setattr(seat.node, "peer_frame", lambda *arguments: frames.append(arguments))
    cell.world.run(cell.world.now_ns + MS // 100)
    assert len(taken.readings) == 1, "its first tick"
    assert not frames
    assert "a damaged frame was refused" not in cell.world.sometimes


def test_a_client_of_a_dead_process_is_turned_away() -> None:
    cell = settled()
    seat = follower_of(cell)
    seat.stop(power=False)
    connection = cell.network.connect(2_000, seat.replica)
    heard: list[str] = []
    connection.on_broken[0] = lambda: heard.append("broken")
    seat.accept(connection)
    cell.world.run(cell.world.now_ns + S)
    assert heard == ["broken"]


def test_an_end_of_the_process_breaks_its_clients_connections() -> None:
    cell = settled()
    master = master_of(cell)
    open_to = cell.clients[0]._open[address(master.replica)][0]
    master.stop(power=True)
    assert not open_to.is_open


def test_a_process_that_raises_is_a_finding_and_is_down(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever it is: nothing in the node may raise."""
    cell = settled()
    seat = follower_of(cell)
    fallen: list[Seat] = []
    seat.on_fall = fallen.append

    def planted(now: int) -> None:
        raise ZeroDivisionError("planted")

    monkeypatch.setattr(seat.node, "drain", planted)
    cell.world.run(cell.world.now_ns + S)
    assert seat.node is None
    assert fallen == [seat]
    (found,) = cell.observations.broken
    assert found.property == "no replica stops by itself"
    assert f"replica {seat.replica} (run)" in found.detail
    assert "ZeroDivisionError: planted" in found.detail


def test_a_replica_that_is_not_up_is_stopped_and_paused_without_effect() -> None:
    """Faults overlap: the nemesis need not know."""
    cell = cell_of()
    before = cell.world.trace_hash()
    cell.seats[1].stop(power=True)
    cell.seats[1].pause(S, "poll")
    assert cell.world.trace_hash() == before


# -- strangers ---------------------------------------------------------------------------------------------------------------


def test_a_damaged_frame_is_refused_and_costs_nothing_else() -> None:
    cell = settled()
    seat = follower_of(cell)
    seat.frame(master_of(cell).replica, bytes(40))
    cell.world.run(cell.world.now_ns + S)
    assert cell.world.sometimes["a damaged frame was refused"] == 1
    assert seat.node is not None
    assert not cell.observations.broken


def test_a_client_that_speaks_another_protocol_is_cut_off() -> None:
    """It is told why, then its connection ends; the process goes on."""
    cell = settled()
    seat = master_of(cell)
    connection = cell.network.connect(2_000, seat.replica)
    heard: list[bytes] = []
    connection.on_bytes[0] = heard.append
    seat.accept(connection)
    connection.send(0, b"GET / HTTP/1.1\r\n\r\n")
    cell.world.run(cell.world.now_ns + S)
    assert heard
    assert not connection.is_open
    assert seat.is_serving
    assert not cell.observations.broken
