"""Pieces hold consecutive slots, and prove themselves."""

import pytest

from gaios.backup import pieces
from gaios.backup.pieces import PIECE_BYTES, Packed, compress, expand, pack, unpack
from gaios.errors import BackupDamaged

VALUES = [(slot, bytes([slot]) * slot) for slot in range(7, 30)]


def back(piece: Packed) -> list[tuple[int, bytes]]:
    return list(unpack(piece.data, piece.first, piece.last, piece.digest, "it"))


def test_values_come_back() -> None:
    """Empty ones too."""
    (piece,) = pack([(6, b""), *VALUES])
    assert (piece.first, piece.last) == (6, 29)
    assert back(piece) == [(6, b""), *VALUES]
    assert list(pack([])) == []


def test_a_piece_is_closed_behind_the_value_that_fills_it() -> None:
    """So memory is bounded."""
    found = list(pack((slot, b"x" * (PIECE_BYTES // 2)) for slot in range(1, 6)))
    assert [(piece.first, piece.last) for piece in found] == [(1, 2), (3, 4), (5, 5)]
    assert [slot for piece in found for slot, _ in back(piece)] == [1, 2, 3, 4, 5]


def test_no_flipped_bit_is_believed() -> None:
    """Whatever zstd makes of it."""
    (piece,) = pack(VALUES)
    for at in range(len(piece.data)):
        broken = piece.data[:at] + bytes([piece.data[at] ^ 4]) + piece.data[at + 1 :]
        try:
            assert list(unpack(broken, piece.first, piece.last, piece.digest, "it")) == VALUES
        except BackupDamaged:
            continue


def test_another_piece_is_not_taken_for_it() -> None:
    """By its digest, and by what it says it holds."""
    (piece,), (other,) = pack(VALUES), pack([(7, b"")])
    for data, first, last, digest in (
        (other.data, 7, 29, piece.digest),
        (piece.data, 8, 30, piece.digest),
        (piece.data, 7, 28, piece.digest),
    ):
        with pytest.raises(BackupDamaged):
            list(unpack(data, first, last, digest, "it"))


def test_what_lies_about_its_lengths_is_damaged() -> None:
    """Also where its digest is right."""
    for plain in (
        b"",
        b"gaiosarc",
        pieces._HEADER.pack(b"gaiosarc", 1, 0, 1, 7),
        pieces._HEADER.pack(b"gaiosarc", 1, 0, 1, 7) + b"\xff\xff\xff\xff",
    ):
        with pytest.raises(BackupDamaged):
            list(unpack(compress(plain), 7, 7, pieces.digest(plain), "it"))


def test_nothing_longer_than_its_bound_is_made() -> None:
    """Of few bytes many can be made."""
    data = compress(bytes(1_000_000))
    assert len(expand(data, 1_000_000, "it")) == 1_000_000
    with pytest.raises(BackupDamaged, match="1000000"):
        expand(data, 999_999, "it")
