"""The simulated shell of the production client."""

from gaios import api, errors
from gaios.client.core import READ, WRITE
from gaios.client.lease import State
from gaios.sim.faults import S
from tests.sim.test_seat import master_of, quiet

PUT = api.encode(api.MultiOp(then=(api.Put(b"k", b"v"),)))


def test_a_write_is_answered_with_where_it_stands_and_whose_it_is() -> None:
    cell = quiet()
    told: list[tuple[object, ...]] = []
    cell.clients[0].call(WRITE, PUT, 5 * S, lambda *outcome: told.append(outcome))
    cell.world.run(5 * S)
    ((reply, whose, place),) = told
    assert isinstance(reply, bytes)
    assert api.decode_reply(reply) == api.MultiOpResult(True, 2, (api.PutResult(2),))
    assert whose[2] == 1  # type: ignore[index]
    assert place[0] > whose[0]  # type: ignore[index]


def test_a_client_finds_the_next_master() -> None:
    cell = quiet()
    told: list[object] = []
    client = cell.clients[0]
    client.call(WRITE, PUT, 5 * S, lambda outcome, *_: told.append(outcome))
    cell.world.run(5 * S)
    master_of(cell).stop(power=True)
    client.call(WRITE, PUT, 10 * S, lambda outcome, *_: told.append(outcome))
    cell.world.run(16 * S)
    assert len(told) == 2
    assert all(isinstance(outcome, bytes) for outcome in told)


def test_without_a_majority_a_call_ends_at_its_deadline() -> None:
    cell = quiet()
    cell.world.run(S)
    for replica in (1, 2):
        cell.seats[replica].stop(power=False)
    cell.world.run(3 * S)
    told: list[object] = []
    cell.clients[0].call(READ, api.encode(api.Range(b"k")), 2 * S, lambda outcome, *_: told.append(outcome))
    cell.world.run(6 * S)
    assert isinstance(told[0], errors.Unavailable)


def test_a_watch_goes_on_over_broken_connections() -> None:
    cell = quiet()
    client = cell.clients[0]
    seen: list[api.Event] = []

    def hear(news: tuple[api.Event, ...] | errors.Error) -> None:
        assert not isinstance(news, errors.Error)
        seen.extend(news)

    watch = client.watch(b"", b"", 1, hear)
    for number in range(6):
        client.call(WRITE, api.encode(api.MultiOp(then=(api.Put(b"k", b"%d" % number),))), 5 * S, lambda *_: None)
        cell.world.run((number + 1) * S)
        client.break_one(lambda endpoints: endpoints[0])
    cell.world.run(20 * S)
    assert [event.value for event in seen] == [b"%d" % number for number in range(6)]
    assert client.told_through(watch) == 8


def test_a_dial_that_was_given_up_does_not_connect() -> None:
    """As in a real shell, where it is cancelled: it would take the place of the one that was made since."""
    cell = quiet()
    client = cell.clients[0]
    client.call(READ, api.encode(api.Range(b"k")), 5 * S, lambda *_: None)
    cell.world.run(S)
    (endpoint,) = [name for name, (connection, _) in client._open.items() if connection.ends[1] == master_of(cell).replica][:1]
    connection = client._open[endpoint][0]
    client._dial(endpoint, client._dials[endpoint] - 1)
    assert client._open[endpoint][0] is connection
    assert connection.is_open


def test_a_killed_process_leaves_unknown_outcomes_and_begins_anew() -> None:
    cell = quiet()
    cell.world.run(S)
    client = cell.clients[0]
    told: list[object] = []
    client.call(WRITE, PUT, 5 * S, lambda outcome, whose, _: told.append((type(outcome).__name__, whose[2])))
    before = client.core
    cell.world.run(cell.world.now_ns + 1)
    client.stall(S)
    client.die()
    assert told
    assert told[0][0] == "Unknown"  # type: ignore[index]
    assert client.core is not before
    done: list[object] = []
    client.call(WRITE, PUT, 5 * S, lambda outcome, *_: done.append(outcome))
    cell.world.run(cell.world.now_ns + 3 * S)
    assert len(told) == 1
    assert len(done) == 1
    assert isinstance(done[0], bytes)


def test_what_a_session_is_told_comes_to_whoever_keeps_it_alive() -> None:
    cell = quiet()
    client, told, answers = cell.clients[0], list[object](), list[int]()
    client.on_answer = lambda: answers.append(cell.world.now_ns)
    lease = client.keep_alive(77, bytes(16), 1_000, client.now() + S, S, told.append)
    cell.world.run(cell.world.now_ns + 3 * S)
    assert told == [State.EXPIRED], "there is no such session"
    assert answers
    client.let_go(lease.lease)
    assert client.when(client.now()) <= cell.world.now_ns


def test_what_is_done_while_it_is_stalled_is_done_later() -> None:
    cell = quiet()
    client, done = cell.clients[0], list[int]()
    client.awake(lambda: done.append(1))
    client.stall(S)
    client.awake(lambda: done.append(2))
    assert done == [1]
    cell.world.run(cell.world.now_ns + S)
    assert done == [1, 2]
