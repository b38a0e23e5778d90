"""Fail-over, step by step, in a cell of whole replicas whose time and messages are a test's.  [CHUBBY §2.9; SAFETY 14, 21]

The steps that Chubby's master goes through to get back what it only had in memory: here who holds and waits is in the log, so there is
nothing to rebuild, and what is left of a step is what a client can see of it.
"""

from typing import Any, TypeVar

import pytest

from gaios import entry, errors, lock_api
from gaios.lock_api import Acquired, Checked, CheckSequencer, GetSequencer, Notice, Opened, SessionOpened, Sessions
from gaios.transport import (
    EXPIRED,
    Decoder,
    KeepAlive,
    KeptAlive,
    Kind,
    Status,
    decode_kept_alive,
    decode_pong,
    encode_keepalive,
    encode_read,
    encode_request,
    encode_submit,
)
from tests.server.parts import MS, HandCell

LEASE_MS = 2_000
T = TypeVar("T")


class Client:
    """A client by hand: an identity, a session, one connection number at every replica."""

    numbers = 0

    def __init__(self, cell: HandCell) -> None:
        Client.numbers += 1
        self.cell = cell
        self.connection = Client.numbers
        self.token = bytes([self.connection]) * lock_api.TOKEN_BYTES
        self.requests = self.sequence = self.number = 0
        master = cell.elect()
        status, slot, index, _ = self.submit(master, entry.register())
        assert status == Status.DONE
        self.identity = entry.Identity(slot, index)
        self.session = self.ask(SessionOpened, lock_api.OpenSession(self.token, LEASE_MS)).session

    def frame(self, member: int, data: bytes) -> int:
        ((kind, body),) = Decoder(1 << 20, magic=False).feed(data)
        self.cell.nodes[member].client_frame(self.cell.now, self.connection, kind, body)
        self.cell.drain(member)
        self.cell.settle()
        return self.requests

    def answer(self, member: int, request: int) -> Any:
        """The answer to a request, if it came."""
        return next((found for found in self.cell.answers(member, self.connection) if found.request == request), None)

    def submit(self, member: int, data: bytes) -> tuple[int, int, int, bytes]:
        self.requests += 1
        self.frame(member, encode_submit(self.requests, data))
        answer = self.answer(member, self.requests)
        assert answer is not None
        return answer.status, answer.slot, answer.index, answer.body

    def entry(self, command: lock_api.LockCommand) -> bytes:
        self.sequence += 1
        return entry.encode(entry.Kind.COMMAND, self.identity, self.sequence, self.sequence - 1, lock_api.encode(command))

    def ask(self, kind: type[T], command: lock_api.LockCommand) -> T:
        """Carried out by whoever is master."""
        status, _, _, body = self.submit(self.cell.elect(), self.entry(command))
        if status != Status.DONE:
            raise errors.unpack(body)
        reply = lock_api.decode_reply(body)
        assert isinstance(reply, kind)
        return reply

    def question(self, kind: type[T], question: lock_api.LockQuestion) -> T:
        master = self.cell.elect()
        self.requests += 1
        request = self.frame(master, encode_read(self.requests, lock_api.encode(question)))
        for _ in range(100):
            if self.answer(master, request) is not None:
                break
            self.cell.run(5 * MS)
        answer = self.answer(master, request)
        if answer.status != Status.DONE:
            raise errors.unpack(answer.body)
        reply = lock_api.decode_answer(answer.body)
        assert isinstance(reply, kind)
        return reply

    def open(self, path: str, **options: Any) -> int:
        return self.ask(Opened, lock_api.Open(self.session, self.token, path, lock_api.MAY_CREATE, **options)).handle

    def acquire(self, handle: int, *, wait: bool = True) -> Acquired:
        return self.ask(Acquired, lock_api.Acquire(self.session, self.token, handle, wait=wait))

    def keepalive(self, member: int, *, epoch: int, told: int = 0, number: int = 0) -> int:
        """Send a KeepAlive; its request."""
        self.requests += 1
        self.number = number or self.number + 1
        keepalive = KeepAlive(self.requests, self.session, self.number, epoch, told, self.token)
        return self.frame(member, encode_keepalive(keepalive))

    def kept(self, member: int, request: int) -> KeptAlive | None:
        """What it was answered, if it was."""
        answer = self.answer(member, request)
        if answer is None:
            return None
        assert answer.status == Status.DONE
        return decode_kept_alive(answer.body)

    def left_ms(self) -> int:
        (found,) = [each for each in self.question(Sessions, lock_api.ListSessions()).sessions if each.session == self.session]
        return found.left_ms


@pytest.fixture
def cell() -> HandCell:
    return HandCell()


def kill(cell: HandCell) -> int:
    """The master dies; the next one."""
    master = cell.elect()
    cell.cut.add(master)
    cell.nodes.pop(master)
    return cell.elect()


def reign(cell: HandCell, member: int) -> int:
    return cell.nodes[member].reign


def test_step_1_the_new_reign_has_a_number_and_an_older_one_is_told_of_it(cell: HandCell) -> None:
    """[CHUBBY §2.9] A new client epoch; whatever names an older one hears of this first."""
    client = Client(cell)
    old = reign(cell, cell.elect())
    master = kill(cell)
    assert reign(cell, master) > old
    kept = client.kept(master, client.keepalive(master, epoch=old))
    assert kept == KeptAlive(LEASE_MS, 0, reign(cell, master), 0)


def test_step_2_until_its_epoch_is_applied_it_says_where_the_master_is_and_nothing_else(cell: HandCell) -> None:
    client = Client(cell)
    kill(cell)
    candidate = next(member for member in cell.nodes if not cell.nodes[member].replica.is_serving)
    for data in (
        encode_submit(9_001, client.entry(lock_api.CloseSession(client.session, client.token))),
        encode_keepalive(KeepAlive(9_001, client.session, 1, 0, 0, client.token)),
        encode_read(9_001, lock_api.encode(lock_api.ListSessions())),
    ):
        cell.frames[candidate].clear()
        client.frame(candidate, data)
        answer = client.answer(candidate, 9_001)
        assert answer.status == Status.NOT_MASTER
        error = errors.unpack(answer.body)
        assert isinstance(error, errors.NotMaster)
        assert error.master == f"h:{cell.elect()}"
    client.frame(candidate, encode_request(Kind.PING, 9_002))
    assert any(decode_pong(body).master for kind, body in cell.frames[candidate][client.connection] if kind == Kind.PONG)


def test_step_3_sessions_and_locks_are_there_and_time_without_a_master_is_not_charged(cell: HandCell) -> None:
    """[SAFETY 21] Though the cell was without a master for far longer than the lease."""
    client = Client(cell)
    handle = client.open("/job")
    sequencer = client.acquire(handle).sequencer
    assert sequencer is not None
    master = cell.elect()
    cell.cut.add(master)
    cell.nodes.pop(master)
    survivors = dict(cell.nodes)
    cell.nodes.clear()
    cell.now += 10 * LEASE_MS * MS
    cell.nodes.update(survivors)
    master = cell.elect()
    assert client.left_ms() == LEASE_MS
    assert client.question(Checked, CheckSequencer(sequencer)).valid
    held = client.question(Acquired, GetSequencer(client.session, client.token, handle))
    assert held.sequencer == sequencer


def test_step_4_the_first_keepalive_is_taken_at_once_and_the_first_charge_charges_nothing(cell: HandCell) -> None:
    """[SAFETY 21] It follows the epoch."""
    client = Client(cell)
    master = kill(cell)
    cell.run(50 * MS)
    assert cell.nodes[master].steward.charges == 1
    assert client.left_ms() == LEASE_MS
    epoch = reign(cell, master)
    client.keepalive(master, epoch=0)
    request = client.keepalive(master, epoch=epoch)
    cell.run(LEASE_MS * MS // 4)
    kept = client.kept(master, request)
    assert kept is not None
    assert kept.listed == 2


def test_step_5_the_fail_over_is_told_before_any_notice(cell: HandCell) -> None:
    """Caches are to be flushed, and what is waited for asked again."""
    client, other = Client(cell), Client(cell)
    mine, others = client.open("/job"), other.open("/job")
    client.acquire(mine)
    assert other.acquire(others).waits
    master = kill(cell)
    client.ask(lock_api.Changed, lock_api.Release(client.session, client.token, mine))
    kept = other.kept(master, other.keepalive(master, epoch=7))
    assert kept == KeptAlive(LEASE_MS, 0, reign(cell, master), 0)
    # Asked again, it is found.
    assert other.question(Acquired, GetSequencer(other.session, other.token, others)).sequencer is not None


def test_step_6_after_that_every_notice_is_told_until_it_is_acknowledged(cell: HandCell) -> None:
    client, other = Client(cell), Client(cell)
    mine, others = client.open("/job"), other.open("/job")
    client.acquire(mine)
    assert other.acquire(others).waits
    master = kill(cell)
    epoch = reign(cell, master)
    other.keepalive(master, epoch=0)
    request = other.keepalive(master, epoch=epoch)
    client.ask(lock_api.Changed, lock_api.Release(client.session, client.token, mine))
    kept = other.kept(master, request)
    assert kept is not None
    (notice,) = kept.notices
    assert isinstance(notice, Notice)
    assert (notice.handle, notice.what) == (others, lock_api.LOCK_ACQUIRED)
    again = other.kept(master, other.keepalive(master, epoch=epoch, told=0))
    assert again is not None
    assert again.notices == (notice,)
    assert other.kept(master, other.keepalive(master, epoch=epoch, told=again.told)) is None


def test_step_7_everything_is_allowed_with_the_handles_that_there_were(cell: HandCell) -> None:
    client = Client(cell)
    handle = client.open("/job")
    kill(cell)
    assert client.acquire(handle).sequencer is not None
    done = client.ask(lock_api.Changed, lock_api.SetContents(client.session, client.token, handle, b"mine"))
    assert done.done


def test_step_8_a_closed_handle_does_not_come_back_whatever_is_delivered_late(cell: HandCell) -> None:
    """A duplicate of what was sent before the fail-over is answered, and changes nothing."""
    client = Client(cell)
    handle = client.open("/job")
    acquire = client.entry(lock_api.Acquire(client.session, client.token, handle))
    client.submit(cell.elect(), acquire)
    client.ask(lock_api.Changed, lock_api.Close(client.session, client.token, handle))
    master = kill(cell)
    client.submit(master, acquire)
    with pytest.raises(errors.UnknownHandle):
        client.question(Acquired, GetSequencer(client.session, client.token, handle))
    (node,) = client.question(lock_api.Nodes, lock_api.ListNodes("/")).nodes
    assert (node.holders, node.waiters, node.handles) == ((), 0, 0)


def test_step_9_what_nobody_keeps_alive_goes(cell: HandCell) -> None:
    """Ephemeral files of a session that did not find its way to the new master, and its locks."""
    client, other = Client(cell), Client(cell)
    client.acquire(client.open("/lease", ephemeral=True))
    waiting = other.open("/lease")
    assert other.acquire(waiting).waits
    master = kill(cell)
    epoch = reign(cell, master)
    other.keepalive(master, epoch=0)
    told = 0
    for _ in range(12):
        request = other.keepalive(master, epoch=epoch, told=told)
        cell.run(LEASE_MS * MS // 8)
        kept = other.kept(master, request)
        told = kept.told if kept is not None else told
    assert client.kept(master, client.keepalive(master, epoch=0)) == EXPIRED
    assert other.question(Acquired, GetSequencer(other.session, other.token, waiting)).sequencer is not None
    other.ask(lock_api.Changed, lock_api.Close(other.session, other.token, waiting))
    assert other.question(lock_api.Nodes, lock_api.ListNodes("/")).nodes == ()


def test_an_old_masters_charge_ends_nobodys_session(cell: HandCell) -> None:
    """[SAFETY 14] Recovered under a newer epoch it does nothing, wherever it stands in the log."""
    Client(cell)
    charge = lock_api.encode(lock_api.Charge(100 * LEASE_MS, b""))
    for node in cell.nodes.values():
        applier = node.replica.applier
        before = applier.machine.checksum()
        answers, effects = applier.apply(applier.applied + 1, entry.batch([entry.master(applier.epoch - 65_536, charge)], 0))
        assert (answers[0].status, effects) == (Status.NOT_MASTER, [])
        assert applier.machine.checksum() == before


def test_every_replica_charges_alike(cell: HandCell) -> None:
    """[SAFETY 27]"""
    client = Client(cell)
    master = cell.elect()
    client.keepalive(master, epoch=0)
    client.keepalive(master, epoch=reign(cell, master))
    cell.run(LEASE_MS * MS)
    assert cell.nodes[master].steward.charges >= 4
    while len({node.replica.applied for node in cell.nodes.values()}) > 1:
        cell.run(5 * MS)
    assert len({node.replica.applier.machine.checksum() for node in cell.nodes.values()}) == 1
