"""A simulated client tells every outcome once, whatever becomes of its connections."""

from collections.abc import Sequence

from gaios import api, entry, errors
from gaios.sim.cell import Cell
from gaios.sim.faults import MS, Faults, NetworkFaults, S
from tests.sim.small import Asked, cell_of, put, served, until


def first(names: Sequence[str]) -> str:
    return names[0]


def value_of(cell: Cell, key: bytes) -> bytes | None:
    """A key's value, asked of the cell by its second client."""
    asked = Asked(cell.clients[1], api.Range(key))
    until(cell, asked.is_told)
    (outcome, _, _), *rest = asked.told
    assert not rest
    assert isinstance(outcome, bytes)
    page = api.decode_answer(outcome)
    assert isinstance(page, api.Page)
    return page.entries[0].value if page.entries else None


def test_a_write_is_told_whose_it_was_and_where_it_stands() -> None:
    """The checkers find an acknowledged write in the log by these.  [SAFETY 19]"""
    cell = served()
    asked = Asked(cell.clients[0], put(b"a", b"1"))
    until(cell, asked.is_told)
    (outcome, whose, (slot, nth)), *_ = asked.told
    assert isinstance(outcome, bytes)
    value = next(applied.value for applied in cell.observations.applied if applied.slot == slot)
    there = entry.entries(value)[nth]
    assert there.command == api.encode(put(b"a", b"1"))
    assert whose == (*there.identity, there.sequence)
    assert there.identity != entry.NOBODY


def test_a_read_is_nobodys() -> None:
    """It is no command of the log, and must claim none."""
    cell = served()
    asked = Asked(cell.clients[0], api.Range(b"a"))
    until(cell, asked.is_told)
    assert asked.told[0][1] == (0, 0, 0)


def test_nothing_is_told_before_the_call_returns() -> None:
    """Who asks may set itself up for the answer afterwards, even when there is nothing to wait for."""
    cell = served()
    asked = Asked(cell.clients[0], put(b"a", b"1"), deadline_ns=-1)
    assert not asked.told
    until(cell, asked.is_told)
    assert isinstance(asked.told[0][0], errors.Error)


def test_every_call_is_told_once_while_connections_break_and_frames_come_twice() -> None:
    """A second outcome would be counted as another operation; a missing one would wait for ever."""
    cell = served(faults=Faults(network=NetworkFaults(duplicate=0.3, loss=0.02, jitter_ns=2 * MS)))
    client, asked = cell.clients[0], [Asked(cell.clients[0], put(b"a", b"0"))]
    for number in range(1, 60):
        cell.world.run(cell.world.now_ns + 10 * MS)
        asked.append(Asked(client, put(b"a", b"%d" % number)))
        client.break_one(first)
    cell.world.run(cell.world.now_ns + 8 * S)
    assert [len(one.told) for one in asked] == [1] * 60
    assert sum(isinstance(one.told[0][0], bytes) for one in asked) > 50


def test_a_broken_connection_is_dialled_again() -> None:
    cell = served()
    client = cell.clients[0]
    one = Asked(client, put(b"a", b"1"))
    until(cell, one.is_told)
    before = list(client._open.values())
    assert before
    for _ in before:
        client.break_one(first)
    another = Asked(client, put(b"a", b"2"))
    until(cell, another.is_told, 2 * S)
    assert isinstance(another.told[0][0], bytes)
    assert client._open
    assert not [link for link in client._open.values() if link in before]


def test_when_the_master_dies_its_successor_is_asked() -> None:
    """The call outlives the process that took it."""
    cell = served()
    client = cell.clients[0]
    one = Asked(client, put(b"a", b"1"))
    until(cell, one.is_told)
    master = next(seat for seat in cell.seats.values() if seat.is_serving)
    master.stop(power=False)
    another = Asked(client, put(b"a", b"2"))
    until(cell, another.is_told)
    assert isinstance(another.told[0][0], bytes)
    assert value_of(cell, b"a") == b"2"


def test_a_call_ends_at_its_deadline_when_nobody_is_there() -> None:
    """By the client's own clock, which may be slow; never much later."""
    cell = cell_of()
    asked = Asked(cell.clients[0], put(b"a", b"1"), 2 * S)
    until(cell, asked.is_told, 3 * S)
    assert isinstance(asked.told[0][0], errors.Error)
    assert 1.9 * S < cell.world.now_ns < 2.1 * S
    cell.world.run(20 * S)
    assert len(asked.told) == 1


def test_a_blocked_client_is_not_told_that_it_is() -> None:
    """A swallowed packet says nothing: only a living machine without the process refuses."""
    cell = served()
    client = cell.clients[0]
    cell.network.block([(replica, client.end) for replica in cell.seats])
    asked = Asked(client, put(b"a", b"1"), S)
    until(cell, asked.is_told)
    assert not client._open
    assert isinstance(asked.told[0][0], errors.Error)
    assert value_of(cell, b"a") is None


def test_a_watch_is_told_every_event_once_in_order_across_broken_connections() -> None:
    cell = served()
    watcher, writer = cell.clients
    events: list[api.Event] = []

    def told(news: tuple[api.Event, ...] | errors.Error) -> None:
        assert not isinstance(news, errors.Error)
        events.extend(news)

    watch = watcher.watch(b"", b"", api.FIRST_REVISION, told)
    for number in range(20):
        asked = Asked(writer, put(b"a", b"%d" % number))
        until(cell, asked.is_told)
        watcher.break_one(first)
    cell.world.run(cell.world.now_ns + 5 * S)
    assert [event.value for event in events] == [b"%d" % number for number in range(20)]
    assert watcher.told_through(watch) == events[-1].mod_revision + 1


def test_breaking_needs_something_to_break() -> None:
    """The nemesis picks a client blindly."""
    cell = cell_of()
    cell.clients[0].break_one(first)
    cell.world.run(S)
    assert not cell.clients[0]._open


def test_two_clients_do_not_ask_in_step() -> None:
    """Each has dice of its own: equal back-off would make all clients meet for ever."""
    cell = cell_of(clients=6, replicas=5)
    assert len({tuple(client.core.endpoints) for client in cell.clients}) > 1
