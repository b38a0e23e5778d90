"""A noun is read whole or not at all."""

import msgspec
import pytest

from gaios.errors import InvalidCommand, ProtocolError
from gaios.nouns import Noun, decode


class Ship(Noun, frozen=True, tag=1):
    name: str
    crew: int = 0


SHIPS = msgspec.msgpack.Decoder(Ship)


def test_a_noun_travels_as_an_array() -> None:
    data = msgspec.msgpack.encode(Ship("Argo", 50))
    assert msgspec.msgpack.decode(data) == [1, "Argo", 50]
    assert decode(SHIPS, data, ProtocolError) == Ship("Argo", 50)


@pytest.mark.parametrize("data", [b"", b"\xc1", msgspec.msgpack.encode([2, "Argo"]), msgspec.msgpack.encode([1, "Argo", 50, "sails"])])
@pytest.mark.parametrize("error", [InvalidCommand, ProtocolError])
def test_what_is_none_raises_what_was_asked_for(data: bytes, error: type[InvalidCommand] | type[ProtocolError]) -> None:
    with pytest.raises(error):
        decode(SHIPS, data, error)
