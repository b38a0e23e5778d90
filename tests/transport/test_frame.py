"""Frames survive any cut, and hostile bytes only ever raise `ProtocolError`."""

import random
import struct
from typing import Any, Self

import google_crc32c
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaios.errors import ProtocolError
from gaios.transport import HANDSHAKE_BYTES_MAX, HEADER_BYTES, MAGIC, PEER_BYTES_MAX, Decoder, encode, frame

FRAMES = st.lists(st.tuples(st.integers(0, 255), st.binary(max_size=300)), max_size=12)


def test_layout_is_length_checksum_kind_body() -> None:
    """The format outlives this code: its bytes are written down."""
    payload = b"\x15abc"
    assert encode(0x15, b"abc") == struct.pack("<II", 4, google_crc32c.value(payload)) + payload
    assert MAGIC == b"\x89gaios\r\n"
    assert HEADER_BYTES == 8


@given(FRAMES, st.data())
def test_any_cut_of_a_stream_gives_the_same_frames(frames: list[tuple[int, bytes]], data: st.DataObject) -> None:
    stream = MAGIC + b"".join(encode(kind, body) for kind, body in frames)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    decoder = Decoder()
    got: list[tuple[int, bytes]] = []
    for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True):
        got += decoder.feed(stream[start:end])
    assert got == frames
    assert decoder.held_bytes == 0


def test_byte_by_byte_gives_the_same_frames() -> None:
    stream = MAGIC + encode(1, b"") + encode(255, b"x" * 100)
    decoder = Decoder()
    assert [frame for byte in stream for frame in decoder.feed(bytes((byte,)))] == [(1, b""), (255, b"x" * 100)]


def test_another_protocols_first_byte_is_refused_at_once() -> None:
    """A browser or an etcd client on this port must not wait for eight bytes to be told."""
    with pytest.raises(ProtocolError, match="opens with b'G'"):
        Decoder().feed(b"G")


@pytest.mark.parametrize("length", [0, HANDSHAKE_BYTES_MAX + 1, 0xFFFF_FFFF])
def test_a_length_out_of_bounds_is_refused_before_its_bytes_come(length: int) -> None:
    with pytest.raises(ProtocolError, match="1 to 4096 are allowed"):
        Decoder(magic=False).feed(struct.pack("<IIB", length, 0, 1))


def test_the_limit_counts_the_whole_payload_and_can_be_raised() -> None:
    """After the handshake, the same connection takes longer frames."""
    decoder = Decoder(10, magic=False)
    assert decoder.feed(encode(1, b"x" * 9)) == [(1, b"x" * 9)]
    decoder.limit = 11
    assert decoder.feed(encode(1, b"x" * 10)) == [(1, b"x" * 10)]
    with pytest.raises(ProtocolError):
        decoder.feed(encode(1, b"x" * 11))


def test_a_claimed_length_reserves_no_memory() -> None:
    """A stranger may claim 64 MiB; only what he sends is held.  [SAFETY 28]"""
    decoder = Decoder(PEER_BYTES_MAX, magic=False)
    assert decoder.feed(struct.pack("<IIB", PEER_BYTES_MAX, 0, 1)) == []
    assert decoder.held_bytes == 9


def test_a_flipped_bit_anywhere_in_a_frame_is_noticed() -> None:
    frame = encode(7, b"hello, world")
    for bit in range(32, 8 * len(frame)):
        broken = bytearray(frame)
        broken[bit // 8] ^= 1 << bit % 8
        with pytest.raises(ProtocolError, match="checksum"):
            Decoder(magic=False).feed(bytes(broken))


def test_a_broken_stream_stays_broken() -> None:
    """After one lie there is no next frame to find."""
    decoder = Decoder(magic=False)
    with pytest.raises(ProtocolError):
        decoder.feed(b"\0" * 9)
    with pytest.raises(ProtocolError, match="a frame claims 0 bytes"):
        decoder.feed(encode(1, b"fine"))


class Counted(bytes):
    """Bytes that count what is copied of them, and of `Held`."""

    copied = 0

    def __new__(cls, data: bytes | bytearray = b"") -> Self:
        Counted.copied += len(data)
        return super().__new__(cls, data)

    def __getitem__(self, key: Any) -> Any:
        found = super().__getitem__(key)
        return Counted(found) if isinstance(found, bytes) else found


class Held(bytearray):
    """What is held, where making a new one counts as a copy."""

    def __add__(self, other: Any) -> Any:
        Counted.copied += len(self) + len(other)
        return Held(super().__add__(other))


def test_the_work_is_linear_in_the_bytes_however_they_are_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """16 MiB in pieces of 1 KiB, and 100,000 small frames in one piece: a byte is copied a few times, not once for each piece."""
    monkeypatch.setattr(frame, "bytes", Counted, raising=False)
    monkeypatch.setattr(frame, "bytearray", Held, raising=False)
    body = bytes(16 << 20)
    large = encode(1, body)
    decoder = Decoder(PEER_BYTES_MAX, magic=False)
    pieces = [Counted(large[at : at + 1024]) for at in range(0, len(large), 1024)]
    Counted.copied = 0
    assert [found for piece in pieces for found in decoder.feed(piece)] == [(1, body)]
    assert Counted.copied <= 4 * len(large)
    small = Counted(encode(2, b"y" * 40) * 100_000)
    Counted.copied = 0
    assert len(Decoder(magic=False).feed(small)) == 100_000
    assert Counted.copied <= 4 * len(small)


def test_fuzz_decoder_raises_protocol_errors_only() -> None:
    """100,000 streams: random bytes, and good streams with bytes changed, cut out, put in."""
    dice = random.Random(0)
    good = MAGIC + b"".join(encode(dice.randrange(256), dice.randbytes(dice.randrange(60))) for _ in range(3))
    refused = 0
    for _ in range(100_000):
        at = dice.randrange(len(good))
        choice = dice.randrange(4)
        if choice == 0:
            stream = dice.randbytes(dice.randrange(40))
        elif choice == 1:
            stream = good[:at] + dice.randbytes(1) + good[at + 1 :]
        elif choice == 2:
            stream = good[:at] + good[at + dice.randrange(1, 9) :]
        else:
            stream = good[:at] + dice.randbytes(3) + good[at:]
        cut = dice.randrange(len(stream) + 1)
        decoder = Decoder()
        try:
            decoder.feed(stream[:cut])
            decoder.feed(stream[cut:])
        except ProtocolError:
            refused += 1
    assert 50_000 < refused < 100_000
