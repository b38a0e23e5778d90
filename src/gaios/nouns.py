"""How public nouns travel: frozen records, as arrays of msgpack.

What has another shape, or more fields than its class, is refused: nobody reads half of what was said.
"""

from typing import TypeVar

import msgspec

from gaios.errors import InvalidCommand, ProtocolError

T = TypeVar("T")


class Noun(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A frozen record that travels as an array."""


def decode(decoder: msgspec.msgpack.Decoder[T], data: bytes, error: type[InvalidCommand] | type[ProtocolError]) -> T:
    """The noun in these bytes. Raises `error`: they hold none that the decoder reads."""
    try:
        return decoder.decode(data)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as cause:
        raise error(reason=str(cause)) from None
