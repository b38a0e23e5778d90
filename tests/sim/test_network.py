"""The simulated network does to messages what networks do, and a quiet one does nothing."""

from gaios.sim.faults import NetworkFaults
from gaios.sim.network import Network
from gaios.sim.world import World

SECOND = 10**9


def sent(faults: NetworkFaults, count: int = 400) -> list[bytes]:
    """What arrives of so many numbered frames, sent a microsecond apart."""
    world = World(1)
    network = Network(world, world.dice.split("network"), faults)
    arrived: list[bytes] = []
    for number in range(count):
        world.at(number * 1_000, network.send, 1, 2, b"%04d" % number, arrived.append)
    world.run(100 * SECOND)
    return arrived


FRAMES = [b"%04d" % number for number in range(400)]


def test_a_quiet_network_delivers_everything_once_in_order() -> None:
    assert sent(NetworkFaults()) == FRAMES


def test_loss_loses_some() -> None:
    arrived = sent(NetworkFaults(loss=0.2))
    assert 250 < len(arrived) < 380
    assert arrived == sorted(arrived)


def test_duplicates_come_twice() -> None:
    arrived = sent(NetworkFaults(duplicate=0.5))
    assert set(arrived) == set(FRAMES)
    assert 500 < len(arrived) < 700


def test_reordering_lets_frames_overtake() -> None:
    arrived = sent(NetworkFaults(reorder=True))
    assert arrived != FRAMES
    assert sorted(arrived) == FRAMES


def test_corruption_flips_a_bit() -> None:
    arrived = sent(NetworkFaults(corrupt=0.5))
    assert 100 < sum(frame not in FRAMES for frame in arrived) < 300


def test_stale_messages_come_again_much_later() -> None:
    assert len(sent(NetworkFaults(stale=0.2))) > 430


def test_a_blocked_link_swallows_one_way() -> None:
    world = World(1)
    network = Network(world, world.dice, NetworkFaults())
    arrived: list[bytes] = []
    network.block([(1, 2)])
    network.block([(1, 2)])
    network.unblock([(1, 2)])
    network.send(1, 2, b"lost", arrived.append)
    network.send(2, 1, b"back", arrived.append)
    world.run(SECOND)
    network.unblock([(1, 2)])
    network.send(1, 2, b"there", arrived.append)
    world.run(2 * SECOND)
    assert arrived == [b"back", b"there"]


def test_a_clogged_link_holds_back_and_loses_nothing() -> None:
    world = World(1)
    network = Network(world, world.dice, NetworkFaults())
    arrived: list[bytes] = []
    connection = network.connect(1_001, 2)
    connection.on_bytes[1] = arrived.append
    network.clog([(1, 2), (1_001, 2)])
    network.clog([(1, 2)])
    network.send(1, 2, b"a", arrived.append)
    connection.send(0, b"c")
    network.unclog([(1, 2)])
    network.send(1, 2, b"b", arrived.append)
    world.run(SECOND)
    assert not arrived
    network.unclog([(1, 2), (1_001, 2)])
    world.run(2 * SECOND)
    assert sorted(arrived) == [b"a", b"b", b"c"]


def test_a_connection_keeps_order_whatever_the_delays() -> None:
    world = World(2)
    network = Network(world, world.dice, NetworkFaults(jitter_ns=10**7))
    connection = network.connect(1_001, 1)
    arrived: list[bytes] = []
    connection.on_bytes[1] = arrived.append
    for number in range(200):
        world.at(number * 1_000, connection.send, 0, b"%04d" % number)
    world.run(10 * SECOND)
    assert b"".join(arrived) == b"".join(FRAMES[:200])
    assert len(arrived) > 200, "some arrive in pieces"


def test_a_broken_connection_delivers_nothing_more_and_tells_both_ends_once() -> None:
    world = World(3)
    network = Network(world, world.dice, NetworkFaults())
    connection = network.connect(1_001, 1)
    heard: list[object] = []
    connection.on_bytes[1] = heard.append
    connection.on_broken = [lambda: heard.append("client"), lambda: heard.append("replica")]
    connection.send(0, b"under way")
    connection.break_off()
    connection.break_off()
    connection.send(0, b"too late")
    world.run(SECOND)
    assert sorted(heard, key=str) == ["client", "replica"]


def test_a_partition_ends_a_connection() -> None:
    world = World(4)
    network = Network(world, world.dice, NetworkFaults())
    connection = network.connect(1_001, 1)
    heard: list[str] = []
    connection.on_broken[0] = lambda: heard.append("client")
    network.block([(1_001, 1)])
    connection.send(0, b"x")
    world.run(10 * SECOND)
    assert heard == ["client"]
