"""System structure."""

from collections.abc import AsyncIterator

import pytest

import gaios
from gaios import errors, lock_api
from gaios.lock_api import ListSessions, Sessions
from gaios.transport import Status, encode_read, encode_submit
from tests.client.fake import FakeCell
from tests.locks.test_failover_together import Client
from tests.server.parts import MS, HandCell


@pytest.fixture
async def fake() -> AsyncIterator[FakeCell]:
    async with FakeCell(3) as fake:
        yield fake


def test_the_replicas_elect_a_master_that_gets_votes_from_a_majority() -> None:
    """[CHUBBY §2.2] The master must obtain votes from a majority of the replicas; a minority elects nobody."""
    cell = HandCell(5)
    master = cell.elect()
    others = sorted(set(cell.nodes) - {master})
    cell.cut |= {master, *others[2:]}
    cell.run(5_000 * MS)
    assert not any(node.replica.is_serving for node in cell.nodes.values())
    cell.cut.discard(master)
    assert cell.elect()


def test_replicas_will_elect_nobody_else_while_the_lease_lasts() -> None:
    """[CHUBBY §2.2] The replicas promise not to elect a different master for the interval that is the master lease."""
    cell = HandCell()
    master = cell.elect()
    cell.run(200 * MS)
    lease_ns = cell.nodes[master].replica.lease_ns(cell.now)
    assert lease_ns > 0
    cell.cut.add(master)
    others = [node for member, node in cell.nodes.items() if member != master]
    while cell.nodes[master].replica.lease_ns(cell.now) > 5 * MS:
        cell.run(5 * MS)
        assert not any(node.replica.is_serving for node in others)
    while not any(node.replica.is_serving for node in others):
        cell.run(5 * MS)


def test_only_the_master_reads_and_writes_and_others_say_where_it_is() -> None:
    """[CHUBBY §2.2] Only the master initiates reads and writes; other replicas respond with its identity."""
    cell = HandCell()
    client = Client(cell)
    master = cell.elect()
    for member in set(cell.nodes) - {master}:
        for data in (
            encode_submit(9_001, client.entry(lock_api.CloseSession(client.session, client.token))),
            encode_read(9_001, lock_api.encode(ListSessions())),
        ):
            cell.frames[member].clear()
            client.frame(member, data)
            answer = client.answer(member, 9_001)
            assert answer.status == Status.NOT_MASTER
            error = errors.unpack(answer.body)
            assert isinstance(error, errors.NotMaster)
            assert error.master == f"h:{master}"
    assert len(client.question(Sessions, ListSessions()).sessions) == 1


def test_a_write_is_acknowledged_when_it_has_reached_a_majority() -> None:
    """[CHUBBY §2.2] Write requests are acknowledged when the write has reached a majority of the replicas in the cell."""
    cell = HandCell(5)
    client = Client(cell)
    master = cell.elect()
    others = sorted(set(cell.nodes) - {master})
    cell.cut |= set(others[:3])
    client.requests += 1
    data = encode_submit(client.requests, client.entry(lock_api.Open(client.session, client.token, "/f", lock_api.MAY_CREATE)))
    client.frame(master, data)
    assert client.answer(master, client.requests) is None, "two of five have it"
    cell.cut.discard(others[0])
    while client.answer(master, client.requests) is None:
        cell.run(5 * MS)
    assert client.answer(master, client.requests).status == Status.DONE
    having = [member for member, node in cell.nodes.items() if any(b"/f" in value for _, value in node.replica.core.acc.values())]
    assert set(having) == {master, others[0], others[3]}


async def test_clients_find_the_master_by_asking_any_replica(fake: FakeCell) -> None:
    """[CHUBBY §2.2] Clients find the master by sending location requests; then they direct all requests to it, until it is one no more."""
    fake.master = 2
    async with gaios.connect(fake.replicas[0].address) as cell:
        await cell.put("k", "v")
        assert {connection.replica.number for connection in fake.connections()} >= {2}
        fake.fail_over(3)
        await fake.replicas[1].stop()
        await cell.put("k", "w")
        entry_ = await cell.get("k")
        assert entry_ is not None
        assert entry_.value == b"w"
