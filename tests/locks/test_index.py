"""The index is that of the keys: made anew from them it is the same, and a difference is noticed."""

from collections.abc import Callable

import pytest

from gaios.errors import InvariantViolated, ProtocolError
from gaios.locks import index, keys, records
from gaios.locks.index import Index
from tests.locks.parts import Service


def busy() -> Service:
    """A service that has some of everything."""
    service = Service()
    a, b, c = service.session(), service.session(), service.session(1_000)
    service.charge(0)
    a.open("/d", directory=True)
    for client in (a, b):
        client.acquire(client.open("/d/l"))
    c.acquire(c.open("/lost", lock_delay_ms=9_000))
    service.charge(1_001, b.number)
    service.session()
    return service


def found(service: Service) -> list[tuple[bytes, bytes, int]]:
    database = service.machine.database
    records_ = [database.record(key) for key in database.reserved(b"\x00gaios/", b"\x00gaios0")]
    return [(each.key, each.value or b"", each.create_revision) for each in records_ if each is not None]


def test_the_order_of_the_keys_does_not_matter() -> None:
    service = busy()
    service.machine.check()
    made = index.of(reversed(found(service)))
    service.machine._index.check(made)
    assert made == service.machine._index


@pytest.mark.parametrize(
    "damage",
    [
        lambda index: index.opened.clear(),
        lambda index: index.delays.clear(),
        lambda index: index.nodes["/d/l"].holders.clear(),
        lambda index: index.leases.update({5: 1}),
        lambda index: setattr(next(iter(index.sessions.values())), "heard_ms", 5),
    ],
    ids=["opened", "delays", "holders", "leases", "heard"],
)
def test_a_difference_is_noticed(damage: Callable[[Index], None]) -> None:
    """The check can fail."""
    service = busy()
    damage(service.machine._index)
    with pytest.raises(InvariantViolated, match="index is that of the keys"):
        service.machine.check()


def test_who_came_first_waits_first() -> None:
    service = busy()
    c = service.session()
    c.acquire(c.open("/d/l"))
    queue = service.machine._index.nodes["/d/l"].queue
    assert len(queue) == 2
    first = next(iter(queue))
    queue[first] = queue.pop(first)
    with pytest.raises(InvariantViolated, match="first"):
        service.machine.check()


@pytest.mark.parametrize("kind", [b"n", b"s", b"o", b"q", b"l", b"c"])
def test_keys_that_do_not_fit_together_are_no_state(kind: bytes) -> None:
    """Whatever is missing, or of no kind, is a `ProtocolError`; nothing else may come out of a snapshot."""
    everything = found(busy())
    with_strange = [(b"\x00gaios/" + kind + b"/", b"\x90", 2)]
    for broken in ([*everything, (b"\x00gaios/", b"", 2)], [*everything, (b"\x00gaios/x", b"", 2)], [*everything, *with_strange]):
        with pytest.raises(ProtocolError):
            index.of(broken)
    if kind in {b"n", b"s", b"o"}:
        with pytest.raises(ProtocolError):
            index.of([each for each in everything if each[0][7:8] != kind])


def test_a_handle_of_an_earlier_instance_is_not_the_nodes() -> None:
    """[CHUBBY §2.3]"""
    made = Index()
    made.put(keys.session(2), records.Session(b"", 1_000, False, "", "", 0), 2)
    made.put(keys.node("/a"), records.Node(directory=False), 9)
    for number, instance in ((3, 2), (10, 9)):
        made.put(keys.handle("/a", 2, number), records.Handle(instance, True, 0, 0), number)
    handles = made.sessions[2].handles
    assert list(made.nodes["/a"].opens) == [10]
    assert made.node_of(handles[3]) is None
    assert made.node_of(handles[10]) is made.nodes["/a"]
