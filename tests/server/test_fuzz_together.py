"""Whatever strangers send to a replica, it gives its one typed error and stops for nobody.  [SAFETY 28]"""

import random
from typing import Any, cast

import pytest

from gaios import api, entry, errors
from gaios.log import Status, codec
from gaios.server import config
from gaios.server.admin import AdminConnection
from gaios.transport import Kind, Watch, encode_read, encode_request, encode_submit, encode_watch
from tests.server.parts import MS, HandCell, put
from tests.server.test_clients import Transport

INPUTS = 100_000
BODY = 9
"""Where a frame's body begins."""


def mangled(dice: random.Random, seeds: list[bytes]) -> bytes:
    """Random bytes, or a good input with bytes changed, cut out, doubled."""
    if dice.random() < 0.2:
        return dice.randbytes(dice.randrange(80))
    data = bytearray(dice.choice(seeds))
    for _ in range(dice.randrange(1, 5)):
        at = dice.randrange(len(data) + 1)
        match dice.randrange(4):
            case 0 if at < len(data):
                data[at] = dice.randrange(256)
            case 1:
                del data[at : at + dice.randrange(8)]
            case 2:
                data[at:at] = dice.randbytes(dice.randrange(8))
            case _:
                data[at:at] = data[:at][-8:]
    return bytes(data)


@pytest.mark.seeds(1)
def test_a_node_survives_any_frame_of_a_client(seed: int) -> None:
    cell = HandCell(replicas=1)
    cell.elect()
    node = cell.nodes[1]
    dice = random.Random(seed)
    seeds = [
        encode_submit(1, entry.register())[BODY:],
        encode_submit(2, put((2, 0), 1, b"k", b"v"))[BODY:],
        encode_read(3, api.encode(api.Range(b"k", b"z", 5, 0)))[BODY:],
        encode_read(3, api.encode(api.History(b"k", b"", 1)))[BODY:],
        encode_watch(4, Watch(b"k", None, 1))[BODY:],
        encode_request(Kind.PING, 5)[BODY:],
    ]
    kinds = [*Kind, 0, 15, 22, 255]
    refused, connections = 0, [1, 2, 3, 4, 5]
    for number in range(INPUTS):
        connection = connections[number % 5]
        try:
            node.client_frame(cell.now, connection, dice.choice(kinds), mangled(dice, seeds))
        except errors.ProtocolError:
            refused += 1
            node.client_gone(connection)
            connections[number % 5] += 5  # numbers are never used twice
        if number % 500 == 0:
            cell.now += 1_000_000
            node.tick(cell.now)
            cell.drain(1)
            cell.settle()
            cell.frames[1].clear()
            for place, connection in enumerate(connections):
                node.client_gone(connection)
                connections[place] += 5
    assert 0 < refused < INPUTS
    last = max(connections) + 1
    cell.ask(1, last, 1, entry.register())
    cell.run(10 * MS)  # it may wait for the rest of a crowd
    assert cell.answers(1, last)[-1].status == Status.DONE


@pytest.mark.seeds(1)
def test_a_node_survives_any_frame_of_a_peer(seed: int) -> None:
    """Bytes that are no frame of that member are refused, and change nothing."""
    cell = HandCell(replicas=3)
    cell.elect()
    seeds: list[bytes] = []
    for _ in range(40):
        cell.now += 20_000_000
        for member, node in cell.nodes.items():
            node.tick(cell.now)
            seeds += [body for _, body, _ in cell.drain(member).to_peers]
        cell.settle()
    dice = random.Random(seed)
    node = cell.nodes[2]
    before = node.status(cell.now)
    refused = 0
    for _ in range(INPUTS):
        data = mangled(dice, seeds)
        try:
            sender = codec.decode(data)[0]
        except errors.TooOld:
            continue  # still one of some member, which says that it runs a newer version
        except errors.ProtocolError:
            sender = 0
        # What still is a frame of member 1 may say anything: members are trusted not to lie, and frames carry checksums.
        if sender != 1:
            with pytest.raises(errors.ProtocolError):
                node.peer_frame(cell.now, 1, cell.nodes[1].replica.nonce, data)
            refused += 1
    assert refused > INPUTS // 2
    assert node.status(cell.now) == before


class _Admin:
    def status(self) -> dict[str, Any]:
        return {"id": 1}

    def not_ready(self) -> str:
        return ""

    def render_metrics(self) -> bytes:
        return b"x 1\n"


@pytest.mark.seeds(1)
async def test_the_admin_port_survives_any_request(seed: int) -> None:
    dice = random.Random(seed)
    seeds = [b"GET /%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" % path for path in (b"healthz", b"status", b"metrics", b"readyz")]
    for _ in range(INPUTS // 4):
        transport = Transport()
        connection = AdminConnection(cast("Any", _Admin()), lambda _: None)
        connection.connection_made(cast("Any", transport))
        for _ in range(4):
            connection.data_received(mangled(dice, seeds))
        for answer in transport.written:
            assert answer.startswith(b"HTTP/1.1 ")
        connection.connection_lost(None)


@pytest.mark.seeds(1)
def test_a_configuration_of_any_shape_is_read_or_refused(seed: int) -> None:
    dice = random.Random(seed)
    good: dict[str, Any] = {
        "cell": {"id": "a" * 32, "name": "n"},
        "replica": [{"id": 1, "client": "127.0.0.1:1", "peer": "127.0.0.1:2", "admin": "127.0.0.1:3"}],
        "id": 1,
        "dir": "d",
        "log": {"term_ms": 600},
    }
    values: list[Any] = [0, -1, 1 << 70, 1.5, "", "x", "\x00", True, None, [], {}, [1], [{}], {"id": 2}, [[]], "127.0.0.1:99999"]
    refused: list[str] = []
    for _ in range(INPUTS // 10):
        found = {key: dict(value) if isinstance(value, dict) else value for key, value in good.items()}
        for _ in range(dice.randrange(1, 3)):
            key = dice.choice([*config.KEYS, *good, "x"])
            place: Any = dice.choice([found, found.get("cell"), found.get("log")])
            if isinstance(place, dict):
                place[key] = dice.choice(values)
        try:
            config.settings(found)
        except errors.ConfigurationError as error:
            refused.append(str(error))
    assert all(refused)
